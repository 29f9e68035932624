# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Annotated images for the networks of ``networks.py``, whose figures can be counted by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import networks

SIZE = (960, 544)
CELL = (320, 160)
BOX = [
    CELL[0] + 0.5 - networks.HALF_BOX,
    CELL[1] + 0.5 - networks.HALF_BOX,
    2 * networks.HALF_BOX,
    2 * networks.HALF_BOX,
]
"""What the detector says of a coloured cell at ``CELL``, as COCO writes a box."""


def red_cell(level: int) -> NDArray[np.uint8]:
    """A black image with one cell in red: a person with a score of ``level`` / 255."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[CELL[1] : CELL[1] + 16, CELL[0] : CELL[0] + 16, 2] = level
    return image


def white_left(columns: int) -> NDArray[np.uint8]:
    """Black with the left columns white: what the semantic network takes for persons."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[:, :columns] = 255
    return image


def person(box: list[float]) -> dict[str, Any]:
    """A person that fills a box x, y, width, height."""
    x, y, w, h = box
    return {"category_id": 1, "bbox": box, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]]}


def write(folder: Path, images: dict[str, tuple[NDArray[np.uint8], list[dict[str, Any]]]]) -> Path:
    """Writes images with their annotations; the path of the annotations."""
    data: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    for number, (name, (image, rows)) in enumerate(images.items(), 1):
        cv2.imwrite(str(folder / name), image)
        height, width = image.shape[:2]
        data["images"].append({"id": number, "file_name": name, "width": width, "height": height})
        data["annotations"] += [{"image_id": number, **row} for row in rows]
    path = folder / "annotations.json"
    path.write_text(json.dumps(data))
    return path


def detection_scenes(folder: Path) -> Path:
    """One person found, one false alarm, one person found only at a lower threshold than .9, and an empty scene."""
    return write(
        folder,
        {
            "found.png": (red_cell(255), [person(BOX)]),
            "alarm.png": (red_cell(240), []),
            "faint.png": (red_cell(128), [person(BOX)]),
            "empty.png": (red_cell(0), []),
        },
    )
