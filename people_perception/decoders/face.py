# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""BlazeFace: the open face detector, full and short range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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

# Number of anchors: side of the network's input, then (cells a side, anchors a cell) of each grid.
_NETWORKS: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {
    2304: (192, ((48, 1),)),  # full range
    896: (128, ((16, 2), (8, 6))),  # short range
}


class FaceDecoder(Decoder):
    """Boxes (and keypoints, which are not used) in network pixels relative to anchor points, and a logit each.

    The number of anchors tells which of the two networks the tensors come from.
    """

    OPTIONS = (
        Option("confidence_threshold", float, "Lowest score of a face that is kept.", 0.0, 1.0, per_label=True),
        Option("nms_iou", float, "Of two faces with a larger IoU, the worse one is dropped.", 0.0, 1.0),
        Option("top_k", int, "Most faces in an image; the best ones are kept.", 1, 896),
    )

    def network_size(self, outputs: Mapping[str, np.ndarray]) -> Size:
        """(width, height) of the network's input; see `Decoder.network_size`."""
        n = len(drop_batch(find_tensor(outputs, self.spec.outputs["boxes"]), 2, "boxes"))
        return (_NETWORKS[n][0], _NETWORKS[n][0]) if n in _NETWORKS else self.spec.input.size

    @np.errstate(over="ignore", invalid="ignore")  # a broken network's boxes may exceed float32; they overlap nothing
    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Detections:
        """See `Decoder.__call__`."""
        options, labels = self.options, self.spec.labels
        encodings = drop_batch(find_tensor(outputs, self.spec.outputs["boxes"]), 2, "boxes")
        logits = drop_batch(find_tensor(outputs, self.spec.outputs["scores"]), 2, "scores")
        n = len(encodings)
        if n not in _NETWORKS or encodings.shape[1] < 4 or logits.shape != (n, 1):
            raise PerceptionError(
                f"boxes {encodings.shape} and scores {logits.shape}; {self.spec.name} has boxes (N, 4 or more) and "
                f"scores (N, 1) with N = {' or '.join(map(str, _NETWORKS))}"
            )
        check_finite(encodings, "boxes")
        check_finite(logits, "scores")
        scores = sigmoid(logits[:, 0])
        likely = np.flatnonzero(scores >= label_threshold(options["confidence_threshold"], labels[0]))
        side = _NETWORKS[n][0]
        boxes = decode_boxes(encodings[likely], face_anchors(n)[likely] * side)
        iou, top_k = float(options["nms_iou"]), int(options["top_k"])  # type: ignore[arg-type]
        kept = nms(boxes, scores[likely], iou, top_k=top_k)
        geometry = replace(self.spec.input, size=(side, side)).geometry(image_size)
        return to_detections(geometry, boxes[kept], scores[likely[kept]], np.zeros(len(kept), np.int64), labels)


@lru_cache(maxsize=2)
def face_anchors(n: int) -> NDArray[np.float32]:
    """(n, 2) anchor points x, y with the input's side as 1: the middle of every cell, row by row."""
    points = [
        ((x + 0.5) / cells, (y + 0.5) / cells)
        for cells, repeats in _NETWORKS[n][1]
        for y in range(cells)
        for x in range(cells)
        for _ in range(repeats)
    ]
    table = np.array(points, np.float32)
    table.setflags(write=False)
    return table


def decode_boxes(encodings: NDArray[np.floating], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4) boxes x1, y1, x2, y2 from (N, 4 or more) encodings and (N, 2) anchor points, all in network pixels.

    An encoding begins with the centre x, y relative to the anchor, then the width and height.
    """
    centre = encodings[:, :2].astype(np.float32) + anchors
    half = np.maximum(encodings[:, 2:4].astype(np.float32), 0) / 2
    return np.concatenate([centre - half, centre + half], axis=1)
