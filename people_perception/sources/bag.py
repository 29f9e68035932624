# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The images of a recording: rosbag2, sqlite3 or mcap, read without ROS."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.sources import Picture, Source
from people_perception.sources.files import fit

_IMAGE = "sensor_msgs/msg/Image"
_COMPRESSED = "sensor_msgs/msg/CompressedImage"


class BagSource(Source):
    """The images of one topic of a bag, at the times at which they were recorded.

    Args:
        path: the folder of a rosbag2, or one of its files.
        topic: of type sensor_msgs/Image or CompressedImage; may be left out where the bag has only one camera.
        rate: pictures a second instead of the recorded times.
        size: (width, height) into which larger images are made to fit.

    Raises:
        PerceptionError: no bag, no image in it, or several cameras to choose from.
    """

    def __init__(
        self, path: Path, topic: str | None = None, rate: float | None = None, size: Size | None = None
    ) -> None:
        self._path = path
        self._rate = rate
        self._size = size
        self._reader = _open(path)
        try:
            self._connections = _choose(path, self._reader.connections, topic)
            times = [time for _, time, _ in self._messages()]
        except BaseException:
            self._reader.close()
            raise
        if not times:
            self._reader.close()
            raise PerceptionError(f"{path}: {self._connections[0].topic} holds no message")
        self.count = len(times)
        self._start = times[0]
        duration = (times[-1] - times[0]) * 1e-9
        self.rate = rate or ((len(times) - 1) / duration if duration > 0 else 1.0)
        self.title = f"{path.name}: {self._connections[0].topic}, {self.count} images at {self.rate:.3g} Hz"

    def __iter__(self) -> Iterator[Picture]:
        # They need numpy and OpenCV only; the messages of rosbags have the fields of the real ones.
        from people_perception.ros.image import image_from_compressed, image_from_message

        for index, (connection, time, data) in enumerate(self._messages()):
            try:
                message: Any = self._reader.deserialize(data, connection.msgtype)
                image = (image_from_compressed if connection.msgtype == _COMPRESSED else image_from_message)(message)
            except Exception as error:  # whatever a damaged message makes of it, the next may be good
                logging.getLogger(__name__).warning("%s: message %d left out: %s", self._path, index, error)
                continue
            moment = index / self._rate if self._rate else (time - self._start) * 1e-9
            yield Picture(fit(image, self._size), moment, f"message {index}")

    def close(self) -> None:
        """Close the files."""
        self._reader.close()

    def _messages(self) -> Iterator[tuple[Any, int, bytes]]:
        try:
            yield from self._reader.messages(self._connections)
        except Exception as error:  # sqlite3, zstd, mcap and struct each have their own
            raise PerceptionError(f"{self._path}: cannot be read on: {_line(error)}") from error


def _open(path: Path) -> Any:
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise PerceptionError(f"{path}: reading bags needs rosbags ({error}); pip install rosbags") from error
    inner = sorted([*path.glob("*.mcap"), *path.glob("*.db3")]) if path.is_dir() else []
    if path.is_dir() and not (path / "metadata.yaml").is_file() and len(inner) == 1:
        path = inner[0]  # a recording that was killed has not written its metadata
    try:
        # Bags of Humble hold no message definitions.
        reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        reader.open()
    except Exception as error:
        raise PerceptionError(f"{path}: not a rosbag2 that can be read: {_line(error)}") from error
    return reader


def _choose(path: Path, connections: Sequence[Any], topic: str | None) -> list[Any]:
    """The connections of the topic; a topic has several where several nodes published it."""
    cameras = {c.topic: c.msgtype for c in connections if c.msgtype in (_IMAGE, _COMPRESSED)}
    known = ", ".join(f"{name} ({kind.rpartition('/')[2]})" for name, kind in cameras.items())
    if not cameras:
        raise PerceptionError(f"{path}: no topic of type sensor_msgs/Image or CompressedImage in it")
    if topic is None:
        # A compressed copy of a raw image, as image_transport makes it, and depth are nothing to choose.
        chosen = [
            name
            for name in cameras
            if not name.endswith("/compressedDepth")
            and "depth" not in name.lower()
            and not (name.endswith("/compressed") and name.removesuffix("/compressed") in cameras)
        ] or list(cameras)
        if len(chosen) > 1:
            raise PerceptionError(f"{path}: several cameras; choose one with --topic: {known}")
        topic = chosen[0]
    if topic not in cameras:
        raise PerceptionError(f"{path}: no images on {topic}; there are {known}")
    return [c for c in connections if c.topic == topic]


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
