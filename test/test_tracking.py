# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A person keeps a number while she is seen, over gaps too, and nobody else gets it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from people_perception.errors import PerceptionError
from people_perception.results import Detections, Instances
from people_perception.tracking import LARGEST_NUMBER, Tracker, tracked

pytest.importorskip("trackers")

LABELS = ("person", "bag")


def seen(*boxes: tuple[float, float], label: int | list[int] = 0, size: tuple[float, float] = (60, 150)) -> Detections:
    """Boxes by their upper left corner."""
    corners = np.array(boxes, np.float32).reshape(-1, 2)
    n = len(corners)
    return Detections(
        np.concatenate([corners, corners + np.float32(size)], axis=1),
        np.ones(n, np.float32),
        np.broadcast_to(np.int64(label), n).copy(),
        LABELS,
    )


def ids(found: Detections) -> list[int]:
    assert found.track_ids is not None
    return found.track_ids.tolist()


def test_a_number_comes_with_the_second_image() -> None:
    tracker = Tracker(LABELS)
    assert ids(tracker(seen((10, 10)), 0.0)) == [-1]
    assert ids(tracker(seen((12, 10)), 0.1)) == [1]


def test_everything_else_stays_as_it_was_whatever_the_order() -> None:
    tracker = Tracker(LABELS)
    first = seen((10, 10), (200, 10), (400, 10))
    tracker(first, 0.0)
    numbers = dict(zip([10, 200, 400], ids(tracker(first, 0.1)), strict=True))
    assert sorted(numbers.values()) == [1, 2, 3]
    shuffled = seen((400, 10), (10, 10), (200, 10))
    tracked = tracker(shuffled, 0.2)
    assert np.array_equal(tracked.boxes, shuffled.boxes)
    assert np.array_equal(tracked.scores, shuffled.scores)
    assert ids(tracked) == [numbers[400], numbers[10], numbers[200]]


@pytest.mark.parametrize("rate", [5.0, 15.0, 30.0, 60.0])
def test_two_who_walk_past_each_other_at_any_rate(rate: float) -> None:
    tracker = Tracker(LABELS)
    found: list[list[int]] = []
    for i in range(int(4 * rate)):
        t = i / rate
        # 100 pixels a second towards each other, one 40 pixels lower
        found.append(ids(tracker(seen((10 + 100 * t, 10), (410 - 100 * t, 50)), t)))
    numbers = [row for row in found if -1 not in row]
    assert len(numbers) >= len(found) - 2
    assert {tuple(row) for row in numbers} == {tuple(numbers[0])}


def test_a_gap_within_the_memory_keeps_the_number_and_a_longer_one_does_not() -> None:
    def after(gap: float) -> list[int]:
        tracker = Tracker(LABELS, memory=1.0)
        for i in range(10):
            tracker(seen((10 + 3 * i, 10)), 0.1 * i)
        end = 0.9 + gap
        for t in np.arange(1.0, end, 0.1):
            tracker(seen(), float(t))
        tracker(seen((10 + 30 * end, 10)), end)
        return ids(tracker(seen((13 + 30 * end, 10)), end + 0.1))

    assert after(0.5) == [1]
    assert after(2.0) == [2]


def test_labels_do_not_mix_and_numbers_are_unique_over_them() -> None:
    tracker = Tracker(LABELS)
    both = seen((10, 10), (10, 10), label=[0, 1])
    tracker(both, 0.0)
    assert sorted(ids(tracker(both, 0.1))) == [1, 2]
    only_bag = seen((10, 10), label=1)
    assert ids(tracker(only_bag, 0.2)) == [2]


def test_a_jump_back_in_time_forgets_and_its_numbers_are_not_given_again() -> None:
    tracker = Tracker(LABELS)
    for t in (100.0, 100.1):
        last = tracker(seen((10, 10)), t)
    assert ids(last) == [1]
    assert ids(tracker(seen((10, 10)), 5.0)) == [-1]
    assert ids(tracker(seen((10, 10)), 5.1)) == [2]


def test_an_image_that_is_late_gets_no_numbers_and_does_no_harm() -> None:
    tracker = Tracker(LABELS)
    for t in (1.0, 1.1):
        tracker(seen((10, 10)), t)
    assert ids(tracker(seen((10, 10)), 1.05)) == [-1]
    assert ids(tracker(seen((10, 10)), 1.2)) == [1]


def test_a_camera_without_stamps_is_tracked_all_the_same() -> None:
    tracker = Tracker(LABELS)
    assert ids([tracker(seen((10, 10)), 0.0) for _ in range(5)][-1]) == [1]


def test_numbers_at_once_stay_with_their_persons() -> None:
    tracker = Tracker(LABELS, at_once=True)
    assert ids(tracker(seen((10, 10), (200, 10)), 0.0)) == [1, 2]
    # In another order, with somebody new at the place where a bag is, and then the bag.
    assert ids(tracker(seen((204, 10), (12, 10), (400, 10), (402, 10), label=[0, 0, 0, 1]), 0.1)) == [2, 1, 3, 4]
    assert ids(tracker(seen((406, 10), (404, 10), (208, 10), label=[1, 0, 0]), 0.2)) == [4, 3, 2]


def test_two_new_ones_side_by_side_keep_their_first_numbers() -> None:
    tracker = Tracker(LABELS, at_once=True)
    assert ids(tracker(seen((10, 10), (40, 10)), 0.0)) == [1, 2]
    assert ids(tracker(seen((44, 10), (14, 10)), 0.1)) == [2, 1]


def test_numbers_at_once_are_given_to_nobody_else() -> None:
    tracker = Tracker(LABELS, at_once=True)
    assert ids(tracker(seen((10, 10)), 1.0)) == [1]
    assert ids(tracker(seen((300, 10)), 1.1)) == [2]
    assert ids(tracker(seen((300, 10)), 1.05)) == [3]  # late
    assert ids(tracker(seen((300, 10)), 1.2)) == [2]
    assert ids(tracker(seen((300, 10)), 0.0)) == [4]  # time jumped


def test_numbers_begin_again_and_pass_over_those_in_use() -> None:
    tracker = Tracker(LABELS, at_once=True)
    for t in (1.0, 1.1):
        assert ids(tracker(seen((10, 10)), t)) == [1]
    crowd = seen(*[(10, 10)] * 1000)
    given: list[int] = []
    while len(given) < LARGEST_NUMBER + 1000:
        given += ids(tracker(crowd, 0.9))  # late, so that the crowd is not tracked
    assert given[: LARGEST_NUMBER - 1] == list(range(2, LARGEST_NUMBER + 1))
    assert given[LARGEST_NUMBER - 1 : LARGEST_NUMBER + 1] == [2, 3]
    assert ids(tracker(seen((10, 10)), 1.2)) == [1]


def test_instances_have_their_numbers_in_the_mask() -> None:
    tracker = Tracker(LABELS, at_once=True)
    masks = np.zeros((2, 200, 300), bool)
    masks[0, 10:160, 10:70] = masks[1, 10:160, 200:260] = True
    tracked(tracker, Instances(seen((10, 10), (200, 10)), masks), 0.0)
    found = tracked(tracker, Instances(seen((200, 10), (10, 10)), masks[::-1]), 0.1)
    assert isinstance(found, Instances)
    assert found.ids.tolist() == [2, 1]
    assert found.id_mask()[50, [30, 230]].tolist() == [1, 2]


def test_nobody_at_all() -> None:
    tracker = Tracker(LABELS)
    for t in range(3):
        assert ids(tracker(seen(), float(t))) == []


def test_without_the_library_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackers", None)
    with pytest.raises(PerceptionError, match="Python package trackers .* docs/tracking.md"):
        Tracker(LABELS)
