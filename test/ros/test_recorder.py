# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder: which answer belongs to which image, what it counts, and the pictures that it keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from people_perception.report.record import FACES, PEOPLE, PICTURE, SHARE, Output
from people_perception.results import Detections
from people_perception.ros.messages import detection_array, image_message
from people_perception.ros.player import IMAGE, INFRARED, Sent
from people_perception.ros.recorder import Recorder, expected_outputs

NAMESPACE = "/recorder_test"
MODELS = ("peoplenet", "peoplesemsegnet", "facedetect_ir", "peoplesegnet")


class Bench:
    """A recorder, and a node that answers as a graph would."""

    def __init__(self, folder: Path) -> None:
        self.node = Node("recorder", namespace=NAMESPACE)
        self.recorder = Recorder(self.node, expected_outputs(MODELS, (IMAGE, INFRARED)), folder)
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self._publishers: dict[str, Any] = {}

    def answer(self, topic: str, message: Any) -> None:
        """Publish once somebody listens."""
        if topic not in self._publishers:
            publisher = self._publishers[topic] = self.node.create_publisher(type(message), topic, 10)
            self.until(lambda: publisher.get_subscription_count() > 0)
        self._publishers[topic].publish(message)

    def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            self.executor.spin_once(timeout_sec=0.02)

    def send(self, index: int, camera: str = IMAGE) -> int:
        """Say that an image was sent; its stamp."""
        stamp = self.node.get_clock().now().nanoseconds
        image = np.full((48, 64), 3000, np.uint16) if camera == INFRARED else np.zeros((48, 64, 3), np.uint8)
        self.recorder.sent(Sent(camera, index, f"frame {index}", stamp, image))
        return stamp


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    rclpy.init()
    made = Bench(tmp_path)
    yield made
    made.executor.shutdown()
    rclpy.try_shutdown()


def header(stamp: int) -> Header:
    return Header(stamp=Time(sec=stamp // 10**9, nanosec=stamp % 10**9), frame_id="camera")


def boxes(stamp: int, *labels: str) -> Detection2DArray:
    names = ("person", "face", "bag")
    count = len(labels)
    found = Detections(
        np.tile(np.array([10, 10, 30, 40], np.float32), (count, 1)),
        np.full(count, 0.9, np.float32),
        np.array([names.index(label) for label in labels], np.int64),
        names,
    )
    return detection_array(found, header(stamp))


def test_the_outputs_of_a_graph() -> None:
    assert expected_outputs(MODELS, (IMAGE, INFRARED)) == [
        Output("detections", "peoplenet", IMAGE, PEOPLE),
        Output("segmentation/mask", "peoplesemsegnet", IMAGE, SHARE),
        Output("faces", "facedetect_ir", INFRARED, FACES),
        Output("instances", "peoplesegnet", IMAGE, PEOPLE),
        Output("overlay", "overlay", IMAGE, PICTURE),
    ]


def test_without_an_infrared_camera_its_models_see_the_other_one() -> None:
    assert expected_outputs(["facedetect_ir"], (IMAGE,))[0].camera == IMAGE


def test_answers_belong_to_the_image_of_their_stamp(bench: Bench) -> None:
    first, second = bench.send(0), bench.send(1)
    bench.answer("detections", boxes(second, "person", "person", "bag", "face"))
    bench.answer("detections", boxes(first - 1, "person"))
    bench.answer("detections", boxes(first))
    mask = np.zeros((48, 64), np.uint8)
    mask[:24] = 1
    bench.answer("segmentation/mask", image_message(mask, "mono8", header(first)))
    frames = bench.recorder.frames
    bench.until(lambda: len(frames[first].answers) == 2 and frames[second].answers)
    assert list(frames) == [first, second], "a stamp of nobody's image is nobody's answer"
    assert frames[first].answers["detections"].value == 0
    assert frames[first].answers["segmentation/mask"].value == 0.5
    assert frames[second].answers["detections"].value == 2
    assert 0 < frames[second].answers["detections"].latency < 10
    latest = bench.recorder.latest()
    assert latest is not None
    assert latest.index == 1


def test_it_is_complete_when_every_output_has_answered(bench: Bench) -> None:
    assert bench.recorder.complete()
    stamp = bench.send(0, INFRARED)
    assert not bench.recorder.complete()
    bench.answer("faces", boxes(stamp, "face"))
    bench.until(bench.recorder.complete)


def test_pictures_of_both_cameras_are_kept(bench: Bench, tmp_path: Path) -> None:
    colour, infrared = bench.send(3), bench.send(3, INFRARED)
    drawing = np.full((48, 64, 3), (0, 0, 200), np.uint8)
    bench.answer("overlay", image_message(drawing, "bgr8", header(colour)))
    bench.answer("faces", boxes(infrared, "face"))
    bench.until(bench.recorder.latest)
    bench.until(lambda: bench.recorder.latest(INFRARED))
    bench.recorder.close()
    frames = bench.recorder.frames
    assert (frames[colour].picture, frames[infrared].picture) == ("frames/000003.jpg", "infrared/000003.jpg")
    red = cv2.imread(str(tmp_path / "frames" / "000003.jpg"))
    assert abs(red.astype(int) - drawing).max() < 12
    boxed = cv2.imread(str(tmp_path / "infrared" / "000003.jpg"))
    assert boxed.shape == (48, 64, 3)
    assert boxed.std() > 10, "the face is boxed"


def test_a_folder_that_cannot_be_written_is_an_error(bench: Bench, tmp_path: Path) -> None:
    stamp = bench.send(0)
    (tmp_path / "frames").write_text("in the way")
    bench.answer("overlay", image_message(np.zeros((48, 64, 3), np.uint8), "bgr8", header(stamp)))
    bench.until(bench.recorder.latest)
    with pytest.raises(OSError, match="frames"):
        bench.recorder.close()


def test_only_the_graphs_own_diagnostics_count(bench: Bench) -> None:
    values = [KeyValue(key="state", value="active")]
    statuses = [
        DiagnosticStatus(name="recorder_test/people_perception", level=b"\x00", message="", values=values),
        DiagnosticStatus(name="people/people_perception", level=b"\x02", message="another robot"),
    ]
    bench.answer("/diagnostics", DiagnosticArray(status=statuses))
    bench.until(lambda: bench.recorder.status)
    assert list(bench.recorder.status) == ["people_perception"]
    assert bench.recorder.values_of("people_perception") == {"state": "active"}
    assert bench.recorder.values_of("overlay") == {}
