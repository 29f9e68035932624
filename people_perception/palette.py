# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One colour for each class and each person, the same in every picture."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray


def _colours() -> NDArray[np.uint8]:
    # Steps of the golden ratio keep neighbouring numbers far apart on the colour circle, however many there are.
    hues = [(0.38 + 0.618034 * i) % 1.0 for i in range(255)]
    rgb = np.array([(0.0, 0.0, 0.0), *(colorsys.hsv_to_rgb(hue, 0.85, 1.0) for hue in hues)])
    return np.round(rgb[:, ::-1] * 255).astype(np.uint8)


COLOURS = _colours()
"""(256, 3) uint8 BGR: black for the background, then a colour for each id from 1 to 255."""


def wrap_ids(ids: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Class or instance ids as rows of `COLOURS`: 0 stays 0, and after 255 the colours start again with 1."""
    if ids.dtype == np.uint8:
        return ids  # type: ignore[return-value]
    if ids.size and ids.max() > 255:
        ids = np.where(ids > 0, (ids - 1) % 255 + 1, 0)
    return ids.astype(np.uint8)


def colour_mask(ids: NDArray[np.integer]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR picture of a mask (H, W) of class or instance ids, uint8 or uint16."""
    import cv2

    return cv2.applyColorMap(wrap_ids(ids), np.ascontiguousarray(COLOURS[:, None]))
