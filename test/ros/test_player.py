# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The camera that plays a source: what it sends, when, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from people_perception.errors import PerceptionError
from people_perception.ros.image import image_from_message
from people_perception.ros.matching import stamp_ns
from people_perception.ros.player import IMAGE, INFRARED, Player, Sent
from people_perception.sources import Picture, Source


class Slides(Source):
    """Grey pictures, each as bright as its number."""

    def __init__(self, count: int, rate: float = 50.0, infrared: bool = False, live: bool = False) -> None:
        self.title = "slides"
        self.count = count
        self.rate = rate
        self.infrared = infrared
        self.live = live
        self.fails_at = -1
        self.delay = 0.0

    def __iter__(self) -> Iterator[Picture]:
        for i in range(self.count or 0):
            if i == self.fails_at:
                raise PerceptionError("the file is cut off")
            time.sleep(self.delay)
            infrared = np.full((6, 8), 1000 + i, np.uint16) if self.infrared else None
            yield Picture(np.full((4, 8, 3), i, np.uint8), i / self.rate, f"slide {i}", infrared)

    def close(self) -> None:
        pass


@pytest.fixture
def node() -> Iterator[Node]:
    rclpy.init()
    yield Node("camera", namespace="/player_test")
    rclpy.try_shutdown()


@pytest.fixture
def play(node: Node) -> Iterator[Callable[..., tuple[Player, list[Sent]]]]:
    players = []

    def start(source: Source, **limits: Any) -> tuple[Player, list[Sent]]:
        sent: list[Sent] = []
        players.append(Player(node, source, sent.append, **limits))
        players[-1].start()
        return players[-1], sent

    yield start
    for player in players:
        player.close()


def wait(player: Player, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while player.playing and time.monotonic() < end:
        time.sleep(0.01)
    assert not player.playing


def test_what_it_sends_arrives_with_its_stamp(node: Node) -> None:
    received: dict[str, list[Image]] = {IMAGE: [], INFRARED: []}
    for camera, messages in received.items():
        node.create_subscription(Image, camera, messages.append, qos_profile_sensor_data)
    sent: list[Sent] = []
    player = Player(node, Slides(5, rate=20.0, infrared=True), sent.append)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    end = time.monotonic() + 10
    while not all(player.listeners(camera) for camera in player.cameras) and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.02)
    player.start()
    while sum(map(len, received.values())) < 10 and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.02)
    player.close()
    executor.shutdown()
    for camera, encoding in ((IMAGE, "bgr8"), (INFRARED, "mono16")):
        ours = [s for s in sent if s.camera == camera]
        assert [stamp_ns(m.header) for m in received[camera]] == [s.stamp for s in ours]
        assert [s.name for s in ours] == [f"slide {i}" for i in range(5)]
        for message, s in zip(received[camera], ours, strict=True):
            assert message.encoding == encoding
            assert message.header.frame_id == f"{camera}_optical_frame"
            assert np.array_equal(image_from_message(message), s.image)


def test_it_keeps_the_pace_of_the_source(play: Callable) -> None:
    player, sent = play(Slides(11, rate=20.0))
    wait(player)
    gaps = np.diff([s.stamp for s in sent]) * 1e-9
    assert len(sent) == 11
    assert np.median(gaps) == pytest.approx(0.05, abs=0.01)
    assert (sent[-1].stamp - sent[0].stamp) * 1e-9 == pytest.approx(0.5, abs=0.1)


def test_two_cameras_are_never_in_step(play: Callable) -> None:
    player, sent = play(Slides(5, rate=20.0, infrared=True))
    assert player.cameras == (IMAGE, INFRARED)
    wait(player)
    assert [s.camera for s in sent] == [IMAGE, INFRARED] * 5
    gaps = [b.stamp - a.stamp for a, b in pairwise(sent)]
    assert np.median(gaps) * 1e-9 == pytest.approx(0.025, abs=0.01)
    assert min(gaps) > 0


def test_what_comes_late_is_not_made_up_for(play: Callable) -> None:
    source = Slides(6, rate=100.0)
    source.delay = 0.05
    player, sent = play(source)
    wait(player)
    gaps = np.diff([s.stamp for s in sent]) * 1e-9
    assert gaps.min() > 0.03, "no burst"
    assert player.behind > 0.1


def test_a_live_source_does_not_wait(play: Callable) -> None:
    player, sent = play(Slides(20, rate=1.0, live=True))
    wait(player, 2.0)
    assert len(sent) == 20


@pytest.mark.parametrize(("limits", "expected"), [({"frames": 3}, 3), ({"seconds": 0.1}, 5), ({}, 8)])
def test_it_ends_at_a_limit_or_at_the_end(play: Callable, limits: dict[str, Any], expected: int) -> None:
    player, sent = play(Slides(8), **limits)
    wait(player)
    assert len(sent) == expected
    assert player.error is None


def test_it_can_be_stopped(play: Callable) -> None:
    player, sent = play(Slides(1000, rate=20.0))
    time.sleep(0.2)
    begin = time.monotonic()
    player.stop()
    assert time.monotonic() - begin < 5  # of 50
    assert 0 < len(sent) < 100


def test_what_the_source_raises_is_kept(play: Callable) -> None:
    source = Slides(8)
    source.fails_at = 3
    player, sent = play(source)
    wait(player)
    assert len(sent) == 3
    assert str(player.error) == "the file is cut off"
