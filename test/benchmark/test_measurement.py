# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Calls take turns, and a line of the answer says what it may."""

from __future__ import annotations

import time

import pytest

from people_perception.benchmark.measurement import Measurement, from_times, measure


def test_calls_take_turns_of_five_after_a_turn_that_does_not_count() -> None:
    order: list[str] = []
    found = measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=7)
    assert "".join(order) == "aaaaabbbbb" * 2 + "aabb"
    assert {name: len(samples.wall) for name, samples in found.items()} == {"a": 7, "b": 7}


def test_a_slow_call_ends_the_measurement_early() -> None:
    found = measure({"slow": lambda: time.sleep(0.01)}, rounds=1000, limit=0.0)
    assert len(found["slow"].wall) == 5


def test_sleep_costs_time_but_no_processor() -> None:
    samples = measure({"sleep": lambda: time.sleep(0.02)}, rounds=5)["sleep"]
    assert samples.median >= 20
    assert samples.cpu.mean() < samples.wall.mean()


@pytest.mark.parametrize(
    ("line", "ratio", "met"),
    [
        (Measurement("a", "b", 2.0, against="c", other=10.0, goal=0.25), 0.2, True),
        (Measurement("a", "b", 3.0, against="c", other=10.0, goal=0.25), 0.3, False),
        (Measurement("a", "b", 4.0, goal=5.0), None, True),
        (Measurement("a", "b", 0, unit="frames", goal=0), None, True),
        (Measurement("a", "b", 4.0), None, None),
    ],
)
def test_goals_are_for_the_ratio_where_there_is_one(line: Measurement, ratio: float | None, met: bool | None) -> None:
    assert line.ratio == (None if ratio is None else pytest.approx(ratio))
    assert line.met is met


def test_json_holds_what_is_known_in_four_digits() -> None:
    line = from_times("path", "here", [1.0, 2.0, 3.00004], where={"people": 0})
    assert line.as_dict() == {
        "subject": "path",
        "case": "here",
        "value": 2.0,
        "unit": "ms",
        "p95": 2.9,
        "p99": 2.98,
        "count": 3,
        "where": {"people": 0},
    }
