# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic segmentation (PeopleSemSegNet): the class of every pixel, as the network's argmax or from its scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.decoders.base import Decoder
from people_perception.decoders.tensors import check_finite, find_tensor
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.options import Option
from people_perception.results import Segmentation


class SemanticDecoder(Decoder):
    """A mask at source size, by nearest neighbour.

    The tensor itself tells what it is: integers are class ids, (H, W) or with an axis of 1; floating-point numbers are
    scores with an axis as long as the labels, first (NCHW) or last (NHWC), or for two labels the score of the second.
    """

    OPTIONS = (
        Option(
            "colour_order",
            str,
            "Order of the colours in the network's input; the vendor's own tools disagree about PeopleSemSegNet's.",
            choices=("bgr", "rgb", "grey"),
        ),
        Option(
            "class_map",
            int,
            "Class id that is published for each of the network's labels, so that a label can count as another one.",
            0,
            255,
            per_label=True,
        ),
    )

    def default_options(self) -> Mapping[str, Any]:
        """The input's colours as described, and every label as itself."""
        same = {label: i for i, label in enumerate(self.spec.labels)}
        return {"colour_order": self.spec.input.colour, "class_map": same}

    def configure(self, **changes: Any) -> None:
        """See `Decoder.configure`; a published class must be one of the labels."""
        mapped, labels = changes.get("class_map", {}), self.spec.labels
        if not isinstance(mapped, Mapping):
            raise ValueError(f"class_map={mapped!r}: expected class ids by label, like {{{labels[-1]!r}: 0}}")
        for label, value in mapped.items():
            if label in labels and isinstance(value, int) and value >= len(labels):
                raise ValueError(f"class_map[{label}]={value}: expected an integer from 0 to {len(labels) - 1}")
        super().configure(**changes)

    def network_size(self, outputs: Mapping[str, np.ndarray]) -> Size:
        """See `Decoder.network_size`."""
        height, width = self._class_ids(outputs).shape
        return width, height

    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Segmentation:
        """See `Decoder.__call__`."""
        labels, class_map = self.spec.labels, self.options["class_map"]
        ids = self._class_ids(outputs)
        table = np.arange(256, dtype=np.uint8)
        assert isinstance(class_map, dict)
        for i, label in enumerate(labels):
            table[i] = class_map[label]
        if (table[: len(labels)] != np.arange(len(labels))).any():
            ids = table[ids]
        network_input = replace(self.spec.input, size=(ids.shape[1], ids.shape[0]))
        return Segmentation(network_input.geometry(image_size).mask_to_source(ids), labels)

    def _class_ids(self, outputs: Mapping[str, np.ndarray]) -> NDArray[np.uint8]:
        """(h, w) the network's class ids, checked."""
        names, classes = self.spec.outputs["classes"], len(self.spec.labels)
        tensor = find_tensor(outputs, names)
        if tensor.dtype.kind in "iu":
            ids = _plane(tensor)
            if ids is None:
                raise PerceptionError(_unexpected(tensor, names[0], classes))
            return _checked_ids(ids, names[0], classes)
        if tensor.dtype.kind != "f":
            raise PerceptionError(_unexpected(tensor, names[0], classes))
        check_finite(tensor, names[0])
        score = _plane(tensor)
        if score is not None and classes == 2:
            return (score > 0.5).astype(np.uint8)
        image = tensor[0] if tensor.ndim == 4 and tensor.shape[0] == 1 else tensor
        first, last = image.ndim == 3 and image.shape[0] == classes, image.ndim == 3 and image.shape[-1] == classes
        if not (first or last):
            raise PerceptionError(_unexpected(tensor, names[0], classes))
        if first and last:  # only the description can tell
            first = self.spec.input.layout == "nchw"
        return _best_class(image if first else np.moveaxis(image, -1, 0))


def _plane(tensor: np.ndarray) -> np.ndarray | None:
    """The tensor as (H, W) if all its other axes are 1: batch and channel, wherever they are."""
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim == 3 and tensor.shape[-1] == 1:
        tensor = tensor[..., 0]
    elif tensor.ndim == 3 and tensor.shape[0] == 1:
        tensor = tensor[0]
    return tensor if tensor.ndim == 2 and tensor.size else None


def _checked_ids(ids: np.ndarray, name: str, classes: int) -> NDArray[np.uint8]:
    # A negative number is a large one when read without its sign: one maximum checks both ends.
    if ids.view(f"u{ids.itemsize}").max() >= classes:
        wrong = ids[(ids < 0) | (ids >= classes)][0]
        raise PerceptionError(f"tensor {name!r} holds class {wrong}; expected 0 to {classes - 1}, one for each label")
    return ids.astype(np.uint8)


def _best_class(scores: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(H, W) index of the largest of (C, H, W) scores, the first one of equals; for few classes quicker than argmax."""
    best, ids = scores[0], np.zeros(scores.shape[1:], np.uint8)
    for i, score in enumerate(scores[1:], 1):
        ids[score > best] = i
        best = np.maximum(best, score)
    return ids


def _unexpected(tensor: np.ndarray, name: str, classes: int) -> str:
    return (
        f"tensor {name!r} is {tensor.dtype} {tensor.shape}; expected integer class ids (H, W, 1), or floating-point "
        f"scores ({classes}, H, W) or (H, W, {classes}) of one image for {classes} labels"
    )
