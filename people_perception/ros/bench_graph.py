# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The processes of a measured graph: ``python -m people_perception.ros.bench_graph ROLE SETTINGS``, with JSON settings.

`people_perception.benchmark.graphs` starts them and reads the lines of JSON that they print.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from people_perception.benchmark.scenes import model_without_network, picture
from people_perception.errors import PerceptionError
from people_perception.loading import load_model
from people_perception.model import Perceiver, Stages
from people_perception.preprocess import Frame
from people_perception.results import Result
from people_perception.ros.executables import bring_up, spin
from people_perception.ros.messages import image_message
from people_perception.ros.node import PerceptionNode

_KINDS = {"image": Image, "detections": Detection2DArray}
_PATIENCE = 60.0
"""Seconds within which the first message must come."""


def camera(settings: Mapping[str, Any]) -> None:
    """Publish the same picture on ``topics`` at ``rate``, each image with its number as the frame's name."""
    source = _Camera(_node("camera"), settings["topics"], settings["size"])
    begin = time.monotonic()
    for number in itertools.count():
        time.sleep(max(0.0, begin + number / settings["rate"] - time.monotonic()))
        source.publish(number)


def sink(settings: Mapping[str, Any]) -> None:
    """Subscribe to ``topic`` and drop what comes."""
    node = _node("sink")
    node.create_subscription(_KINDS[settings["kind"]], settings["topic"], lambda _: None, 5, raw=True)
    executor = _executor(node)
    while True:  # a wait without end would not hear of signals
        executor.spin_once(timeout_sec=0.1)


def relay(settings: Mapping[str, Any]) -> None:
    """Answer each image on ``image`` with an empty array on ``result`` while somebody listens, and do nothing else."""
    node = _node("relay")
    executor = _executor(node)
    results = node.create_publisher(Detection2DArray, settings["result"], 5)
    subscription: Any = None

    def answer(image: Any) -> None:
        results.publish(Detection2DArray(header=image.header))

    while True:
        heard = results.get_subscription_count() > 0
        if heard and subscription is None:
            subscription = node.create_subscription(
                Image,
                settings["image"],
                answer,
                QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
            )
        elif not heard and subscription is not None:
            node.destroy_subscription(subscription)
            subscription = None
        executor.spin_once(timeout_sec=0.1)


def graph(settings: Mapping[str, Any]) -> None:
    """Run one perception node: ``namespace``, ``models``, ``image``, and ``people`` unless the networks are to run."""
    arguments = ["--ros-args", *_remappings(settings)]
    status = spin([lambda: _perception_node(settings)], arguments)
    if status:
        sys.exit(status)


def listen(settings: Mapping[str, Any]) -> None:
    """Obey commands on stdin: hear ``topics`` for ``frames`` of the first of them, and tell what came when."""
    node = _node("listener")
    executor = _executor(node)
    for line in sys.stdin:
        _answer(_Hearing(node, json.loads(line)).run(executor.spin_once))


def together(settings: Mapping[str, Any]) -> None:
    """Camera, perception node and listener in this one process; hears once, as `listen` does."""
    rclpy.init(args=["--ros-args", *_remappings(settings)], signal_handler_options=SignalHandlerOptions.NO)
    node, perception = Node("bench"), _perception_node(settings)
    executor = _executor(node, perception)
    bring_up(perception)
    source, stop = _Camera(node, [settings["image"]], settings["size"]), threading.Event()

    def play() -> None:
        begin, number = time.monotonic(), 0
        while not stop.wait(max(0.0, begin + number / settings["rate"] - time.monotonic())):
            source.publish(number)
            number += 1

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        _answer(_Hearing(node, settings).run(executor.spin_once))
    finally:
        stop.set()
        thread.join()
        perception.close()


def drive(settings: Mapping[str, Any]) -> None:
    """Publish the next image as soon as the answer to the last one is there, ``frames`` of them."""
    node = _node("driver")
    executor = _executor(node)
    source = _Camera(node, [settings["image"]], settings["size"])
    answered = dict.fromkeys(settings["topics"], -1)

    def note(name: str) -> Callable[[Any], None]:
        def call(message: Any) -> None:
            answered[name] = max(answered[name], int(message.header.frame_id))

        return call

    for name, (kind, topic) in settings["topics"].items():
        node.create_subscription(_KINDS[kind], topic, note(name), 5)
    again = 0
    for number in range(settings["frames"]):
        end = time.monotonic() + _PATIENCE
        while min(answered.values()) < number:
            source.publish(number)
            retry = time.monotonic() + 1.0  # a lost image, or a graph that does not listen yet
            while min(answered.values()) < number and time.monotonic() < retry:
                executor.spin_once(timeout_sec=0.2)
            again += min(answered.values()) < number
            if time.monotonic() > end:
                raise PerceptionError(f"no answer to image {number} within {_PATIENCE:.0f} s")
        if number % 500 == 0 or number == settings["frames"] - 1:
            _answer({"frames": number + 1, "again": again})


class _Camera:
    """Publishers of one picture, which is filled into the message once."""

    def __init__(self, node: Node, topics: list[str], size: tuple[int, int]) -> None:
        self._clock = node.get_clock()
        self._publishers = [node.create_publisher(Image, topic, qos_profile_sensor_data) for topic in topics]
        self._message = image_message(picture((size[0], size[1])), "bgr8", Header())

    def publish(self, number: int) -> None:
        """Publish the picture everywhere."""
        self._message.header.frame_id = str(number)
        for publisher in self._publishers:
            now = self._clock.now().nanoseconds
            self._message.header.stamp = Time(sec=now // 10**9, nanosec=now % 10**9)
            publisher.publish(self._message)


class _Hearing:
    """What comes on some topics.

    Args:
        node: subscribes.
        command: ``topics`` by name, each with its kind, its topic and whether it is reliable; ``frames`` of the first;
            ``settle`` seconds before they count; ``diagnostics``, a topic, or nothing.
    """

    def __init__(self, node: Node, command: Mapping[str, Any]) -> None:
        self._node = node
        self._command = command
        self._heard: dict[str, list[tuple[int, float]]] = {name: [] for name in command["topics"]}
        self._status: dict[str, dict[str, str]] = {}

    def run(self, spin_once: Callable[..., None]) -> dict[str, Any]:
        """Subscribe, wait, listen, unsubscribe."""
        subscriptions = [self._subscribe(name, *entry) for name, entry in self._command["topics"].items()]
        if self._command.get("diagnostics"):
            subscriptions.append(
                self._node.create_subscription(DiagnosticArray, self._command["diagnostics"], self._note_status, 10)
            )
        first = next(iter(self._heard.values()))
        try:
            end = time.monotonic() + _PATIENCE
            while not all(self._heard.values()):
                if time.monotonic() > end:
                    silent = [name for name, heard in self._heard.items() if not heard]
                    return {"error": f"nothing came on {', '.join(silent)} within {_PATIENCE:.0f} s"}
                spin_once(timeout_sec=0.1)
            end = time.monotonic() + self._command["settle"]
            while time.monotonic() < end:
                spin_once(timeout_sec=0.1)
            for heard in self._heard.values():
                heard.clear()
            _answer({"began": True})
            end = time.monotonic() + self._command["limit"]
            while not (self._enough(first) and self._told()) and time.monotonic() < end:
                spin_once(timeout_sec=0.1)
            _answer({"ended": True})
        finally:
            for subscription in subscriptions:
                self._node.destroy_subscription(subscription)
        return {"heard": self._heard, "status": self._status}

    def _enough(self, heard: Sequence[tuple[int, float]]) -> bool:
        return bool(heard) and heard[-1][0] - heard[0][0] + 1 >= self._command["frames"]

    def _told(self) -> bool:
        """Whether the graph has told its times, which it does every second, if it is to."""
        return not self._command.get("diagnostics") or any("inference_p50_ms" in told for told in self._status.values())

    def _subscribe(self, name: str, kind: str, topic: str, reliable: bool) -> Any:
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        heard = self._heard[name]

        def note(message: Any) -> None:
            now, stamp = time.time(), message.header.stamp
            heard.append((int(message.header.frame_id), (now - stamp.sec - stamp.nanosec * 1e-9) * 1e3))

        return self._node.create_subscription(_KINDS[kind], topic, note, QoSProfile(depth=5, reliability=reliability))

    def _note_status(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._status[status.name] = {pair.key: pair.value for pair in status.values}


class _InOneFigure:
    """A model of which all that it does with a frame is told as one stage, since medians do not add up."""

    def __init__(self, model: Perceiver) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def infer(self, frame: Frame, stages: Stages) -> Result:
        """See `Perceiver.infer`."""
        start = time.perf_counter()
        result = self._model.infer(frame)
        stages["inference"] = time.perf_counter() - start
        return result


def _perception_node(settings: Mapping[str, Any]) -> PerceptionNode:
    people = settings.get("people")

    def without_network(name: str, *_: Any) -> Perceiver:
        return model_without_network(name, people or 0)

    def with_network(*arguments: Any) -> Perceiver:
        return _InOneFigure(load_model(*arguments))  # type: ignore[return-value]

    load = with_network if people is None else without_network
    return PerceptionNode("people_perception", settings["models"], load=load, namespace=settings["namespace"])


def _remappings(settings: Mapping[str, Any]) -> list[str]:
    # Nobody's dashboard is to show the nodes of a measurement.
    names = {"image": settings["image"], "ir_image": settings["image"], "/diagnostics": "diagnostics"}
    return [part for a, b in names.items() for part in ("-r", f"{a}:={b}")]


def _node(name: str) -> Node:
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    return Node(f"bench_{name}")


def _executor(*nodes: Any) -> SingleThreadedExecutor:
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    return executor


def _answer(value: Mapping[str, Any]) -> None:
    print(json.dumps(value), flush=True)


_ROLES = {
    "camera": camera,
    "sink": sink,
    "relay": relay,
    "graph": graph,
    "listen": listen,
    "together": together,
    "drive": drive,
}


def main() -> None:
    """Play the role that the first argument names."""
    role, settings = sys.argv[1:]
    # A measurement ends its processes with SIGINT; there is nothing that they would have to save.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        _ROLES[role](json.loads(settings))
    except PerceptionError as error:
        _answer({"error": str(error)})
        sys.exit(2)
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
