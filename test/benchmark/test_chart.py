# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The drawing: well-formed, a panel for what was varied, a line for each case."""

from __future__ import annotations

from xml.etree import ElementTree

from people_perception.benchmark.chart import draw
from people_perception.benchmark.measurement import Measurement

SVG = "{http://www.w3.org/2000/svg}"


def line(value: float, case: str = "a < b", unit: str = "ms", **where: object) -> Measurement:
    return Measurement("path", case, value, unit=unit, where={"model": "peoplenet", **where})


def points(svg: str) -> list[list[tuple[float, float]]]:
    lines = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    return [[tuple(map(float, p.split(","))) for p in line.attrib["points"].split()] for line in lines]  # type: ignore[misc]


def test_a_line_through_every_value() -> None:
    svg = draw([line(1.0, size="640x480"), line(4.0, size="1920x1080"), line(2.0, size="1280x720")])
    ((a, b, c),) = points(svg)
    assert a[0] < b[0] < c[0]  # by size, whatever the order
    assert a[1] > b[1] > c[1]  # down is up in SVG
    # Megapixels are to scale.
    assert round((c[0] - b[0]) / (b[0] - a[0]), 2) == round((2.0736 - 0.9216) / (0.9216 - 0.3072), 2)
    assert "a &lt; b" in svg


def test_a_panel_for_each_quantity_and_the_others_held() -> None:
    found = [line(p + s, size=f"{s}00x100", people=p) for s in (1, 2) for p in (0, 5, 9)]
    by_size, by_people = points(draw(found))
    assert (len(by_size), len(by_people)) == (2, 3)


def test_what_is_no_time_or_did_not_vary_is_left_out() -> None:
    assert draw([line(1.0, size="640x480")]) == ""
    assert draw([line(1, unit="frames", cameras=1), line(2, unit="frames", cameras=2)]) == ""
    assert draw([]) == ""


def test_what_has_the_name_of_its_axis_is_one_line_whatever_it_is_made_of() -> None:
    found = [
        Measurement("models", case, value, where={"models": n})
        for n, (case, value) in enumerate([("a", 2.0), ("a, b", 3.0)], 1)
    ]
    assert len(points(draw(found))) == 1


def test_many_lines_make_room_for_their_names() -> None:
    few = ElementTree.fromstring(draw([line(1.0, people=0), line(2.0, people=1)]))
    many = ElementTree.fromstring(draw([line(1.0, case=f"case {i // 2}", people=i % 2) for i in range(60)]))
    lowest = max(float(text.attrib["y"]) for text in many.iter(f"{SVG}text"))
    assert float(few.attrib["height"]) < lowest < float(many.attrib["height"])
