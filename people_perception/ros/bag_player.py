# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded images published as they were recorded, byte for byte, with ``/clock`` at any speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from builtin_interfaces.msg import Time
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from people_perception.bags.messages import COMPRESSED, recorded_stamp
from people_perception.bags.reader import Message, Topic

_CLOCK_PERIOD = 0.01
"""Seconds between two messages on ``/clock``, as ros2 bag play --clock 100 has it."""
_CLOCK_DEPTH = 10


class BagPlayer:
    """Publishes the images of a recording in a thread of its own, and the time in another.

    What comes late is published at once, and the next one at its own time, as ``ros2 bag play`` does.

    Args:
        node: that publishes.
        cameras: recorded topics, and the names under which they are published.
        messages: by time.
        rate: 2 plays at double speed.
        on_sent: called before each publication with the message and its stamp in nanoseconds, in the player's thread.
    """

    def __init__(
        self,
        node: Node,
        cameras: Mapping[str, tuple[Topic, str]],
        messages: Iterable[Message],
        rate: float,
        on_sent: Callable[[Message, int], None],
    ) -> None:
        self._messages = messages
        self._rate = rate
        self._on_sent = on_sent
        self._publishers = {
            name: node.create_publisher(CompressedImage if topic.kind == COMPRESSED else Image, target, _offered(topic))
            for name, (topic, target) in cameras.items()
        }
        self._clock = node.create_publisher(Clock, "/clock", _CLOCK_DEPTH)
        self._first: int | None = None
        self._begin = 0.0
        self._stop = threading.Event()
        self._over = threading.Event()
        self._images = threading.Thread(target=self._play, name="player", daemon=True)
        self._time = threading.Thread(target=self._tell_time, name="clock", daemon=True)
        self.behind = 0.0
        """The most seconds by which an image was late."""
        self.error: Exception | None = None
        """Why it ended early."""

    @property
    def playing(self) -> bool:
        """Whether more will come."""
        return self._images.is_alive()

    def listeners(self) -> int:
        """The fewest subscriptions that a camera has."""
        return min(publisher.get_subscription_count() for publisher in self._publishers.values())

    def now(self) -> int:
        """The recording's time in nanoseconds; it goes on after the last image."""
        if self._first is None:
            return 0
        return self._first + int((time.monotonic() - self._begin) * self._rate * 1e9)

    def start(self) -> None:
        """Begin with the first image."""
        self._images.start()

    def stop(self) -> None:
        """Publish no more images; the time goes on."""
        self._stop.set()
        if self._images.ident is not None:
            self._images.join()

    def close(self) -> None:
        """Stop, the time too."""
        self.stop()
        self._over.set()
        if self._time.ident is not None:
            self._time.join()

    def _play(self) -> None:
        try:
            for message in self._messages:
                if self._first is None:
                    self._first, self._begin = message.time, time.monotonic()
                    self._time.start()
                late = (self.now() - message.time) * 1e-9 / self._rate
                self.behind = max(self.behind, late)
                if self._stop.wait(max(0.0, -late)):
                    return
                self._on_sent(message, recorded_stamp(message.data))
                self._publishers[message.topic].publish(bytes(message.data))
        except Exception as error:  # said by whoever waits for the end, not by a traceback from a thread
            self.error = error

    def _tell_time(self) -> None:
        while not self._over.wait(_CLOCK_PERIOD):
            now = self.now()
            self._clock.publish(Clock(clock=Time(sec=now // 1_000_000_000, nanosec=now % 1_000_000_000)))


def _offered(topic: Topic) -> Any:
    """The quality of service that the recorded camera offered; that of sensor data where nobody knows."""
    recorded = topic.qos[0] if topic.qos else None
    if recorded is None or recorded.reliability.name not in ("RELIABLE", "BEST_EFFORT"):
        return qos_profile_sensor_data
    return QoSProfile(depth=max(1, min(recorded.depth, 100)), reliability=ReliabilityPolicy[recorded.reliability.name])
