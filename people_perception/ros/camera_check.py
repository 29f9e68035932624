# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``doctor --topic``: whether a camera's images reach this machine, can be read, and are recent."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from people_perception.doctor.findings import Finding, error, ok, warning
from people_perception.ros.checks import (
    check_connections,
    check_graph,
    check_transports,
    full_name,
    wait_for_discovery,
)

if TYPE_CHECKING:
    from rclpy.node import Node

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"

_SLOWEST = 1.0  # Hz; slower cameras work, but people move on between two images
_OLDEST = 0.5  # seconds
_AHEAD = 0.05  # seconds; a stamp that far in the future is no rounding
_LARGEST = 8192  # pixels on a side


@dataclass(frozen=True)
class Sample:
    """What arrived within the time of the check.

    Attributes:
        messages: as received.
        arrivals: time.monotonic() of each.
        ages: seconds from stamp to arrival, by the clock of the node.
    """

    messages: list[Any]
    arrivals: list[float]
    ages: list[float]


def check_camera(node: Node, topic: str, seconds: float = 3.0, discovery: float = 5.0) -> Iterator[Finding]:
    """Everything about one camera topic, from whether it exists to the age of its images.

    Args:
        node: the node that looks.
        topic: its full name.
        seconds: how long to listen.
        discovery: how long to wait for publishers.
    """
    topic = node.resolve_topic_name(topic)
    check = f"camera {topic}"
    publishers = _wait_for_publishers(node, topic, discovery)
    if not publishers:
        yield _absent(node, topic, check)
        return
    kinds = {p.topic_type for p in publishers}
    if len(kinds) > 1 or not kinds <= {IMAGE, COMPRESSED}:
        yield error(
            check, f"publishes {' and '.join(sorted(kinds))}; expected {IMAGE}", "remap image to a camera's topic"
        )
        return
    kind = kinds.pop()
    if kind == COMPRESSED and not topic.endswith("/compressed"):
        yield warning(
            check,
            "compressed images under a name without /compressed",
            f"remap {topic}/compressed to it in the camera's node",
        )
    names = ", ".join(sorted(full_name(p) for p in publishers))
    reliability = "/".join(sorted({p.qos_profile.reliability.name.lower() for p in publishers}))
    yield ok(check, f"{kind.rpartition('/')[2]}, {reliability}, from {names}")
    if len(publishers) > 1:
        yield warning(check, f"{len(publishers)} publishers: their images mix", "remap all but one")
    yield from check_connections(node, topic)
    sample = _receive(node, topic, kind, seconds)
    if not sample.messages:
        yield _silent(check, seconds)
        return
    yield from _check_rate(check, sample)
    yield from _check_stamps(check, sample)
    yield _check_image(check, sample.messages[-1], kind)


def _wait_for_publishers(node: Node, topic: str, seconds: float) -> list[Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if node.get_publishers_info_by_topic(topic):
            wait_for_discovery(node)  # of their names, and of further ones
            return list(node.get_publishers_info_by_topic(topic))
        time.sleep(0.05)
    return []


def _absent(node: Node, topic: str, check: str) -> Finding:
    others = [name for name, types in node.get_topic_names_and_types() if {IMAGE, COMPRESSED} & set(types)]
    others = [name for name in others if node.count_publishers(name)]
    if not others:
        return error(
            check, "nobody publishes it, nor any other image", "start the camera; compare ROS_DOMAIN_ID on both sides"
        )
    near = get_close_matches(topic, others, n=1, cutoff=0.0)
    return error(
        check,
        f"nobody publishes it; images are on {', '.join(sorted(others))}",
        f"people_perception doctor --topic {near[0]}",
    )


def _receive(node: Node, topic: str, kind: str, seconds: float) -> Sample:
    """Listens as the nodes do: best effort, newest only."""
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CompressedImage, Image

    sample = Sample([], [], [])

    def keep(message: Any) -> None:
        stamp = message.header.stamp
        now = node.get_clock().now().nanoseconds * 1e-9
        sample.arrivals.append(time.monotonic())
        sample.ages.append(now - (stamp.sec + stamp.nanosec * 1e-9))
        sample.messages[:] = [message]

    profile = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscription = node.create_subscription(Image if kind == IMAGE else CompressedImage, topic, keep, profile)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        end = time.monotonic() + seconds
        while (remaining := end - time.monotonic()) > 0:
            executor.spin_once(timeout_sec=remaining)
    finally:
        executor.remove_node(node)
        executor.shutdown()
        node.destroy_subscription(subscription)
    return sample


def _silent(check: str, seconds: float) -> Finding:
    message = f"it is published, but no image came within {seconds:g} s"
    transports = check_transports()
    if transports.level != "ok":
        return error(check, f"{message}; {transports.message}", f"in the camera's shell and here: {transports.fix}")
    return error(check, message, "ros2 topic hz there; set the camera's shell up as this one (tools/env.sh)")


def _check_rate(check: str, sample: Sample) -> Iterator[Finding]:
    if len(sample.arrivals) < 2:
        yield warning(check, "one image only: the rate is below 1 Hz", "set the camera's frame rate")
        return
    rate = (len(sample.arrivals) - 1) / max(sample.arrivals[-1] - sample.arrivals[0], 1e-6)
    if rate < _SLOWEST:
        yield warning(check, f"{rate:.2f} Hz", "set the camera's frame rate")
    else:
        yield ok(check, f"{rate:.1f} Hz")


def _check_stamps(check: str, sample: Sample) -> Iterator[Finding]:
    stamp = sample.messages[-1].header.stamp
    age = sorted(sample.ages)[len(sample.ages) // 2]
    if stamp.sec == 0 and stamp.nanosec == 0:
        yield error(
            check,
            "its stamps are zero: nothing can be matched to its images",
            "let the camera's driver set header.stamp",
        )
    elif age < -_AHEAD:
        yield warning(
            check, f"its stamps are {-age:.2f} s in the future", "synchronise the clocks of both machines (chrony, PTP)"
        )
    elif age > 3600.0:
        yield warning(
            check,
            f"its stamps are {age / 3600:.1f} h old: a bag or another clock",
            "run nodes with -p use_sim_time:=true",
        )
    elif age > _OLDEST:
        yield warning(
            check,
            f"images are {age:.2f} s old when they arrive",
            "synchronise the clocks, or look for a slow driver or network",
        )
    else:
        yield ok(check, f"images are {age * 1000:.1f} ms old when they arrive")
    if not sample.messages[-1].header.frame_id:
        yield warning(
            check, "frame_id is empty: results cannot be placed in space", "set the camera's frame_id parameter"
        )


def _check_image(check: str, message: Any, kind: str) -> Finding:
    from people_perception.ros.image import ImageError, image_from_compressed, image_from_message

    try:
        image = image_from_message(message) if kind == IMAGE else image_from_compressed(message)
    except ImageError as problem:
        text, _, accepted = str(problem).partition("; ")
        return error(
            check, text, f"set the camera's encoding: {accepted}" if accepted else "look at the camera's driver"
        )
    height, width = image.shape[:2]
    encoding = message.encoding if kind == IMAGE else message.format
    if max(height, width) > _LARGEST:
        return warning(check, f"{width}x{height} is very large; networks see 960x544", "set the camera's resolution")
    return ok(check, f"{width}x{height} {encoding}")


def look_at_graph(topics: Sequence[str], seconds: float, graph: bool, ros_args: Sequence[str]) -> list[Finding]:
    """What a node of its own sees.

    Args:
        topics: cameras to check.
        seconds: how long to listen to each.
        graph: whether to check the connections of everybody else too.
        ros_args: of the node, such as remappings.
    """
    import rclpy

    context = rclpy.Context()
    rclpy.init(args=["doctor", *ros_args], context=context)
    try:
        node = rclpy.create_node("people_perception_doctor", context=context, start_parameter_services=False)
        found = list(check_graph(node)) if graph else []
        found += [finding for topic in topics for finding in check_camera(node, topic, seconds)]
        node.destroy_node()
        return list(dict.fromkeys(found))  # both look at the connections of a camera
    finally:
        rclpy.shutdown(context=context)
