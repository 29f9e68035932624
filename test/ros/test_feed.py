# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera feed without a middleware: one conversion for all models, and every image that fails is counted."""

from __future__ import annotations

import threading
import time
import weakref

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


class Watched(Image):
    """An image message that tells when it is gone."""

    __slots__ = ("__weakref__",)


def arrives(feed: CameraFeed) -> weakref.ref[Watched]:
    message = Watched(encoding="bgr8", width=2, height=2, step=6, data=bytes(range(12)))
    feed._receive(message)
    return weakref.ref(message)


def test_an_image_is_let_go_when_every_model_has_taken_it(feed: CameraFeed) -> None:
    feed.readers = 2
    message = arrives(feed)
    first = feed.next_after(0, 0.0)
    assert first is not None and first.number == 1
    assert feed.next_after(1, 0.0) is None
    second = feed.next_after(0, 0.0)
    assert second is first
    received = feed.last_received
    del first
    assert message() is not None, "in use"
    del second
    assert message() is None
    assert (feed.count, feed.last_received) == (1, received)
    assert received is not None and 0 <= time.monotonic() - received < 60


def test_a_busy_model_gets_the_newest_image(feed: CameraFeed) -> None:
    feed.readers = 2
    assert feed.next_after(0, 0.0) is None
    messages = [arrives(feed)]
    assert feed.next_after(0, 0.0) is not None
    messages.append(arrives(feed))
    assert [message() is None for message in messages] == [True, False]
    for seen in (1, 0):  # the second has not seen any
        shot = feed.next_after(seen, 0.0)
        assert shot is not None and shot.number == 2
        assert np.array_equal(shot.frame().image, np.arange(12).reshape(2, 2, 3))
    del shot
    assert messages[1]() is None


def test_a_waiting_model_is_woken(feed: CameraFeed) -> None:
    feed.readers = 1
    sender = threading.Timer(0.2, arrives, [feed])
    sender.start()
    shot = feed.next_after(0, 20.0)
    sender.join()
    assert shot is not None and shot.number == 1
