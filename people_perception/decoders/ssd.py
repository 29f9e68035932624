# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""SSD with the anchors of TensorFlow's object detection API: the open person detector."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from people_perception.decoders.base import Decoder
from people_perception.decoders.nms import nms
from people_perception.decoders.scores import label_threshold, sigmoid, to_detections
from people_perception.decoders.tensors import check_finite, drop_batch, find_tensor
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.options import Option
from people_perception.results import Detections

_GRIDS = (19, 10, 5, 3, 2, 1)
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_CENTRE_FACTOR, _SIZE_FACTOR = 10.0, 5.0
_LARGEST_EXPONENT = 10.0  # exp(10) anchors is larger than any image; an untrained network's 1000 would overflow


class SsdDecoder(Decoder):
    """Anchor-relative boxes, and a logit per class whose sigmoid is the score."""

    OPTIONS = (
        Option("confidence_threshold", float, "Lowest score of a box that is kept.", 0.0, 1.0, per_label=True),
        Option("nms_iou", float, "Of two boxes of a class with a larger IoU, the worse one is dropped.", 0.0, 1.0),
        Option("top_k", int, "Most boxes in an image; the best ones are kept.", 1, 1917),
    )

    @np.errstate(over="ignore", invalid="ignore")  # a broken network's boxes may exceed float32; they overlap nothing
    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Detections:
        """See `Decoder.__call__`."""
        options, labels, columns = self.options, self.spec.labels, self.spec.class_columns
        encodings = drop_batch(find_tensor(outputs, self.spec.outputs["boxes"]), 2, "boxes")
        logits = drop_batch(find_tensor(outputs, self.spec.outputs["scores"]), 2, "scores")
        anchors = ssd_anchors()
        if encodings.shape != anchors.shape or len(logits) != len(anchors) or logits.shape[1] <= max(columns):
            raise PerceptionError(
                f"boxes {encodings.shape} and scores {logits.shape}; {self.spec.name} has boxes {anchors.shape} "
                f"and scores ({len(anchors)}, {max(columns) + 1} or more)"
            )
        check_finite(encodings, "boxes")
        check_finite(logits, "scores")
        top_k, iou = int(options["top_k"]), float(options["nms_iou"])  # type: ignore[arg-type]
        parts = []
        for class_id, label in enumerate(labels):
            scores = sigmoid(logits[:, columns[class_id]])
            likely = np.flatnonzero(scores >= label_threshold(options["confidence_threshold"], label))
            boxes = decode_boxes(encodings[likely], anchors[likely])
            kept = nms(boxes, scores[likely], iou, top_k=top_k)
            parts.append((boxes[kept], scores[likely[kept]], np.full(len(kept), class_id, np.int64)))
        boxes, scores, class_ids = (np.concatenate(part) for part in zip(*parts, strict=True))
        best = np.argsort(-scores, kind="stable")[:top_k]
        width, height = self.spec.input.size
        boxes = boxes[best] * np.array([width, height, width, height], np.float32)
        return to_detections(self.spec.input.geometry(image_size), boxes, scores[best], class_ids[best], labels)


@lru_cache(maxsize=1)
def ssd_anchors() -> NDArray[np.float32]:
    """(1917, 4) anchors x, y, width, height (centre and size) with the image's sides as 1.

    Six grids, row by row; in each cell the aspect ratios (width / height) 1, 2, 1/2, 3, 1/3 at the grid's scale, then a
    square at the geometric mean with the next scale. The first grid has three anchors only, the square at scale .1.
    Source: ``create_ssd_anchors`` of TensorFlow's object detection API with its defaults.
    """
    anchors = []
    for level, grid in enumerate(_GRIDS):
        scale, following = _SCALES[level], _SCALES[level + 1]
        shapes = [(scale, ratio) for ratio in (1.0, 2.0, 1 / 2, 3.0, 1 / 3)] + [((scale * following) ** 0.5, 1.0)]
        if level == 0:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 1 / 2)]
        sizes = [(s * ratio**0.5, s / ratio**0.5) for s, ratio in shapes]
        anchors += [
            ((x + 0.5) / grid, (y + 0.5) / grid, w, h) for y in range(grid) for x in range(grid) for w, h in sizes
        ]
    table = np.array(anchors, np.float32)
    table.setflags(write=False)
    return table


def decode_boxes(encodings: NDArray[np.floating], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4) x1, y1, x2, y2 with the image's sides as 1, from (N, 4) encodings y, x, height, width."""
    y, x, h, w = encodings.astype(np.float32).T
    centre_x, centre_y, width, height = anchors.T
    centre_x = centre_x + x / _CENTRE_FACTOR * width
    centre_y = centre_y + y / _CENTRE_FACTOR * height
    half_w = np.exp(np.minimum(w / _SIZE_FACTOR, _LARGEST_EXPONENT)) * width / 2
    half_h = np.exp(np.minimum(h / _SIZE_FACTOR, _LARGEST_EXPONENT)) * height / 2
    return np.stack([centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h], axis=1)
