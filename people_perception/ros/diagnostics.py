# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a node measures of itself, and how it tells: ``/diagnostics``."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

SECONDS = 10.0
"""How far back rates and percentiles look."""

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


class Window:
    """The moments and values of the last `SECONDS`. Thread-safe."""

    def __init__(self) -> None:
        self._entries: deque[tuple[float, float]] = deque(maxlen=10_000)
        self._lock = threading.Lock()

    def add(self, moment: float, value: float = 0.0) -> None:
        """Remember a value at a moment of time.monotonic()."""
        with self._lock:
            self._entries.append((moment, value))

    def values(self) -> list[tuple[float, float]]:
        """(moment, value), oldest first."""
        oldest = time.monotonic() - SECONDS
        with self._lock:
            while self._entries and self._entries[0][0] < oldest:
                self._entries.popleft()
            return list(self._entries)

    def newest(self) -> float:
        """The last moment, 0 before the first."""
        with self._lock:
            return self._entries[-1][0] if self._entries else 0.0

    def rate(self) -> float:
        """Entries per second, by the spacing of those that there are."""
        moments = [moment for moment, _ in self.values()]
        if len(moments) < 2:
            return 0.0
        # Up to now when the entries have stopped, so that the rate of a dead camera falls.
        end = max(moments[-1], time.monotonic() - (moments[-1] - moments[0]) / (len(moments) - 1))
        return (len(moments) - 1) / max(end - moments[0], 1e-6)

    def percentiles(self) -> tuple[float, float, float] | None:
        """p50, p95 and p99 of the values, None when there are none."""
        values = [value for _, value in self.values()]
        if not values:
            return None
        p50, p95, p99 = np.percentile(values, (50, 95, 99))
        return float(p50), float(p95), float(p99)


class Statistics:
    """What one model's worker counts and measures."""

    def __init__(self) -> None:
        self.latency = Window()
        """Capture to publication in seconds."""
        self.stages = {
            name: Window() for name in ("wait", "convert", "preprocess", "inference", "decode", "tracking", "publish")
        }
        self.processed = 0
        self.failed = 0
        self.dropped_busy = 0
        self.dropped_rate = 0
        self.people = 0
        self.last_error = ""
        self.clock_offset: float | None = None
        """Seconds by which the newest stamp is off the node's clock when that cannot be a latency."""

    def publication(self, stages: Mapping[str, float], stamp: float, now: float, people: int) -> None:
        """A result was published at ``now`` for an image of ``stamp``, both in seconds of the node's clock."""
        moment = time.monotonic()
        for name, seconds in stages.items():
            self.stages[name].add(moment, seconds)
        age = now - stamp
        if -0.05 <= age < 60.0:
            self.latency.add(moment, max(age, 0.0))
            self.clock_offset = None
        else:
            self.clock_offset = age
        self.processed += 1
        self.people = people

    def key_values(self) -> dict[str, str]:
        """As they appear in ``/diagnostics``."""
        values = {
            "rate_out_hz": f"{self.stages['publish'].rate():.1f}",
            "published": str(self.processed),
            "failed": str(self.failed),
            "dropped_busy": str(self.dropped_busy),
            "dropped_max_rate": str(self.dropped_rate),
            "people": str(self.people),
        }
        for name, window in [("capture_to_publish", self.latency), *self.stages.items()]:
            percentiles = window.percentiles()
            if percentiles:
                for label, seconds in zip(("p50", "p95", "p99"), percentiles, strict=True):
                    values[f"{name}_{label}_ms"] = f"{seconds * 1e3:.2f}"
        return values


def status(name: str, hardware_id: str, level: bytes, message: str, values: Mapping[str, str]) -> DiagnosticStatus:
    """One DiagnosticStatus."""
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(level=level, name=name, message=message, hardware_id=hardware_id, values=pairs)
