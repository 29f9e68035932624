# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The plots: well-formed, and drawn where the values are."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from people_perception.report.plots import histogram, step_plot, ticks


def paths(svg: str, kind: str) -> list[str]:
    return [e.get("d", "") for e in ElementTree.fromstring(svg).iter("path") if kind in e.get("class", "").split()]


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (0, 1, 4, [0, 0.25, 0.5, 0.75, 1]),
        (0, 0.03, 3, [0, 0.01, 0.02, 0.03]),
        (3, 3, 5, [3]),
        (0, 1400, 7, [0, 200, 400, 600, 800, 1000, 1200, 1400]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, count: int, expected: list[float]) -> None:
    assert ticks(low, high, count) == pytest.approx(expected)


def test_a_step_plot_holds_each_value_until_the_next() -> None:
    svg = step_plot([(0, 0), (1, 2), (2, 2), (3, 1)], 4.0)
    (line,) = paths(svg, "line")
    numbers = [float(n) for n in re.findall(r"[-\d.]+", line)]
    start_x, start_y, first_x, two_y, second_x, one_y, end_x = numbers
    assert line.count("V") == 2, "an equal value is no step"
    assert two_y < one_y < start_y, "more people are higher up"
    assert start_x < first_x < second_x < end_x
    # The axis ends at the highest value: 1 of 2 is in the middle.
    assert one_y == pytest.approx((two_y + start_y) / 2)
    assert (second_x - first_x) / (end_x - start_x) == pytest.approx(2 / 4, abs=0.01)


def test_frames_without_a_value_are_marked() -> None:
    assert len(paths(step_plot([(0, 1)], 5.0, missing=[1.0, 2.0]), "missing")) == 2


@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(0.0, 1e6), (5.0, 0.0)]])
@pytest.mark.parametrize("percent", [True, False])
@pytest.mark.parametrize("duration", [0.0, 3600.0])
def test_extreme_values_make_a_plot(points: list[tuple[float, float]], percent: bool, duration: float) -> None:
    ElementTree.fromstring(step_plot(points, duration, percent=percent))


def test_bars_count_every_value() -> None:
    values = [1, 1, 2, 55, 99, 1000]
    root = ElementTree.fromstring(histogram(values, 100, [("p50", 28.5), ("p95", 5000)]))
    titles = [e.text or "" for e in root.iter("title")]
    assert sum(int(t.split()[0]) for t in titles) == len(values)
    assert any("or more" in t and t.startswith("2") for t in titles), "what is beyond the axis is in the last bar"
    heights = [float(e.get("height", "0")) for e in root.iter("rect")]
    assert max(heights) == heights[0]
    names = [e.text for e in root.iter("text") if e.get("class") == "name"]
    assert names == ["p50 28 ms", "p95 5000 ms"]


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 0.0]])
def test_a_histogram_of_nearly_nothing(values: list[float]) -> None:
    ElementTree.fromstring(histogram(values, 0.0))


def test_names_of_marks_do_not_overlap() -> None:
    root = ElementTree.fromstring(histogram([5, 6], 1000, [("p50", 5), ("p95", 6)]))
    names = [e for e in root.iter("text") if e.get("class") == "name"]
    first, second = (float(e.get("x", "0")) for e in names)
    assert second - first > 6 * len(names[0].text or "")


def test_texts_are_escaped() -> None:
    for svg in (step_plot([(0, 1)], 1, title='<"&'), histogram([1], 2, [("<b>", 1)], title='<"&')):
        assert ElementTree.fromstring(svg).get("aria-label") == '<"&'
        assert "<b>" not in svg
