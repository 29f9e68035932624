# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A mask network that ran on the crop of each person: its masks back in the whole image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from people_perception.decoders.base import Decoder
from people_perception.decoders.tensors import check_finite, drop_batch, find_tensor
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.options import Option
from people_perception.results import Detections, Instances, Segmentation

PERSON = 1
"""The class id of a person; 0 is the background."""


class PersonCropsDecoder(Decoder):
    """Masks of N crops and the persons that they were cut for, as one mask or as one mask a person.

    Besides the network's own tensor, here stacked to (N, h, w) or (N, h, w, 1) probabilities, it takes ``crops`` (N, 4)
    integers x1, y1, x2, y2 inside the image, and ``boxes`` (N, 4) and ``scores`` (N,) of the persons in source pixels.
    """

    OPTIONS = (
        Option("confidence_threshold", float, "Lowest score of a person's box.", 0.0, 1.0, per_label=True),
        Option("mask_threshold", float, "Lowest probability of a pixel that belongs to the person.", 0.0, 1.0),
        Option("crop_margin", float, "Part of a box's size by which its crop is larger on each side.", 0.0, 1.0),
        Option("max_people", int, "Most persons in an image that get a mask, the best ones; bounds the time.", 1, 100),
    )

    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Segmentation | Instances:
        """See `Decoder.__call__`; a `Segmentation` or `Instances` as the model's task says."""
        masks = find_tensor(outputs, self.spec.outputs["masks"])
        masks = masks[..., 0] if masks.ndim == 4 and masks.shape[3] == 1 else masks
        crops = drop_batch(find_tensor(outputs, ["crops"]), 2, "crops")
        boxes = drop_batch(find_tensor(outputs, ["boxes"]), 2, "boxes")
        scores = drop_batch(find_tensor(outputs, ["scores"]), 1, "scores")
        n, (width, height) = len(masks), image_size
        if (
            masks.ndim != 3
            or (n and masks.size == 0)
            or crops.shape != (n, 4)
            or boxes.shape != (n, 4)
            or scores.shape != (n,)
        ):
            raise PerceptionError(
                f"masks {masks.shape}, crops {crops.shape}, boxes {boxes.shape} and scores {scores.shape} do not "
                "agree; expected (N, h, w), (N, 4), (N, 4) and (N,)"
            )
        inside = (crops[:, :2] >= 0) & (crops[:, :2] < crops[:, 2:]) & (crops[:, 2:] <= (width, height))
        if not inside.all():
            crop = crops[~inside.all(axis=1)][0].tolist()
            raise PerceptionError(f"crop {crop} is empty or not inside the image of {width}x{height}")
        check_finite(masks, "masks")
        threshold = float(self.options["mask_threshold"])  # type: ignore[arg-type]
        if self.spec.task == "semantic":
            union = np.zeros((height, width), np.uint8)
            for (x1, y1, x2, y2), mask in _in_crops(masks, crops, threshold):
                union[y1:y2, x1:x2][mask] = PERSON
            return Segmentation(union, self.spec.labels)
        each = np.zeros((n, height, width), np.bool_)
        for i, ((x1, y1, x2, y2), mask) in enumerate(_in_crops(masks, crops, threshold)):
            each[i, y1:y2, x1:x2] = mask
        class_ids = np.full(n, PERSON, np.int64)
        persons = Detections(boxes.astype(np.float32), scores.astype(np.float32), class_ids, self.spec.labels)
        return Instances(persons, each, crops.astype(np.int64))


def grow_boxes(boxes: NDArray[np.floating], margin: float, image_size: Size) -> NDArray[np.int64]:
    """(N, 4) crops: boxes grown on each side by ``margin`` of their size, on whole pixels, inside the image.

    A crop has at least one pixel when its box touches the image.
    """
    boxes = np.asarray(boxes, np.float64)
    reach = np.tile((boxes[:, 2:] - boxes[:, :2]) * margin, 2) * (-1, -1, 1, 1)
    grown = boxes + reach
    limit = np.array([*image_size, *image_size])
    low = np.clip(np.floor(grown[:, :2]), 0, limit[:2] - 1)
    high = np.clip(np.ceil(grown[:, 2:]), low + 1, limit[2:])
    return np.concatenate([low, high], axis=1).astype(np.int64)


def _in_crops(
    masks: NDArray[np.floating], crops: NDArray[np.int64], threshold: float
) -> Iterator[tuple[list[int], NDArray[np.bool_]]]:
    """Each crop with its mask at its size: the probability is enlarged, not the decision, which keeps edges smooth."""
    import cv2

    for mask, crop in zip(masks, crops.tolist(), strict=True):
        size = (crop[2] - crop[0], crop[3] - crop[1])
        yield crop, cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= threshold
