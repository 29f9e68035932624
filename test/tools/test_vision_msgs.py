# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""vision_msgs as tools/build_vision_msgs.py builds it: the official wire format, over real DDS."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")
msg = pytest.importorskip("vision_msgs.msg")

DEFINITIONS = Path(__file__).resolve().parents[2] / "tools" / "vision_msgs" / "msg"
NAMES = sorted(path.stem for path in DEFINITIONS.glob("*.msg"))
# Printed by ROS 2 installations from packages: equal hashes mean equal fields, all the way down.
OFFICIAL_HASH = "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("vision_msgs_test", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def test_the_type_hash_is_the_official_one(node: Any) -> None:
    publisher = node.create_publisher(msg.Detection2DArray, "hashed", 1)
    (info,) = node.get_publishers_info_by_topic("/hashed")
    node.destroy_publisher(publisher)
    assert str(info.topic_type_hash) == OFFICIAL_HASH


@pytest.mark.parametrize("name", NAMES)
def test_a_message_has_the_fields_of_its_definition_in_order(name: str) -> None:
    lines = (line.partition("#")[0].split() for line in (DEFINITIONS / f"{name}.msg").read_text().splitlines())
    defined = {field: re.sub(r"(.*)\[\]", r"sequence<\1>", kind) for kind, field in filter(None, lines)}
    built = getattr(msg, name).get_fields_and_field_types()
    names_in_idl = {"float64": "double", "float32": "float"}
    assert list(built.items()) == [(field, names_in_idl.get(kind, kind)) for field, kind in defined.items()]


def example_messages() -> list[Any]:
    """One message of each kind that the nodes publish or a robot may turn it into, no field at its default."""
    from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Quaternion, Vector3
    from std_msgs.msg import Header

    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = 5, 999_999_999
    pose = Pose(position=Point(x=1.0, y=2.0, z=3.0), orientation=Quaternion(x=0.5, y=0.5, z=0.5, w=0.5))
    result = msg.ObjectHypothesisWithPose(
        hypothesis=msg.ObjectHypothesis(class_id="Person é", score=0.75),
        pose=PoseWithCovariance(pose=pose, covariance=[i / 7 for i in range(36)]),
    )
    flat = msg.BoundingBox2D(
        center=msg.Pose2D(position=msg.Point2D(x=10.5, y=20.25), theta=0.1), size_x=3.0, size_y=1e-3
    )
    solid = msg.BoundingBox3D(center=pose, size=Vector3(x=0.5, y=0.25, z=1.75))
    people = [msg.Detection2D(header=header, results=[result], bbox=flat, id=str(i)) for i in range(300)]
    classes = [msg.VisionClass(class_id=65535, class_name="person"), msg.VisionClass(class_id=1, class_name="")]
    return [
        msg.Detection2DArray(header=header, detections=people),
        msg.Detection3DArray(header=header, detections=[msg.Detection3D(results=[result], bbox=solid, id="x")]),
        msg.LabelInfo(header=header, class_map=classes, threshold=0.5),
    ]


# A second process, so that the bytes really cross: it sends back what it receives.
ECHO = """
import signal
import sys
import rclpy
import vision_msgs.msg
from rclpy.signals import SignalHandlerOptions

rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
node = rclpy.create_node("echo")
for name in sys.argv[1:]:
    kind = getattr(vision_msgs.msg, name)
    back = node.create_publisher(kind, f"back/{name}", 10)
    node.create_subscription(kind, f"there/{name}", back.publish, 10)
while not stop:
    rclpy.spin_once(node, timeout_sec=0.1)
node.destroy_node()
rclpy.shutdown()
"""


def test_messages_cross_to_another_process_and_back(node: Any) -> None:
    sent = {type(message).__name__: message for message in example_messages()}
    received: dict[str, Any] = {}
    echo = subprocess.Popen([sys.executable, "-c", ECHO, *sent])
    try:
        publishers = {}
        for name, message in sent.items():
            publishers[name] = node.create_publisher(type(message), f"there/{name}", 10)

            def keep(message: Any, name: str = name) -> None:
                received[name] = message

            node.create_subscription(type(message), f"back/{name}", keep, 10)
        executor = rclpy.executors.SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        deadline = time.monotonic() + 30
        while len(received) < len(sent) and time.monotonic() < deadline:
            for name in sent.keys() - received.keys():
                publishers[name].publish(sent[name])
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()
    finally:
        echo.terminate()  # in order: after a SIGKILL, Fast DDS 2.14 may crash in whoever shared memory with it
        status = echo.wait(20)
    assert status == 0
    assert received == sent


def test_the_ament_index_knows_the_package_and_its_interfaces() -> None:
    from ament_index_python import get_package_share_directory, get_resource

    listed = get_resource("rosidl_interfaces", "vision_msgs")[0].split()
    share = Path(get_package_share_directory("vision_msgs"))
    assert {f"msg/{name}.msg" for name in NAMES} <= set(listed)
    assert all((share / name).is_file() for name in listed)
    assert (share / "package.xml").is_file()
