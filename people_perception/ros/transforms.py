# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where a camera is in another frame, by tf2 where that is installed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from people_perception.errors import PerceptionError
from people_perception.ros.matching import stamp_ns

_TIME_JUMP_NS = 1_000_000_000


class Transforms:
    """The transforms into one frame. tf2 is listened to between `open` and `close` only: every message costs time.

    Args:
        node: that listens.
        target: the frame.

    Raises:
        PerceptionError: tf2's Python is not installed.
    """

    def __init__(self, node: Node, target: str) -> None:
        try:
            import tf2_ros
        except ImportError as error:
            distro = os.environ.get("ROS_DISTRO", "<distro>")
            raise PerceptionError(
                f"parameter target_frame={target!r} needs tf2's Python ({error}): sudo apt install "
                f"ros-{distro}-tf2-ros-py (rosdep key tf2_ros_py), or leave the parameter empty"
            ) from error
        self.target = target
        self._node = node
        self._tf2 = tf2_ros
        self._buffer: Any = None
        self._listener: Any = None
        self._last = 0

    def open(self) -> None:
        """Begin to listen; static transforms come at once."""
        self._buffer = self._tf2.Buffer()
        self._listener = self._tf2.TransformListener(self._buffer, self._node)

    def close(self) -> None:
        """Listen no longer and forget every transform."""
        if self._listener is not None:
            self._listener.unregister()
        self._listener = None

    def look_at(self, header: Any) -> None:
        """A result came; one from more than a second before the latest means that time began anew, as a bag does."""
        stamp = stamp_ns(header)
        if stamp < self._last - _TIME_JUMP_NS:
            self._buffer.clear()  # tf2 drops what is older than all that it remembers
        self._last = stamp

    def find(self, header: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rotation (4,) x, y, z, w and translation (3,) in metres of a header's frame in the target, at its stamp.

        Raises:
            PerceptionError: tf2 does not know them, or not yet.
        """
        try:
            message = self._buffer.lookup_transform(
                self.target, header.frame_id, Time.from_msg(header.stamp), Duration()
            )
        except self._tf2.TransformException as error:
            raise PerceptionError(
                f"no transform from {header.frame_id!r} to {self.target!r} at its stamp: {error}"
            ) from error
        rotation, translation = message.transform.rotation, message.transform.translation
        return (
            np.array([rotation.x, rotation.y, rotation.z, rotation.w]),
            np.array([translation.x, translation.y, translation.z]),
        )
