# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Annotations as COCO means them, and the average precision that pycocotools itself gives."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from people_perception.errors import PerceptionError
from people_perception.evaluation.coco import CocoDataset, result_rows
from people_perception.results import Detections

LABELS = ("background", "person", "bag")
PERSON = 1


def square(x: float, y: float, side: float, **more: Any) -> dict[str, Any]:
    """An annotation of a square person in image 1, with its outline."""
    outline = [x, y, x + side, y, x + side, y + side, x, y + side]
    return {"image_id": 1, "category_id": 7, "bbox": [x, y, side, side], "segmentation": [outline], **more}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes two 80x60 images and annotations of them."""
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((60, 80, 3), np.uint8))

    def annotate(*annotations: dict[str, Any], **changes: Any) -> Path:
        data = {
            "images": [{"id": i, "file_name": f, "width": 80, "height": 60} for i, f in ((1, "a.png"), (2, "b.png"))],
            "categories": [{"id": 7, "name": "person"}, {"id": 3, "name": "kite"}],
            "annotations": [{"id": i, **row} for i, row in enumerate(annotations)],
        }
        path = tmp_path / "annotations.json"
        path.write_text(json.dumps({**data, **changes}))
        return path

    return annotate


def people(*boxes: tuple[float, float, float, float], scores: tuple[float, ...] = ()) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or np.linspace(0.9, 0.1, n), np.float32),
        np.full(n, PERSON, np.int64),
        LABELS,
    )


def test_truth_is_in_corners_with_the_models_class_ids(write: Callable[..., Path], tmp_path: Path) -> None:
    kite = {"image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5]}
    dataset = CocoDataset(write(square(10, 20, 8), kite, square(0, 0, 50, iscrowd=1)), tmp_path, LABELS)
    assert dataset.class_ids == (PERSON,)
    assert [image.size for image in dataset.images] == [(80, 60)] * 2
    truth = dataset.truth(dataset.images[0])
    np.testing.assert_array_equal(truth.boxes, [(10, 20, 18, 28), (0, 0, 50, 50)])
    assert truth.class_ids.tolist() == [PERSON, PERSON]
    assert truth.crowd.tolist() == [False, True]
    assert dataset.truth(dataset.images[1]).boxes.shape == (0, 4)


def test_what_is_found_exactly_has_an_average_precision_of_1(write: Callable[..., Path], tmp_path: Path) -> None:
    # The ids start with 0 here, which COCO's evaluation would take for "no match".
    dataset = CocoDataset(write(square(10, 20, 8), square(40, 20, 16)), tmp_path, LABELS)
    rows = result_rows(dataset.images[0], people((10, 20, 18, 28), (40, 20, 56, 36)))
    precision = dataset.average_precision(rows, "bbox")[PERSON]
    assert (precision.ap, precision.ap50) == pytest.approx((1.0, 1.0))


def test_scores_above_one_only_rank(write: Callable[..., Path], tmp_path: Path) -> None:
    dataset = CocoDataset(write(square(10, 20, 8)), tmp_path, LABELS)
    wrong_first = result_rows(dataset.images[0], people((40, 40, 50, 50), (10, 20, 18, 28), scores=(36.9, 1.5)))
    right_first = result_rows(dataset.images[0], people((40, 40, 50, 50), (10, 20, 18, 28), scores=(1.5, 36.9)))
    assert dataset.average_precision(wrong_first, "bbox")[PERSON].ap50 == pytest.approx(0.5)
    assert dataset.average_precision(right_first, "bbox")[PERSON].ap50 == pytest.approx(1.0)


def test_masks_are_ranked_by_their_own_overlap(write: Callable[..., Path], tmp_path: Path) -> None:
    dataset = CocoDataset(write(square(10, 20, 20)), tmp_path, LABELS)
    mask = np.zeros((1, 60, 80), bool)
    mask[0, 20:40, 10:22] = True  # 12 of 20 columns
    rows = result_rows(dataset.images[0], people((10, 20, 30, 40)), mask)
    assert dataset.average_precision(rows, "bbox")[PERSON].ap == pytest.approx(1.0)
    by_mask = dataset.average_precision(rows, "segm")[PERSON]
    assert by_mask.ap50 == pytest.approx(1.0)
    assert by_mask.ap == pytest.approx(0.3)  # IoU .6 passes .50, .55 and .60 of ten thresholds


def test_nothing_found_is_0_and_nothing_to_find_is_none(write: Callable[..., Path], tmp_path: Path) -> None:
    dataset = CocoDataset(write(square(10, 20, 8)), tmp_path, LABELS)
    assert dataset.average_precision([], "bbox")[PERSON].ap == 0.0
    nobody = CocoDataset(write(), tmp_path, LABELS)
    rows = result_rows(nobody.images[0], people((10, 20, 18, 28)))
    assert nobody.average_precision(rows, "bbox")[PERSON].ap is None


def test_it_equals_pycocotools_own_way(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    file = assets / "images" / "person_annotations.json"
    dataset = CocoDataset(file, assets / "images", ("person",))
    rng = np.random.default_rng(5)
    rows, plain = [], []
    for image in dataset.images:
        boxes = dataset.truth(image).boxes
        boxes = np.concatenate([boxes + rng.normal(0, 4, boxes.shape), rng.uniform(0, 400, (5, 4))]).astype(np.float32)
        boxes[:, 2:] = np.maximum(boxes[:, :2] + 1, boxes[:, 2:])
        scores = rng.uniform(0, 40, len(boxes)).astype(np.float32)
        found = Detections(boxes, scores, np.zeros(len(boxes), np.int64), ("person",))
        rows += result_rows(image, found)
        for (x1, y1, x2, y2), score in zip(boxes.tolist(), scores.tolist(), strict=True):
            plain.append({"image_id": image.id, "category_id": 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score})
    precision = dataset.average_precision(rows, "bbox")[0]
    assert capsys.readouterr().out == ""  # pycocotools prints; a command's stdout is its own
    truth = COCO(str(file))
    evaluation = COCOeval(truth, truth.loadRes(plain), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert 0.1 < evaluation.stats[0] < 0.9
    assert (precision.ap, precision.ap50) == pytest.approx(tuple(evaluation.stats[:2]))


def test_pixels_of_a_crowd_do_not_count_but_for_the_people_in_it(write: Callable[..., Path], tmp_path: Path) -> None:
    inside = {"size": [60, 80], "counts": [0, 60 * 30, 60 * 50]}  # the left 30 columns
    crowd = {"image_id": 1, "category_id": 7, "bbox": [0, 0, 30, 60], "segmentation": inside, "iscrowd": 1}
    dataset = CocoDataset(write(square(10, 20, 10), crowd, square(50, 20, 10)), tmp_path, LABELS)
    mask, counted = dataset.class_mask(dataset.images[0])
    expected = np.zeros((60, 80), np.uint8)
    expected[20:30, 10:20] = expected[20:30, 50:60] = PERSON
    np.testing.assert_array_equal(mask, expected)
    assert not counted[5, 5]
    assert counted[25, 15] and counted[5, 40]


def test_images_that_are_not_there_are_counted(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(square(10, 20, 8), {**square(0, 0, 5), "image_id": 2})
    (tmp_path / "b.png").unlink()
    dataset = CocoDataset(path, tmp_path, LABELS)
    assert (len(dataset.images), dataset.absent) == (1, 1)
    rows = result_rows(dataset.images[0], people((10, 20, 18, 28)))
    assert dataset.average_precision(rows, "bbox")[PERSON].ap == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 1, "name": "kite"}]}, "no category is called background or person or bag; it has kite"),
        ({"annotations": None}, "no list 'annotations'; COCO's format has images, categories, annotations"),
        ({"images": [{"id": 1, "width": 1, "height": 1}]}, r"images\[0\] has no 'file_name'"),
        ({"annotations": [{"image_id": 1, "category_id": 7}]}, r"annotations\[0\] has no 'bbox'"),
        (
            {"images": [{"id": 1, "file_name": "c.png", "width": 1, "height": 1}]},
            "none of the 1 images of annotations.json",
        ),
    ],
)
def test_a_file_that_is_not_coco_is_named(
    write: Callable[..., Path], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PerceptionError, match=message):
        CocoDataset(write(**changes), tmp_path, LABELS)


@pytest.mark.parametrize(
    ("content", "message"),
    [("[1]", "no list 'images'"), ("{", "not JSON"), ("[" * 100_000, "not JSON"), (None, "no such file")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "annotations.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(PerceptionError, match=f"annotations.json: {message}"):
        CocoDataset(path, tmp_path, LABELS)


@pytest.mark.parametrize("mask", [[[0, 0, 1e9, 0, 1e9, 1e9]], {"size": [60, 80], "counts": "PPPP0" * 50}])
def test_masks_that_pycocotools_crashes_at_are_named(write: Callable[..., Path], tmp_path: Path, mask: Any) -> None:
    dataset = CocoDataset(write(square(10, 20, 8, segmentation=mask)), tmp_path, LABELS)
    with pytest.raises(PerceptionError, match="annotations.json: a mask of image 1 is none: "):
        dataset.class_mask(dataset.images[0])


def test_masks_that_are_needed_and_missing_are_named(write: Callable[..., Path], tmp_path: Path) -> None:
    dataset = CocoDataset(write(square(10, 20, 8, segmentation=[])), tmp_path, LABELS)
    with pytest.raises(PerceptionError, match="an annotation of image 1 has no mask; this model needs masks"):
        dataset.check_masks()


def test_without_pycocotools_one_line_says_what_to_install(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pycocotools"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PerceptionError, match="evaluate needs pycocotools; install it with: pip install pycocotools"):
        CocoDataset(write(), tmp_path, LABELS)
