# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An image is given out once, with the results of exactly its stamp."""

from __future__ import annotations

import time
from types import SimpleNamespace

from people_perception.ros.matching import StampMatcher


def message(nanoseconds: int, camera: str = "front") -> SimpleNamespace:
    stamp = SimpleNamespace(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp, frame_id=camera), number=nanoseconds)


def taken(matcher: StampMatcher, timeout: float = 0.0) -> tuple[int, list[str]] | None:
    got = matcher.next(timeout)
    return None if got is None else (got[0].number, sorted(got[1]))


def test_an_image_waits_for_every_live_source() -> None:
    matcher = StampMatcher(max_wait=10)
    matcher.set_live(["boxes", "mask"])
    matcher.add_image(message(1))
    matcher.add_result("boxes", message(1))
    assert taken(matcher) is None
    matcher.add_result("mask", message(1))
    assert taken(matcher) == (1, ["boxes", "mask"])
    assert taken(matcher) is None


def test_a_source_that_skipped_the_image_is_not_waited_for() -> None:
    matcher = StampMatcher(max_wait=10)
    matcher.set_live(["boxes", "mask"])
    for stamp in (1, 2):
        matcher.add_image(message(stamp))
        matcher.add_result("boxes", message(stamp))
    matcher.add_result("mask", message(2))
    assert taken(matcher) == (1, ["boxes"])
    assert taken(matcher) == (2, ["boxes", "mask"])


def test_an_image_that_every_model_skipped_does_not_hold_up_later_ones() -> None:
    matcher = StampMatcher(max_wait=10)
    matcher.set_live(["boxes"])
    matcher.add_image(message(1))
    matcher.add_image(message(2))
    matcher.add_result("boxes", message(2))
    assert taken(matcher) == (2, ["boxes"])


def test_a_late_source_delays_an_image_no_longer_than_max_wait() -> None:
    matcher = StampMatcher(max_wait=0.1)
    matcher.set_live(["boxes", "dead"])
    start = time.monotonic()
    matcher.add_image(message(1))
    matcher.add_result("boxes", message(1))
    assert taken(matcher, timeout=10.0) == (1, ["boxes"])
    assert 0.1 <= time.monotonic() - start < 5


def test_images_come_out_in_order_and_never_twice() -> None:
    matcher = StampMatcher(max_wait=10)
    matcher.set_live(["boxes"])
    for stamp in (3, 1, 2):
        matcher.add_image(message(stamp))
    for stamp in (1, 2, 3):
        matcher.add_result("boxes", message(stamp))
    assert [taken(matcher), taken(matcher), taken(matcher), taken(matcher)] == [
        (1, ["boxes"]),
        (2, ["boxes"]),
        (3, ["boxes"]),
        None,
    ]
    matcher.add_image(message(2))
    assert taken(matcher) is None


def test_time_that_jumps_back_starts_anew() -> None:
    matcher = StampMatcher(max_wait=10)
    matcher.set_live(["boxes"])
    matcher.add_image(message(100 * 10**9))
    matcher.add_result("boxes", message(100 * 10**9))
    assert taken(matcher) == (100 * 10**9, ["boxes"])
    matcher.add_image(message(5))
    matcher.add_result("boxes", message(5))
    assert taken(matcher) == (5, ["boxes"])


def test_results_of_another_camera_are_neither_matched_nor_waited_for() -> None:
    matcher = StampMatcher(max_wait=10)
    matcher.set_live(["boxes", "faces"])
    matcher.add_result("faces", message(1, "infrared"))
    for stamp in (1, 2):
        matcher.add_image(message(stamp))
        matcher.add_result("boxes", message(stamp))
    assert taken(matcher) == (1, ["boxes"])
    assert taken(matcher) == (2, ["boxes"])


def test_memory_is_bounded() -> None:
    matcher = StampMatcher(max_wait=1000)
    for stamp in range(1, 1000):
        matcher.add_image(message(stamp))
        matcher.add_result("boxes", message(stamp + 10**6))
    assert len(matcher._images) <= 64 and len(matcher._results["boxes"]) <= 64
