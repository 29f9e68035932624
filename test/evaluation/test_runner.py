# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Whole evaluations: real models on scenes whose figures can be counted by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes

import networks
from people_perception.engines import tensorrt_installation
from people_perception.errors import PerceptionError
from people_perception.evaluation.coco import CocoDataset
from people_perception.evaluation.runner import evaluate
from people_perception.loading import load_model
from people_perception.model import Perceiver


@pytest.fixture(autouse=True)
def _no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: "not in this test")


@pytest.fixture
def detector(tmp_path: Path) -> Perceiver:
    weights = networks.detectnet(tmp_path / "net.onnx")
    return load_model("peoplenet", weights=weights, clustering="nms", confidence_threshold=0.9)


def test_boxes_are_counted_at_the_models_threshold_and_ranked_without_one(tmp_path: Path, detector: Perceiver) -> None:
    frames = []
    dataset = CocoDataset(scenes.detection_scenes(tmp_path), tmp_path, detector.spec.labels)
    report = evaluate(detector, dataset, on_frame=lambda: frames.append(1))
    assert (report["true_positives"], report["false_positives"], report["false_negatives"]) == (1, 1, 1)
    assert (report["precision"], report["recall"], report["accuracy"]) == (1 / 2, 1 / 2, pytest.approx(1 / 3))
    # Ranked: right, false alarm, right. Precision 1 up to a recall of .5, then 2/3, at 101 recalls.
    assert report["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert report["AP"] == pytest.approx(report["AP50"])
    assert report["frames"] == len(frames) == 4
    assert report["ms_per_frame"] > 0
    assert set(report["by_label"]) == {"person"}
    assert report["by_label"]["person"]["AP50"] == report["AP50"]


def test_the_models_options_are_as_before(tmp_path: Path, detector: Perceiver) -> None:
    before = dict(detector.options)
    evaluate(detector, CocoDataset(scenes.detection_scenes(tmp_path), tmp_path, detector.spec.labels))
    assert detector.options == before


def test_another_threshold_moves_the_counts_and_not_the_rank(tmp_path: Path, detector: Perceiver) -> None:
    dataset = CocoDataset(scenes.detection_scenes(tmp_path), tmp_path, detector.spec.labels)
    strict = evaluate(detector, dataset)
    detector.configure(confidence_threshold=0.3)
    lenient = evaluate(detector, dataset)
    assert lenient["recall"] == 1.0
    assert lenient["precision"] == pytest.approx(2 / 3)
    assert (lenient["AP"], lenient["AP50"]) == (strict["AP"], strict["AP50"])


def test_labels_that_are_not_annotated_are_no_false_alarms(tmp_path: Path, detector: Perceiver) -> None:
    bag = scenes.red_cell(255)[:, :, ::-1].copy()  # blue is a face
    path = scenes.write(tmp_path, {"a.png": (bag, []), "b.png": (scenes.red_cell(255), [scenes.person(scenes.BOX)])})
    report = evaluate(detector, CocoDataset(path, tmp_path, detector.spec.labels))
    assert (report["true_positives"], report["false_positives"], report["false_negatives"]) == (1, 0, 0)


def test_pixels_are_counted_over_all_images(tmp_path: Path) -> None:
    model = load_model("peoplesemsegnet", weights=networks.semantic(tmp_path / "net.onnx"))
    height = scenes.SIZE[1]
    left = scenes.person([0, 0, 240, height])
    path = scenes.write(
        tmp_path, {"right.png": (scenes.white_left(240), [left]), "half.png": (scenes.white_left(120), [left])}
    )
    report = evaluate(model, CocoDataset(path, tmp_path, model.spec.labels))
    # 240 + 120 columns of 240 + 240 are found; the other 720 + 720 of 720 + 840 are background.
    assert report["person_iou"] == pytest.approx(360 / 480, abs=0.01)
    assert report["background_iou"] == pytest.approx(1440 / 1560, abs=0.01)
    assert report["mIoU"] == pytest.approx((report["person_iou"] + report["background_iou"]) / 2)
    assert report["frames"] == 2


def test_instances_are_ranked_by_box_and_by_mask(tmp_path: Path) -> None:
    model = load_model("peoplesegnet", weights=networks.mask_rcnn(tmp_path / "net.onnx"))
    image = np.zeros((576, 960, 3), np.uint8)
    # The network's box is 100 to 300 by 100 to 400, its mask full; here only its upper half is a person.
    x, y, w, h = 100, 100, 200, 300
    half = {**scenes.person([x, y, w, h]), "segmentation": scenes.person([x, y, w, h * 0.7])["segmentation"]}
    path = scenes.write(tmp_path, {"a.png": (image, [half])})
    report = evaluate(model, CocoDataset(path, tmp_path, model.spec.labels))
    assert (report["precision"], report["recall"], report["accuracy"]) == (1.0, 1.0, 1.0)
    assert report["AP50"] == report["mask_AP50"] == pytest.approx(1.0)
    assert report["AP"] > 0.8
    assert 0.2 < report["mask_AP"] < 0.6


def test_masks_need_masks(tmp_path: Path) -> None:
    model = load_model("peoplesemsegnet", weights=networks.semantic(tmp_path / "net.onnx"))
    box = {"category_id": 1, "bbox": [0, 0, 10, 10]}
    path = scenes.write(tmp_path, {"a.png": (scenes.white_left(10), [box])})
    with pytest.raises(PerceptionError, match="an annotation of image 1 has no mask"):
        evaluate(model, CocoDataset(path, tmp_path, model.spec.labels))


def test_an_image_of_another_size_than_annotated_is_named(tmp_path: Path, detector: Perceiver) -> None:
    path = scenes.detection_scenes(tmp_path)
    cv2.imwrite(str(tmp_path / "found.png"), scenes.red_cell(255)[::2])
    with pytest.raises(PerceptionError, match=r"found.png is 960x272; its annotation says 960x544"):
        evaluate(detector, CocoDataset(path, tmp_path, detector.spec.labels))
