# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Results and the image that they belong to, brought together by their stamps."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

_KEPT = 64
"""Messages kept of each topic; at 30 Hz about two seconds."""


def stamp_ns(header: Any) -> int:
    """A header's stamp in nanoseconds."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


class StampMatcher:
    """Collects images and results, and gives out each image once all that is to come for it has come.

    A model that was busy skips images. So an image is complete when every live source has delivered a result of its
    stamp or of a later one; it is given out with the results of exactly its stamp, and dropped if there are none.
    Results of another frame_id belong to another camera, even where a trigger gives both cameras equal stamps: they are
    neither matched nor waited for. Thread-safe.

    Args:
        max_wait: seconds after which an image no longer waits for sources that are late.
    """

    def __init__(self, max_wait: float) -> None:
        self.max_wait = max_wait
        self._images: OrderedDict[int, tuple[Any, float]] = OrderedDict()
        self._results: dict[str, OrderedDict[int, Any]] = {}
        self._live: frozenset[str] = frozenset()
        self._last = -1
        self._condition = threading.Condition()

    def set_live(self, sources: Iterable[str]) -> None:
        """Which sources exist at present, by name."""
        with self._condition:
            self._live = frozenset(sources)

    def clear(self) -> None:
        """Forget everything."""
        with self._condition:
            self._images.clear()
            self._results.clear()
            self._last = -1

    def add_image(self, message: Any) -> None:
        """An image came."""
        stamp = stamp_ns(message.header)
        with self._condition:
            if stamp < self._last - 1_000_000_000:  # time jumped back: a bag began anew
                self._images.clear()
                self._results.clear()
                self._last = -1
            self._images[stamp] = (message, time.monotonic())
            while len(self._images) > _KEPT:
                self._images.popitem(last=False)
            self._condition.notify_all()

    def add_result(self, source: str, message: Any) -> None:
        """A result came from a source."""
        with self._condition:
            results = self._results.setdefault(source, OrderedDict())
            results[stamp_ns(message.header)] = message
            while len(results) > _KEPT:
                results.popitem(last=False)
            self._condition.notify_all()

    def next(self, timeout: float) -> tuple[Any, dict[str, Any]] | None:
        """The next complete image and its results by source; None when there is none within ``timeout`` seconds."""
        end = time.monotonic() + timeout
        with self._condition:
            while True:
                ready = self._take()
                remaining = end - time.monotonic()
                if ready is not None or remaining <= 0:
                    return ready
                self._condition.wait(min(remaining, 0.05))

    def _delivered(self, source: str, stamp: int, camera: str) -> bool:
        """Whether a source is done with an image, or looks through another camera."""
        results = self._results.get(source)
        if not results:
            return False
        newest = max(results)
        return newest >= stamp or results[newest].header.frame_id != camera

    def _take(self) -> tuple[Any, dict[str, Any]] | None:
        for stamp in sorted(self._images):
            message, arrived = self._images[stamp]
            if stamp <= self._last:
                del self._images[stamp]
                continue
            camera = message.header.frame_id
            matches = {
                source: results[stamp]
                for source, results in self._results.items()
                if stamp in results and results[stamp].header.frame_id == camera
            }
            complete = bool(matches) and all(self._delivered(source, stamp, camera) for source in self._live)
            expired = time.monotonic() - arrived > self.max_wait
            if not (complete or expired):
                # A later image may already be complete when this one was skipped by every model.
                continue
            del self._images[stamp]
            if matches:
                self._last = stamp
                return message, matches
        return None


class NearestStamps:
    """The latest messages of one topic, to be found by a stamp. Thread-safe."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._messages: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, message: Any) -> None:
        """A message came; one from more than a second before the latest means that time began anew."""
        stamp = stamp_ns(message.header)
        with self._lock:
            if self._messages and stamp < max(self._messages) - 1_000_000_000:
                self._messages.clear()
            self._messages[stamp] = message
            while len(self._messages) > self._kept:
                self._messages.popitem(last=False)

    def nearest(self, stamp: int, tolerance: float) -> Any:
        """The message whose stamp is nearest, if it is at most ``tolerance`` seconds off; else None."""
        with self._lock:
            best = min(self._messages, key=lambda other: abs(other - stamp), default=None)
            if best is None or abs(best - stamp) > tolerance * 1e9:
                return None
            return self._messages[best]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._messages.clear()
