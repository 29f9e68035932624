# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from without a robot: a bundled scene, video, images, recordings, a camera of this machine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from people_perception.errors import PerceptionError
from people_perception.geometry import Size

_BAG_FILES = (".mcap", ".db3")


@dataclass(frozen=True)
class Picture:
    """What a camera sees at one moment.

    Attributes:
        image: (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 mono.
        time: seconds since the first picture, by the source's own clock.
        name: what a person would look for in the source: a file's name, or a number.
        infrared: (H, W) uint8 or uint16 of a second, infrared camera.
    """

    image: NDArray
    time: float
    name: str
    infrared: NDArray | None = None


class Source(ABC):
    """Something that gives pictures in the order of time, once.

    Attributes:
        title: one line that says what it is.
        credits: who made the pictures and under which terms, where that is known.
        rate: pictures a second; of a recording with uneven gaps, the mean.
        count: how many pictures there are; None when there is no end to them.
        live: they come when they come, and cannot wait.
        infrared: whether pictures have an infrared image.
    """

    title: str
    rate: float
    credits: tuple[str, ...] = ()
    count: int | None = None
    live: bool = False
    infrared: bool = False

    @abstractmethod
    def __iter__(self) -> Iterator[Picture]:
        """The pictures, from the first."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds."""


def open_source(
    name: str | None = None, rate: float | None = None, size: Size | None = None, topic: str | None = None
) -> Source:
    """The source that a name means.

    Args:
        name: a video file, an image, a folder or pattern of images, a rosbag2 folder or file, a device such as
            ``/dev/video0``; None for the bundled scene.
        rate: pictures a second instead of the source's own.
        size: (width, height) of the scene; other sources are scaled down to fit into it.
        topic: which images of a bag.

    Raises:
        PerceptionError: there is nothing that can be read under this name.
        ValueError: an argument makes no sense for this source.
    """
    if rate is not None and not 0 < rate <= 1000:
        raise ValueError(f"rate={rate:g}: expected pictures a second above 0, at most 1000")
    if size is not None and not all(16 <= side <= 8192 for side in size):
        raise ValueError(f"size={size[0]}x{size[1]}: expected sides from 16 to 8192 pixels")
    path = None if name is None else Path(name).expanduser()
    if path is not None and _is_bag(path):
        from people_perception.sources.bag import BagSource

        return BagSource(path, topic, rate, size)
    if topic is not None:
        raise ValueError(f"topic={topic!r}: only a bag has topics, and {name or 'the bundled scene'} is none")
    if path is None or name is None:
        from people_perception.sources.scene import SceneSource

        return SceneSource(rate or SceneSource.RATE, size or SceneSource.SIZE)
    from people_perception.sources import files

    if path.is_char_device() or name.startswith("/dev/"):
        return files.CameraSource(name, rate, size)
    if files.is_images(name):
        return files.ImagesSource(name, rate, size)
    if not path.exists():
        raise PerceptionError(
            f"{name}: no such source; give a video, images, a rosbag2 folder or /dev/videoN, or nothing for the scene"
        )
    return files.VideoSource(path, rate, size)


def _is_bag(path: Path) -> bool:
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or any(path.glob("*.mcap")) or any(path.glob("*.db3"))
    return path.suffix.lower() in _BAG_FILES
