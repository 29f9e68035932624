# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How far two results of one frame lie apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from people_perception.evaluation.metrics import box_overlap
from people_perception.results import Detections

_NOTABLE_IOU = 0.9995
"""What is closer than that is the same to a person."""


class Pair(NamedTuple):
    """Box ``a`` of one result and box ``b`` of the other one, which are the same thing."""

    a: int
    b: int
    iou: float


@dataclass(frozen=True)
class BoxDifference:
    """Boxes of one frame.

    Attributes:
        pairs: what both have.
        lost: indices of what only the first has.
        found: indices of what only the second has.
        score_changes: second less first, of each pair.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[int, ...]
    found: tuple[int, ...]
    score_changes: tuple[float, ...]

    @property
    def badness(self) -> float:
        """Orders frames: first by boxes without a partner, then by how far partners lie apart."""
        apart = max((1.0 - pair.iou for pair in self.pairs), default=0.0)
        changed = max(map(abs, self.score_changes), default=0.0)
        return len(self.lost) + len(self.found) + 0.5 * (apart + min(changed, 1.0))

    def describe(self) -> str:
        """In words."""
        parts = [f"{len(n)} {word}" for n, word in ((self.lost, "lost"), (self.found, "found")) if n]
        lowest = min((pair.iou for pair in self.pairs), default=1.0)
        if lowest < _NOTABLE_IOU:
            parts.append(f"box IoU from {lowest:.3f}")
        change = max(map(abs, self.score_changes), default=0.0)
        if change > 1 - _NOTABLE_IOU or not parts:
            parts.append(f"scores changed by up to {change:.3g}")
        return ", ".join(parts)


def compare_boxes(a: Detections, b: Detections, iou: float) -> BoxDifference:
    """Boxes of one class that overlap by at least ``iou``, the best pairs first, each box once.

    Args:
        a, b: of one frame, with class ids that mean the same in both.
        iou: from which on two boxes are one thing.
    """
    overlap = box_overlap(a.boxes, b.boxes, np.zeros(len(b), bool))
    overlap[a.class_ids[:, None] != b.class_ids[None, :]] = 0.0
    pairs = [Pair(i, j, float(overlap[i, j])) for i, j in _best_first(overlap, iou)]
    pairs.sort()
    lost = sorted(set(range(len(a))) - {pair.a for pair in pairs})
    found = sorted(set(range(len(b))) - {pair.b for pair in pairs})
    changes = tuple(float(b.scores[pair.b]) - float(a.scores[pair.a]) for pair in pairs)
    return BoxDifference(tuple(pairs), tuple(lost), tuple(found), changes)


def class_mask_iou(a: NDArray, b: NDArray) -> float:
    """The mean IoU of the classes that are in either of two masks of class ids (H, W); 1 where nobody is in either."""
    shares = _overlaps(a, b)
    present = {*np.flatnonzero(shares.area_a), *np.flatnonzero(shares.area_b)} - {0}
    ious = [shares.iou(int(i), int(i)) for i in sorted(present)]
    return sum(ious) / len(ious) if ious else 1.0


def instance_mask_iou(a: NDArray, b: NDArray) -> float:
    """The mean IoU of the instances of two masks of ids (H, W), which may be numbered differently.

    The best pairs come first, an instance without a partner counts 0, and two masks without any are the same: 1.
    """
    shares = _overlaps(a, b)
    in_a, in_b = (np.flatnonzero(area[1:]) + 1 for area in (shares.area_a, shares.area_b))
    if not (len(in_a) or len(in_b)):
        return 1.0
    ious = np.array([[shares.iou(int(i), int(j)) for j in in_b] for i in in_a]).reshape(len(in_a), len(in_b))
    return sum(float(ious[i, j]) for i, j in _best_first(ious, 1e-9)) / max(len(in_a), len(in_b))


class _Overlaps(NamedTuple):
    """Pixels of each pair of ids, of each id of the first mask, and of each id of the second one."""

    both: NDArray[np.int64]
    area_a: NDArray[np.int64]
    area_b: NDArray[np.int64]

    def iou(self, i: int, j: int) -> float:
        if i >= len(self.area_a) or j >= len(self.area_b):
            return 0.0
        inside = self.both[i, j]
        union = self.area_a[i] + self.area_b[j] - inside
        return float(inside / union) if union else 0.0


def _overlaps(a: NDArray, b: NDArray) -> _Overlaps:
    if a.shape != b.shape:
        raise ValueError(f"one mask is {a.shape}, the other one {b.shape}; expected one size")
    # Ids are small numbers but may have gaps; instance ids count from 1.
    columns = int(b.max(initial=0)) + 1
    rows = int(a.max(initial=0)) + 1
    both = np.bincount(a.astype(np.int64).ravel() * columns + b.ravel(), minlength=rows * columns)
    both = both.reshape(rows, columns)
    return _Overlaps(both, both.sum(axis=1), both.sum(axis=0))


def _best_first(values: NDArray, least: float) -> list[tuple[int, int]]:
    """(row, column) of the highest values, each row and each column once; what is below ``least`` is left out."""
    chosen: list[tuple[int, int]] = []
    rows: set[int] = set()
    columns: set[int] = set()
    for index in np.argsort(-values, axis=None, kind="stable"):
        i, j = divmod(int(index), values.shape[1])
        if values[i, j] < least:
            break
        if i not in rows and j not in columns:
            chosen.append((i, j))
            rows.add(i)
            columns.add(j)
    return chosen
