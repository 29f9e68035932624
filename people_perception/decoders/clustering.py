# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Weighted DBSCAN on boxes: the clusters of scikit-learn, without its matrix of all distances.

Boxes that can be neighbours lie close together in x, so the boxes are sorted by their left side and each block of
them is compared with the window that it can reach. Where many of a block's pairs are neighbours (the cells on one
person) they stay a boolean matrix; where few are they become a list of pairs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK = 96  # rows of a block: few calls, and matrices that fit the second-level cache
_DENSE = 16  # neighbours per row above which the matrix is cheaper than the list of pairs
_LATER = np.triu(np.ones((_BLOCK, _BLOCK), bool), 1)

Indices = NDArray[np.intp]
Pairs = tuple[Indices, Indices]


class _Block(NamedTuple):
    """Which of the boxes ``columns`` are neighbours of the first of them, ``rows``.

    Attributes:
        adjacent: (R, C) bool, set only where the row comes before the column.
    """

    rows: slice
    columns: slice
    adjacent: NDArray[np.bool_]

    def pairs(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The two boxes of each pair that is set in ``chosen``, a matrix of this block's shape."""
        row, column = np.divmod(chosen.ravel().nonzero()[0], chosen.shape[1])
        return row + self.rows.start, column + self.rows.start


def dbscan(
    boxes: NDArray[np.floating],
    weights: NDArray[np.floating],
    eps: float,
    min_samples: float,
    groups: NDArray[np.integer] | None = None,
) -> Indices:
    """The cluster of each box, as scikit-learn's DBSCAN with ``sample_weight`` numbers them; -1 is noise.

    The distance of two boxes is TAO's, 1 - intersection / (union + 0.01), in the type of ``boxes``. Boxes at most
    ``eps`` + 1e-12 apart are neighbours (a box too small or without area is not even its own). A box whose neighbours
    weigh ``max(int(min_samples), 1)`` or more is a core; cores that are neighbours share a cluster. Clusters are
    numbered by their first core, and a box that is no core joins the first cluster that has a core next to it: the
    order of the boxes decides.

    Args:
        boxes: (N, 4) x1, y1, x2, y2, finite.
        weights: (N,) not negative.
        eps: 0 or more, below 1.
        min_samples: see above.
        groups: (N,) ascending integers; boxes of different groups are never neighbours. One group when None.

    Returns:
        (N,) cluster numbers.
    """
    labels = np.full(len(boxes), -1, np.intp)
    corners = np.ascontiguousarray(boxes.T)
    radius = corners.dtype.type(eps + 1e-12)
    order, key = _sweep_order(corners, groups)
    corners, weights = corners[:, order], weights[order]
    x1, y1, x2, y2 = corners
    area = (x2 - x1) * (y2 - y1)
    blocks, pairs = _neighbours(corners, area, radius, key, None if groups is None else groups[order])
    own = 1 - area / (area + area.dtype.type(0.01)) <= radius
    core = _cores(blocks, pairs, own, weights, max(int(min_samples), 1), order)
    inside = core.nonzero()[0]
    if len(inside) == 0:
        return labels
    root = _components(blocks, pairs, core)

    inside = inside[order[inside].argsort()]
    roots, places = root[inside], np.arange(len(inside))
    first = np.empty(len(order), np.intp)
    first[roots[::-1]] = places[::-1]  # of several assignments the last one stays: the first core of each cluster
    first = first[roots]
    swept = np.full(len(order), -1, np.intp)
    swept[inside] = ((first == places).cumsum() - 1)[first]
    if len(inside) < len(order):
        _add_border(swept, blocks, pairs, core)
    labels[order] = swept
    return labels


def _sweep_order(
    corners: NDArray[np.floating], groups: NDArray[np.integer] | None
) -> tuple[Indices, NDArray[np.float64]]:
    """The boxes that can have neighbours, group after group and from left to right, and their place on that line."""
    x1, y1, x2, y2 = corners
    width = x2 - x1
    # A box without area overlaps nothing; networks that see noise predict many, also inverted ones. One of a million
    # kilometres comes from a network that is broken, and would blur the line.
    order = ((width > 0) & (width < 1e9) & (y2 > y1)).nonzero()[0]
    left = x1[order]
    if groups is None or len(order) == 0:
        by_left = left.argsort()
        return order[by_left], left[by_left].astype(np.float64)
    groups = groups[order]
    begins = [0, *((groups[1:] != groups[:-1]).nonzero()[0] + 1).tolist(), len(order)]
    by_left = np.concatenate([left[i:j].argsort() + i for i, j in pairwise(begins)])
    span = float(x2[order].max()) - float(left.min()) + 1.0
    return order[by_left], left[by_left] + groups * span


def _neighbours(
    corners: NDArray[np.floating],
    area: NDArray[np.floating],
    radius: np.floating,
    key: NDArray[np.float64],
    groups: NDArray[np.integer] | None,
) -> tuple[list[_Block], Pairs]:
    """Compare each block of boxes with all that it can reach.

    Returns:
        The blocks with many neighbours, and the pairs of neighbours in the other blocks.
    """
    x1, y1, x2, y2 = corners
    width = x2 - x1
    # IoU >= 1 - eps needs a common width of (1 - eps) of either box, so the other begins within eps of the width.
    # The hundred-thousandth covers the rounding of the distance.
    reach = key + width * (float(radius) + 1e-5)
    starts = range(0, len(key), _BLOCK)
    ends = key.searchsorted(np.maximum.reduceat(reach, starts), "right").tolist() if len(key) else []
    widest = max((end - start for start, end in zip(starts, ends, strict=True)), default=0) + _BLOCK
    zeros = np.zeros(min(_BLOCK, len(key)) * widest, area.dtype)
    one, hundredth = area.dtype.type(1), area.dtype.type(0.01)
    blocks: list[_Block] = []
    pairs: list[Pairs] = []
    for start, end in zip(starts, ends, strict=True):
        stop = min(start + _BLOCK, len(key))
        rows, columns = slice(start, stop), slice(start, max(stop, end))
        # The same decisions bit for bit as the reference's, in its type. Of two boxes in this order the second has the
        # larger x1. Clamping one side is enough: what is negative is no neighbour.
        overlap = np.subtract(x2[rows, None], x1[columns])
        np.minimum(overlap, width[columns], out=overlap)
        np.maximum(overlap, zeros[: overlap.size].reshape(overlap.shape), out=overlap)
        other = np.minimum(y2[rows, None], y2[columns])
        other -= np.maximum(y1[rows, None], y1[columns])
        overlap *= other
        np.add(area[rows, None], area[columns], out=other)
        other -= overlap
        other += hundredth
        overlap /= other
        np.subtract(one, overlap, out=overlap)
        adjacent = overlap <= radius
        adjacent[:, : stop - start] &= _LATER[: stop - start, : stop - start]
        if groups is not None and groups[start] != groups[stop - 1]:
            adjacent &= groups[rows, None] == groups[columns]
        block = _Block(rows, columns, adjacent)
        if np.count_nonzero(adjacent) > _DENSE * len(adjacent):
            blocks.append(block)
        else:
            pairs.append(block.pairs(adjacent))
    return blocks, _concatenate(pairs)


def _cores(
    blocks: list[_Block],
    pairs: Pairs,
    own: NDArray[np.bool_],
    weights: NDArray[np.floating],
    min_weight: int,
    order: Indices,
) -> NDArray[np.bool_]:
    """Which boxes have neighbours, themselves included, that weigh enough."""
    one, other = pairs
    total = np.multiply(weights, own, dtype=np.float64)
    if len(one):
        total += np.bincount(one, weights[other], len(own))
        total += np.bincount(other, weights[one], len(own))
    for block in blocks:
        matrix = block.adjacent.astype(weights.dtype)
        total[block.rows] += matrix @ weights[block.columns]
        total[block.columns] += weights[block.rows] @ matrix
    core = total >= min_weight
    # Close to the limit the order of the summation decides; sum those in the reference's order and type.
    for k in (np.abs(total - min_weight) < 1e-4 * min_weight).nonzero()[0]:
        near = [np.array([k] if own[k] else [], np.intp), other[one == k], one[other == k]]
        for block in blocks:
            row, column = block.pairs(block.adjacent)
            near += [column[row == k], row[column == k]]
        members = np.concatenate(near)
        core[k] = weights[members[order[members].argsort()]].sum() >= min_weight
    return core


def _components(blocks: list[_Block], pairs: Pairs, core: NDArray[np.bool_]) -> Indices:
    """The root of each core: cores that a chain of neighbouring cores joins have the same one."""
    one, other = pairs
    both = core[one] & core[other]
    joined = [(one[both], other[both])]
    matrices = [b.adjacent & core[b.rows, None] & core[b.columns] for b in blocks]
    for block, matrix in zip(blocks, matrices, strict=True):
        # Each column's first neighbour joins nearly all of a dense cluster; what is left is found below.
        first = matrix.argmax(axis=0)
        found = matrix[first, np.arange(len(first))].nonzero()[0]
        joined.append((first[found] + block.rows.start, found + block.rows.start))
    root = _join(np.arange(len(core)), *_concatenate(joined))
    apart = [m & (root[b.rows, None] != root[b.columns]) for b, m in zip(blocks, matrices, strict=True)]
    left = [b.pairs(m) for b, m in zip(blocks, apart, strict=True) if m.any()]
    if left:
        one, other = _concatenate(left)
        root = _join(root, root[one], root[other])
    return root


def _join(root: Indices, i: Indices, j: Indices) -> Indices:
    """The roots after the trees of each two roots i, j are merged; a root is the smallest index of its tree."""
    while len(i):
        # Where several pairs hook the same root, the first of them wins; the others are seen again in the next round.
        root[np.maximum(i, j)[::-1]] = np.minimum(i, j)[::-1]
        above = root[root]
        while (above != root).any():
            root, above = above, above[above]
        i, j = root[i], root[j]
        different = i != j
        i, j = i[different], j[different]
    return root


def _add_border(labels: Indices, blocks: list[_Block], pairs: Pairs, core: NDArray[np.bool_]) -> None:
    """Give each box that has a core as neighbour, and is none, the smallest number among those cores', in place."""
    one, other = pairs
    mixed = core[one] != core[other]
    border = [(one[mixed], other[mixed])]
    border += [b.pairs(b.adjacent & (core[b.rows, None] != core[b.columns])) for b in blocks]
    one, other = _concatenate(border)
    if len(one) == 0:
        return
    inside, outside = np.where(core[one], one, other), np.where(core[one], other, one)
    descending = np.argsort(-labels[inside], kind="stable")
    labels[outside[descending]] = labels[inside[descending]]  # the last assignment, the smallest number, stays


def _concatenate(pairs: list[Pairs]) -> Pairs:
    if len(pairs) == 1:
        return pairs[0]
    if not pairs:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
