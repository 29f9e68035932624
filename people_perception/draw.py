# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Results drawn on an image, in place and quick enough for every frame of a camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from people_perception.palette import COLOURS, colour_mask, wrap_ids
from people_perception.results import Detections, Instances, Result, Segmentation

Colour = tuple[int, int, int]
"""Blue, green, red."""

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotated(image: NDArray, result: Result) -> NDArray[np.uint8]:
    """A colour copy of an image with a result on it; see `draw_result`."""
    picture = to_colour(image)
    draw_result(picture, result)
    return picture


def to_colour(image: NDArray) -> NDArray[np.uint8]:
    """A BGR copy (H, W, 3) uint8 to draw on, of a (H, W, 3) uint8 BGR or (H, W) uint8 or uint16 mono image."""
    if image.ndim == 3:
        return image.copy()
    if image.dtype == np.uint16:
        from people_perception.preprocess import robust_range, scale_to_8bit

        image = scale_to_8bit(image, *robust_range(image))
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)


def draw_result(
    picture: NDArray[np.uint8], result: Result, mask_opacity: float = 0.45, show_labels: bool = True
) -> None:
    """Whatever a model found; an instance has one colour for its box and its mask.

    Args:
        picture: (H, W, 3) uint8 BGR of the size of the result's image; drawn on.
        result: of a model.
        mask_opacity: 0 to 1.
        show_labels: write label and score at each box.
    """
    if isinstance(result, Segmentation):
        draw_mask(picture, result.mask, mask_opacity)
    elif isinstance(result, Instances):
        draw_mask(picture, result.id_mask(), mask_opacity)
        draw_detections(picture, result.detections, show_labels, result.ids)
    else:
        draw_detections(picture, result, show_labels)


def draw_mask(picture: NDArray[np.uint8], ids: NDArray, opacity: float = 0.45) -> None:
    """A mask of class or instance ids (H, W), uint8 or uint16, blended in the colour of each id; 0 stays as it is."""
    ids = wrap_ids(ids)
    x, y, width, height = cv2.boundingRect(ids)
    if not width:
        return
    ids, region = ids[y : y + height, x : x + width], picture[y : y + height, x : x + width]
    blend = cv2.addWeighted(region, 1.0 - opacity, colour_mask(ids), opacity, 0.0)
    cv2.copyTo(blend, ids, region)


def draw_detections(
    picture: NDArray[np.uint8], found: Detections, show_labels: bool = True, ids: NDArray[np.int64] | None = None
) -> None:
    """Boxes with label and score, the best on top.

    The colour is that of the entry in ``ids``, else of the track, else of the class. Tracks show their number.
    """
    tracks = found.track_ids
    keys = ((ids if ids is not None else tracks if tracks is not None else found.class_ids + 1) - 1) % 255 + 1
    for i in np.argsort(found.scores, kind="stable"):
        text = ""
        if show_labels:
            text = f"{found.labels[found.class_ids[i]]} {found.scores[i]:.2f}"
            if tracks is not None and tracks[i] >= 0:
                text = f"#{tracks[i]} {text}"
        blue, green, red = COLOURS[keys[i]].tolist()
        draw_box(picture, found.boxes[i], (blue, green, red), text)


def draw_box(picture: NDArray[np.uint8], box: NDArray, colour: Colour, text: str = "", dashed: bool = False) -> None:
    """A box x1, y1, x2, y2, with a text above it or, at the upper edge of the picture, inside."""
    height, width = picture.shape[:2]
    line = max(2, round(min(width, height) / 400))
    x1, y1, x2, y2 = np.clip(np.round(box), 0, (width - 1, height - 1) * 2).astype(int).tolist()
    if dashed:
        _dashes(picture, (x1, y1, x2, y2), colour, line)
    else:
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, line)
    if text:
        draw_text(picture, text, (x1 - line // 2, y1), colour)


def draw_text(picture: NDArray[np.uint8], text: str, corner: tuple[int, int], background: Colour) -> None:
    """A text on a plate whose lower left corner is ``corner``, pushed into the picture if it does not fit there."""
    height, width = picture.shape[:2]
    scale = max(0.4, min(width, height) / 1400)
    thickness = max(1, round(1.8 * scale))
    (text_width, text_height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, round(4 * scale))
    plate_width, plate_height = text_width + 2 * pad, text_height + baseline + pad
    x = max(0, min(corner[0], width - plate_width))
    y = max(0, min(corner[1] - plate_height, height - plate_height))
    cv2.rectangle(picture, (x, y), (x + plate_width, y + plate_height), background, cv2.FILLED)
    blue, green, red = background
    ink = (0, 0, 0) if 0.114 * blue + 0.587 * green + 0.299 * red > 128 else (255, 255, 255)
    cv2.putText(picture, text, (x + pad, y + pad + text_height), _FONT, scale, ink, thickness, cv2.LINE_AA)


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]], columns: int = 4, cell: tuple[int, int] = (400, 300)
) -> NDArray[np.uint8]:
    """BGR pictures in a grid, each as large as it fits into a cell of (width, height), row by row."""
    width, height = cell
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * height, min(columns, len(pictures)) * width, 3), 32, np.uint8)
    for i, picture in enumerate(pictures):
        scale = min(width / picture.shape[1], height / picture.shape[0])
        size = max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale))
        x = i % columns * width + (width - size[0]) // 2
        y = i // columns * height + (height - size[1]) // 2
        sheet[y : y + size[1], x : x + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return sheet


def _dashes(picture: NDArray[np.uint8], box: tuple[int, int, int, int], colour: Colour, line: int) -> None:
    x1, y1, x2, y2 = box
    dash = 4 * line
    for x in range(x1, x2 + 1, 2 * dash):
        for y in (y1, y2):
            cv2.line(picture, (x, y), (min(x + dash, x2), y), colour, line)
    for y in range(y1, y2 + 1, 2 * dash):
        for x in (x1, x2):
            cv2.line(picture, (x, y), (x, min(y + dash, y2)), colour, line)
