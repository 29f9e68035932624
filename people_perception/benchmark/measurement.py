# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Times of calls that take turns, so that whatever else the machine does meets all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """One line of the answer.

    Attributes:
        subject: the stage, or the part of the graph.
        case: what exactly was measured.
        value: the median of a time; otherwise the figure itself.
        unit: of ``value``, ``p95`` and ``p99``.
        p95, p99: percentiles, None where the figure is no time.
        cpu: milliseconds of processor time a call, of all threads, on average.
        count: how many calls or frames.
        against: the alternative that took turns with this.
        other: its median.
        goal: the most that ``ratio`` may be, or ``value`` where there is no alternative.
        where: what was varied: model, size, people, cameras, models.
    """

    subject: str
    case: str
    value: float
    unit: str = "ms"
    p95: float | None = None
    p99: float | None = None
    cpu: float | None = None
    count: int = 0
    against: str = ""
    other: float | None = None
    goal: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The value divided by that of the alternative."""
        return self.value / self.other if self.other else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        measured = self.value if self.other is None else self.ratio
        return None if self.goal is None or measured is None else measured <= self.goal

    def as_dict(self) -> dict[str, Any]:
        """For JSON, rounded to what a measurement can tell; without what is not known."""
        values = {**asdict(self), "where": dict(self.where), "ratio": self.ratio, "met": self.met}
        rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in values.items()}
        return {k: v for k, v in rounded.items() if v is not None and v != "" and v != {}}


@dataclass(frozen=True)
class Samples:
    """The times of the calls of one kind, in milliseconds.

    Attributes:
        wall: (N,) by the clock.
        cpu: (N,) of the processor, in all threads of this process.
    """

    wall: np.ndarray
    cpu: np.ndarray

    @property
    def median(self) -> float:
        """By the clock."""
        return float(np.median(self.wall))

    def measurement(self, subject: str, case: str, **more: Any) -> Measurement:
        """These samples as a line of the answer."""
        return from_times(subject, case, self.wall, cpu=float(self.cpu.mean()), **more)


def from_times(subject: str, case: str, milliseconds: Sequence[float] | np.ndarray, **more: Any) -> Measurement:
    """Times in milliseconds as a line of the answer."""
    median, p95, p99 = (float(x) for x in np.percentile(milliseconds, (50, 95, 99)))
    return Measurement(subject, case, median, p95=p95, p99=p99, count=len(milliseconds), **more)


_TURN = 5
"""Calls of one kind before the next has its turn: the first ones find the caches full of the other's data."""


def measure(calls: Mapping[str, Callable[[], object]], rounds: int, limit: float = 20.0) -> dict[str, Samples]:
    """Call each ``rounds`` times, five of one kind and then five of the next, after five of each that do not count.

    Args:
        calls: what to measure, by name.
        rounds: how often each is called.
        limit: seconds after which it ends early, with five calls of each at least.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    end = time.perf_counter() + limit
    for start in range(-_TURN, rounds, _TURN):
        if start > 0 and time.perf_counter() > end:
            break
        for name, call in calls.items():
            times = [_time(call) for _ in range(min(_TURN, rounds - start))]
            if start >= 0:
                taken[name] += times
    columns = {name: np.array(values).T for name, values in taken.items()}
    return {name: Samples(wall, cpu) for name, (wall, cpu) in columns.items()}


def _time(call: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    del result  # freed outside the time that is measured, as with `timeit`, whoever made it
    return wall * 1e3, cpu * 1e3
