# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A live run: the real graph in another process, a camera and a recorder in this one, real DDS between them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.report.machine import describe_machine
from people_perception.report.record import ModelRun, Run
from people_perception.ros.graph_process import GraphProcess
from people_perception.ros.player import IMAGE, INFRARED, Player
from people_perception.ros.recorder import OVERLAY, Recorder, expected_outputs
from people_perception.sources import Source

_POLL = 0.05
_QUIET = 1.0
"""Seconds without an answer after which no more are expected."""
_GRAPH = "people_perception"
"""The name of the node that ``run`` makes."""


class LiveRun:
    """One run from start to end; a context manager that leaves no process and no thread behind.

    Args:
        source: what the cameras show.
        models: names of the catalogue.
        folder: for the graph's log and the pictures; exists.
        frames, seconds: limits of what is played, see `Player`.
        start_limit: seconds for the graph to start; building a TensorRT engine takes minutes.
        answer_limit: seconds without any answer after which the graph counts as dead.
    """

    def __init__(
        self,
        source: Source,
        models: Sequence[str],
        folder: Path,
        frames: int | None = None,
        seconds: float | None = None,
        start_limit: float = 1800.0,
        answer_limit: float = 20.0,
    ) -> None:
        self._source = source
        self._models = tuple(models)
        self._start_limit = start_limit
        self._answer_limit = answer_limit
        self._started = datetime.now().astimezone()
        self.notes: list[str] = []
        # Without an infrared camera, the models of infrared share the colour camera.
        remapped = [] if source.infrared else ["-r", f"{INFRARED}:={IMAGE}"]
        # Of its own: a robot's graph, or another demo, may be in the same ROS domain.
        self.namespace = f"/people_demo_{os.getpid()}"
        arguments = ["--models", ",".join(models), "--namespace", self.namespace, "--overlay"]
        self._graph = GraphProcess([*arguments, "--ros-args", *remapped], folder / "graph.log")
        # The graph loads while this process starts its own part. Ctrl-C stays a KeyboardInterrupt.
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("camera", namespace=self.namespace)
        cameras = (IMAGE, INFRARED) if source.infrared else (IMAGE,)
        self.recorder = Recorder(self._node, expected_outputs(models, cameras), folder)
        self.player = Player(self._node, source, self.recorder.sent, frames, seconds)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._spinner = threading.Thread(target=self._spin, name="recorder", daemon=True)
        self._spinner.start()

    def __enter__(self) -> LiveRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.player.stop()
        self._graph.end()
        self._executor.shutdown()
        self._spinner.join()
        rclpy.try_shutdown()

    def wait_until_ready(self, on_wait: Callable[[str], None]) -> None:
        """Return when every node is active and listens to the camera.

        Args:
            on_wait: called again and again with what the graph printed last.

        Raises:
            PerceptionError: the graph ended, refused to start, or takes too long; with its own words.
        """
        end = time.monotonic() + self._start_limit
        while not self._is_ready():
            self._check_graph()
            if time.monotonic() > end:
                raise PerceptionError(
                    f"the graph is not ready after {self._start_limit:.0f} s; "
                    f"its last words: {self._graph.last_words()}"
                )
            on_wait(self._graph.last_words())
            time.sleep(_POLL)

    def play(self, on_progress: Callable[[], None]) -> None:
        """Play the source to its end or limit, and wait for the last answers.

        Args:
            on_progress: called many times a second.

        Raises:
            PerceptionError: the graph died or answers nothing; with its own words.
        """
        begin = time.monotonic()
        self.player.start()
        while self.player.playing:
            self._check_graph()
            self._check_answers(begin)
            on_progress()
            time.sleep(_POLL)
        if self.player.error is not None:
            self.notes.append(f"the source ended early: {self.player.error}")
        while not self._is_settled():
            self._check_graph()
            self._check_answers(begin)
            on_progress()
            time.sleep(_POLL)

    def stop(self, note: str) -> None:
        """End before the source does; ``note`` says why in the report."""
        self.player.stop()
        self.notes.append(note)

    def finish(self, command: str) -> Run:
        """Wait for the graph's last numbers of itself, and say what happened."""
        self._wait_for_diagnostics()
        if self.player.behind > 1.0:
            self.notes.append(f"the camera fell {self.player.behind:.1f} s behind: this machine is too slow for it")
        self._graph.end()
        self.recorder.close()
        frames = tuple(sorted(self.recorder.frames.values(), key=lambda frame: frame.stamp))
        return Run(
            source=self._source.title,
            credits=self._source.credits,
            rate=self._source.rate,
            command=command,
            started=self._started.isoformat(timespec="seconds"),
            duration=frames[-1].time if frames else 0.0,
            models=tuple(self._model_run(name) for name in self._models),
            outputs=self.recorder.outputs,
            frames=frames,
            machine=describe_machine(),
            notes=tuple(self.notes),
        )

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def _is_ready(self) -> bool:
        states = [self.recorder.values_of(name).get("state") for name in (_GRAPH, OVERLAY)]
        if states != ["active", "active"]:
            return False
        # Each camera is read by the perception node, the colour camera by the overlay node too.
        needed = {camera: any(o.camera == camera for o in self.recorder.outputs[:-1]) for camera in self.player.cameras}
        return all(self.player.listeners(c) >= needed[c] + (c == IMAGE) for c in self.player.cameras)

    def _check_graph(self) -> None:
        if self._graph.status is not None:
            words = self._graph.last_words(3).replace("\n", " / ")
            raise PerceptionError(f"the graph ended (status {self._graph.status}); its last words: {words}")
        for name in (_GRAPH, OVERLAY):
            status = self.recorder.status.get(name)
            if status is not None and status.level == DiagnosticStatus.ERROR:
                raise PerceptionError(f"the graph stopped: {status.message}")

    def _check_answers(self, begin: float) -> None:
        silence = time.monotonic() - max(begin, self.recorder.last_arrival)
        if silence > self._answer_limit:
            raise PerceptionError(
                f"the graph has answered nothing for {silence:.0f} s; its last words: {self._graph.last_words()}"
            )

    def _is_settled(self) -> bool:
        if self.recorder.complete():
            return True
        latest = self.recorder.latest()
        slowest = max((a.latency for a in latest.answers.values()), default=0.0) if latest else 0.0
        return time.monotonic() - self.recorder.last_arrival > _QUIET + 2 * slowest

    def _wait_for_diagnostics(self) -> None:
        """Until every status is newer than now; they come once a second."""
        self.recorder.status.clear()
        names = {_GRAPH, *(f"{_GRAPH}: {model}" for model in self._models)}
        end = time.monotonic() + 3.0
        while not names <= self.recorder.status.keys() and time.monotonic() < end and self._graph.status is None:
            time.sleep(_POLL)

    def _model_run(self, name: str) -> ModelRun:
        values = dict(self.recorder.values_of(f"{_GRAPH}: {name}"))
        described = {key: values.pop(key, "unknown") for key in ("model", "engine", "device", "weights", "reason")}
        spec: Any = get_spec(described["model"] if described["model"] != "unknown" else name)
        return ModelRun(
            requested=name,
            title=spec.title,
            licence=spec.licence["name"],
            licence_url=spec.licence["url"],
            statistics=values,
            **described,
        )
