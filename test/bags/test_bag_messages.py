# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages made without ROS are those that a node publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import get_types_from_msg

from people_perception.bags import messages
from people_perception.errors import PerceptionError
from people_perception.message_fields import detections_from_message
from people_perception.results import Detections, Instances

DEFINITIONS = Path(__file__).resolve().parents[2] / "tools" / "vision_msgs" / "msg"
STAMP = 12 * 1_000_000_000 + 345

FOUND = Detections(
    boxes=np.array([[10, 20, 50, 100], [0.25, 0, 3.75, 8.5]], np.float32),
    scores=np.array([0.5, 1.75], np.float32),
    class_ids=np.array([1, 0]),
    labels=("person", "bag"),
)


def test_vision_msgs_is_the_official_one() -> None:
    hashes = {name: messages.typestore().hash_rihs01(f"vision_msgs/msg/{name}") for name in messages._VISION_MSGS}
    assert hashes["Detection2DArray"] == "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"


@pytest.mark.parametrize("name", sorted(messages._VISION_MSGS))
def test_vision_msgs_is_what_the_tools_build(name: str) -> None:
    full = f"vision_msgs/msg/{name}"
    built = get_types_from_msg((DEFINITIONS / f"{name}.msg").read_text(), full)
    assert get_types_from_msg(messages._VISION_MSGS[name], full) == built


def test_boxes_come_back() -> None:
    data = messages.encode(messages.detection_message(FOUND, messages.header(STAMP, "camera")))
    decoded = messages.decode(data, messages.DETECTIONS)
    assert messages.stamp_ns(decoded.header) == STAMP
    assert decoded.header.frame_id == "camera"
    found = detections_from_message(decoded, FOUND.labels)
    np.testing.assert_array_equal(found.boxes, FOUND.boxes)
    np.testing.assert_array_equal(found.scores, FOUND.scores)
    assert found.names() == ["bag", "person"]


def test_bytes_that_are_no_message_are_named() -> None:
    with pytest.raises(PerceptionError, match="3 bytes are not a vision_msgs/msg/Detection2DArray"):
        messages.decode(b"abc", messages.DETECTIONS)


class TestNodesReadThem:
    """The bytes are those of rclpy, besides padding, which rclpy leaves as it finds it."""

    def read(self, message: Any, kind: type) -> Any:
        from rclpy.serialization import deserialize_message

        return deserialize_message(bytes(messages.encode(message)), kind)

    def header(self) -> Any:
        pytest.importorskip("rclpy")
        from builtin_interfaces.msg import Time
        from std_msgs.msg import Header

        return Header(stamp=Time(sec=12, nanosec=345), frame_id="camera")

    def test_detections(self) -> None:
        head = self.header()
        from people_perception.ros.messages import detection_array

        expected = detection_array(FOUND, head)
        own = messages.detection_message(FOUND, messages.header(STAMP, "camera"))
        assert self.read(own, type(expected)) == expected

    def test_instances(self) -> None:
        head = self.header()
        from people_perception.ros.messages import image_message, instance_array

        instances = Instances(FOUND, np.ones((2, 4, 6), bool))
        expected = instance_array(instances, head)
        own_head = messages.header(STAMP, "camera")
        assert self.read(messages.detection_message(instances, own_head), type(expected)) == expected
        mask = image_message(instances.id_mask(), "mono16", head)
        assert self.read(messages.image_message(instances.id_mask(), "mono16", own_head), type(mask)) == mask

    def test_labels(self) -> None:
        head = self.header()
        from people_perception.ros.messages import label_info

        expected = label_info(("background", "person"), 0.25, head)
        own = messages.label_message(("background", "person"), 0.25, messages.header(STAMP, "camera"))
        assert self.read(own, type(expected)) == expected
