# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The thread of one model: takes the newest image, infers, publishes, counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from rclpy.node import Node

from people_perception.errors import one_line
from people_perception.model import Perceiver, Stages
from people_perception.results import Segmentation
from people_perception.ros.diagnostics import Statistics
from people_perception.ros.feed import CameraFeed, Shot
from people_perception.ros.outputs import Output, people_count
from people_perception.tracking import Tracker, tracked

_POLL = 0.2
"""Seconds after which a waiting worker looks whether it should stop."""


class ModelWorker:
    """Runs one model on one camera until it is stopped.

    Engines release the GIL while they compute, so one thread each lets several models run at once.

    Args:
        requested: the name that the user asked for; ``model.spec`` may be its stand-in.
        values: parameters of the node, ``max_rate`` and ``diagnostics.max_failures``; read at each frame.
        tracker: numbers what is found, if wanted.

    Attributes:
        wanted: set by the node: whether anybody listens.
        fault: why it gave up, None while it works.
    """

    def __init__(
        self,
        node: Node,
        requested: str,
        model: Perceiver,
        output: Output,
        feed: CameraFeed,
        values: Mapping[str, Any],
        tracker: Tracker | None = None,
    ) -> None:
        self.requested = requested
        self.model = model
        self.output = output
        self.feed = feed
        self.statistics = Statistics()
        self.wanted = False
        self.fault: str | None = None
        self._tracker = tracker
        self._node = node
        self._values = values
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._due = 0.0
        self._failures = 0
        feed.readers += 1

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin with the next image."""
        self._stop.clear()
        self.fault = None
        self._failures = 0
        if self._tracker is not None:
            self._tracker.reset()
        self._thread = threading.Thread(target=self._run, name=self.requested, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the image at hand and end the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Stop, and free the model and the publishers."""
        self.stop()
        self.model.close()
        self.output.close()

    def _run(self) -> None:
        seen, idle = 0, True
        while not self._stop.is_set() and self.fault is None:
            shot = self.feed.next_after(seen, _POLL)
            if not self.wanted:
                idle = True
            if shot is None:
                continue
            if self.wanted and not idle:
                self.statistics.dropped_busy += shot.number - seen - 1
            seen = shot.number
            if not self.wanted:
                continue
            idle = False
            if self._too_soon():
                self.statistics.dropped_rate += 1
                continue
            self._process(shot)
            del shot  # or its memory is taken while the next one arrives

    def _too_soon(self) -> bool:
        rate = self._values["max_rate"]
        now = time.monotonic()
        if rate <= 0:
            return False
        if now < self._due:
            return True
        self._due = max(self._due, now - 1 / rate) + 1 / rate
        return False

    def _process(self, shot: Shot) -> None:
        stages: Stages = {"wait": time.monotonic() - shot.received}
        begun = time.perf_counter()
        try:
            frame = shot.frame()
        except Exception:  # reported once by the feed, whatever it was; the next image may be good
            return
        stages["convert"] = time.perf_counter() - begun
        try:
            result = self.model.infer(frame, stages)
            if self._tracker is not None and not isinstance(result, Segmentation):
                inferred = time.perf_counter()
                result = tracked(self._tracker, result, shot.stamp)
                stages["tracking"] = time.perf_counter() - inferred
            inferred = time.perf_counter()
            if self._stop.is_set():
                return
            self.output.publish(result, shot.header)
            stages["publish"] = time.perf_counter() - inferred
        except Exception as error:  # one bad frame must not end the node, whatever the runtime raises
            self._failed(error)
            return
        self._failures = 0
        now = self._node.get_clock().now().nanoseconds * 1e-9
        self.statistics.publication(stages, shot.stamp, now, people_count(result))

    def _failed(self, error: Exception) -> None:
        self.statistics.failed += 1
        self.statistics.last_error = one_line(error)
        self._failures += 1
        line = f"{self.requested}: a frame failed: {self.statistics.last_error}"
        self._node.get_logger().error(line, throttle_duration_sec=5.0)
        if self._failures >= self._values["diagnostics.max_failures"]:
            self.fault = f"{self._failures} frames in a row failed, the last with: {self.statistics.last_error}"
