# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recording played to the real nodes over DDS, and what they publish recorded: QoS, timing and drops included."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray, LabelInfo

from people_perception.bags.cameras import Stream, plan_streams
from people_perception.bags.journal import FrameRecord, Journal
from people_perception.bags.messages import COMPRESSED, DETECTIONS, IMAGE, LABELS, decode, image_from, recorded_stamp
from people_perception.bags.models import counted
from people_perception.bags.reader import Bag, Message, one_line
from people_perception.bags.replay import ReplaySettings
from people_perception.bags.summary import Summary
from people_perception.bags.writer import OutputBag
from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.message_fields import detections_from_message
from people_perception.report.machine import describe_machine
from people_perception.report.record import FACES, SHARE
from people_perception.ros.bag_player import BagPlayer
from people_perception.ros.graph_arguments import graph_arguments, graph_inputs
from people_perception.ros.graph_process import GraphProcess
from people_perception.ros.qos import latched

_DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
_GRAPH = "people_perception"
"""The name of the node that ``run`` makes."""
_POLL = 0.02
_QUIET = 1.0
"""Seconds without an answer after which no more are expected."""
_START_LIMIT = 1800.0
"""Seconds for the graph to start; building a TensorRT engine takes minutes."""


class _Arrival(NamedTuple):
    topic: str
    kind: str
    when: float
    time: int
    data: bytes


@dataclass
class _Sent:
    """An image that was published, and when, by time.monotonic()."""

    record: FrameRecord
    when: float
    answers: set[str] = field(default_factory=set)


def replay_live(
    path: Path,
    output: Path,
    settings: ReplaySettings,
    rate: float,
    stop: threading.Event,
    on_begin: Callable[[int], None],
    on_frame: Callable[[], None],
    command: str = "",
) -> Summary:
    """Play a recording to a graph in a process of its own and record what it publishes.

    Args:
        path: the recording.
        output: the folder to write, another rosbag2.
        settings: what runs; at most one colour and one infrared camera.
        rate: 2 plays at double speed.
        stop: set it to end early.
        on_begin: called with the number of images when the graph is ready.
        on_frame: called after each image that was published.
        command: what the user typed.

    Returns:
        A summary whose ``topics`` say how many answers came. Images that a busy model skipped are no problem: that is
        what a live run is there to show.

    Raises:
        PerceptionError: the recording cannot be read, or the graph does not start or dies; with its own words.
    """
    if output.exists():
        raise PerceptionError(f"{output} exists; give another --output")
    with Bag(path) as bag, tempfile.TemporaryDirectory(prefix="people_perception_live_") as scratch:
        streams = plan_streams(bag, settings.models.models, settings.topics, settings.namespace)
        with _LiveReplay(bag, streams, settings, rate, Path(scratch) / "graph.log", on_frame) as live:
            live.wait_until_ready(stop)
            summary = Summary(str(path), str(output), expected=bag.count({stream.camera for stream in streams}))
            on_begin(summary.expected)
            live.run(output, summary, stop, command)
        summary.problems += bag.problems
    return summary


class _LiveReplay:
    """The graph, the player and the subscriptions; a context manager that leaves no process and no thread behind."""

    def __init__(
        self,
        bag: Bag,
        streams: tuple[Stream, ...],
        settings: ReplaySettings,
        rate: float,
        log: Path,
        on_frame: Callable[[], None],
    ) -> None:
        self._streams = streams
        self._settings = settings
        self._on_frame = on_frame
        self._rate = rate
        self._bag = bag
        self._status: dict[str, DiagnosticStatus] = {}
        self._arrivals: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
        self._sent: dict[tuple[str, int], _Sent] = {}
        self._frames: list[_Sent] = []
        self._last_arrival = 0.0
        # Of its own: a robot's graph, or another replay, may be in the same ROS domain.
        self._namespace = f"/people_replay_{os.getpid()}"
        inputs = graph_inputs(bag, streams)
        transport = "/compressed" if any(bag.topics[camera].kind == COMPRESSED for camera in inputs) else ""
        self._graph = GraphProcess(graph_arguments(settings.models, inputs, self._namespace, bool(transport)), log)
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("bag", namespace=self._namespace)
        self._subscribe()
        cameras = {name: (bag.topics[name], f"{target}{transport}") for name, target in inputs.items()}
        self._player = BagPlayer(self._node, cameras, bag.messages(list(inputs)), rate, self._on_sent)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._spinner = threading.Thread(target=self._spin, name="recorder", daemon=True)
        self._spinner.start()

    def __enter__(self) -> _LiveReplay:
        return self

    def __exit__(self, *_: object) -> None:
        self._player.close()
        self._graph.end()
        self._executor.shutdown()
        self._spinner.join()
        rclpy.try_shutdown()

    def wait_until_ready(self, stop: threading.Event) -> None:
        """Return when the graph is active and listens to every camera."""
        end = time.monotonic() + _START_LIMIT
        while self._values(_GRAPH).get("state") != "active" or not self._player.listeners():
            self._check_graph()
            if stop.is_set():
                raise PerceptionError("stopped before the graph was ready")
            if time.monotonic() > end:
                words = self._graph.last_words()
                raise PerceptionError(f"the graph is not ready after {_START_LIMIT:.0f} s; its last words: {words}")
            time.sleep(_POLL)
        if self._node.count_publishers("/clock") > 1:
            raise PerceptionError("somebody else publishes /clock in this ROS domain; set ROS_DOMAIN_ID to another one")

    def run(self, output: Path, summary: Summary, stop: threading.Event, command: str) -> None:
        """Play to the end and write what comes."""
        written = OutputBag(output, self._settings.storage)
        kinds = self._topics()
        for name, kind in kinds.items():
            written.add(name, kind, latched=kind == LABELS)
        journal = None
        counts = dict.fromkeys(kinds, 0)
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        try:
            self._player.start()
            while self._player.playing or not self._settled():
                self._check_graph()
                if stop.is_set():
                    self._player.stop()
                self._write_arrivals(written, counts)
                time.sleep(_POLL)
            self._wait_for_diagnostics()
            self._write_arrivals(written, counts)
            summary.frames = summary.computed = len(self._frames)
            summary.seconds = self._frames[-1].when - self._frames[0].when if len(self._frames) > 1 else 0.0
            summary.topics = {name: count for name, count in counts.items() if count}
            summary.finished = not stop.is_set()
            summary.problems += list(self._problems(stop))
            journal = Journal(output, self._describe(command, started))
            for frame in self._frames:
                journal.add(frame.record)
            journal.finish(summary.plain())
        finally:
            written.close()
            if journal is not None:
                journal.close()

    def _subscribe(self) -> None:
        reliable = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        types = {DETECTIONS: Detection2DArray, IMAGE: Image, LABELS: LabelInfo, _DIAGNOSTICS: DiagnosticArray}
        for name, kind in self._topics().items():
            profile = latched() if kind == LABELS else reliable
            target = name if kind == _DIAGNOSTICS else self._own_name(name)

            def receive(data: bytes, name: str = name, kind: str = kind) -> None:
                self._arrivals.put(_Arrival(name, kind, time.monotonic(), self._player.now(), data))

            self._node.create_subscription(types[kind], target, receive, profile, raw=True)
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, reliable)

    def _topics(self) -> dict[str, str]:
        """What is recorded: names in the output, and types."""
        topics = {"/diagnostics": _DIAGNOSTICS}
        for stream in self._streams:
            topics[stream.label_topic] = LABELS
            for name in stream.topics:
                topics[name] = DETECTIONS if name == stream.topics[0] and not name.endswith("/mask") else IMAGE
        return topics

    def _own_name(self, name: str) -> str:
        """The topic in the graph of a name in the output."""
        return self._namespace + name.removeprefix("/" + self._settings.namespace.strip("/"))

    def _on_sent(self, message: Message, stamp: int) -> None:
        record = FrameRecord(message.topic, stamp, message.time, 0, 0)
        sent = _Sent(record, time.monotonic())
        self._sent[message.topic, stamp] = sent
        self._frames.append(sent)
        self._on_frame()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            namespace, _, name = status.name.partition("/")
            if namespace == self._namespace.strip("/"):
                self._status[name] = status

    def _write_arrivals(self, written: OutputBag, counts: dict[str, int]) -> None:
        while True:
            try:
                arrival = self._arrivals.get_nowait()
            except queue.Empty:
                return
            if arrival.time == 0:
                # From before the first image: only what stays true is kept, at the beginning of the recording.
                if arrival.kind != LABELS:
                    continue
                arrival = arrival._replace(time=self._frames[0].record.time if self._frames else 1)
            written.write(arrival.topic, arrival.time, arrival.data)
            counts[arrival.topic] += 1
            self._note_answer(arrival)

    def _note_answer(self, arrival: _Arrival) -> None:
        stream = next((s for s in self._streams if s.topics[0] == arrival.topic), None)
        if stream is None:
            return
        sent = self._sent.get((stream.camera, recorded_stamp(arrival.data)))
        if sent is None:
            return
        self._last_arrival = arrival.when
        sent.answers.add(arrival.topic)
        sent.record.seconds[arrival.topic] = round(arrival.when - sent.when, 6)
        sent.record.values[arrival.topic] = _value(arrival, counted(get_spec(stream.model)))

    def _settled(self) -> bool:
        wanted = {camera: {s.topics[0] for s in self._streams if s.camera == camera} for camera, _ in self._sent}
        recent = self._frames[-4:]
        if all(wanted[sent.record.camera] <= sent.answers for sent in recent) and recent:
            return True
        slowest = max((s for sent in self._frames[-64:] for s in sent.record.seconds.values()), default=0.0)
        last = max(self._last_arrival, self._frames[-1].when if self._frames else 0.0)
        return time.monotonic() - last > _QUIET + 2 * slowest

    def _wait_for_diagnostics(self) -> None:
        """Until the graph's numbers of itself are newer than now; they come once a second."""
        self._status.clear()
        names = {_GRAPH, *(f"{_GRAPH}: {model}" for model in self._settings.models.models)}
        end = time.monotonic() + 3.0
        while not names <= self._status.keys() and time.monotonic() < end and self._graph.status is None:
            time.sleep(_POLL)

    def _problems(self, stop: threading.Event) -> Any:
        if self._player.error is not None:
            yield f"the player ended early: {one_line(self._player.error)}"
        if stop.is_set():
            yield "stopped early"
        if self._player.behind > 0.5:
            yield f"the player was up to {self._player.behind:.1f} s late: this machine is too slow for this rate"
        for stream in self._streams:
            if not any(stream.topics[0] in sent.answers for sent in self._frames):
                yield f"nothing came on {stream.topics[0]}; the graph's last words: {self._graph.last_words()}"

    def _check_graph(self) -> None:
        if self._graph.status is not None:
            words = self._graph.last_words(3).replace("\n", " / ")
            raise PerceptionError(f"the graph ended (status {self._graph.status}); its last words: {words}")
        status = self._status.get(_GRAPH)
        if status is not None and status.level == DiagnosticStatus.ERROR:
            raise PerceptionError(f"the graph stopped: {status.message}")

    def _values(self, name: str) -> Mapping[str, str]:
        status = self._status.get(name)
        return {} if status is None else {pair.key: pair.value for pair in status.values}

    def _describe(self, command: str, started: str) -> dict[str, Any]:
        models = []
        for name in self._settings.models.models:
            values = dict(self._values(f"{_GRAPH}: {name}"))
            known = {key: values.pop(key, "unknown") for key in ("model", "engine", "device", "weights", "reason")}
            spec = get_spec(name if known["model"] == "unknown" else known["model"])
            known["weights"] = Path(known["weights"]).name
            licence = {"licence": spec.licence["name"], "licence_url": spec.licence["url"]}
            models.append({"requested": name, "title": spec.title, **known, **licence, "statistics": values})
        return {
            "input": str(self._bag.path.absolute()),
            "live": True,
            "rate": self._rate,
            "command": command,
            "started": started,
            "models": models,
            "streams": [
                {"camera": s.camera, "model": s.model, "topics": list(s.topics), "counts": counted(get_spec(s.model))}
                for s in self._streams
            ],
            "machine": describe_machine(),
            "identity": {"live": os.getpid()},
        }

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return


def _value(arrival: _Arrival, counts: str) -> float:
    content = decode(arrival.data, arrival.kind)
    if counts == SHARE:
        mask = image_from(content, arrival.kind)
        return round(float(np.count_nonzero(mask) / mask.size), 6)
    wanted = "face" if counts == FACES else "person"
    return float(detections_from_message(content).names().count(wanted))
