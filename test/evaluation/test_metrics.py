# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Matching and counting, on cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.evaluation.metrics import Counts, Truth, box_overlap, class_iou, confusion, count, match
from people_perception.results import Detections

Box = tuple[float, float, float, float]
LABELS = ("person", "bag")


def found(*entries: tuple[Box, float, int]) -> Detections:
    boxes, scores, classes = zip(*entries, strict=True) if entries else ((), (), ())
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, np.int64), LABELS
    )


def truth(*entries: tuple[Box, int], crowd: tuple[int, ...] = ()) -> Truth:
    boxes, classes = zip(*entries, strict=True) if entries else ((), ())
    flags = np.array([i in crowd for i in range(len(entries))], bool)
    return Truth(np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64), flags)


A: Box = (0, 0, 10, 10)
NEAR_A: Box = (0, 0, 10, 8)  # IoU .8 with A
HALF_A: Box = (0, 0, 10, 5)  # IoU .5 with A
FAR_A: Box = (0, 0, 10, 4.9)  # IoU .49 with A
B: Box = (100, 100, 120, 140)


def test_overlap_is_the_intersection_over_the_union() -> None:
    overlap = box_overlap(np.array([A, B]), np.array([NEAR_A, HALF_A, (5, 5, 15, 15)]), np.zeros(3, bool))
    np.testing.assert_allclose(overlap, [[0.8, 0.5, 25 / 175], [0, 0, 0]])


def test_overlap_with_a_crowd_is_the_part_that_lies_in_it() -> None:
    crowd = (0, 0, 100, 100)
    np.testing.assert_allclose(
        box_overlap(np.array([A, (95, 0, 105, 10)]), np.array([crowd]), np.array([True])), [[1], [0.5]]
    )


def test_boxes_without_area_overlap_nothing() -> None:
    point = (3, 3, 3, 3)
    np.testing.assert_array_equal(box_overlap(np.array([point]), np.array([point, A]), np.zeros(2, bool)), [[0, 0]])


def test_half_is_enough_and_less_is_not() -> None:
    matches = match(found((HALF_A, 0.9, 0), (FAR_A, 0.8, 0)), truth((A, 0), (A, 0)))
    assert matches.hits.tolist() == [True, False]
    assert matches.missed.tolist() == [False, True]


def test_a_true_box_is_found_once_and_by_the_surest() -> None:
    matches = match(found((NEAR_A, 0.5, 0), (HALF_A, 0.9, 0)), truth((A, 0)))
    assert matches.hits.tolist() == [False, True]
    assert matches.false_alarms.tolist() == [True, False]


def test_scores_above_one_rank_like_any_other() -> None:
    matches = match(found((NEAR_A, 1.5, 0), (A, 36.9, 0)), truth((A, 0)))
    assert matches.hits.tolist() == [False, True]


def test_a_detection_takes_the_best_box_that_is_left() -> None:
    matches = match(found((A, 0.9, 0), (A, 0.8, 0)), truth((HALF_A, 0), (A, 0)))
    assert matches.hits.tolist() == [True, True]
    assert not matches.missed.any()


def test_another_class_is_no_match() -> None:
    matches = match(found((A, 0.9, 1)), truth((A, 0)))
    assert matches.false_alarms.tolist() == [True]
    assert matches.missed.tolist() == [True]


def test_in_a_crowd_nothing_is_right_or_wrong() -> None:
    crowd = ((0, 0, 100, 100), 0)
    matches = match(found((A, 0.9, 0), (NEAR_A, 0.8, 0), (B, 0.7, 0)), truth(crowd, crowd=(0,)))
    assert matches.hits.tolist() == [False, False, False]
    assert matches.ignored.tolist() == [True, True, False]
    assert not matches.missed.any()


def test_a_person_who_is_annotated_in_a_crowd_is_found() -> None:
    matches = match(found((A, 0.9, 0)), truth(((0, 0, 100, 100), 0), (A, 0), crowd=(0,)))
    assert matches.hits.tolist() == [True]


@pytest.mark.parametrize(
    ("detected", "true"), [(found(), truth()), (found((A, 1, 0)), truth()), (found(), truth((A, 0)))]
)
def test_nothing_matches_nothing(detected: Detections, true: Truth) -> None:
    matches = match(detected, true)
    assert len(matches.hits) == len(detected)
    assert len(matches.missed) == len(true.boxes)
    assert not matches.hits.any()


def test_the_figures_of_the_model_cards() -> None:
    detected = found((A, 0.9, 0), (B, 0.8, 0), (A, 0.7, 1))
    true = truth((A, 0), ((50, 50, 60, 60), 0), ((70, 70, 80, 80), 0), (A, 1))
    matches = match(detected, true)
    person, bag = (count(matches, detected, true, class_id) for class_id in (0, 1))
    assert person == Counts(1, 1, 2)
    assert bag == Counts(1, 0, 0)
    assert (person.precision, person.recall, person.accuracy) == (1 / 2, 1 / 3, 1 / 4)
    assert person + bag == Counts(2, 1, 2)


def test_what_cannot_be_said_is_none() -> None:
    assert (Counts().precision, Counts().recall, Counts().accuracy) == (None, None, None)
    assert (Counts(0, 0, 3).precision, Counts(0, 0, 3).recall) == (None, 0.0)
    assert (Counts(0, 2, 0).precision, Counts(0, 2, 0).recall) == (0.0, None)


def test_the_iou_of_classes_is_over_all_pixels_that_count() -> None:
    true = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.uint8)
    mask = np.array([[0, 1, 1, 1], [0, 0, 0, 1]], np.uint8)
    counted = np.ones((2, 4), bool)
    table = confusion(true, mask, counted, classes=2)
    np.testing.assert_array_equal(table, [[3, 1], [1, 3]])
    assert class_iou(table) == [3 / 5, 3 / 5]
    counted[0, 1] = False
    assert class_iou(confusion(true, mask, counted, classes=2)) == [3 / 4, 3 / 4]


def test_a_class_that_is_nowhere_has_no_iou() -> None:
    nobody = np.zeros((2, 2), np.uint8)
    assert class_iou(confusion(nobody, nobody, np.ones((2, 2), bool), classes=3)) == [1.0, None, None]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the mask is \(4, 4\) and the truth \(4, 5\)"):
        confusion(np.zeros((4, 5), np.uint8), np.zeros((4, 4), np.uint8), np.ones((4, 5), bool), 2)
