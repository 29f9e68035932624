# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far two results of one frame lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.bags.differences import Pair, class_mask_iou, compare_boxes, instance_mask_iou
from people_perception.results import Detections

LABELS = ("person", "bag")


def detections(*rows: tuple[float, float, float, float, float], classes: tuple[int, ...] = ()) -> Detections:
    """Boxes x1, y1, x2, y2 and a score."""
    values = np.array(rows, np.float32).reshape(-1, 5)
    ids = np.array(classes or (0,) * len(rows), np.int64)
    return Detections(values[:, :4], values[:, 4], ids, LABELS)


class TestBoxes:
    def test_equal_boxes_are_pairs_in_any_order(self) -> None:
        a = detections((0, 0, 10, 10, 0.9), (50, 0, 60, 10, 0.8))
        difference = compare_boxes(a, a[::-1], 0.5)
        assert difference.pairs == (Pair(0, 1, 1.0), Pair(1, 0, 1.0))
        assert difference.badness == 0

    def test_the_best_pair_comes_first(self) -> None:
        a = detections((0, 0, 10, 10, 0.9), (2, 0, 12, 10, 0.9))
        b = detections((2, 0, 12, 10, 0.5))
        difference = compare_boxes(a, b, 0.5)
        assert difference.pairs == (Pair(1, 0, 1.0),)
        assert difference.lost == (0,)
        assert difference.score_changes == (pytest.approx(-0.4),)

    def test_boxes_of_other_classes_or_too_far_away_are_lost_and_found(self) -> None:
        a = detections((0, 0, 10, 10, 0.9), (50, 0, 60, 10, 0.9))
        b = detections((0, 0, 10, 10, 0.9), (56, 0, 66, 10, 0.9), classes=(1, 0))
        difference = compare_boxes(a, b, 0.5)
        assert (difference.pairs, difference.lost, difference.found) == ((), (0, 1), (0, 1))
        assert difference.describe() == "2 lost, 2 found"

    def test_nobody_is_like_nobody(self) -> None:
        assert compare_boxes(detections(), detections(), 0.5).badness == 0

    def test_lost_people_are_worse_than_moved_ones(self) -> None:
        a = detections((0, 0, 10, 10, 0.9))
        moved = compare_boxes(a, detections((2, 0, 12, 10, 0.1)), 0.5)
        lost = compare_boxes(a, detections(), 0.5)
        assert 0 < moved.badness < lost.badness
        assert moved.describe() == "box IoU from 0.667, scores changed by up to 0.8"


def mask(*areas: tuple[slice, slice, int], dtype: type = np.uint8) -> np.ndarray:
    ids = np.zeros((20, 40), dtype)
    for rows, columns, value in areas:
        ids[rows, columns] = value
    return ids


class TestMasks:
    def test_equal_masks_and_empty_masks_are_the_same(self) -> None:
        person = mask((slice(0, 10), slice(0, 10), 1))
        assert class_mask_iou(person, person) == 1
        assert class_mask_iou(mask(), mask()) == 1
        assert instance_mask_iou(mask(dtype=np.uint16), mask(dtype=np.uint16)) == 1

    def test_classes_count_equally_and_background_does_not(self) -> None:
        a = mask((slice(0, 10), slice(0, 10), 1), (slice(0, 10), slice(20, 30), 2))
        b = mask((slice(0, 10), slice(0, 5), 1), (slice(0, 10), slice(20, 30), 2))
        assert class_mask_iou(a, b) == pytest.approx((0.5 + 1) / 2)
        assert class_mask_iou(a, mask()) == 0

    def test_instances_may_be_numbered_differently(self) -> None:
        left, right = (slice(0, 10), slice(0, 10)), (slice(0, 10), slice(20, 30))
        a = mask((*left, 1), (*right, 2), dtype=np.uint16)
        b = mask((*left, 700), (*right, 1), dtype=np.uint16)
        assert instance_mask_iou(a, b) == 1
        assert instance_mask_iou(a, mask((*left, 1), dtype=np.uint16)) == 0.5
        assert instance_mask_iou(mask((*left, 1), dtype=np.uint16), mask(dtype=np.uint16)) == 0

    def test_masks_of_two_sizes_cannot_be_compared(self) -> None:
        with pytest.raises(ValueError, match=r"one mask is \(20, 40\), the other one \(2, 2\)"):
            class_mask_iou(mask(), np.zeros((2, 2), np.uint8))
