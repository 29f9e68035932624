# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A progress bar for long work: on stderr, and only where a person sees it."""

from __future__ import annotations

import os
import sys
from typing import Any


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
