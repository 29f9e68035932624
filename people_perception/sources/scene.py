# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The bundled scene: a camera pans and zooms along a wall with photographs that scikit-image ships."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.sources import Picture, Source

Point = tuple[float, float]

_WALL: Size = (3140, 1000)
_REFERENCE_HEIGHT = 720
"""Of the view that the lengths below are for; other sizes scale them."""
_PERIOD = 15.0
"""Seconds from the left end to the right end and back."""
_HUNG = (  # name, centre x and y, height, mirrored
    ("astronaut", 420, 500, 640, False),
    ("chelsea", 1010, 400, 300, False),
    ("camera", 1570, 510, 640, False),
    ("coffee", 2140, 640, 280, False),
    ("astronaut", 2720, 490, 600, True),
)


class SceneSource(Source):
    """Two people, an astronaut (twice) and a man with a camera, and things that are no people.

    Every picture depends on its time only, so two runs see the same. The infrared camera sees the left half of the wall
    in 16 bits of grey.

    Args:
        rate: pictures a second.
        size: (width, height) of a picture.

    Raises:
        PerceptionError: scikit-image is not installed.
    """

    RATE = 10.0
    SIZE: Size = (1280, 720)
    INFRARED_SIZE: Size = (640, 480)

    credits = (
        "Eileen Collins, astronaut: NASA, no known copyright restrictions, released into the public domain",
        "Man with a camera: Lav Varshney, CC0",
        "Chelsea the cat: Stéfan van der Walt, CC0",
        "Coffee: Rachel Michetti, CC0",
        "Brick wall: CC0Textures, CC0",
    )
    infrared = True

    def __init__(self, rate: float = RATE, size: Size = SIZE) -> None:
        import cv2

        self.title = f"Bundled scene: photographs from scikit-image, {size[0]}x{size[1]} at {rate:g} Hz"
        self.rate = rate
        self._size = size
        wall = _wall()
        self._scale = size[1] / _REFERENCE_HEIGHT
        smaller = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_CUBIC
        self._wall = cv2.resize(wall, None, fx=self._scale, fy=self._scale, interpolation=smaller)
        # Counts as an infrared camera of 14 bits gives them: a narrow range far from zero.
        self._infrared = cv2.cvtColor(wall, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 12 + 7000

    def __iter__(self) -> Iterator[Picture]:
        index = 0
        while True:
            yield self.picture(index)
            index += 1

    def picture(self, index: int) -> Picture:
        """The picture of this number."""
        time = index / self.rate
        (x, y), zoom = _path(time)
        image = _view(self._wall, (x * self._scale, y * self._scale), zoom, self._size)
        infrared = _view(self._infrared, *_infrared_path(time), self.INFRARED_SIZE)
        return Picture(image, time, f"frame {index}", infrared)

    def close(self) -> None:
        """There is nothing to close."""


def _path(time: float) -> tuple[Point, float]:
    """Where on the wall the camera looks, and how much it enlarges."""
    phase = 2 * math.pi * time / _PERIOD
    centre = _WALL[0] / 2 - 960 * math.cos(phase), _WALL[1] / 2 + 30 * math.sin(2 * phase)
    return centre, 1.06 + 0.2 * math.cos(2 * phase + 0.6)


def _infrared_path(time: float) -> tuple[Point, float]:
    """The same of the infrared camera, which goes between the heads of the two people."""
    phase = 2 * math.pi * time / _PERIOD
    return (970 - 610 * math.cos(phase), 400 + 30 * math.sin(3 * phase)), 1.1 + 0.2 * math.cos(2 * phase)


def _view(wall: NDArray, centre: Point, zoom: float, size: Size) -> NDArray:
    """The part of the wall around a centre, pushed inside where it would reach beyond an edge."""
    import cv2

    half = size[0] / 2 / zoom, size[1] / 2 / zoom
    x, y = (
        min(max(c, h), side - h) if 2 * h < side else side / 2
        for c, h, side in zip(centre, half, wall.shape[1::-1], strict=True)
    )
    to_wall = np.array([[1 / zoom, 0, x - half[0]], [0, 1 / zoom, y - half[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(wall, to_wall, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def _wall() -> NDArray[np.uint8]:
    """The bricks with everything hung on them, BGR."""
    photographs = _photographs()
    width, height = _WALL
    bricks = photographs["brick"]
    tiled = np.tile(bricks, (-(-height // bricks.shape[0]), -(-width // bricks.shape[1])))[:height, :width]
    warm_white = np.array((0.67, 0.75, 0.8), np.float32)
    wall = ((tiled * np.float32(0.45) + 120)[..., None] * warm_white).astype(np.uint8)
    for name, x, y, photograph_height, mirrored in _HUNG:
        photograph = photographs[name]
        _hang(wall, photograph[:, ::-1] if mirrored else photograph, x, y, photograph_height)
    return wall


def _hang(wall: NDArray[np.uint8], photograph: NDArray[np.uint8], x: int, y: int, height: int) -> None:
    import cv2

    scale = height / photograph.shape[0]
    picture = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    for m, colour in ((26, (238, 243, 245)), (14, (38, 44, 52))):  # a mat, then a dark frame
        picture = cv2.copyMakeBorder(picture, m, m, m, m, cv2.BORDER_CONSTANT, value=colour)
    h, w = picture.shape[:2]
    top, left = y - h // 2, x - w // 2
    shadow = wall[top + 14 : top + 24 + h, left + 10 : left + 20 + w]
    shadow[:] = shadow // 5 * 3
    wall[top : top + h, left : left + w] = picture


def _photographs() -> dict[str, NDArray[np.uint8]]:
    """What is hung and the bricks, which are grey; the files lie in scikit-image's wheel."""
    try:
        from skimage import data
    except ImportError as error:
        raise PerceptionError(
            f"the bundled scene needs scikit-image ({error}); pip install scikit-image, or give another source"
        ) from error
    import cv2

    colour = {name: getattr(data, name)()[..., ::-1] for name in ("astronaut", "chelsea", "coffee")}
    grey = cv2.cvtColor(data.camera(), cv2.COLOR_GRAY2BGR)
    bricks = cv2.resize(np.rot90(data.brick()), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return {**colour, "camera": grey, "brick": bricks}
