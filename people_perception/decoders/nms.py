# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 64  # one machine word of flags per row, and matrices that stay in the cache


def nms(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    iou_threshold: float,
    plus_one: bool = False,
    top_k: int | None = None,
) -> NDArray[np.int64]:
    """The boxes that no better box overlaps by more than ``iou_threshold``.

    A box is suppressed when its IoU with a kept one is above (not at) the threshold. Of equal scores the earlier box counts
    as the better one. The arithmetic is done in the type of ``boxes``, so float32 gives DeepStream's decisions.

    Args:
        boxes: (N, 4) x1, y1, x2, y2 with x2 >= x1 and y2 >= y1.
        scores: (N,), without NaN.
        iou_threshold: 0 to 1.
        plus_one: coordinates are those of the first and last pixel, so that a box is x2 - x1 + 1 wide, as in TAO.
        top_k: stop after so many boxes; the result is the beginning of the full one.

    Returns:
        (K,) int64 indices, best score first.
    """
    boxes = np.asarray(boxes)
    order = np.argsort(-np.asarray(scores), kind="stable")
    limit = len(order) if top_k is None else top_k
    kept = np.empty(0, np.int64)
    kept_boxes = boxes[:0]
    for start in range(0, len(order), _BLOCK):
        if len(kept) >= limit:
            break
        block = order[start : start + _BLOCK]
        if len(kept):
            block = block[~_overlapping(kept_boxes, boxes[block], iou_threshold, plus_one).any(axis=0)]
        block = block[_greedy(_overlapping(boxes[block], boxes[block], iou_threshold, plus_one))]
        kept = np.concatenate([kept, block])
        kept_boxes = boxes[kept]
    return kept[:limit]


def _overlapping(a: NDArray, b: NDArray, iou_threshold: float, plus_one: bool) -> NDArray[np.bool_]:
    """(len(a), len(b)): whether the IoU of the two boxes is above the threshold."""
    ax1, ay1, ax2, ay2 = a.T[:, :, None]
    bx1, by1, bx2, by2 = b.T[:, None, :]
    one = a.dtype.type(plus_one)
    width = np.minimum(ax2, bx2) - np.maximum(ax1, bx1) + one
    height = np.minimum(ay2, by2) - np.maximum(ay1, by1) + one
    overlap = np.maximum(width, 0) * np.maximum(height, 0)
    union = (ax2 - ax1 + one) * (ay2 - ay1 + one) + (bx2 - bx1 + one) * (by2 - by1 + one) - overlap
    with np.errstate(invalid="ignore"):  # two boxes without area: 0 / 0, which is above nothing
        return overlap / union > iou_threshold


def _greedy(overlapping: NDArray[np.bool_]) -> list[int]:
    """The rows that survive when each surviving row removes the later ones it overlaps; at most 64 rows."""
    n = len(overlapping)
    flags = np.zeros((n, _BLOCK), bool)
    flags[:, :n] = overlapping
    rows = np.packbits(flags, axis=1, bitorder="little").view("<u8")[:, 0].tolist()
    removed = 0
    kept = []
    for i, row in enumerate(rows):
        if not removed >> i & 1:
            kept.append(i)
            removed |= row
    return kept
