# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes and masks against the truth: matches, precision, recall, accuracy, IoU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from people_perception.results import Detections

IOU = 0.5
"""A detection is right when its IoU with a true box is at least this."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is really in one image.

    Attributes:
        boxes: (M, 4) float32, x1, y1, x2, y2 in source pixels.
        class_ids: (M,) int64, index into the model's labels.
        crowd: (M,) bool: the box is a crowd that nobody counted. What is found in it is neither right nor wrong.
    """

    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    crowd: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Matches:
    """Which detections are right.

    Attributes:
        hits: (N,) bool, true positives.
        ignored: (N,) bool, in a crowd. What is neither is a false positive.
        missed: (M,) bool, the false negatives among the true boxes.
    """

    hits: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    missed: NDArray[np.bool_]

    @property
    def false_alarms(self) -> NDArray[np.bool_]:
        """(N,) bool, false positives."""
        return ~(self.hits | self.ignored)


def match(found: Detections, truth: Truth, iou: float = IOU) -> Matches:
    """Detections paired with true boxes of their class, the surest first, each with the best box that is left.

    As COCO does: a crowd takes any number of detections that lie in it by ``iou`` of their area, after the real boxes.
    """
    hits = np.zeros(len(found), bool)
    ignored = np.zeros(len(found), bool)
    taken = np.zeros(len(truth.boxes), bool)
    overlap = box_overlap(found.boxes, truth.boxes, truth.crowd)
    overlap[found.class_ids[:, None] != truth.class_ids[None, :]] = 0.0
    for i in np.argsort(-found.scores, kind="stable"):
        real = np.where(taken | truth.crowd, 0.0, overlap[i])
        best = int(real.argmax()) if real.size else -1
        if best >= 0 and real[best] >= iou:
            hits[i] = taken[best] = True
        else:
            ignored[i] = bool((overlap[i][truth.crowd] >= iou).any())
    return Matches(hits, ignored, ~(taken | truth.crowd))


def box_overlap(boxes: NDArray, truth: NDArray, crowd: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, M) IoU of boxes (N, 4) and (M, 4); with a crowd the part of the box that lies in it."""
    a, b = np.asarray(boxes, np.float64)[:, None], np.asarray(truth, np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    inside = np.maximum(sides, 0.0).prod(axis=-1)
    area_a, area_b = (np.maximum(x[..., 2:] - x[..., :2], 0.0).prod(axis=-1) for x in (a, b))
    whole = np.where(crowd, area_a, area_a + area_b - inside)
    return np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0)


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives, and what the model cards make of them."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )

    @property
    def precision(self) -> float | None:
        """The part of the detections that is right; None without detections."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """The part of the true boxes that is found; None without true boxes."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def accuracy(self) -> float | None:
        """TP / (TP + FP + FN); None where there is nothing to find and nothing was found."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)


def count(matches: Matches, found: Detections, truth: Truth, class_id: int) -> Counts:
    """The counts of one class in one image."""
    detected, true = found.class_ids == class_id, truth.class_ids == class_id
    return Counts(
        int((matches.hits & detected).sum()),
        int((matches.false_alarms & detected).sum()),
        int((matches.missed & true).sum()),
    )


def confusion(
    truth: NDArray[np.uint8], mask: NDArray[np.uint8], counted: NDArray[np.bool_], classes: int
) -> NDArray[np.int64]:
    """(classes, classes) pixels by true class (row) and found class (column), of the pixels that count."""
    if truth.shape != mask.shape:
        raise ValueError(f"the mask is {mask.shape} and the truth {truth.shape}; expected one size")
    pairs = truth[counted].astype(np.int64) * classes + mask[counted]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def class_iou(confusion: NDArray[np.int64]) -> list[float | None]:
    """The IoU of each class over all pixels of a confusion matrix; None for a class that is nowhere."""
    inside = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - inside
    return [_ratio(int(i), int(u)) for i, u in zip(inside, union, strict=True)]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
