# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera that publishes a source's pictures, at the pace at which they were made."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from people_perception.ros.messages import image_message
from people_perception.sources import Picture, Source

IMAGE, INFRARED = "image", "ir_image"
"""The relative topics of the cameras."""


@dataclass(frozen=True)
class Sent:
    """An image that is about to be published.

    Attributes:
        camera: `IMAGE` or `INFRARED`.
        index: of the picture.
        name: of the picture in its source.
        stamp: nanoseconds of the node's clock.
        image: its pixels.
    """

    camera: str
    index: int
    name: str
    stamp: int
    image: NDArray


class Player:
    """Publishes the pictures of a source in a thread of its own.

    The stamp is the moment of publication, as a camera's driver would give it. The infrared camera, where the source
    has one, runs half a period later: two cameras are never in step, and a stamp says whose image it is.

    Args:
        node: publishes on its ``image`` and ``ir_image``, with sensor-data quality of service.
        source: is read once, to its end or to a limit, and not closed.
        on_sent: called before each publication, in the player's thread.
        frames: most pictures to play; None for all.
        seconds: of the source to play; None for all.
    """

    def __init__(
        self,
        node: Node,
        source: Source,
        on_sent: Callable[[Sent], None],
        frames: int | None = None,
        seconds: float | None = None,
    ) -> None:
        self._node = node
        self._source = source
        self._on_sent = on_sent
        self._frames = frames
        self._seconds = seconds
        cameras = (IMAGE, INFRARED) if source.infrared else (IMAGE,)
        self._publishers = {c: node.create_publisher(Image, c, qos_profile_sensor_data) for c in cameras}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._offset: float | None = None
        self.error: Exception | None = None
        """Why it ended early: what the source raised."""
        self.behind = 0.0
        """Seconds by which it could not keep to the source's pace, in all."""

    @property
    def cameras(self) -> tuple[str, ...]:
        """The relative topics that it publishes."""
        return tuple(self._publishers)

    @property
    def playing(self) -> bool:
        """Whether more will come."""
        return self._thread.is_alive()

    def listeners(self, camera: str) -> int:
        """How many subscriptions a camera has."""
        return self._publishers[camera].get_subscription_count()

    def start(self) -> None:
        """Begin with the first picture."""
        self._thread.start()

    def stop(self) -> None:
        """End after the picture at hand."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop, and withdraw the topics."""
        self.stop()
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    def _run(self) -> None:
        try:
            for index, picture in enumerate(itertools.islice(self._source, self._frames)):
                if self._seconds is not None and picture.time >= self._seconds:
                    return
                if not self._wait_for(picture.time):
                    return
                self._publish(IMAGE, index, picture, picture.image)
                if picture.infrared is not None:
                    if not self._wait_for(picture.time + 0.5 / self._source.rate):
                        return
                    self._publish(INFRARED, index, picture, picture.infrared)
        except Exception as error:  # said by whoever waits for the end, not by a traceback from a thread
            self.error = error

    def _wait_for(self, moment: float) -> bool:
        """Sleep until a moment of the source's time; False when told to stop.

        What comes late shifts all that follows: a camera does not make up for lost images by a burst.
        """
        if self._source.live:
            return not self._stop.is_set()
        now = time.monotonic()
        if self._offset is None:
            self._offset = now - moment
        late = now - self._offset - moment
        if late > 0:
            self.behind += late
            self._offset += late
        return not self._stop.wait(max(0.0, -late))

    def _publish(self, camera: str, index: int, picture: Picture, image: NDArray) -> None:
        header = Header(frame_id=f"{camera}_optical_frame")
        message: Any = image_message(image, _encoding(image), header)
        stamp = self._node.get_clock().now().nanoseconds
        message.header.stamp = Time(sec=stamp // 1_000_000_000, nanosec=stamp % 1_000_000_000)
        self._on_sent(Sent(camera, index, picture.name, stamp, image))
        self._publishers[camera].publish(message)


def _encoding(image: NDArray) -> str:
    if image.ndim == 3:
        return "bgr8"
    return "mono16" if image.dtype == "uint16" else "mono8"
