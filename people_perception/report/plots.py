# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Small plots as inline SVG. Colours come from the page's style sheet, so they fit light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

_WIDTH = 920
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 26


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About ``count`` round numbers from ``low`` to ``high``, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def step_plot(
    points: Sequence[tuple[float, float]],
    duration: float,
    missing: Sequence[float] = (),
    colour: int = 0,
    percent: bool = False,
    title: str = "",
) -> str:
    """A quantity over time as a filled step line.

    Args:
        points: (seconds, value) by time; each value holds until the next.
        duration: seconds that the x axis spans.
        missing: seconds of frames without a value, marked below the axis.
        colour: index of the series' colour.
        percent: values are shares of 1.
        title: for who cannot see the plot.
    """
    height = 118
    bottom = height - _BOTTOM
    duration = max(duration, 1e-3)
    highest = max((value for _, value in points), default=0.0)
    top = _ceiling(highest, percent)

    def x(seconds: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / duration

    def y(value: float) -> float:
        return bottom - (bottom - _TOP) * value / top

    # A tick without a frame to stand on, such as half a person, says nothing.
    levels = [v for v in ticks(0, top, 2 if percent else min(4, round(top))) if percent or v == round(v)]
    parts = [_horizontal(y(v), f"{v:.0%}" if percent else f"{v:.0f}") for v in levels]
    parts += [_under(x(v), bottom, f"{v:g} s") for v in ticks(0, duration, 8)]
    if points:
        line = _steps([(x(t), y(v)) for t, v in points], x(duration))
        area = f"M{x(points[0][0]):.1f},{bottom}V{line[1:].partition(',')[2]}V{bottom}Z"
        parts.append(f'<path class="area s{colour}" d="{area}"/><path class="line s{colour}" d="{line}"/>')
    parts += [f'<path class="missing" d="M{x(t):.1f},{bottom + 1}v6"/>' for t in missing]
    return _svg(height, parts, title)


def histogram(
    values: Sequence[float],
    highest: float,
    marks: Sequence[tuple[str, float]] = (),
    colour: int = 0,
    unit: str = "ms",
    title: str = "",
) -> str:
    """How often which values occur, from 0 to ``highest``; what is above counts in the last bar.

    Args:
        values: not negative.
        highest: where the x axis ends.
        marks: (name, value) to point out, such as a median.
        colour: index of the series' colour.
        unit: of the values.
        title: for who cannot see the plot.
    """
    height, bins = 132, 60
    head = _TOP + 14  # room for the names of the marks
    bottom = height - _BOTTOM
    highest = max(highest, 1e-9)
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, max(0, int(value / highest * bins)))] += 1
    top = max(1, *counts)
    width = (_WIDTH - _LEFT - _RIGHT) / bins

    def y(count: float) -> float:
        return bottom - (bottom - head) * count / top

    parts = [_horizontal(y(v), f"{v:.0f}") for v in ticks(0, top, 2) if v == round(v)]
    parts += [
        _under(_LEFT + (_WIDTH - _LEFT - _RIGHT) * v / highest, bottom, f"{v:g} {unit}") for v in ticks(0, highest, 8)
    ]
    for i, count in enumerate(counts):
        if count:
            left, low = _LEFT + i * width, i * highest / bins
            label = f"{count} at {low:.0f} to {low + highest / bins:.0f} {unit}"
            if i == bins - 1:
                label = f"{count} at {low:.0f} {unit} or more"
            parts.append(
                f'<rect class="bar s{colour}" x="{left + 0.5:.1f}" y="{y(count):.1f}" width="{width - 1:.1f}" '
                f'height="{bottom - y(count):.1f}"><title>{label}</title></rect>'
            )
    end = -math.inf
    for name, value in sorted(marks, key=lambda mark: mark[1]):
        at = _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(value / highest, 1.0)
        text = f"{name} {value:.0f} {unit}"
        parts.append(f'<path class="mark" d="M{at:.1f},{head - 4}V{bottom}"/>')
        wide = 6.6 * len(text)
        start = min(max(at - wide / 2, end + 10), _WIDTH - wide)
        end = start + wide
        parts.append(f'<text class="name" x="{start:.1f}" y="{_TOP + 2}">{escape(text)}</text>')
    return _svg(height, parts, title)


def _ceiling(highest: float, percent: bool) -> float:
    """Where the y axis ends: at a whole person, or at a round share."""
    if not percent:
        return max(1.0, math.ceil(highest))
    return next(c for c in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0) if c >= min(highest, 1.0))


def _steps(points: Sequence[tuple[float, float]], end: float) -> str:
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    level = points[0][1]
    for x, y in points[1:]:
        if y != level:
            path += f"H{x:.1f}V{y:.1f}"
            level = y
    return f"{path}H{end:.1f}"


def _horizontal(y: float, text: str) -> str:
    return (
        f'<path class="grid" d="M{_LEFT},{y:.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text class="tick right" x="{_LEFT - 8}" y="{y + 4:.1f}">{escape(text)}</text>'
    )


def _under(x: float, bottom: float, text: str) -> str:
    # The first and the last would be cut off if they were centred.
    side = " right" if x > _WIDTH - _RIGHT - 12 else " middle"
    return f'<text class="tick{side}" x="{min(x, _WIDTH):.1f}" y="{bottom + 20:.1f}">{escape(text)}</text>'


def _svg(height: int, parts: Sequence[str], title: str) -> str:
    box = f"0 0 {_WIDTH} {height}"
    return f'<svg class="plot" viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
