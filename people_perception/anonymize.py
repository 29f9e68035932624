# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Faces, or whole persons, made unrecognisable in an image, and kept so while a detector misses them for a moment."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.association import best_pairs, box_iou
from people_perception.errors import PerceptionError

_DRIFT = 1.0
"""Box sizes a second by which a face that is not found any more may have moved: its cover grows as quickly."""
_SAME_FACE = 0.3
"""IoU from which a box of this image is the face of a remembered box."""
_TIME_JUMP = 1.0
"""Seconds back from which time did not jitter but began anew: a bag loops."""


def pixelate(image: NDArray, boxes: NDArray, blocks: int = 3) -> NDArray:
    """A copy of an image in which each box is a few blocks of one colour each.

    A block is the mean of its pixels, so what was in it cannot be computed back, unlike a blur with a known kernel.

    Args:
        image: (H, W, 3) uint8, or (H, W) uint8 or uint16.
        boxes: (N, 4) x1, y1, x2, y2 in pixels; every pixel that a box touches is covered.
        blocks: along the longer side of a box. In scikit-image's portraits a face detector scores a face of 3 blocks
            0.2 at most, of 4 0.4, of 6 0.7.

    Raises:
        ValueError: a box is not finite, so what it should cover is unknown.
    """
    import cv2

    if not np.isfinite(boxes).all():
        raise ValueError("a box to cover is not finite")
    covered = image.copy()
    height, width = image.shape[:2]
    for x1, y1, x2, y2 in boxes.tolist():
        left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
        right, bottom = min(width, math.ceil(x2)), min(height, math.ceil(y2))
        if left >= right or top >= bottom:
            continue
        region = covered[top:bottom, left:right]
        side = max(right - left, bottom - top) / blocks
        small = max(1, round((right - left) / side)), max(1, round((bottom - top) / side))
        small = min(small[0], right - left), min(small[1], bottom - top)
        mean = cv2.resize(region, small, interpolation=cv2.INTER_AREA)
        covered[top:bottom, left:right] = cv2.resize(
            mean, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST
        )
    return covered


@dataclass(frozen=True)
class _Face:
    box: NDArray
    seen: float


class Anonymizer:
    """Covers what was found in each image of a sequence, and for a while what was found just before.

    A box that no box of the present image continues stays covered for ``memory`` seconds, and its cover grows, because
    the face moves on while it is not found. A time jump backwards, or another image size, forgets the past.

    Args:
        margin: part of its size by which each box grows on every side.
        memory: seconds.
        blocks: see `pixelate`.
    """

    def __init__(self, margin: float = 0.25, memory: float = 0.5, blocks: int = 3) -> None:
        self.margin = margin
        self.memory = memory
        self.blocks = blocks
        self._faces: list[_Face] = []
        self._last: tuple[float, tuple[int, ...]] | None = None

    def reset(self) -> None:
        """Forget the past."""
        self._faces = []
        self._last = None

    def __call__(self, image: NDArray, boxes: NDArray, stamp: float) -> NDArray:
        """A copy of an image with everything covered.

        Args:
            image: see `pixelate`.
            boxes: (N, 4) x1, y1, x2, y2 in pixels, of everything that was found in exactly this image.
            stamp: of the image, in seconds.

        Raises:
            ValueError: see `pixelate`.
        """
        return pixelate(image, self.cover(boxes, stamp, image.shape[:2]), self.blocks)

    def cover(self, boxes: NDArray, stamp: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The boxes (M, 4) that are to be covered in an image of ``shape``, and remember them; see `__call__`."""
        if self._last is not None and (stamp < self._last[0] - _TIME_JUMP or shape != self._last[1]):
            self.reset()
        self._last = (stamp, shape)
        present = [_Face(box, stamp) for box in np.asarray(boxes, np.float64).reshape(-1, 4)]
        past = [face for face in self._faces if abs(stamp - face.seen) <= self.memory]
        # An image that is late says nothing of where a face went later.
        later = [face for face in past if face.seen > stamp]
        past = [face for face in past if face.seen <= stamp]
        self._faces = present + _not_continued(past, present) + later
        return np.array([self._grown(face, stamp) for face in self._faces]).reshape(-1, 4)

    def _grown(self, face: _Face, stamp: float) -> NDArray[np.float64]:
        size = face.box[2:] - face.box[:2]
        grow = size * (self.margin + _DRIFT * abs(stamp - face.seen))
        return np.concatenate([face.box[:2] - grow, face.box[2:] + grow])


def boxes_to_cover(results: Mapping[str, Any], labels: Collection[str], frame_id: str) -> NDArray[np.float64]:
    """The boxes (N, 4) of everything that is to be covered.

    Args:
        results: vision_msgs/Detection2DArray by source. Each box of ``faces`` counts, of other sources those that any
            hypothesis gives one of the labels.
        labels: as above.
        frame_id: of the image.

    Raises:
        PerceptionError: a message is of another frame, or a box in it cannot be understood.
    """
    boxes = []
    for source, message in results.items():
        if message.header.frame_id != frame_id:
            raise PerceptionError(f"{source} is of frame {message.header.frame_id!r}, the image of {frame_id!r}")
        for detection in message.detections:
            named = {result.hypothesis.class_id for result in detection.results}
            if source != "faces" and named and not named & set(labels):
                continue
            box = detection.bbox
            values = (box.center.position.x, box.center.position.y, box.size_x, box.size_y)
            if not np.isfinite(values).all() or min(box.size_x, box.size_y) < 0 or box.center.theta:
                raise PerceptionError(
                    f"{source} holds a box that cannot be covered: {values}, turned {box.center.theta}"
                )
            x, y, half_width, half_height = values[0], values[1], values[2] / 2, values[3] / 2
            boxes.append((x - half_width, y - half_height, x + half_width, y + half_height))
    return np.array(boxes, np.float64).reshape(-1, 4)


def _not_continued(past: list[_Face], present: list[_Face]) -> list[_Face]:
    """The past faces without those that a present one continues; each present face continues one at most."""
    if not past or not present:
        return past
    overlap = box_iou(np.array([face.box for face in past]), np.array([face.box for face in present]))
    return [face for face, partner in zip(past, best_pairs(overlap, _SAME_FACE), strict=True) if partner < 0]
