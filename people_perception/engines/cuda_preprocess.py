# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Camera bytes to the network's tensor on the GPU: what ``kernels.cu`` is launched with.

The counterpart of `people_perception.preprocess`, which does the same on the CPU; the two agree within one step of 8
bit.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from people_perception.catalogue import InputSpec
from people_perception.geometry import Geometry, Size

ENCODINGS = ("bgr8", "rgb8", "mono8", "mono16", "nv12", "yuyv")
COLOURS = ("rgb", "bgr", "grey")
BLOCK = (32, 8, 1)

SOURCE = Path(__file__).with_name("kernels.cu")

_PLAN = struct.Struct("=10i4f3i9f")


def source_size(image: NDArray, encoding: str) -> Size:
    """(width, height) of an image as it comes from a camera.

    Args:
        image: bgr8, rgb8: (H, W, 3) uint8; mono8: (H, W) uint8; mono16: (H, W) uint16; yuyv: (H, W, 2) uint8; nv12:
            (H * 3 / 2, W) uint8, the plane of U and V below that of Y.
        encoding: one of `ENCODINGS`.

    Raises:
        ValueError: unknown encoding, or an array of another type or shape.
    """
    expected = {"bgr8": (3, 3), "rgb8": (3, 3), "yuyv": (3, 2)}.get(encoding, (2, 1))
    if encoding not in ENCODINGS:
        raise ValueError(f"encoding={encoding!r}: expected one of {', '.join(ENCODINGS)}")
    dtype = np.uint16 if encoding == "mono16" else np.uint8
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.dtype != dtype or (image.ndim, channels) != expected or image.size == 0:
        raise ValueError(f"image is {image.dtype} {image.shape}; that is not {encoding}")
    height, width = image.shape[:2]
    if encoding == "nv12":
        if height % 3 or width % 2:
            raise ValueError(f"image is {image.shape}; nv12 has three rows for two of the picture, and an even width")
        height = height * 2 // 3
    if encoding == "yuyv" and width % 2:
        raise ValueError(f"image is {image.shape}; yuyv has an even width")
    return (width, height)


def image_encoding(image: NDArray) -> str:
    """The encoding of an image as the API takes it: bgr8, mono8 or mono16."""
    if image.ndim == 3:
        return "bgr8"
    return "mono16" if image.dtype == np.uint16 else "mono8"


def kernel_plan(
    image: NDArray, encoding: str, geometry: Geometry, spec: InputSpec, value_range: tuple[float, float] = (0, 65535)
) -> bytes:
    """The kernel's ``Plan`` for one image, as C lays it out.

    Args:
        image: see `source_size`.
        encoding: one of `ENCODINGS`.
        geometry: where the image lies in the network's input.
        spec: layout, type, colour, scale, mean and padding.
        value_range: of a mono16 image, what becomes 0 and 255.

    Raises:
        ValueError: the geometry is that of another image, or the image is not of the encoding.
    """
    size = source_size(image, encoding)
    if size != geometry.source_size:
        raise ValueError(
            f"image is {size[0]}x{size[1]}; the geometry is for {'x'.join(map(str, geometry.source_size))}"
        )
    low, high = round(value_range[0]), round(value_range[1])
    multiply = [float(s) for s in spec.scale]
    add = [-m * s for m, s in zip(spec.mean, spec.scale, strict=True)]
    pad = [p * m + a for p, m, a in zip(spec.pad, multiply, add, strict=True)]
    return _PLAN.pack(
        *size,
        image.shape[1] * image.itemsize * (image.shape[2] if image.ndim == 3 else 1),
        ENCODINGS.index(encoding),
        *geometry.network_size,
        *geometry.content_size,
        *geometry.offset,
        size[0] / geometry.content_size[0],
        size[1] / geometry.content_size[1],
        low,
        255.0 / max(high - low, 1),
        COLOURS.index(spec.colour),
        spec.layout == "nhwc",
        spec.dtype == "float16",
        *multiply,
        *add,
        *pad,
    )


def grid(network_size: Size) -> tuple[int, int]:
    """How many blocks of `BLOCK` threads cover the network's input."""
    return (-(-network_size[0] // BLOCK[0]), -(-network_size[1] // BLOCK[1]))
