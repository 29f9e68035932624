# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``doctor --topic`` and its look at the graph, on real cameras with one fault each."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from people_perception.doctor.findings import Finding
from people_perception.ros import camera_check
from people_perception.ros.camera_check import check_camera
from people_perception.ros.checks import check_graph

pytestmark = pytest.mark.usefixtures("own_domain")  # these tests look at all that there is

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


class Graph:
    """A node that publishes on request, and a node that looks."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(args=["test"], context=self.context)
        self.node = rclpy.create_node("camera", context=self.context, start_parameter_services=False)
        self.looker = rclpy.create_node("looker", context=self.context, start_parameter_services=False)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def camera(
        self, topic: str, fill: Callable[[Any], None] = lambda message: None, kind: type = Image, rate: float = 50.0
    ) -> None:
        """Publish until the end; ``fill`` changes each message, which is a good one before."""
        publisher = self.node.create_publisher(kind, topic, BEST_EFFORT)

        def publish() -> None:
            while not self._stop.wait(1.0 / rate):
                publisher.publish(self.message(kind, fill))

        self._threads.append(threading.Thread(target=publish, daemon=True))
        self._threads[-1].start()

    def message(self, kind: type, fill: Callable[[Any], None]) -> Any:
        message = kind()
        if kind is not String:
            message.header.stamp = self.node.get_clock().now().to_msg()
            message.header.frame_id = "camera"
        if kind is Image:
            message.height, message.width, message.step, message.encoding = 48, 64, 192, "bgr8"
            message.data = bytes(48 * 192)
        elif kind is CompressedImage:
            message.format = "jpeg"
            message.data = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
        fill(message)
        return message

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        rclpy.shutdown(context=self.context)


@pytest.fixture
def graph() -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.close()


@pytest.fixture
def look(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Finding]]:
    # Both nodes share a context, so each is discovered at once.
    monkeypatch.setattr(camera_check, "wait_for_discovery", lambda node: time.sleep(0.1))
    return lambda topic: list(check_camera(graph.looker, topic, seconds=0.4, discovery=0.4))


def problems(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.message) for finding in found if finding.level != "ok"]


@pytest.mark.parametrize(("kind", "topic"), [(Image, "/image"), (CompressedImage, "/image/compressed")])
def test_a_good_camera(graph: Graph, look: Callable[[str], list[Finding]], kind: type, topic: str) -> None:
    graph.camera(topic, kind=kind)
    found = look(topic)
    assert problems(found) == []
    published, rate, age, size = (finding.message for finding in found)
    assert published == f"{kind.__name__}, best_effort, from /camera"
    assert 20.0 < float(rate.removesuffix(" Hz")) < 60.0
    assert age.endswith("ms old when they arrive")
    assert size == f"64x48 {'bgr8' if kind is Image else 'jpeg'}"


def old(message: Any) -> None:
    message.header.stamp.sec -= 3


def very_old(message: Any) -> None:
    message.header.stamp.sec -= 7200


def future(message: Any) -> None:
    message.header.stamp.sec += 3


def unstamped(message: Any) -> None:
    message.header.stamp.sec = message.header.stamp.nanosec = 0


def placeless(message: Any) -> None:
    message.header.frame_id = ""


def depth(message: Any) -> None:
    message.encoding = "32FC1"


def short(message: Any) -> None:
    message.data = bytes(100)


def huge(message: Any) -> None:
    message.height, message.width, message.step, message.encoding = 1, 9000, 9000, "mono8"


@pytest.mark.parametrize(
    ("fill", "level", "message"),
    [
        (depth, "error", "encoding '32FC1' is not supported"),
        (short, "error", "bgr8 image of 64x48 with a step of 192: data has 100 bytes"),
        (huge, "warning", "9000x1 is very large"),
        (unstamped, "error", "its stamps are zero"),
        (old, "warning", "images are 3.0"),
        (very_old, "warning", "its stamps are 2.0 h old: a bag or another clock"),
        (future, "warning", "its stamps are 3.00 s in the future"),
        (placeless, "warning", "frame_id is empty"),
    ],
)
def test_a_camera_with_one_fault(
    graph: Graph, look: Callable[[str], list[Finding]], fill: Callable[[Any], None], level: str, message: str
) -> None:
    graph.camera("/image", fill)
    found = problems(look("/image"))
    assert len(found) == 1, found
    assert found[0][0] == level
    assert found[0][1].startswith(message.rstrip("0")), found


def test_the_accepted_encodings_are_named(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    graph.camera("/image", depth)
    assert "mono16" in look("/image")[-1].fix


def test_a_slow_camera(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    graph.camera("/image", rate=3.0)
    assert ("warning", "one image only: the rate is below 1 Hz") in problems(look("/image"))


def test_a_silent_camera(graph: Graph, look: Callable[[str], list[Finding]], monkeypatch: pytest.MonkeyPatch) -> None:
    graph.node.create_publisher(Image, "/image", BEST_EFFORT)
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "LARGE_DATA")
    finding = look("/image")[-1]
    assert (finding.level, finding.message) == ("error", "it is published, but no image came within 0.4 s")
    monkeypatch.delenv("FASTDDS_BUILTIN_TRANSPORTS")
    finding = look("/image")[-1]
    assert finding.message.endswith("; default shared memory of 512 KB: large images arrive late or not at all")
    assert "fastdds_large_images.xml" in finding.fix


def test_two_cameras_on_one_topic(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    graph.camera("/image")
    graph.camera("/image")
    assert ("warning", "2 publishers: their images mix") in problems(look("/image"))


def test_another_type(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    graph.camera("/image", kind=String)
    assert problems(look("/image")) == [("error", "publishes std_msgs/msg/String; expected sensor_msgs/msg/Image")]


def test_compressed_images_under_a_plain_name(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    graph.camera("/image", kind=CompressedImage)
    assert problems(look("/image")) == [("warning", "compressed images under a name without /compressed")]


def test_a_misspelt_topic(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    graph.camera("/front/image_raw")
    graph.camera("/map")
    (finding,) = look("/front/image")
    assert finding.level == "error"
    assert finding.message == "nobody publishes it; images are on /front/image_raw, /map"
    assert finding.fix == "people_perception doctor --topic /front/image_raw"


def test_no_camera_at_all(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    (finding,) = look("/image")
    assert (finding.level, finding.message) == ("error", "nobody publishes it, nor any other image")


def test_subscriptions_that_never_connect(graph: Graph, look: Callable[[str], list[Finding]]) -> None:
    late = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    graph.camera("/image")
    graph.camera("/good")
    for topic, profile in (("/image", RELIABLE), ("/image", late), ("/good", BEST_EFFORT)):
        graph.node.create_subscription(Image, topic, lambda message: None, profile)
    found = [finding for finding in check_graph(graph.looker) if finding.level == "error"]
    assert [(finding.check, finding.message) for finding in found] == [
        ("topic /image", "/camera to /camera never connects: Best effort publisher and reliable subscription"),
        ("topic /image", "/camera to /camera never connects: Volatile publisher and transient local subscription"),
    ]
    assert "-p qos.image.reliability:=best_effort" in found[0].fix
    assert "qos_overrides" in found[1].fix
    assert set(found) <= set(look("/image"))


def test_a_subscription_of_another_type(graph: Graph) -> None:
    graph.camera("/image")
    other = Graph()  # one participant has one type for a topic
    other.node.create_subscription(CompressedImage, "/image", lambda message: None, BEST_EFFORT)
    (finding,) = [finding for finding in check_graph(graph.looker) if finding.level == "error"]
    other.close()
    assert finding.message.endswith("sensor_msgs/msg/Image is published, sensor_msgs/msg/CompressedImage expected")


def test_the_command(graph: Graph) -> None:
    graph.camera("/image", depth)
    command = [sys.executable, "-m", "people_perception", "doctor", "--topic", "image", "--seconds", "1", "--json"]
    result = subprocess.run(
        [*command, "--ros-args", "-r", "image:=/image"], capture_output=True, text=True, timeout=60, check=False
    )
    found = [(entry["check"], entry["level"], entry["message"]) for entry in json.loads(result.stdout)]
    assert result.returncode == 1
    assert ("camera /image", "ok", "Image, best_effort, from /camera") in found, [
        f for f in found if f[0] in ("graph", "camera /image")
    ]
    assert any(check == "camera /image" and "'32FC1' is not supported" in text for check, _, text in found)
