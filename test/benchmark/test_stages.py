# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Each stage of an image measures what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import networks
from people_perception.benchmark import STAGES
from people_perception.benchmark.measurement import Measurement
from people_perception.benchmark.stages import Setting, measure_stage
from people_perception.errors import PerceptionError
from people_perception.loading import load_model
from people_perception.model import Perceiver


def lines(stage: str, model: str = "peoplenet", weights: Path | None = None) -> dict[str, Measurement]:
    def load() -> Perceiver:
        return load_model(model, "onnxruntime", weights)

    setting = Setting(model, (320, 240), 2, 5, load)
    return {line.case: line for line in measure_stage(stage, setting)}


@pytest.mark.parametrize(
    ("stage", "model", "cases"),
    [
        ("convert", "peoplenet", ["bgr8", "rgb8", "mono8", "mono16", "bayer_rggb8", "yuv422_yuy2", "nv12"]),
        ("preprocess", "peoplesegnet", ["to 1x3x576x960, malloc's defaults", "to 1x3x576x960, memory kept"]),
        (
            "decode",
            "peoplenet",
            ["dbscan", "dbscan, noise", "nms", "nms, noise"],
        ),
        ("decode", "peoplesemsegnet", ["semantic"]),
        ("decode", "peoplesegnet", ["mask_rcnn"]),
        ("message", "peoplenet", ["detections"]),
        ("message", "peoplesemsegnet", ["segmentation/mask", "segmentation/colored"]),
        ("message", "peoplesegnet", ["instances", "instances/mask"]),
        ("path", "peoplenet", ["message to message, detections"]),
        (
            "followers",
            "peoplenet",
            [
                "tracking",
                "anonymize, faces",
                "anonymize, whole persons",
                "people_3d",
                "people_3d, into another frame",
                "people",
                "people, mask",
            ],
        ),
    ],
)
def test_what_a_stage_measures(stage: str, model: str, cases: list[str]) -> None:
    if stage in ("convert", "message", "path"):
        pytest.importorskip("rclpy")
    found = lines(stage, model)
    assert list(found) == cases
    for line in found.values():
        assert (line.subject, line.count) == (stage, 5)
        assert line.value > 0
        assert line.where["size"] == "320x240"
        assert ("people" in line.where) == (
            "noise" not in line.case and stage in ("decode", "message", "path", "followers")
        )
        assert ("model" in line.where) == (stage not in ("convert", "followers"))


def test_images_of_another_process_are_taken_and_messages_sent_to_one() -> None:
    pytest.importorskip("rclpy")
    assert lines("receive")["Image from another process"].count == 5
    assert lines("publish")["detections to another process"].count == 5


def test_the_network_alone(tmp_path: Path) -> None:
    (line,) = lines("inference", weights=networks.detectnet(tmp_path / "small.onnx")).values()
    assert line.case == "PeopleNet on CPUExecutionProvider"
    assert line.count == 5


def test_a_network_whose_tensors_are_not_simulated() -> None:
    with pytest.raises(PerceptionError, match="decode: outputs of open_face are not simulated"):
        lines("decode", "open_face")


def test_goals_hold_for_the_size_that_they_were_set_for() -> None:
    assert all(line.goal is None for line in lines("message").values())
    assert [line.goal for line in lines("path").values()] == [None]


def test_every_stage_is_known() -> None:
    from people_perception.benchmark import stages

    assert tuple(stages._STAGES) == STAGES
