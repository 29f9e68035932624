# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The stages of an image that need ROS: taking it, making messages of what was found, publishing them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from people_perception.benchmark.measurement import Samples
from people_perception.benchmark.processes import Role
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.palette import colour_mask
from people_perception.results import Instances, Result, Segmentation
from people_perception.ros.messages import detection_array, image_message, instance_array

_PATIENCE = 20.0
"""Seconds within which another process must be there."""


def encoded_images(picture: NDArray[np.uint8], encodings: Sequence[str] = ()) -> dict[str, Image]:
    """Messages of a BGR picture by their encoding, all of those that cameras often send unless some are named."""
    height, width = picture.shape[:2]
    half = np.ascontiguousarray(picture[:, :, 1]).astype(np.uint16) << 6
    arrays = {
        "bgr8": picture,
        "rgb8": cv2.cvtColor(picture, cv2.COLOR_BGR2RGB),
        "mono8": picture[:, :, 1],
        "mono16": half,
        "bayer_rggb8": picture[:, :, 1],
        # Of the others only the size matters to the time.
        "yuv422_yuy2": picture[:, :, :2],
        "nv12": np.resize(picture, (height * 3 // 2, width)),
    }
    messages = {}
    for encoding in encodings or arrays:
        array = np.ascontiguousarray(arrays[encoding])
        message = Image(height=height, width=width, encoding=encoding, step=array.nbytes // array.shape[0])
        message.data.frombytes(array.view(np.uint8).reshape(-1))
        messages[encoding] = message
    return messages


def message_makers(result: Result, header: Header | None = None) -> dict[str, Callable[[], Any]]:
    """What makes each message that a node publishes of a result, by topic."""
    header = header or Header(frame_id="camera")
    if isinstance(result, Segmentation):
        return {
            "segmentation/mask": lambda: image_message(result.mask, "mono8", header),
            "segmentation/colored": lambda: image_message(colour_mask(result.mask), "bgr8", header),
        }
    if isinstance(result, Instances):
        return {
            "instances": lambda: instance_array(result, header),
            "instances/mask": lambda: image_message(result.id_mask(), "mono16", header),
        }
    return {"detections": lambda: detection_array(result, header)}


def take_images(size: Size, rounds: int) -> Samples:
    """Take images of another process's camera as an executor does: out of Fast DDS and into a Python message."""
    topic = f"/people_bench_{os.getpid()}/image"
    with _node() as node, Role("camera", {"topics": [topic], "size": size, "rate": 30.0}) as camera:
        subscription = node.create_subscription(Image, topic, lambda _: None, qos_profile_sensor_data)
        times: list[tuple[float, float]] = []
        while len(times) < rounds + 3:
            camera.check()
            cpu, wall = time.process_time(), time.perf_counter()
            with subscription.handle:
                taken = subscription.handle.take_message(Image, False)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if taken is None:
                time.sleep(0.001)
            else:
                times.append((wall * 1e3, cpu * 1e3))
            del taken
    wall_times, cpu_times = np.array(times[3:]).T
    return Samples(wall_times, cpu_times)


def publish_messages(messages: Mapping[str, Any], rounds: int) -> dict[str, Samples]:
    """Publish messages at 30 Hz to a listener in another process."""
    taken: dict[str, Samples] = {}
    base = f"/people_bench_{os.getpid()}"
    with _node() as node:
        for name, message in messages.items():
            kind = "image" if isinstance(message, Image) else "detections"
            with Role("sink", {"topic": f"{base}/{name}", "kind": kind}) as sink:
                publisher = node.create_publisher(type(message), f"{base}/{name}", 5)
                end = time.monotonic() + _PATIENCE
                while publisher.get_subscription_count() == 0:
                    sink.check()
                    if time.monotonic() > end:
                        raise PerceptionError("publish: no listener came; is discovery possible on this machine?")
                    time.sleep(0.02)
                times = []
                for _ in range(rounds + 3):
                    cpu, wall = time.process_time(), time.perf_counter()
                    publisher.publish(message)
                    times.append(((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3))
                    time.sleep(1 / 30)
                node.destroy_publisher(publisher)
            wall_times, cpu_times = np.array(times[3:]).T
            taken[name] = Samples(wall_times, cpu_times)
    return taken


@contextmanager
def _node() -> Iterator[Node]:
    """A node in a context of its own."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node(f"bench_{os.getpid()}", context=context)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
