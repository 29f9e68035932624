# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings for tests, written by rosbags as a robot's recorder would write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from people_perception.bags.messages import COMPRESSED, IMAGE, encode, header, image_message, jpeg_message, typestore

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def squares(count: int, size: tuple[int, int] = (960, 544)) -> list[NDArray[np.uint8]]:
    """Images in which a red square moves right, a person to the networks of networks.py; every fourth is empty."""
    width, height = size
    images = []
    for i in range(count):
        image = np.zeros((height, width, 3), np.uint8)
        if i % 4 != 3:
            x = 160 + 32 * (i % 12)
            image[192:384, x : x + 192] = (0, 0, 255)
        images.append(image)
    return images


def stamps(count: int, rate: float = 10.0, start: int = START) -> list[int]:
    """Nanoseconds of evenly spaced images."""
    return [start + round(i * SECOND / rate) for i in range(count)]


def record(
    path: Path,
    cameras: dict[str, Sequence[NDArray]],
    storage: str = "mcap",
    compressed: Iterable[str] = (),
    mode: str = "NONE",
    extra: Iterable[tuple[str, str, int, Any]] = (),
    delay: int = 3_000_000,
) -> Path:
    """A recording of cameras in step at 10 Hz.

    Args:
        path: the bag's folder.
        cameras: images by topic.
        storage: ``mcap`` or ``sqlite3``.
        compressed: topics whose images are JPEG.
        mode: of rosbags' compression: NONE, FILE, MESSAGE, STORAGE.
        extra: (topic, kind, time, message) besides.
        delay: nanoseconds from an image's stamp to its recording.
    """
    messages = []
    for topic, images in cameras.items():
        jpeg = topic in set(compressed)
        for image, stamp in zip(images, stamps(len(images)), strict=True):
            head = header(stamp, topic.strip("/").replace("/", "_"))
            if jpeg:
                message = jpeg_message(cv2.imencode(".jpg", image)[1].tobytes(), head)
            else:
                name = {(3, "uint8"): "bgr8", (2, "uint8"): "mono8", (2, "uint16"): "mono16"}[
                    (image.ndim, str(image.dtype))
                ]
                message = image_message(image, name, head)
            messages.append((topic, COMPRESSED if jpeg else IMAGE, stamp + delay, message))
    messages += list(extra)
    writer = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
    writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
    with writer:
        connections = {
            (topic, kind): writer.add_connection(topic, kind, typestore=typestore())
            for topic, kind in dict.fromkeys((topic, kind) for topic, kind, _, _ in messages)
        }
        for topic, kind, time, message in sorted(messages, key=lambda entry: entry[2]):
            writer.write(connections[topic, kind], time, encode(message))
    return path
