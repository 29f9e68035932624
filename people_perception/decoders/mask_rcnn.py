# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN (PeopleSegNet): boxes, and a small mask for each that is enlarged into its box.

The formulas are those of TAO Deploy's mask_rcnn, step by step in its types, so that the masks are equal to the pixel.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from people_perception.decoders.base import Decoder, number
from people_perception.decoders.scores import label_threshold
from people_perception.decoders.tensors import drop_batch, find_tensor, float_tensor
from people_perception.errors import PerceptionError
from people_perception.geometry import Geometry, Size
from people_perception.options import Option
from people_perception.results import Detections, Instances


class MaskRcnnDecoder(Decoder):
    """Detections in the network's order, best first, each with its mask in the source image.

    The first label is the background, which is never reported. A box that lies outside the image has an empty mask.
    """

    OPTIONS = (
        Option("confidence_threshold", float, "Score from which a person is reported.", 0.0, 1.0, per_label=True),
        Option(
            "mask_threshold",
            float,
            "Logit above which a pixel belongs to the mask; 0.5 is a probability of 0.62.",
            0.0,
            20.0,
        ),
    )

    @np.errstate(over="ignore", invalid="ignore")  # a broken network's boxes may exceed float32
    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Instances:
        """See `Decoder.__call__`."""
        options, labels = self.options, self.spec.labels
        rows, logits = self._tensors(outputs)
        class_ids = rows[:, 4].astype(np.int64)
        thresholds = np.array([label_threshold(options["confidence_threshold"], label) for label in labels], np.float32)
        # The rows are padded to their fixed number with class -1, in some versions with class 0.
        kept = ((class_ids > 0) & (rows[:, 5] >= thresholds[class_ids])).nonzero()[0]
        boxes, class_ids = rows[kept][:, [1, 0, 3, 2]], class_ids[kept]
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])  # those of a broken network may be inside out
        geometry = self.spec.input.geometry(image_size)
        places = _mask_places(boxes, logits.shape[2:], geometry)
        masks = np.zeros((len(kept), image_size[1], image_size[0]), np.bool_)
        threshold = number(options, "mask_threshold")
        for mask, place, small in zip(masks, places.tolist(), logits[kept, class_ids], strict=True):
            _paste(mask, place, small, threshold)
        # A place includes its last pixels and may reach over the edges of the image.
        regions = np.clip(np.add(places, (0, 0, 1, 1)), 0, image_size * 2)
        detections = Detections(geometry.boxes_to_source(boxes), rows[kept, 5], class_ids, labels)
        return Instances(detections, masks, regions)

    def _tensors(self, outputs: Mapping[str, np.ndarray]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Detections (N, 6) y1, x1, y2, x2, class, score in network pixels and mask logits (N, C, h, w), checked."""
        classes = len(self.spec.labels)
        names = self.spec.outputs["detections"]
        rows = float_tensor(drop_batch(find_tensor(outputs, names), 2, names[0]), names[0])
        if rows.shape[1] != 6:
            raise PerceptionError(
                f"tensor {names[0]!r} has shape {rows.shape}; expected (N, 6), rows of y1, x1, y2, x2, class, score"
            )
        wrong = rows[(rows[:, 4] < -1) | (rows[:, 4] >= classes), 4]
        if len(wrong):
            raise PerceptionError(
                f"tensor {names[0]!r} holds class {wrong[0]:g}; expected -1 (none) to {classes - 1}, one for each label"
            )
        names = self.spec.outputs["masks"]
        logits = float_tensor(drop_batch(find_tensor(outputs, names), 4, names[0]), names[0])
        if logits.shape[:2] != (len(rows), classes) or logits.size == 0:
            raise PerceptionError(
                f"tensor {names[0]!r} has shape {logits.shape}; expected ({len(rows)}, {classes}, h, w) for "
                f"{len(rows)} detections and {classes} labels"
            )
        return rows, logits


def _mask_places(boxes: NDArray[np.float32], mask_size: tuple[int, ...], geometry: Geometry) -> NDArray[np.int64]:
    """(N, 4) x1, y1, x2, y2, both inclusive: the source pixels that each mask with its frame of zeros covers."""
    scale = np.array(geometry.scale, np.float32)
    size = (boxes[:, 2:] - boxes[:, :2]) / scale
    half = size * np.float32(0.5)
    centre = (boxes[:, :2] - np.array(geometry.offset, np.float32)) / scale + half
    half *= np.float32(max((side + 2) / side for side in mask_size))
    places = np.concatenate([centre - half, centre + half], axis=1)
    # Boxes lie inside the network's frame. For those of a broken network this bounds the memory that a mask takes.
    frame = np.divide(geometry.network_size * 2, geometry.scale * 2)
    return np.clip(places, -frame, 2 * frame).astype(np.int64)


def _paste(mask: NDArray[np.bool_], place: list[int], logits: NDArray[np.float32], threshold: float) -> None:
    """Write one mask where it lies in the image; the rest stays as it is."""
    import cv2

    x1, y1, x2, y2 = place
    image_height, image_width = mask.shape
    left, right = max(x1, 0), min(x2 + 1, image_width)
    top, bottom = max(y1, 0), min(y2 + 1, image_height)
    if left >= right or top >= bottom:
        return
    framed = np.pad(np.maximum(logits, 0), 1)
    enlarged = cv2.resize(framed, (x2 - x1 + 1, y2 - y1 + 1), interpolation=cv2.INTER_LINEAR)
    np.greater(enlarged[top - y1 : bottom - y1, left - x1 : right - x1], threshold, out=mask[top:bottom, left:right])
