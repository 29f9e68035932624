# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Greedy non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 64  # one machine word of flags per row, and matrices that stay in the cache


@np.errstate(invalid="ignore")  # the IoU of two boxes without area is 0 / 0, which is above nothing
def nms(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    iou_threshold: float,
    plus_one: bool = False,
    top_k: int | None = None,
) -> NDArray[np.int64]:
    """The boxes that no better box overlaps by more than ``iou_threshold``.

    A box is suppressed when its IoU with a kept one is above (not at) the threshold. Of equal scores the earlier box
    counts as the better one. The arithmetic is done in the type of ``boxes``, so float32 gives DeepStream's decisions.

    Args:
        boxes: (N, 4) x1, y1, x2, y2 with x2 >= x1 and y2 >= y1.
        scores: (N,), without NaN.
        iou_threshold: 0 to 1.
        plus_one: coordinates are those of the first and last pixel, so that a box is x2 - x1 + 1 wide, as in TAO.
        top_k: stop after so many boxes; the result is the beginning of the full one.

    Returns:
        (K,) int64 indices, best score first.
    """
    order = np.negative(scores).argsort(kind="stable")
    if len(order) < 2:
        return order[:top_k]
    low_high = np.asarray(boxes)[order].T.copy()
    if plus_one:
        low_high[2:] += 1  # a pixel further: then every width is a difference
    extent = low_high[2:] - low_high[:2]
    area = extent[0] * extent[1]
    kept = np.empty(0, np.intp)  # positions in `order`
    for start in range(0, len(order), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(order)))
        if len(kept):
            block = block[~_overlapping(low_high, area, kept, block, iou_threshold).any(axis=0)]
        block = block[_greedy(_overlapping(low_high, area, block, block, iou_threshold))]
        kept = np.concatenate([kept, block])
        if top_k is not None and len(kept) >= top_k:
            break
    return order[kept[:top_k]]


def _overlapping(
    low_high: NDArray[np.floating],
    area: NDArray[np.floating],
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    iou_threshold: float,
) -> NDArray[np.bool_]:
    """(len(a), len(b)): whether the IoU of boxes ``a`` and ``b`` is above the threshold."""
    ax1, ay1, ax2, ay2 = low_high[:, a, None]
    bx1, by1, bx2, by2 = low_high[:, None, b]
    overlap = np.minimum(ax2, bx2)
    overlap -= np.maximum(ax1, bx1)
    height = np.minimum(ay2, by2)
    height -= np.maximum(ay1, by1)
    overlap[height < 0] = 0
    overlap *= height
    union = np.add(area[a, None], area[b])
    union -= overlap
    overlap /= union
    return overlap > iou_threshold


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
