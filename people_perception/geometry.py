# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How a source image lies in a network's input: boxes and masks there and back.

Coordinates are continuous: pixel i covers [i, i + 1). One `Geometry` serves preprocessing and decoding, so what a
decoder returns lands on source pixels by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]
"""(width, height) in pixels."""


@dataclass(frozen=True)
class Geometry:
    """The place of a source image in a network's input.

    Attributes:
        source_size: (width, height) of the camera image.
        network_size: (width, height) of the network's input.
        content_size: (width, height) that the resized image has inside the input; the rest is padding.
        offset: (x, y) of the resized image's top-left corner inside the input.
        scale: (x, y) network pixels per source pixel.
    """

    source_size: Size
    network_size: Size
    content_size: Size
    offset: tuple[int, int]
    scale: tuple[float, float]

    def boxes_to_source(self, boxes: NDArray[np.floating]) -> NDArray[np.float32]:
        """Network boxes (N, 4) x1, y1, x2, y2 in source pixels, clipped to the image; float32."""
        # In float64 and rounded once, as TAO does.
        offset, factor, limit = self._to_source
        return np.minimum(np.maximum((boxes - offset) * factor, 0.0), limit).astype(np.float32)

    @cached_property
    def _to_source(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        offset = np.array(self.offset * 2, np.float64)
        return offset, 1.0 / np.array(self.scale * 2, np.float64), np.array(self.source_size * 2, np.float64)

    def boxes_to_network(self, boxes: NDArray[np.floating]) -> NDArray[np.float32]:
        """Source boxes (N, 4) x1, y1, x2, y2 in network pixels; float32."""
        scale = np.array([*self.scale, *self.scale], np.float64)
        offset = np.array([*self.offset, *self.offset], np.float64)
        return (np.asarray(boxes, np.float64) * scale + offset).astype(np.float32)

    def mask_to_source(self, mask: NDArray) -> NDArray:
        """A network mask (h, w) at source size (H, W), by nearest neighbour; padding is cut off."""
        import cv2

        height, width = mask.shape
        if (width, height) != self.network_size:
            raise ValueError(
                f"mask is {width}x{height}; the network's input is {'x'.join(map(str, self.network_size))}"
            )
        (x, y), (w, h) = self.offset, self.content_size
        # The image was resized with pixel centres. INTER_NEAREST takes the pixel at floor(x * scale), which would move
        # the mask by up to half a network pixel; INTER_NEAREST_EXACT takes the nearest centre at the same cost.
        return cv2.resize(mask[y : y + h, x : x + w], self.source_size, interpolation=cv2.INTER_NEAREST_EXACT)


def stretch(source_size: Size, network_size: Size) -> Geometry:
    """The whole image on the whole input, aspect not kept."""
    _check(source_size)
    scale = (network_size[0] / source_size[0], network_size[1] / source_size[1])
    return Geometry(source_size, network_size, network_size, (0, 0), scale)


def letterbox(source_size: Size, network_size: Size, centred: bool = False) -> Geometry:
    """The image as large as it fits with its aspect kept, at the top left or in the centre; the rest is padding."""
    _check(source_size)
    # Rounded as TAO Deploy's resize_pad does.
    scale = 1.0 / max(source_size[0] / network_size[0], source_size[1] / network_size[1])
    content = (
        min(network_size[0], max(1, round(source_size[0] * scale))),
        min(network_size[1], max(1, round(source_size[1] * scale))),
    )
    offset = ((network_size[0] - content[0]) // 2, (network_size[1] - content[1]) // 2) if centred else (0, 0)
    return Geometry(source_size, network_size, content, offset, (scale, scale))


def _check(source_size: Size) -> None:
    if min(source_size) < 1:
        raise ValueError(f"image is {source_size[0]}x{source_size[1]}; both sides must be at least 1 pixel")
