# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the overlay draws where several models found the same person."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.results import Detections
from people_perception.ros.overlay import draw_masks, without_repeated


def detections(*rows: tuple[str, float, float, float, float]) -> Detections:
    labels = tuple(dict.fromkeys(row[0] for row in rows))
    return Detections(
        np.array([row[1:] for row in rows], np.float32).reshape(-1, 4),
        np.ones(len(rows), np.float32),
        np.array([labels.index(row[0]) for row in rows], np.int64),
        labels,
    )


def test_a_person_that_is_an_instance_is_not_boxed_twice() -> None:
    found = detections(
        ("person", 10, 10, 50, 90), ("person", 200, 10, 240, 90), ("bag", 11, 10, 50, 90), ("person", 10, 10, 50, 40)
    )
    instances = detections(("person", 12, 10, 52, 92))
    left = without_repeated(found, instances)
    assert left.names() == ["person", "bag", "person"]
    assert left.boxes[:, 0].tolist() == [200, 11, 10]


@pytest.mark.parametrize(
    ("found", "instances"), [((), (("person", 0, 0, 9, 9),)), ((("person", 0, 0, 9, 9),), ()), ((), ())]
)
def test_nothing_on_either_side(found: tuple, instances: tuple) -> None:
    assert len(without_repeated(detections(*found), detections(*instances))) == len(found)


def test_every_pixel_is_filled_once() -> None:
    semantic = np.zeros((40, 60), np.uint8)
    semantic[:, 10:40] = 1
    instances = np.zeros((40, 60), np.uint16)
    instances[:, 20:50] = 2
    both = np.full((40, 60, 3), 100, np.uint8)
    draw_masks(both, semantic, instances, 0.5)
    alone = np.full((40, 60, 3), 100, np.uint8)
    draw_masks(alone, None, instances, 0.5)
    assert np.array_equal(both[:, 20:], alone[:, 20:])
    assert (both[:, :10] == 100).all()
    assert (both[:, 10:20] != 100).any()
