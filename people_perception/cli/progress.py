# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A progress bar for long work: on stderr, and only where a person sees it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

_LINE_EVERY = 10.0
"""Seconds between two lines of progress where no bar can be shown."""


def progress(total: int | None, description: str, unit: str = "frame") -> Any:
    """A tqdm bar (a context manager with ``update(n)``); silent when stderr is no terminal.

    Args:
        total: how many steps there are; None when nobody knows.
        description: stands before the bar.
        unit: of a step; ``B`` scales to KB and MB.
    """
    from tqdm import tqdm

    shown = sys.stderr.isatty()
    size = os.get_terminal_size(sys.stderr.fileno()) if shown else os.terminal_size((80, 24))
    scaled = unit == "B"
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        unit_scale=scaled,
        unit_divisor=1024 if scaled else 1000,
        file=sys.stderr,
        disable=not shown,
        leave=False,
        # Serial consoles and some containers say that they have no rows and columns; tqdm then shows nothing.
        ncols=size.columns or 80,
        nrows=size.lines or 24,
    )


class FrameProgress:
    """How far long work on frames is, its rate and the time left: a bar on a terminal, elsewhere a line now and then.

    A context manager; `start` it when the number of frames is known.

    Args:
        description: stands before it.
        unit: of what is counted.
    """

    def __init__(self, description: str, unit: str = "frame") -> None:
        self._description = description
        self._unit = unit
        self._bar: Any = None
        self._done = self._total = self._earlier = 0
        self._begin = self._next_line = 0.0

    def __enter__(self) -> FrameProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def start(self, total: int, done: int = 0) -> None:
        """Begin with ``done`` of ``total`` frames, which took no time."""
        self._total, self._done, self._earlier = total, done, done
        self._begin = time.monotonic()
        self._next_line = self._begin + _LINE_EVERY
        self._bar = progress(total, self._description, self._unit)
        self._bar.initial = self._bar.n = done

    def update(self, frames: int = 1) -> None:
        """So many more are done."""
        self._done += frames
        self._bar.update(frames)
        now = time.monotonic()
        if self._bar.disable and now >= self._next_line:
            self._next_line = now + _LINE_EVERY
            rate = (self._done - self._earlier) / (now - self._begin)
            left = max(0, self._total - self._done) / rate
            shown = f"{rate:.1f}" if rate >= 1 else f"{rate:.2g}"
            text = f"{self._done} of {self._total} {self._unit}s, {shown} a second, {left:.0f} s left"
            print(f"{self._description}: {text}", file=sys.stderr, flush=True)
