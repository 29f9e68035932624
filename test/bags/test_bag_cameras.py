# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which model looks at which recorded camera, and where its results go."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from people_perception.bags.cameras import Stream, camera_names, plan_streams
from people_perception.bags.messages import LABELS, header, label_message
from people_perception.bags.reader import Bag
from people_perception.errors import PerceptionError
from recordings import START, record, squares

SMALL = squares(1, (64, 48))


def streams(path: Path, models: str, *wanted: str, namespace: str = "/people") -> list[tuple[str, str, str]]:
    with Bag(path) as bag:
        return [(s.camera, s.model, s.base) for s in plan_streams(bag, models.split(), wanted, namespace)]


def test_one_camera_gives_the_topics_of_a_live_graph(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {"/camera/image_raw": SMALL})
    assert streams(path, "peoplenet peoplesemsegnet facedetect_ir") == [
        ("/camera/image_raw", "peoplenet", "/people/detections"),
        ("/camera/image_raw", "peoplesemsegnet", "/people/segmentation"),
        ("/camera/image_raw", "facedetect_ir", "/people/faces"),
    ]


def test_several_cameras_get_a_namespace_each(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {"/front/image_raw": SMALL, "/rear/image_raw/compressed": SMALL})
    assert streams(path, "peoplenet", namespace="found") == [
        ("/front/image_raw", "peoplenet", "/found/front/detections"),
        ("/rear/image_raw/compressed", "peoplenet", "/found/rear/detections"),
    ]


def test_models_of_infrared_look_at_infrared_cameras(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {"/color/image": SMALL, "/ir/image": [np.zeros((48, 64), np.uint16)]})
    expected = [("/color/image", "peoplenet", "/people/detections"), ("/ir/image", "facedetect_ir", "/people/faces")]
    assert streams(path, "peoplenet facedetect_ir") == expected


def test_a_name_that_does_not_tell_is_explained_by_the_user(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {"/a": SMALL, "/b": SMALL})
    assert streams(path, "peoplenet facedetect_ir", "image:=/a", "ir_image:=/b") == [
        ("/a", "peoplenet", "/people/detections"),
        ("/b", "facedetect_ir", "/people/faces"),
    ]


def test_two_models_never_share_a_topic(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {"/a": SMALL})
    bases = [base for _, _, base in streams(path, "peoplenet open_person")]
    assert bases == ["/people/detections", "/people/open_person"]


def test_copies_depth_and_results_are_no_cameras(tmp_path: Path) -> None:
    labels = label_message(("a",), 0.0, header(START, ""))
    path = record(
        tmp_path / "bag",
        {
            "/cam/image": SMALL,
            "/cam/image/compressed": SMALL,
            "/cam/depth/image": SMALL,
            "/people/segmentation/mask": SMALL,
            "/people/overlay": SMALL,
            "/other": SMALL,
        },
        extra=[("/other/label_info", LABELS, START, labels)],
    )
    assert [camera for camera, _, _ in streams(path, "peoplenet")] == ["/cam/image"]
    assert [camera for camera, _, _ in streams(path, "peoplenet", "/people/overlay")] == ["/people/overlay"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("/nothing", r"no topic /nothing; it has /cam/image \(sensor_msgs/Image, 1\)"),
        ("/labels", "/labels is of type vision_msgs/msg/LabelInfo; expected sensor_msgs/msg/Image"),
        ("depth:=/cam/image", r"expected TOPIC, image:=TOPIC or ir_image:=TOPIC"),
    ],
)
def test_wrong_topics_are_explained(tmp_path: Path, wanted: str, message: str) -> None:
    labels = label_message(("a",), 0.0, header(START, ""))
    path = record(tmp_path / "bag", {"/cam/image": SMALL}, extra=[("/labels", LABELS, START, labels)])
    with pytest.raises(PerceptionError, match=message):
        streams(path, "peoplenet", wanted)


def test_a_recording_without_cameras_says_what_it_has(tmp_path: Path) -> None:
    labels = label_message(("a",), 0.0, header(START, ""))
    path = record(tmp_path / "bag", {}, extra=[("/labels", LABELS, START, labels)])
    with pytest.raises(PerceptionError, match=r"no camera in it, .*; it has /labels \(vision_msgs/LabelInfo, 1\)"):
        streams(path, "peoplenet")


def test_an_empty_recording_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="the recording is empty"):
        streams(record(tmp_path / "bag", {"/cam/image": []}), "peoplenet")


def test_models_are_named_once(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {"/a": SMALL})
    with pytest.raises(PerceptionError, match="a model is named twice: peoplenet, peoplenet"):
        streams(path, "peoplenet peoplenet")
    with pytest.raises(PerceptionError, match="no model is named"):
        streams(path, "")


def test_names_that_would_be_the_same_stay_whole() -> None:
    topics = ["/cam/image_raw", "/cam/image_rect"]
    assert list(camera_names(topics).values()) == ["cam/image_raw", "cam/image_rect"]
    assert camera_names(["/image_raw"]) == {"/image_raw": "image_raw"}


def test_topics_of_a_stream_are_those_of_its_task() -> None:
    assert Stream("/a", "peoplesegnet", "/people/instances").topics == (
        "/people/instances",
        "/people/instances/mask",
    )
    assert Stream("/a", "peoplesemsegnet", "/people/segmentation").label_topic == "/people/segmentation/mask/label_info"
