# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages to test with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

MONO = {"mono8": "u1", "8UC1": "u1", "mono16": "u2", "16UC1": "u2"}
PACKED = {"bgr8": (0, 1, 2), "8UC3": (0, 1, 2), "rgb8": (2, 1, 0), "rgba8": (2, 1, 0), "bgra8": (0, 1, 2)}
ROW_BYTES = (
    {"bgr8": 3, "8UC3": 3, "rgb8": 3, "rgba8": 4, "bgra8": 4, "nv12": 1, "nv21": 1}
    | {encoding: np.dtype(dtype).itemsize for encoding, dtype in MONO.items()}
    | dict.fromkeys(("yuv422", "uyvy", "yuv422_yuy2", "yuyv"), 2)
    | dict.fromkeys((f"bayer_{pattern}8" for pattern in ("rggb", "bggr", "gbrg", "grbg")), 1)
)


def message(
    data: NDArray[np.uint8], encoding: str, width: int, height: int, padding: int = 0, is_bigendian: bool = False
) -> Image:
    """An Image of ``data`` (rows, row bytes), whose rows end in ``padding`` bytes of rubbish."""
    padded = np.full((data.shape[0], data.shape[1] + padding), 0xA5, np.uint8)
    padded[:, : data.shape[1]] = data
    made = Image(width=width, height=height, encoding=encoding, step=padded.shape[1], is_bigendian=int(is_bigendian))
    made.data.frombytes(padded)
    return made


def random_data(encoding: str, width: int, height: int) -> NDArray[np.uint8]:
    rows = height * 3 // 2 if encoding.startswith("nv") else height
    return np.random.default_rng(7).integers(0, 256, (rows, width * ROW_BYTES[encoding]), np.uint8)
