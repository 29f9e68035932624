# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sequences in MOTChallenge's layout, made of photographs so that everybody's box is known."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (960, 544)
WALL = 90
Box = tuple[float, float, float, float]


def write(folder: Path, images: list[NDArray[np.uint8]], rows: list[str], rate: float = 10.0) -> Path:
    """A sequence's folder with these images and lines of ``gt.txt``."""
    (folder / "img1").mkdir(parents=True)
    (folder / "gt").mkdir()
    for number, image in enumerate(images, 1):
        cv2.imwrite(str(folder / "img1" / f"{number:06}.png"), image)
    (folder / "gt" / "gt.txt").write_text("".join(f"{row}\n" for row in rows))
    (folder / "seqinfo.ini").write_text(f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate={rate:g}\n")
    return folder


def two_persons(assets: Path, folder: Path, frames: int, swapped_from: int | None = None) -> Path:
    """A grey wall with two persons cut from photographs, past which a camera pans and to which it zooms.

    Args:
        assets: with the photographs and the boxes that people drew on them.
        folder: to write.
        frames: how many.
        swapped_from: the frame from 1 in which the two have changed places.
    """
    pair = [(1, *_person(assets, 544)), (2, *_person(assets, 257))]
    images, rows = [], []
    for number in range(1, frames + 1):
        canvas = np.full((560, 1200, 3), WALL, np.uint8)
        phase = (number - 1) / max(frames - 1, 1)
        zoom, x0, y0 = 1 - 0.1 * phase, 40 + 120 * phase, 8 + 30 * phase
        swapped = swapped_from is not None and number >= swapped_from
        for at, (identity, picture, (x, y, w, h)) in zip((230, 630), pair[:: -1 if swapped else 1], strict=True):
            height, width = picture.shape[:2]
            canvas[80 : 80 + height, at : at + width] = picture
            # Pixels of MOTChallenge count from 1.
            box = ((at + x - x0) / zoom + 1, (80 + y - y0) / zoom + 1, w / zoom, h / zoom)
            rows.append(f"{number},{identity}," + ",".join(f"{v:.2f}" for v in box) + ",1,1,1.0")
        to_canvas = np.array([[zoom, 0, x0], [0, zoom, y0]])
        images.append(cv2.warpAffine(canvas, to_canvas, SIZE, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP))
    return write(folder, images, rows)


def _person(assets: Path, number: int) -> tuple[NDArray[np.uint8], Box]:
    """The largest person of a photograph, cut out along the outline, 350 pixels high, and the box in that picture."""
    data = json.loads((assets / "images" / "person_annotations.json").read_text())
    (entry,) = (e for e in data["images"] if int(Path(e["file_name"]).stem) == number)
    image = cv2.imread(str(assets / "images" / entry["file_name"]))
    rows = [row for row in data["annotations"] if row["image_id"] == entry["id"] and not row["iscrowd"]]
    row = max(rows, key=lambda row: row["bbox"][2] * row["bbox"][3])
    outline = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(outline, [np.round(np.reshape(part, (-1, 2))).astype(np.int32) for part in row["segmentation"]], 1)
    image[outline == 0] = WALL
    x, y, w, h = row["bbox"]
    left, top = int(x), int(y)
    scale = 350 / h
    box = ((x - left) * scale, (y - top) * scale, w * scale, h * scale)
    part = image[top : top + int(h) + 2, left : left + int(w) + 2]
    return cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), box
