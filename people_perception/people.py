# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Everybody in one image: what several models found, as one list of persons with their faces and their masks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from people_perception.association import faces_of_persons, same_persons
from people_perception.errors import PerceptionError
from people_perception.results import Detections

PERSON, FACE = "person", "face"
_LARGEST = 65535
"""The largest id that fits into a mask of 16 bits. Tracks take the lower half, see `tracking.LARGEST_NUMBER`."""


@dataclass(frozen=True, eq=False)
class People:
    """Everybody in one image.

    Attributes:
        persons: N persons; ``track_ids`` are their ids, each once, 1 to 65535.
        faces: M faces; ``track_ids`` are the ids of the persons that they belong to, -1 where that is unknown.
        instance_ids: (K,) the id of the person whom each of K instances is, 0 for what is no person.
    """

    persons: Detections
    faces: Detections
    instance_ids: NDArray[np.int64]


def join_people(
    detections: Detections | None = None, faces: Detections | None = None, instances: Detections | None = None
) -> People:
    """One list of what models found in one image.

    A person is whom ``detections`` or ``instances`` show, once if both do; then the box and the score are those of
    ``detections``. So it is with the faces of ``faces`` and of ``detections``, where those of ``faces`` come first. See
    `same_persons` for who is the same, and `faces_of_persons` for whose face it is.

    The id of a person is the track's in ``detections``; without ``detections`` that in ``instances``. Whoever has none
    gets one that is valid in this image only, from 65535 downwards.

    Args:
        detections: persons, and perhaps faces and other things, which are left out; None where no such model runs.
        faces: faces, whatever their label.
        instances: persons whose ``track_ids`` are the values of their pixels in a mask.

    Raises:
        PerceptionError: an id is given twice, or does not fit into a mask.
    """
    found, seen = _only(detections, PERSON), _only(instances, PERSON)
    partners = same_persons(found, seen)
    alone = np.setdiff1d(np.arange(len(seen)), partners)
    unseen = seen[alone]
    if detections is not None:
        unseen = replace(unseen, track_ids=np.full(len(alone), -1))
    persons = _numbered(_together(found, unseen))
    ids = _ids(persons)
    instance_ids = np.zeros(0 if instances is None else len(instances), np.int64)
    person_of = np.empty(len(seen), np.int64)
    person_of[partners[partners >= 0]] = np.flatnonzero(partners >= 0)
    person_of[alone] = len(found) + np.arange(len(alone))
    if instances is not None:
        instance_ids[_rows(instances, PERSON)] = ids[person_of]

    own, others = _all(faces, FACE), _only(detections, FACE)
    shown = _together(own, others[same_persons(others, own) < 0])
    owners = faces_of_persons(shown, persons)
    shown = replace(shown, track_ids=np.append(ids, -1)[owners])  # an owner of -1 takes the last
    return People(persons, shown, instance_ids)


def renumbered(mask: NDArray[np.uint16], old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[np.uint16]:
    """A mask (H, W) of ids with ``new`` (K,) in place of ``old`` (K,), and 0 for every other id."""
    table = np.zeros(_LARGEST + 1, np.uint16)
    table[old] = new
    return np.take(table, mask)


def _rows(found: Detections, label: str) -> NDArray[np.int64]:
    return np.flatnonzero(np.array([name == label for name in found.names()], bool))


def _only(found: Detections | None, label: str) -> Detections:
    """What has a label."""
    return _all(None if found is None else found[_rows(found, label)], label)


def _all(found: Detections | None, label: str) -> Detections:
    """Everything, by one label, with a track of -1 where there is none."""
    if found is None:
        found = Detections.empty((label,))
    n = len(found)
    tracks = np.full(n, -1, np.int64) if found.track_ids is None else found.track_ids
    return Detections(found.boxes, found.scores, np.zeros(n, np.int64), (label,), tracks)


def _ids(found: Detections) -> NDArray[np.int64]:
    assert found.track_ids is not None
    return found.track_ids


def _together(first: Detections, second: Detections) -> Detections:
    parts = ((a.boxes, a.scores, a.class_ids, _ids(a)) for a in (first, second))
    boxes, scores, class_ids, ids = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    return Detections(boxes, scores, class_ids, first.labels, ids)


def _numbered(persons: Detections) -> Detections:
    """Persons with an id each; those without one get the largest that are free."""
    ids = _ids(persons).copy()
    known = ids[ids >= 0]
    if len(known) != len(set(known.tolist())):
        raise PerceptionError(f"an id is given twice among {known.tolist()}; do two nodes publish on one topic?")
    if len(known) and not (known.min() >= 1 and known.max() <= _LARGEST):
        raise PerceptionError(f"ids {known.tolist()}: expected 1 to {_LARGEST}, which fit into a mask")
    new = np.flatnonzero(ids < 0)
    free = (i for i in range(_LARGEST, 0, -1) if i not in known)
    ids[new] = list(itertools.islice(free, len(new)))
    return replace(persons, track_ids=ids)
