# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The images of a recording: rosbag2, sqlite3 or mcap, read without ROS."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from people_perception.bags.messages import COMPRESSED, IMAGE, decode, image_from
from people_perception.bags.reader import Bag, Topic
from people_perception.errors import PerceptionError, one_line
from people_perception.geometry import Size
from people_perception.sources import Picture, Source
from people_perception.sources.files import fit

_LOGGER = logging.getLogger(__name__)
_KINDS = (IMAGE, COMPRESSED)


class BagSource(Source):
    """The images of one topic of a bag, at the times at which they were recorded.

    What is damaged ends its file and is logged, as is a message that is left out.

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
        self._bag = Bag(path)
        try:
            self._topic = _choose(path, self._bag.topics.values(), topic)
            times = [message.time for message in self._bag.messages([self._topic])]
        except BaseException:
            self._bag.close()
            raise
        for problem in self._bag.problems:
            _LOGGER.warning("%s: %s", path, problem)
        if not times:
            self._bag.close()
            raise PerceptionError(f"{path}: {self._topic} holds no message")
        self.count = len(times)
        self._start = times[0]
        duration = (times[-1] - times[0]) * 1e-9
        self.rate = rate or ((len(times) - 1) / duration if duration > 0 else 1.0)
        self.title = f"{path.name}: {self._topic}, {self.count} images at {self.rate:.3g} Hz"

    def __iter__(self) -> Iterator[Picture]:
        for index, message in enumerate(self._bag.messages([self._topic])):
            try:
                image = image_from(decode(message.data, message.kind), message.kind)
            except Exception as error:  # whatever a damaged message makes of it, the next may be good
                _LOGGER.warning("%s: message %d left out: %s", self._path, index, one_line(error))
                continue
            moment = index / self._rate if self._rate else (message.time - self._start) * 1e-9
            yield Picture(fit(image, self._size), moment, f"message {index}")

    def close(self) -> None:
        """Close the files."""
        self._bag.close()


def _choose(path: Path, topics: Iterable[Topic], wanted: str | None) -> str:
    """The topic to show."""
    cameras = {topic.name: topic.kind for topic in topics if topic.kind in _KINDS}
    known = ", ".join(f"{name} ({kind.rpartition('/')[2]})" for name, kind in cameras.items())
    if not cameras:
        raise PerceptionError(f"{path}: no topic of type sensor_msgs/Image or CompressedImage in it")
    if wanted is None:
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
        return chosen[0]
    if wanted not in cameras:
        raise PerceptionError(f"{path}: no images on {wanted}; there are {known}")
    return wanted
