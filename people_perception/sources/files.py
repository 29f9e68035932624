# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Images, a video file, and a camera of this machine, all read by OpenCV."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.images import SUFFIXES, find_images, read_image
from people_perception.sources import Picture, Source

_PATTERN = "*?["


def is_images(name: str) -> bool:
    """Whether a name means images: a folder, a pattern, or a file with an image's suffix."""
    path = Path(name).expanduser()
    pattern = not path.exists() and any(c in name for c in _PATTERN)
    return pattern or path.is_dir() or path.suffix.lower() in SUFFIXES


def fit(image: NDArray, size: Size | None) -> NDArray:
    """The image, made smaller where it does not fit into (width, height)."""
    if size is None:
        return image
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    if scale >= 1:
        return image
    import cv2

    smaller = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)


class ImagesSource(Source):
    """Image files in the order of their names, each shown once.

    Raises:
        PerceptionError: there is none, or the first cannot be read.
    """

    RATE = 2.0
    """A slide show that four models on two cores keep up with."""

    def __init__(self, name: str, rate: float | None = None, size: Size | None = None) -> None:
        self._paths = find_images([name])
        read_image(self._paths[0])
        self.rate = rate or self.RATE
        self.count = len(self._paths)
        self.title = f"{name}: {self.count} image{'s' * (self.count > 1)} at {self.rate:g} Hz"
        self._size = size

    def __iter__(self) -> Iterator[Picture]:
        for index, path in enumerate(self._paths):
            yield Picture(fit(read_image(path), self._size), index / self.rate, path.name)

    def close(self) -> None:
        """There is nothing to close."""


class VideoSource(Source):
    """The pictures of a video file.

    Raises:
        PerceptionError: OpenCV cannot read it as a video.
    """

    def __init__(self, path: Path, rate: float | None = None, size: Size | None = None) -> None:
        import cv2

        self._size = size
        self._capture = _open(str(path), cv2.CAP_ANY)
        own_rate = self._capture.get(cv2.CAP_PROP_FPS)
        good, first = self._capture.read()
        if not good:
            raise PerceptionError(f"{path}: not a video that OpenCV can read, nor an image or a bag")
        self._first = first
        self.rate = rate or (own_rate if 0 < own_rate < 1000 else 25.0)
        # What a damaged or streamed file claims is not to be relied on.
        frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = frames if frames > 0 else None
        height, width = first.shape[:2]
        self.title = f"{path.name}: {width}x{height} video at {self.rate:g} Hz"

    def __iter__(self) -> Iterator[Picture]:
        good, image, index = True, self._first, 0
        while good:
            yield Picture(fit(image, self._size), index / self.rate, f"frame {index}")
            index += 1
            good, image = self._capture.read()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class CameraSource(Source):
    """A camera of this machine, through Video4Linux.

    Raises:
        PerceptionError: no such device, no permission, or no picture comes from it.
    """

    live = True

    def __init__(self, device: str, rate: float | None = None, size: Size | None = None) -> None:
        import cv2

        _check_device(device)
        self._size = size
        self._capture = _open(device, cv2.CAP_V4L2)
        if size is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[1])
        if rate is not None:
            self._capture.set(cv2.CAP_PROP_FPS, rate)
        good, first = self._capture.read()
        if not good:
            raise PerceptionError(f"{device}: no picture comes from it; is it a camera, and does nothing else use it?")
        own_rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = own_rate if 0 < own_rate < 1000 else rate or 30.0
        height, width = first.shape[:2]
        self.title = f"{device}: {width}x{height} at {self.rate:g} Hz"

    def __iter__(self) -> Iterator[Picture]:
        index = 0
        while True:
            good, image = self._capture.read()
            if not good:
                return
            yield Picture(fit(image, self._size), index / self.rate, f"frame {index}")
            index += 1

    def close(self) -> None:
        """Free the device."""
        self._capture.release()


def _check_device(device: str) -> None:
    try:
        mode = os.stat(device).st_mode
    except OSError as error:
        cameras = sorted(str(p) for p in Path("/dev").glob("video*"))
        here = f"this machine has {', '.join(cameras)}" if cameras else "this machine has no camera"
        raise PerceptionError(f"{device}: {(error.strerror or str(error)).lower()}; {here}") from error
    if not stat.S_ISCHR(mode):
        raise PerceptionError(f"{device}: not a camera; expected a device such as /dev/video0")
    if not os.access(device, os.R_OK | os.W_OK):
        raise PerceptionError(f"{device}: permission denied; add yourself to the group video and log in again")


def _open(name: str, backend: int) -> Any:
    """A capture that says nothing itself: what is wrong is said by the caller, in one line."""
    import cv2

    # FFmpeg and OpenCV log to the terminal; OpenCV reads the first when the plugin is loaded, the second at once.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 4.6, which is Ubuntu's, has the functions in cv2 itself
    before = logging.getLogLevel()
    logging.setLogLevel(0)  # silent
    try:
        return cv2.VideoCapture(name, backend)
    finally:
        logging.setLogLevel(before)
