# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What several models found in one image, brought together: whose face it is, which mask belongs to which box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from people_perception.results import Detections

_INSIDE = 0.7
"""Part of a face that must lie in the person's box; a box that cuts the hair or the chin off still holds its face."""
_HEAD = 0.3
"""How far below the top of a person's box the middle of the face is, as part of the box's width: the head of somebody
standing is about an eighth of the height, and the box 0.3 to 0.5 of the height wide."""
_FARTHEST = 1.0
"""Box widths by which a face may be away from there."""


def box_iou(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """(N, M) intersection over union of boxes (N, 4) and (M, 4); 0 where neither has an area."""
    a, b = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    overlap = _intersection(a, b)
    union = _area(a) + _area(b) - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def faces_of_persons(faces: Detections, persons: Detections) -> NDArray[np.int64]:
    """(N,) the index of the person of each face, -1 for a face without one.

    A face belongs to a person in whose box at least 70 % of it lies, and near the middle of the box's top. Where
    several fit, the nearest pair comes first, and each person has one face at most.

    Args:
        faces: N faces.
        persons: M persons of the same image; whoever is no person must be left out.
    """
    inside = _intersection(faces.boxes[:, None].astype(np.float64), persons.boxes[None].astype(np.float64))
    areas = _area(faces.boxes.astype(np.float64))[:, None]
    width = np.maximum(persons.boxes[:, 2] - persons.boxes[:, 0], 1e-6)
    heads = np.stack([(persons.boxes[:, 0] + persons.boxes[:, 2]) / 2, persons.boxes[:, 1] + _HEAD * width], axis=1)
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    distance = np.linalg.norm(middles[:, None] - heads[None], axis=2) / width
    fits = (inside >= _INSIDE * areas) & (areas > 0) & (distance <= _FARTHEST)
    return best_pairs(np.where(fits, -distance, -np.inf), -_FARTHEST)


def same_persons(found: Detections, others: Detections, iou: float = 0.5) -> NDArray[np.int64]:
    """(N,) the index among ``others`` of what each of ``found`` is too, -1 for none; one to one, best overlap first.

    Args:
        found: N detections, such as PeopleNet's.
        others: of the same image, such as the boxes of instances, whose masks then belong to ``found``.
        iou: the least overlap of two boxes, which must have the same label.
    """
    overlap = box_iou(found.boxes, others.boxes)
    same = np.array(found.names(), object)[:, None] == np.array(others.names(), object)[None]
    return best_pairs(np.where(same, overlap, -np.inf), iou)


def best_pairs(score: NDArray, least: float) -> NDArray[np.int64]:
    """(N,) the column of each row of (N, M): the best pair first, one to one, -1 where none of ``least`` is left."""
    partners = np.full(len(score), -1, np.int64)
    score = np.array(score, np.float64)
    while score.size:
        row, column = np.unravel_index(score.argmax(), score.shape)
        if score[row, column] < least:
            break
        partners[row] = column
        score[row], score[:, column] = -np.inf, -np.inf
    return partners


def _intersection(a: NDArray, b: NDArray) -> NDArray:
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.clip(sides, 0, None).prod(axis=-1)


def _area(boxes: NDArray) -> NDArray:
    return np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1)
