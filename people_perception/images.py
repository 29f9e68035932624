# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Image files: which ones are meant, and their pixels as a `Frame` takes them."""

from __future__ import annotations

from collections.abc import Iterable
from glob import glob
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


def find_images(names: Iterable[str]) -> list[Path]:
    """The image files that are meant by files, folders (without those below) and glob patterns, in the order given.

    A file is not looked at: one that does not exist is found out by `read_image`.

    Raises:
        PerceptionError: a folder or a pattern that holds no image.
    """
    found: list[Path] = []
    for name in names:
        path = Path(name).expanduser()
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif not path.exists() and any(c in name for c in "*?["):
            files = [Path(p) for p in sorted(glob(str(path), recursive=True))]
        else:
            files = [path]
        if not files:
            raise PerceptionError(
                f"{name}: no image there; expected a file, a folder or a pattern of {', '.join(SUFFIXES)}"
            )
        found += files
    return found


def read_image(path: Path) -> NDArray:
    """(H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 mono; turned upright where its EXIF data says so.

    Raises:
        PerceptionError: not there, or no image.
    """
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise PerceptionError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    # Decoding from memory reads any file name and keeps OpenCV's own warning off the terminal.
    image = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR) if data.size else None
    if image is None:
        raise PerceptionError(f"{path}: not an image that OpenCV can read")
    if image.dtype == np.uint16 and image.ndim == 3:
        return (image >> 8).astype(np.uint8)
    if image.dtype not in (np.uint8, np.uint16):
        raise PerceptionError(f"{path}: its pixels are {image.dtype}; expected 8 or 16 bits")
    return image
