# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One list of persons from what several models say of one image."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.errors import PerceptionError
from people_perception.people import join_people, renumbered
from people_perception.results import Detections
from people_perception.tracking import LARGEST_NUMBER

LABELS = ("person", "bag", "face")
ANNA, BERT, CARL = (100, 100, 200, 400), (300, 100, 400, 400), (500, 100, 600, 400)


def face_of(person: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """In the middle of the box's top."""
    middle = (person[0] + person[2]) // 2
    return (middle - 15, person[1] + 10, middle + 15, person[1] + 50)


def shifted(box: tuple[int, int, int, int], by: int = 6) -> tuple[int, int, int, int]:
    return (box[0] + by, box[1] + by, box[2] + by, box[3] + by)


def seen(*boxes: tuple[int, int, int, int], label: int | list[int] = 0, ids: list[int] | None = None) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.linspace(0.9, 0.6, n, dtype=np.float32),
        np.broadcast_to(np.int64(label), n).copy(),
        LABELS,
        None if ids is None else np.array(ids, np.int64),
    )


def ids_of(found: Detections) -> list[int]:
    assert found.track_ids is not None
    return found.track_ids.tolist()


def test_a_person_of_two_models_is_one_with_the_box_and_the_id_of_the_detection() -> None:
    people = join_people(
        detections=seen(ANNA, BERT, ids=[4, 9]), instances=seen(shifted(BERT), shifted(ANNA), ids=[1, 2])
    )
    assert people.persons.boxes.tolist() == [list(ANNA), list(BERT)]
    assert people.persons.names() == ["person", "person"]
    assert ids_of(people.persons) == [4, 9]
    assert people.instance_ids.tolist() == [9, 4]


def test_nobody_is_lost_whom_only_one_model_sees() -> None:
    people = join_people(detections=seen(ANNA, BERT, ids=[4, 9]), instances=seen(CARL, shifted(ANNA), ids=[1, 4]))
    assert people.persons.boxes.tolist() == [list(ANNA), list(BERT), list(CARL)]
    assert ids_of(people.persons) == [4, 9, 65535]
    assert people.instance_ids.tolist() == [65535, 4]


def test_whoever_has_no_track_has_an_id_of_this_image_that_no_track_can_have() -> None:
    people = join_people(detections=seen(ANNA, BERT, ids=[-1, 9]), instances=seen(CARL, ids=[9]))
    assert ids_of(people.persons) == [65535, 9, 65534]
    assert ids_of(join_people(detections=seen(ANNA, BERT)).persons) == [65535, 65534]
    crowd = seen(*[(i, 0, i + 1, 2) for i in range(1000)])
    assert min(ids_of(join_people(detections=crowd).persons)) > LARGEST_NUMBER


def test_an_id_from_elsewhere_is_not_given_again() -> None:
    assert ids_of(join_people(detections=seen(ANNA, BERT, CARL, ids=[65535, -1, 65533])).persons) == [
        65535,
        65534,
        65533,
    ]


def test_instances_alone_keep_their_ids() -> None:
    people = join_people(instances=seen(ANNA, BERT, ids=[7, 3]))
    assert ids_of(people.persons) == [7, 3]
    assert people.instance_ids.tolist() == [7, 3]


def test_a_face_has_the_id_of_its_person_and_one_of_nobody_none() -> None:
    people = join_people(
        detections=seen(ANNA, BERT, ids=[4, 9]), faces=seen(face_of(CARL), face_of(BERT), label=2, ids=[11, 12])
    )
    assert ids_of(people.faces) == [-1, 9]
    assert people.faces.names() == ["face", "face"]


def test_a_face_of_two_models_is_one_and_one_of_either_is_kept() -> None:
    detections = seen(ANNA, face_of(ANNA), BERT, face_of(BERT), CARL, label=[0, 2, 0, 2, 1], ids=[4, 5, 9, 10, 1])
    people = join_people(detections=detections, faces=seen(shifted(face_of(ANNA), 2), label=2))
    assert people.faces.boxes.tolist() == [list(shifted(face_of(ANNA), 2)), list(face_of(BERT))]
    assert ids_of(people.faces) == [4, 9]
    assert len(people.persons) == 2  # Carl's box is a bag


def test_an_instance_alone_owns_a_face_too() -> None:
    people = join_people(detections=seen(), faces=seen(face_of(CARL), label=2), instances=seen(CARL, ids=[1]))
    assert ids_of(people.persons) == ids_of(people.faces) == [65535]


def test_nobody_at_all() -> None:
    for sources in ({}, {"detections": seen()}, {"detections": seen(), "faces": seen(), "instances": seen()}):
        people = join_people(**sources)
        assert (len(people.persons), len(people.faces), len(people.instance_ids)) == (0, 0, 0)


def test_an_instance_that_is_no_person_has_no_id() -> None:
    people = join_people(instances=seen(ANNA, BERT, label=[1, 0], ids=[1, 2]))
    assert ids_of(people.persons) == [2]
    assert people.instance_ids.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("ids", "said"), [([5, 5], r"twice among \[5, 5\]"), ([70000, 1], "1 to 65535"), ([0, 1], "1 to 65535")]
)
def test_ids_that_a_mask_cannot_tell_apart(ids: list[int], said: str) -> None:
    with pytest.raises(PerceptionError, match=said):
        join_people(detections=seen(ANNA, BERT, ids=ids))


def test_a_mask_gets_the_ids_of_the_persons() -> None:
    mask = np.array([[0, 1, 2], [3, 65535, 2]], np.uint16)
    new = renumbered(mask, np.array([1, 2, 65535]), np.array([2, 65535, 7]))
    assert new.dtype == np.uint16
    assert new.tolist() == [[0, 2, 65535], [0, 7, 65535]]
