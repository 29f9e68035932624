# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""DetectNet_v2 (PeopleNet, FaceDetect-IR and what is retrained from them): coverage and box grids to boxes.

The formulas are those of TAO Deploy's detectnet_v2 postprocessor and, for the suppression, of DeepStream's nvinfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from people_perception.decoders.base import Decoder, number
from people_perception.decoders.clustering import Indices, dbscan
from people_perception.decoders.nms import nms
from people_perception.decoders.scores import label_threshold
from people_perception.decoders.tensors import drop_batch, find_tensor, float_tensor
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.options import Option, Value
from people_perception.results import Detections

STRIDE = 16
"""Network pixels per grid cell, in every DetectNet_v2."""

_NORM = 35.0  # boxes are predicted in units of 35 pixels, relative to the cell's centre
_CENTRE = 0.5
# Left and top are predicted as distances to the left and to the top.
_OUTWARDS = np.array([[-1.0], [-1.0], [1.0], [1.0]])
_SCALE = (_OUTWARDS * _NORM).astype(np.float32)


class DetectNetDecoder(Decoder):
    """Boxes by TAO's clustering (``dbscan``) or DeepStream's suppression (``nms``).

    The detections come class by class, best score first. A DBSCAN score is the sum of the coverage of the cells in the
    cluster and may exceed 1; a score of the suppression is the coverage of one cell.
    """

    OPTIONS = (
        Option(
            "clustering",
            str,
            "How the boxes of many cells become one: dbscan as in TAO, or nms as in DeepStream.",
            choices=("dbscan", "nms"),
        ),
        Option("coverage_threshold", float, "Cells with this coverage or less are ignored.", 0.0, 1.0),
        Option("dbscan_eps", float, "Boxes whose 1 - IoU is at most this are clustered together (dbscan).", 0.0, 0.99),
        Option(
            "dbscan_min_samples",
            float,
            "Coverage that a cell and its neighbours must add up to, rounded down but at least 1 (dbscan).",
            0.0,
            1000.0,
        ),
        Option("min_height", float, "Boxes of this height or less are dropped, in network pixels (dbscan).", 0.0, 1e4),
        Option("nms_iou", float, "A box that overlaps a better one by an IoU above this is dropped (nms).", 0.0, 1.0),
        Option("top_k", int, "Boxes kept for each class, the best ones (nms).", 1, 10000),
        Option(
            "confidence_threshold",
            float,
            "Score from which a box is reported; a sum of coverage for dbscan, so above 1 is possible.",
            0.0,
            1000.0,
            per_label=True,
        ),
    )

    def network_size(self, outputs: Mapping[str, np.ndarray]) -> Size:
        return _network_size(self._tensors(outputs)[0].shape, self.spec.input.size)

    @np.errstate(over="ignore", invalid="ignore")  # a broken network's boxes may exceed float32; they overlap nothing
    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Detections:
        options = self.options
        coverage, bbox = self._tensors(outputs)
        network_size = _network_size(coverage.shape, self.spec.input.size)
        threshold = options["confidence_threshold"]
        thresholds = np.array([label_threshold(threshold, label) for label in self.spec.labels], np.float32)
        cluster = _dbscan_boxes if options["clustering"] == "dbscan" else _nms_boxes
        boxes, scores, classes = cluster(coverage, bbox, network_size, thresholds, options)
        if len(boxes) == 0:
            return Detections.empty(self.spec.labels)
        network_input = self.spec.input
        if network_size != network_input.size:
            network_input = replace(network_input, size=network_size)
        geometry = network_input.geometry(image_size)
        return Detections(geometry.boxes_to_source(boxes), scores, classes, self.spec.labels)

    def _tensors(self, outputs: Mapping[str, np.ndarray]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Coverage (C, H, W) and boxes (4 * C, H, W), checked."""
        tensors: list[NDArray[np.float32]] = []
        classes = len(self.spec.labels)
        for role, channels in (("coverage", classes), ("boxes", 4 * classes)):
            names = self.spec.outputs[role]
            tensor = float_tensor(drop_batch(find_tensor(outputs, names), 3, names[0]), names[0])
            if tensor.shape[0] != channels:
                raise PerceptionError(
                    f"tensor {names[0]!r} has {tensor.shape[0]} channels {tensor.shape}; expected {channels} for "
                    f"{self.spec.name}'s labels {', '.join(self.spec.labels)}"
                )
            if tensor.size == 0 or (tensors and tensor.shape[1:] != tensors[0].shape[1:]):
                expected = f"the grid of the coverage, {tensors[0].shape[1:]}" if tensors else "a grid with cells"
                raise PerceptionError(f"tensor {names[0]!r} has shape {tensor.shape}; expected {expected}")
            tensors.append(tensor)
        return tensors[0], tensors[1]


def absolute_boxes(bbox: NDArray[np.float32], classes: Indices, cells: Indices) -> NDArray[np.float32]:
    """The boxes of chosen cells in network pixels, bit for bit as TAO computes them.

    TAO adds the cell's centre in float64, rounds to float32 and multiplies in float32.

    Args:
        bbox: (4 * C, H, W), for each class the distances to the left, top, right and bottom in units of 35 pixels.
        classes, cells: (N,) the class and the cell, y * W + x, of each box.

    Returns:
        (4, N) x1, y1, x2, y2.
    """
    grid = _grid(bbox.shape[2], bbox.shape[1])
    raw = bbox.reshape(-1).take(classes * (4 * len(grid.x_major)) + cells + grid.planes)
    corners = (raw + grid.centres.take(cells, axis=1)).astype(np.float32)
    corners *= _SCALE
    return corners


class _Grid(NamedTuple):
    """What depends on the grid only.

    Attributes:
        centres: (4, H * W) the centre of each cell, with the signs that turn distances into corners.
        planes: (4, 1) where the four planes of a class begin.
        x_major: (H * W,) the cells column by column: the order in which TAO clusters them, which decides which cluster
            a cell on the border joins.
    """

    centres: NDArray[np.float64]
    planes: Indices
    x_major: Indices


@lru_cache(maxsize=16)
def _grid(width: int, height: int) -> _Grid:
    size = width * height
    y, x = np.divmod(np.arange(size), width)
    centres = _OUTWARDS * ((np.stack([x, y, x, y]) * STRIDE + _CENTRE) / _NORM)
    planes = np.arange(0, 4 * size, size)[:, None]
    return _Grid(centres, planes, np.arange(size).reshape(height, width).T.ravel())


def _network_size(coverage_shape: tuple[int, ...], described: Size) -> Size:
    """The size that the grid tells, since a retrained network may have another than described."""
    _, height, width = coverage_shape
    if (-(-described[0] // STRIDE), -(-described[1] // STRIDE)) == (width, height):
        return described
    return width * STRIDE, height * STRIDE


_Boxes = tuple[NDArray[np.float32], NDArray[np.float32], Indices]
_NOTHING: _Boxes = np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp)


def _dbscan_boxes(
    coverage: NDArray[np.float32],
    bbox: NDArray[np.float32],
    network_size: Size,
    thresholds: NDArray[np.float32],
    options: Mapping[str, Value],
) -> _Boxes:
    """Coverage-weighted means of clusters: (N, 4) in the network frame, (N,) scores, (N,) classes."""
    count, height, width = coverage.shape
    x_major = _grid(width, height).x_major
    by_class = coverage.reshape(count, -1).take(x_major, axis=1)
    chosen = (by_class > np.float32(number(options, "coverage_threshold"))).ravel().nonzero()[0]
    if len(chosen) == 0:
        return _NOTHING
    classes, cells = np.divmod(chosen, height * width)
    weights = by_class.ravel()[chosen]
    boxes = np.ascontiguousarray(absolute_boxes(bbox, classes, x_major[cells]).T)
    groups = classes if count > 1 else None
    eps, min_samples = number(options, "dbscan_eps"), number(options, "dbscan_min_samples")
    labels = dbscan(boxes, weights, eps, min_samples, groups)

    if labels.max() < 0:
        return _NOTHING
    members = labels.argsort(kind="stable")
    starts = labels[members].searchsorted(np.arange(labels.max() + 2))
    members, starts = members[starts[0] :], starts - starts[0]  # without the noise, -1
    classes = classes[members[starts[:-1]]]
    means, sums = _weighted_means(boxes[members], weights[members], starts)
    good = (means[:, 3] - means[:, 1] > np.float32(number(options, "min_height"))) & (sums >= thresholds[classes])
    order = good.nonzero()[0]
    order = order[np.lexsort((-sums[order], classes[order]))]
    boxes = np.minimum(np.maximum(means[order], 0), np.array(network_size * 2, np.float32))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    return boxes, sums[order], classes[order]


def _weighted_means(
    boxes: NDArray[np.float32], weights: NDArray[np.float32], starts: Indices
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(K, 4) weighted means and (K,) weight of the boxes from each start to the next: the first is 0, the last N.

    In float32 and one after the other, as TAO sums: exact sums may differ from its by a thousandth of a pixel.
    """
    sizes = starts[1:] - starts[:-1]
    count, total = len(sizes), len(weights)
    cluster, place = np.arange(count).repeat(sizes), np.arange(total)
    # A sum in numpy is zero and the sum of all; reduceat begins with the first number instead, so each gets a zero.
    apart = np.zeros(total + count, np.float32)
    apart[place + cluster + 1] = weights
    sums = np.add.reduceat(apart, starts[:-1] + np.arange(count))
    votes = boxes * (weights / sums[cluster])[:, None]
    # A column for each cluster, filled up with zeros, which change nothing; clusters far above the average stay out.
    rows = min(int(sizes.max()), 4 * total // count + 8)
    long = (sizes > rows).nonzero()[0]
    place -= starts[cluster]
    columns = np.zeros((rows, count, 4), np.float32)
    if len(long):
        fitting = (sizes <= rows)[cluster].nonzero()[0]
        columns[place[fitting], cluster[fitting]] = votes[fitting]
    else:
        columns[place, cluster] = votes
    means = np.add.reduce(columns, axis=0)
    for i in long:
        np.add.reduce(votes[starts[i] : starts[i + 1]], axis=0, out=means[i])
    return means, sums


def _nms_boxes(
    coverage: NDArray[np.float32],
    bbox: NDArray[np.float32],
    network_size: Size,
    thresholds: NDArray[np.float32],
    options: Mapping[str, Value],
) -> _Boxes:
    """The best cells, each with its own box: (N, 4) in the network frame, (N,) scores, (N,) classes."""
    count, height, width = coverage.shape
    scores = coverage.reshape(count, -1)
    likely = (scores >= thresholds[:, None]) & (scores > np.float32(number(options, "coverage_threshold")))
    chosen = likely.ravel().nonzero()[0]
    if len(chosen) == 0:
        return _NOTHING
    classes, cells = np.divmod(chosen, height * width)
    corners = absolute_boxes(bbox, classes, cells)
    size = np.array(network_size * 2, np.float32)[:, None]
    corners = np.maximum(np.where(corners >= size, size - 1, corners), 0)
    proper = ((corners[2] >= corners[0]) & (corners[3] >= corners[1])).nonzero()[0]
    boxes, classes, scores = corners.T[proper], classes[proper], scores.ravel()[chosen[proper]]
    iou, top_k = number(options, "nms_iou"), int(number(options, "top_k"))
    kept: list[Indices] = []
    ends = [0, *np.bincount(classes, minlength=count).cumsum().tolist()]
    for start, stop in pairwise(ends):
        if stop > start:
            part = slice(start, stop)
            kept.append(start + nms(boxes[part], scores[part], iou, top_k=top_k))
    order = np.concatenate(kept or [np.empty(0, np.intp)])
    return boxes[order], scores[order], classes[order]
