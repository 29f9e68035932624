# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera topic: the newest image only, converted once however many models look at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from people_perception.errors import one_line
from people_perception.preprocess import BufferPool, Frame, InfraredScaler
from people_perception.ros.diagnostics import Window
from people_perception.ros.image import image_from_compressed, image_from_message
from people_perception.ros.qos import overridable, qos


class Shot:
    """One received image message; its `Frame` is made by the first model that needs it.

    Attributes:
        header: of the message.
        number: counts the messages of the feed.
        received: time.monotonic() of its arrival.
    """

    def __init__(self, message: Any, number: int, feed: CameraFeed) -> None:
        self.header: Header = message.header
        self.number = number
        self.received = time.monotonic()
        self._message = message
        self._feed = feed
        self._lock = threading.Lock()
        self._frame: Frame | None = None
        self._error: Exception | None = None

    @property
    def stamp(self) -> float:
        """The capture time in seconds."""
        return self.header.stamp.sec + self.header.stamp.nanosec * 1e-9

    def frame(self) -> Frame:
        """The image and what models share of it.

        Raises:
            PerceptionError: the message is malformed; the same error for every model.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._frame is None:
                try:
                    self._frame = self._feed.convert(self._message, self.stamp)
                except Exception as error:  # OpenCV and numpy have their own: counted too, whatever it was
                    self._error = error
                    self._feed.malformed(one_line(error))
                    raise
            return self._frame


class CameraFeed:
    """The subscription to one camera topic.

    It exists only while somebody wants its images: a camera nobody looks at costs nothing. Callbacks come from the
    executor's thread; workers wait for the newest shot with `next_after`. When each has taken it the feed lets it go,
    and the next image comes into the same memory, which the processor's cache still has.

    Args:
        node: the node that subscribes.
        topic: relative name, remapped as usual.
        values: parameters ``image_transport``, ``qos.image.*`` and ``infrared.*``.
        on_malformed: called once for each message that cannot be converted.

    Attributes:
        readers: how many call `next_after`, each once for a shot; they count themselves.
        opened, last_received: time.monotonic() of the subscription and of the newest image, None before.
    """

    def __init__(self, node: Node, topic: str, values: Mapping[str, Any], on_malformed: Callable[[str], None]) -> None:
        self.topic = node.resolve_topic_name(topic)
        self.compressed = values["image_transport"] == "compressed"
        if self.compressed:
            # As image_transport does: the base name is remapped, then the transport's name is appended.
            self.topic += "/compressed"
        self._node = node
        self._qos = qos(values["qos.image.reliability"], values["qos.image.depth"])
        self._on_malformed = on_malformed
        self._subscription: Any = None
        self.readers = 0
        self.opened: float | None = None
        self.last_received: float | None = None
        self._pool = BufferPool()
        self._scaler = InfraredScaler(values["infrared.low"], values["infrared.high"], values["infrared.window"])
        self.arrivals = Window()
        self._condition = threading.Condition()
        self._newest: Shot | None = None
        self._unread = 0
        self._count = 0
        self.malformed_count = 0

    @property
    def open(self) -> bool:
        """Whether it is subscribed."""
        return self._subscription is not None

    @property
    def count(self) -> int:
        """Messages received so far."""
        return self._count

    def start(self) -> None:
        """Subscribe."""
        if self._subscription is None:
            self.opened = time.monotonic()
            kind = CompressedImage if self.compressed else Image
            self._subscription = self._node.create_subscription(
                kind, self.topic, self._receive, self._qos, qos_overriding_options=overridable()
            )

    def stop(self) -> None:
        """Unsubscribe and forget the newest image."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
        with self._condition:
            self._newest = self.last_received = None
        self._pool.clear()

    def set_infrared(self, low: float, high: float, window: float) -> None:
        """Change how 16-bit images are brought to 8 bit."""
        self._scaler = InfraredScaler(low, high, window)

    def next_after(self, number: int, timeout: float) -> Shot | None:
        """The newest shot if it is later than ``number``; waits up to ``timeout`` seconds for one."""
        with self._condition:
            if self._newest is None or self._newest.number <= number:
                self._condition.wait(timeout)
            shot = self._newest
            if shot is None or shot.number <= number:
                return None
            self._unread -= 1
            if self._unread == 0:
                self._newest = None
        return shot

    def convert(self, message: Any, stamp: float) -> Frame:
        """A message as a `Frame`; see `Shot.frame`."""
        image = image_from_compressed(message) if self.compressed else image_from_message(message)
        return Frame(self._scaler(image, stamp), self._pool)

    def malformed(self, error: str) -> None:
        """Count and report a message that cannot be converted."""
        self.malformed_count += 1
        self._on_malformed(f"{self.topic}: {error}")

    def _receive(self, message: Any) -> None:
        shot = Shot(message, self._count + 1, self)
        self.last_received = shot.received
        with self._condition:
            self._count = shot.number
            self._newest, self._unread = shot, self.readers
            self._condition.notify_all()
        # A worker gets Python's lock as soon as it is awake, not after the half millisecond that the executor takes to
        # wait again. It is awake after about a tenth of one.
        received = shot.received
        del shot, message
        time.sleep(1e-4)
        self.arrivals.add(received)
