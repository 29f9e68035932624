# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Cost against what was varied, as one SVG file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from people_perception.benchmark.measurement import Measurement
from people_perception.report.plots import ticks

_AXES = {
    "size": "megapixels of the image",
    "people": "people in the image",
    "models": "models on one camera",
    "cameras": "cameras",
}
_COLOURS = (
    "#2563a8",
    "#c2571a",
    "#2f8f4e",
    "#8b3fa0",
    "#b3892b",
    "#c23b5e",
    "#3a9ba5",
    "#6b6b6b",
    "#12306b",
    "#e08a5b",
    "#8fc9a3",
    "#c9a3d6",
)
_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 290, 34, 44
_LINE = 18

Series = dict[str, list[tuple[float, float]]]


def draw(found: Sequence[Measurement]) -> str:
    """A panel for each quantity that took several values; empty when none did."""
    body, height = "", 0
    for name, title in _AXES.items():
        series = _series(found, name)
        if series:
            body += _panel(title, series, height)
            height += max(_HEIGHT, _TOP + _LINE * (len(series) + 1))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>{body}</svg>\n'
        if body
        else ""
    )


def _series(found: Sequence[Measurement], name: str) -> Series:
    """The lines of one panel: milliseconds of each case with the other quantities at their first values."""
    lines: Series = {}
    fixed: dict[str, dict[str, object]] = {}
    for line in found:
        if name not in line.where or line.unit != "ms":
            continue
        # A case that names its models is the same case with more of them.
        label = "models" if name == line.subject == "models" else f"{line.subject}: {line.case}"
        others = {key: value for key, value in line.where.items() if key in _AXES and key != name}
        if fixed.setdefault(label, others) != others:
            continue
        points = lines.setdefault(label, [])
        x = _number(line.where[name])
        if x not in [p[0] for p in points]:
            points.append((x, line.value))
    return {label: sorted(points) for label, points in lines.items() if len(points) > 1}


def _number(value: object) -> float:
    """A count, or the megapixels of WxH."""
    width, times, height = str(value).partition("x")
    return float(width) * float(height) / 1e6 if times else float(width)


def _panel(title: str, series: Series, top: int) -> str:
    right, bottom = max(max(x for x, _ in points) for points in series.values()), _HEIGHT - _BOTTOM
    highest = max(max(y for _, y in points) for points in series.values()) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / right
        return across, top + bottom - (bottom - _TOP) * y / highest

    parts = [f'<text x="{_LEFT}" y="{top + 20}" font-weight="bold">milliseconds by {escape(title)}</text>']
    for value in ticks(0, highest, 4):
        _, y = place(0, value)
        parts.append(f'<path d="M{_LEFT},{y:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in ticks(0, right, 6):
        x, _ = place(value, 0)
        parts.append(f'<text x="{x:.1f}" y="{top + bottom + 18}" text-anchor="middle">{value:g}</text>')
    for i, (label, points) in enumerate(sorted(series.items(), key=lambda entry: -entry[1][-1][1])):
        colour = _COLOURS[i % len(_COLOURS)]
        places = [place(x, y) for x, y in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = top + _TOP + 10 + _LINE * i
        parts.append(f'<rect x="{_WIDTH - _RIGHT + 14}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 30}" y="{y}">{escape(label)}</text>')
    return "".join(parts)
