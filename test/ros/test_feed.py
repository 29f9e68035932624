# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera feed without a middleware: one conversion for all models, and every image that fails is counted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import Image

from people_perception.ros import feed as feed_module
from people_perception.ros.feed import CameraFeed, Shot
from people_perception.ros.image import ImageError

VALUES = {
    "image_transport": "raw",
    "qos.image.reliability": "best_effort",
    "qos.image.depth": 1,
    "infrared.low": 1.0,
    "infrared.high": 99.0,
    "infrared.window": 1.0,
}


class Namer:
    """All that a feed asks of its node before it subscribes."""

    def resolve_topic_name(self, topic: str) -> str:
        return f"/people/{topic}"


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def feed(complaints: list[str]) -> CameraFeed:
    return CameraFeed(Namer(), "image", VALUES, complaints.append)  # type: ignore[arg-type]


def image() -> Image:
    return Image(encoding="bgr8", width=2, height=2, step=6, data=bytes(range(12)))


def test_models_share_one_frame(feed: CameraFeed, complaints: list[str]) -> None:
    shot = Shot(image(), 1, feed)
    frame = shot.frame()
    assert shot.frame() is frame
    assert frame.image.tolist() == np.arange(12).reshape(2, 2, 3).tolist()
    assert (feed.malformed_count, complaints) == (0, [])


def test_a_malformed_image_is_counted_once_for_all_models(feed: CameraFeed, complaints: list[str]) -> None:
    message = image()
    message.step = 5
    shot = Shot(message, 1, feed)
    for _ in range(3):
        with pytest.raises(ImageError, match="step is 5"):
            shot.frame()
    assert feed.malformed_count == 1
    assert complaints == ["/people/image: bgr8 image of 2x2: step is 5 bytes; expected 6 or more"]


@pytest.mark.parametrize("error", [cv2.error("one\ntwo"), MemoryError(), RuntimeError("one two")])
def test_whatever_a_library_raises_is_counted(
    feed: CameraFeed, complaints: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def convert(message: Image) -> None:
        raise error

    monkeypatch.setattr(feed_module, "image_from_message", convert)
    with pytest.raises(type(error)):
        Shot(image(), 1, feed).frame()
    assert feed.malformed_count == 1
    assert complaints[0].startswith("/people/image: ") and "\n" not in complaints[0]
    assert complaints[0].removeprefix("/people/image: ") in ("one two", "MemoryError")
