# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The part of tf2_ros's interface that nodes use, for machines without tf2: one transform a message, no chains.

On /tf and /tf_static are geometry_msgs/TransformStamped, because tf2_msgs comes with tf2 only.
"""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time


class TransformException(Exception):  # noqa: N818 - tf2's name
    """As tf2's, the base of all others."""


class LookupException(TransformException):
    """A frame that nobody has named."""


class ExtrapolationException(TransformException):
    """A time before the first or after the last transform."""


class Buffer:
    """Transforms by their frames."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        self._known: dict[tuple[str, str], list[TransformStamped]] = {}
        self._static: dict[tuple[str, str], TransformStamped] = {}

    def set_transform(self, message: TransformStamped, authority: str) -> None:
        known = self._known.setdefault((message.header.frame_id, message.child_frame_id), [])
        if not known or _stamp(message) >= _stamp(known[-1]) - 10_000_000_000:  # else TF_OLD_DATA
            known.append(message)

    def set_transform_static(self, message: TransformStamped, authority: str) -> None:
        self._static[message.header.frame_id, message.child_frame_id] = message

    def clear(self) -> None:
        self._known.clear()

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),  # noqa: B008 - as tf2's
    ) -> TransformStamped:
        frames = target_frame, source_frame
        if frames in self._static:
            return self._static[frames]
        if frames not in self._known:
            raise LookupException(f'"{source_frame}" passed to lookupTransform argument source_frame does not exist.')
        found = [m for m in self._known[frames] if _stamp(m) == time.nanoseconds]
        if not found:
            raise ExtrapolationException("Lookup would require extrapolation")
        return found[-1]


class TransformListener:
    """Feeds a buffer."""

    def __init__(self, buffer: Buffer, node: Node, **more: Any) -> None:
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node = node
        self._subscriptions = [
            node.create_subscription(TransformStamped, "/tf", lambda m: buffer.set_transform(m, ""), 100),
            node.create_subscription(
                TransformStamped, "/tf_static", lambda m: buffer.set_transform_static(m, ""), latched
            ),
        ]

    def unregister(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)


def _stamp(message: TransformStamped) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
