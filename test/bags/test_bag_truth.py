# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings with the truth beside the images are evaluated like annotated photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from people_perception.bags.messages import (
    DETECTIONS,
    IMAGE,
    LABELS,
    detection_message,
    header,
    image_message,
    label_message,
)
from people_perception.bags.models import ModelSettings
from people_perception.bags.replay import ReplaySettings, replay
from people_perception.bags.truth import export_truth
from people_perception.cli import main
from people_perception.errors import PerceptionError
from people_perception.results import Detections
from recordings import record, squares, stamps

CAMERA, TRUTH = "/camera/image_raw", "/truth/detections"
COUNT = 4


def boxes(*rows: tuple[float, float, float, float], label: str = "person") -> Detections:
    values = np.array(rows, np.float32).reshape(-1, 4)
    return Detections(values, np.ones(len(rows), np.float32), np.zeros(len(rows), np.int64), (label,))


def truth_of_squares(wrong: int = 0) -> list[tuple[str, str, int, Any]]:
    """Where the squares are; of the first ``wrong`` frames somewhere else."""
    extra = []
    for i, (image, stamp) in enumerate(zip(squares(COUNT), stamps(COUNT), strict=True)):
        rows = []
        if image.any():
            ys, xs = np.nonzero(image.any(axis=2))
            x, y = (0, 0) if i < wrong else (xs.min(), ys.min())
            rows = [(x, y, x + 192, y + 192)]
        extra.append((TRUTH, DETECTIONS, stamp, detection_message(boxes(*rows), header(stamp, ""))))
    return extra


def figures(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["evaluate", "--format", "bag", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record(tmp_path / "bag", {CAMERA: squares(COUNT)}, extra=truth_of_squares(wrong=1))
    found = figures(capsys, "--annotations", str(path), "--model", "peoplenet", "--output", str(tmp_path / "worst"))
    assert (found["true_positives"], found["false_positives"], found["false_negatives"]) == (2, 1, 1)
    assert found["frames"] == COUNT
    assert (tmp_path / "worst" / "index.html").is_file()


def test_masks_of_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bright = [np.full((544, 960, 3), value, np.uint8) for value in (250, 0)]
    labels = label_message(("nothing", "background", "person"), 0, header(0, ""))  # other numbers than the model's
    extra: list[tuple[str, str, int, Any]] = [("/truth/mask/label_info", LABELS, stamps(1)[0], labels)]
    for image, stamp in zip(bright, stamps(2), strict=True):
        mask = np.where(image[..., 0] > 128, 2, 0).astype(np.uint8)
        extra.append(("/truth/mask", IMAGE, stamp, image_message(mask, "mono8", header(stamp, ""))))
    path = record(tmp_path / "bag", {CAMERA: bright}, extra=extra)
    found = figures(capsys, "--annotations", str(path), "--model", "peoplesemsegnet", "--camera", CAMERA)
    assert found["person_iou"] == found["mIoU"] == 1.0


def test_instances_that_another_run_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record(tmp_path / "bag", {CAMERA: squares(2)})
    settings = ReplaySettings(ModelSettings(("peoplesegnet",)), include_input=True, namespace="/truth")
    replay(path, tmp_path / "out", settings)
    found = figures(capsys, "--annotations", str(tmp_path / "out"), "--model", "peoplesegnet")
    assert found["AP50"] == found["mask_AP50"] == 1.0


class TestRefusals:
    def export(self, path: Path, task: str = "detection", **more: str) -> None:
        export_truth(path, path.parent, task, ("background", "person"), **more)

    def test_truth_without_images_of_its_stamps(self, tmp_path: Path) -> None:
        late = [(TRUTH, DETECTIONS, 5, detection_message(boxes(), header(5, "")))]
        path = record(tmp_path / "bag", {CAMERA: squares(1)}, extra=late)
        with pytest.raises(PerceptionError, match="no image of /camera/image_raw has the stamp of a message on /truth"):
            self.export(path)

    def test_no_truth_or_more_than_one(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(1)})
        with pytest.raises(PerceptionError, match="which vision_msgs/msg/Detection2DArray is the truth.*: none"):
            self.export(path)
        with pytest.raises(PerceptionError, match="which sensor_msgs/msg/Image is the truth.*: none"):
            self.export(record(tmp_path / "two", {CAMERA: squares(1), "/other": squares(1)}), "semantic", camera=CAMERA)
        with pytest.raises(PerceptionError, match="on /nothing; there are none"):
            self.export(path, truth="/nothing")

    def test_several_cameras(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(1), "/other": squares(1)}, extra=truth_of_squares()[:1])
        with pytest.raises(PerceptionError, match="several cameras; choose one with --camera: /camera/image_raw"):
            self.export(path)
        self.export(path, camera=CAMERA)

    def test_masks_of_the_wrong_kind(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(1), "/truth/mask": squares(1)})
        with pytest.raises(PerceptionError, match="/truth/mask is bgr8; expected mono8 of class ids"):
            self.export(path, "semantic")

    def test_topics_need_a_recording(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["evaluate", "--annotations", "a.json", "--model", "peoplenet"]) == 2
        assert "--images is missing" in capsys.readouterr().err
        assert (
            main(["evaluate", "--annotations", "a.json", "--images", ".", "--truth", "/x", "--model", "peoplenet"]) == 2
        )
        assert "they need --format bag" in capsys.readouterr().err
