# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Whose face it is, and which boxes of two models are one person."""

from __future__ import annotations

import numpy as np
import pytest
from tflite_networks import real_weights

from people_perception.association import box_iou, faces_of_persons, same_persons
from people_perception.loading import load_model
from people_perception.results import Detections

Box = tuple[float, float, float, float]


def found(*boxes: Box, labels: tuple[str, ...] | None = None) -> Detections:
    names = labels or ("person",) * len(boxes)
    known = tuple(dict.fromkeys(names))
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.ones(len(boxes), np.float32),
        np.array([known.index(name) for name in names], np.int64),
        known,
    )


LEFT, RIGHT = (100.0, 100.0, 200.0, 400.0), (300.0, 100.0, 400.0, 400.0)
LEFT_FACE, RIGHT_FACE = (130.0, 105.0, 165.0, 150.0), (330.0, 105.0, 365.0, 150.0)


def test_each_face_belongs_to_its_person() -> None:
    assert faces_of_persons(found(RIGHT_FACE, LEFT_FACE), found(LEFT, RIGHT)).tolist() == [1, 0]


@pytest.mark.parametrize(
    "face",
    [
        (500, 105, 535, 150),  # nobody's
        (130, 340, 165, 385),  # at the feet: a picture on a shirt, somebody sitting before
        (85, 105, 120, 150),  # more than half beside the box
        (150, 120, 150, 120),  # without area
    ],
)
def test_a_face_that_fits_nobody(face: Box) -> None:
    assert faces_of_persons(found(face), found(LEFT)).tolist() == [-1]


def test_of_two_faces_in_one_box_one_is_the_persons() -> None:
    assert faces_of_persons(found((165, 150, 195, 190), LEFT_FACE), found(LEFT)).tolist() == [-1, 0]


def test_persons_who_overlap_each_keep_their_face() -> None:
    behind, before = (100.0, 100.0, 220.0, 450.0), (170.0, 130.0, 290.0, 480.0)
    faces = found((210, 140, 250, 190), (140, 110, 180, 155))
    assert faces_of_persons(faces, found(behind, before)).tolist() == [1, 0]


def test_boxes_of_two_models_pair_one_to_one_by_label() -> None:
    first = found(LEFT, (105, 105, 205, 405), RIGHT, labels=("person", "person", "bag"))
    second = found(LEFT, RIGHT)
    assert same_persons(first, second).tolist() == [0, -1, -1]
    assert same_persons(second, first).tolist() == [0, -1]


def test_the_least_overlap_counts() -> None:
    a, b = found((0, 0, 10, 10)), found((0, 0, 10, 20))
    assert same_persons(a, b, iou=0.5).tolist() == [0]
    assert same_persons(a, b, iou=0.51).tolist() == [-1]


def test_nobody_on_either_side() -> None:
    nobody, somebody = found(), found(LEFT)
    for pair in (faces_of_persons, same_persons):
        assert pair(nobody, somebody).tolist() == []
        assert pair(somebody, nobody).tolist() == [-1]
        assert pair(nobody, nobody).tolist() == []


def test_iou() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 5, 5, 5], [20, 20, 30, 30]])
    expected = [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert box_iou(boxes, boxes).tolist() == expected


def test_on_a_real_picture() -> None:
    data = pytest.importorskip("skimage.data")
    for name in ("open_face", "open_person"):
        real_weights(name)
    one = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    two = np.concatenate([one, one], axis=1)
    faces, persons = load_model("open_face")(two), load_model("open_person", confidence_threshold=0.3)(two)
    persons = persons[np.array([name == "person" for name in persons.names()], bool)]
    assert len(faces) == 2
    owners = faces_of_persons(faces, persons)
    assert len(set(owners.tolist()) - {-1}) == 2
    for face, owner in zip(faces.boxes, owners, strict=True):
        assert persons.boxes[owner][0] < face[0] and face[2] < persons.boxes[owner][2]
