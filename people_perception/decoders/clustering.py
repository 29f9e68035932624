# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Weighted DBSCAN on boxes: the clusters of scikit-learn, without its matrix of all distances.

A few boxes are all compared with each other. Where there are more: boxes that can be neighbours lie close together in
x. So the boxes are sorted by their left side, and each is compared with the next one, the one after that, and so on as
far as any can reach: one vector operation compares all boxes with those so many places on. Where many of these pairs
are neighbours (the cells on one person) they stay a boolean matrix; where few are they become a list.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEW = 144  # boxes, up to which the matrix of all pairs is the quickest, as measured
_SIZE = 49152  # pairs in a band: few calls, and matrices that stay in the second-level cache

Indices = NDArray[np.intp]
Pairs = tuple[Indices, Indices]


class _Band(NamedTuple):
    """Which boxes from ``start`` on are neighbours of those ``ahead``, ``ahead`` + 1, ... places after them.

    Attributes:
        adjacent: (distances, boxes) bool.
    """

    start: int
    ahead: int
    adjacent: NDArray[np.bool_]

    @property
    def boxes(self) -> slice:
        return slice(self.start, self.start + self.adjacent.shape[1])

    def others(self, values: NDArray) -> NDArray:
        """What ``values`` says of the second box of each pair; anything for those beyond the last box."""
        padded = np.zeros(len(values) + len(self.adjacent), values.dtype)
        padded[: len(values)] = values
        return _shifted(padded, self.start + self.ahead, self.adjacent.shape)

    def pairs(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The two boxes of each pair that is set in ``chosen``, a matrix of this band's shape."""
        distance, box = np.divmod(chosen.ravel().nonzero()[0], chosen.shape[1])
        box += self.start
        distance += self.ahead
        distance += box
        return box, distance


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
    corners = np.ascontiguousarray(boxes.T)
    least_iou = _least_iou(eps + 1e-12, corners.dtype)
    least_weight = max(int(min_samples), 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # of pairs that do not count
        if len(boxes) <= _FEW:
            return _cluster_few(corners, weights, groups, least_iou, least_weight)
        return _cluster_many(corners, weights, groups, least_iou, least_weight)


@lru_cache(maxsize=16)
def _least_iou(radius: float, dtype: np.dtype) -> np.floating:
    """The smallest x for which 1 - x, rounded to ``dtype``, is at most ``radius``: comparing with it saves a step."""
    one, farthest = dtype.type(1), dtype.type(radius)
    low, high = dtype.type(0), one
    while low < (middle := dtype.type((low + high) / 2)) < high:  # numpy 1 would give float64
        low, high = (low, middle) if one - middle <= farthest else (middle, high)
    return high


def _cluster_few(
    corners: NDArray[np.floating],
    weights: NDArray[np.floating],
    groups: NDArray[np.integer] | None,
    least_iou: np.floating,
    least_weight: int,
) -> Indices:
    """As `dbscan`, by the matrix of all pairs."""
    labels = np.full(len(weights), -1, np.intp)
    adjacent = _adjacency(corners, groups, least_iou)
    total = adjacent.astype(weights.dtype) @ weights
    core = total >= least_weight
    for k in _close_to(total, least_weight):
        core[k] = weights[adjacent[k]].sum() >= least_weight
    inside = core.nonzero()[0]
    if len(inside) == 0:
        return labels
    joined = adjacent if len(inside) == len(core) else adjacent[inside][:, inside]
    places = np.arange(len(inside))
    np.fill_diagonal(joined, True)
    root = _flattened(joined.argmax(axis=1))  # each box's first neighbour joins nearly all of a dense cluster
    short = root.astype(np.int16)  # as few as `_FEW`
    apart = short[:, None] != short
    apart &= joined
    if apart.any():
        one, other = apart.nonzero()
        root = _join(root, root[one], root[other], np.minimum)
    number = ((root == places).cumsum() - 1)[root]  # a root is the first core of its cluster
    labels[inside] = number
    if len(inside) < len(core):
        outside = (~core).nonzero()[0]
        smallest = np.where(adjacent[outside][:, inside], number, len(core)).min(axis=1)
        near = smallest < len(core)
        labels[outside[near]] = smallest[near]
    return labels


def _adjacency(
    corners: NDArray[np.floating], groups: NDArray[np.integer] | None, least_iou: np.floating
) -> NDArray[np.bool_]:
    """(N, N): which boxes are neighbours."""
    x1, y1, x2, y2 = corners
    a1, b1, a2, b2 = corners[:, :, None]
    overlap = np.minimum(a2, x2)
    overlap -= np.maximum(a1, x1)
    np.maximum(overlap, 0, out=overlap)
    other = np.minimum(b2, y2)
    other -= np.maximum(b1, y1)
    np.maximum(other, 0, out=other)
    overlap *= other
    area = (x2 - x1) * (y2 - y1)
    np.add(area[:, None], area, out=other)
    other -= overlap
    other += area.dtype.type(0.01)
    overlap /= other
    adjacent = overlap >= least_iou
    if groups is not None:
        adjacent &= groups[:, None] == groups
    return adjacent


def _cluster_many(
    corners: NDArray[np.floating],
    weights: NDArray[np.floating],
    groups: NDArray[np.integer] | None,
    least_iou: np.floating,
    least_weight: int,
) -> Indices:
    """As `dbscan`, from left to right."""
    labels = np.full(len(weights), -1, np.intp)
    order, key = _sweep_order(corners, groups)
    n = len(order)
    if n == 0:
        return labels
    corners, weights = corners.take(order, axis=1), weights[order]  # rows that lie in one piece, unlike [:, order]
    bands, pairs, own = _neighbours(corners, least_iou, key)
    core = _cores(bands, pairs, own, weights, least_weight, order)
    inside = core.nonzero()[0]
    if len(inside) == 0:
        return labels
    root, border = _components(bands, pairs, core)

    inside = inside[order[inside].argsort()]
    roots, places = root[inside], np.arange(len(inside))
    first = np.empty(n, np.intp)
    first[roots[::-1]] = places[::-1]  # of several assignments the last one stays: the first core of each cluster
    first = first[roots]
    swept = np.full(n, -1, np.intp)
    swept[inside] = ((first == places).cumsum() - 1)[first]
    _add_border(swept, border, core)
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
    key = x1[order].astype(np.float64)
    if groups is not None and len(order):
        key += groups[order] * (float(x2[order].max()) - float(key.min()) + 1.0)
    by_left = key.argsort()
    return order[by_left], key[by_left]


def _neighbours(
    corners: NDArray[np.floating], least_iou: np.floating, key: NDArray[np.float64]
) -> tuple[list[_Band], Pairs, NDArray[np.bool_]]:
    """Compare each box with all that it can reach.

    Returns:
        The bands with many neighbours, the pairs of neighbours in the other bands, and which boxes are their own
        neighbours.
    """
    n, (x1, y1, x2, y2) = len(key), corners
    width = x2 - x1
    area = width * (y2 - y1)
    hundredth = area.dtype.type(0.01)
    own = area / (area + hundredth) >= least_iou
    # An IoU needs a common width of as much of either box, so the other begins within the rest of the width. The
    # hundred-thousandth covers the rounding of the distance.
    last = key.searchsorted(key + width * (1 - float(least_iou) + 1e-5), "right")
    reach = last - np.arange(1, n + 1)
    farthest = int(reach.max())
    reach = reach.astype(np.int16 if farthest < 2**15 else np.int32)
    distances = np.arange(farthest + 1, dtype=reach.dtype)[:, None]
    rows = max(1, min(farthest, _SIZE // n))
    padded = np.zeros((5, n + rows), area.dtype)
    padded[:, :n] = x1, width, y1, y2, area
    bands: list[_Band] = []
    pairs: list[Pairs] = []
    start, stop = 0, n
    for ahead in range(1, farthest + 1, rows):
        if ahead > 1:
            reaching = (reach >= ahead).nonzero()[0]
            start, stop = int(reaching[0]), int(reaching[-1]) + 1
        shape = (min(rows, farthest + 1 - ahead), stop - start)
        left, breadth, top, bottom, size = _shifted(padded, start + ahead, (5, *shape))
        # The same decisions bit for bit as the reference's, in its type. Of two boxes in this order the second has the
        # larger x1, and one within reach begins before the first ends: the common width needs no clamp at 0.
        overlap = x2[start:stop] - left
        np.minimum(overlap, breadth, out=overlap)
        other = np.minimum(y2[start:stop], bottom)
        other -= np.maximum(y1[start:stop], top)
        overlap *= other
        np.add(area[start:stop], size, out=other)
        other -= overlap
        other += hundredth
        overlap /= other
        adjacent = overlap >= least_iou
        adjacent &= reach[start:stop] >= distances[ahead : ahead + shape[0]]
        band = _Band(start, ahead, adjacent)
        if _is_dense(adjacent):
            bands.append(band)
        else:
            pairs.append(band.pairs(adjacent))
    return bands, _concatenate(pairs), own


def _is_dense(adjacent: NDArray[np.bool_]) -> bool:
    """Whether a matrix is cheaper to work with than the list of its neighbours, as measured."""
    return bool(np.count_nonzero(adjacent) > adjacent.size // 8 + 500)


def _cores(
    bands: list[_Band],
    pairs: Pairs,
    own: NDArray[np.bool_],
    weights: NDArray[np.floating],
    least_weight: int,
    order: Indices,
) -> NDArray[np.bool_]:
    """Which boxes have neighbours, themselves included, that weigh enough."""
    n, (one, other) = len(own), pairs
    total = np.multiply(weights, own, dtype=np.float64)
    if len(one):
        total += np.bincount(one, weights[other], n)
        total += np.bincount(other, weights[one], n)
    for band in bands:
        rows, columns = band.adjacent.shape
        matrix = band.adjacent.astype(weights.dtype)
        each = np.ones(rows, weights.dtype)  # a product with it sums the rows quicker than .sum(axis=0)
        total[band.boxes] += each @ (matrix * band.others(weights))
        # The same for the second boxes: each row is written so many places on that the columns belong to one box.
        sheared = np.zeros((rows, columns + rows), weights.dtype)
        np.multiply(matrix, weights[band.boxes], out=_shifted(sheared.ravel(), 0, matrix.shape, columns + rows))
        begin = band.start + band.ahead
        share = (each @ sheared)[: n - begin]
        total[begin : begin + len(share)] += share
    core = total >= least_weight
    # Close to the limit the order of the summation decides; sum those in the reference's order and type.
    for k in _close_to(total, least_weight):
        near = [np.array([k] if own[k] else [], np.intp)]
        for i, j in [pairs, *(band.pairs(band.adjacent) for band in bands)]:
            near += [j[i == k], i[j == k]]
        members = np.concatenate(near)
        core[k] = weights[members[order[members].argsort()]].sum() >= least_weight
    return core


def _close_to(total: NDArray[np.floating], least_weight: int) -> Indices:
    """Where the order of a summation may decide whether a weight is large enough."""
    return (np.abs(total - least_weight) < 1e-4 * least_weight).nonzero()[0]


def _components(bands: list[_Band], pairs: Pairs, core: NDArray[np.bool_]) -> tuple[Indices, Pairs]:
    """What cores and their neighbours make.

    Returns:
        The root of each core: cores that a chain of neighbouring cores joins have the same one. And all pairs of
        neighbours that are not both cores.
    """
    one, other = pairs
    both = core[one] & core[other]
    joined = [(one[both], other[both])]
    border = [(one[~both], other[~both])]
    matrices = []
    all_cores = bool(core.all())
    for band in bands:
        matrix = band.adjacent
        if not all_cores:
            matrix = matrix & core[band.boxes]
            matrix &= band.others(core)
            border.append(band.pairs(band.adjacent ^ matrix))
        matrices.append(matrix)
        # Each box's farthest neighbour joins nearly all of a dense cluster; what is left is found below.
        rows = np.arange(1, len(matrix) + 1, dtype=np.uint16)[:, None]  # as many as _SIZE at most
        farthest = (matrix.view(np.uint8) * rows).max(axis=0)
        found = farthest.nonzero()[0]
        box = found + band.start
        joined.append((box, box + (band.ahead - 1) + farthest[found]))
    root = _join(np.arange(len(core)), *_concatenate(joined), np.maximum)
    left, short = [], root.astype(np.int32)
    for band, matrix in zip(bands, matrices, strict=True):
        apart = short[band.boxes] != band.others(short)
        apart &= matrix
        if apart.any():
            left.append(band.pairs(apart))
    if left:
        one, other = _concatenate(left)
        root = _join(root, root[one], root[other], np.maximum)
    return root, _concatenate(border)


def _join(root: Indices, i: Indices, j: Indices, winner: np.ufunc) -> Indices:
    """The roots after the trees of each two roots i, j are merged.

    A root is the largest index of its tree if ``winner`` is np.maximum, and the smallest if it is np.minimum.
    """
    while len(i):
        # Where several pairs hook the same root, the last of them wins; the others are seen again in the next round.
        above = winner(i, j)
        root[i + j - above] = above
        root = _flattened(root)
        i, j = root[i], root[j]
        different = i != j
        i, j = i[different], j[different]
    return root


def _flattened(root: Indices) -> Indices:
    """The top of each index' chain, where ``root`` holds the next one and tops point to themselves."""
    while True:
        above = root[root]
        root = above[above]
        if (root == above).all():
            return root


def _add_border(labels: Indices, pairs: Pairs, core: NDArray[np.bool_]) -> None:
    """Give each box that has a core as neighbour, and is none, the smallest number among those cores', in place."""
    one, other = pairs
    mixed = core[one] != core[other]
    one, other = one[mixed], other[mixed]
    if len(one) == 0:
        return
    inside, outside = np.where(core[one], one, other), np.where(core[one], other, one)
    descending = np.argsort(-labels[inside], kind="stable")
    labels[outside[descending]] = labels[inside[descending]]  # the last assignment, the smallest number, stays


def _shifted(values: NDArray, start: int, shape: tuple[int, ...], stride: int = 0) -> NDArray:
    """(..., R, C) view of contiguous values (..., N): row r begins at ``start`` + r * (``stride`` + 1)."""
    size = values.itemsize
    strides = (*values.strides[:-1], (stride + 1) * size, size)
    return np.ndarray(shape, values.dtype, values, start * size, strides)


def _concatenate(pairs: list[Pairs]) -> Pairs:
    pairs = [p for p in pairs if len(p[0])] or pairs[:1]
    if len(pairs) == 1:
        return pairs[0]
    if not pairs:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])
