# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Masks as COCO's files hold them, looked at before pycocotools, which writes beyond its memory at those that are none.

A mask is a list of polygons, or a dict with ``size`` (height, width) and ``counts``: the lengths of runs without and
with the mask by turns, down the columns; as numbers, or packed into text as ``rleToString`` of pycocotools does.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from people_perception.geometry import Size


def mask_problem(mask: Any, size: Size) -> str:
    """Why this is no mask of an image of (width, height); empty if it is one."""
    width, height = size
    if isinstance(mask, list):
        return next(filter(None, (_polygon_problem(polygon, max(size)) for polygon in mask)), "")
    if not isinstance(mask, dict):
        return f"it is {type(mask).__name__}, neither polygons nor runs"
    if mask.get("size") != [height, width]:
        return f"its size is {mask.get('size')!r}; expected [{height}, {width}]"
    runs = _unpacked(mask["counts"]) if isinstance(mask.get("counts"), str) else mask.get("counts")
    if not isinstance(runs, list) or not all(type(run) is int and 0 <= run <= width * height for run in runs):
        return "its runs are not lengths"
    return "" if sum(runs) == width * height else f"its runs have {sum(runs)} pixels; expected {width * height}"


def _polygon_problem(polygon: Any, side: int) -> str:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        return "a polygon has three points or more, two numbers each"
    numbers = all(isinstance(value, (int, float)) and isfinite(value) for value in polygon)
    # An outline may leave the image, but each pixel that it crosses costs time and memory.
    return "" if numbers and all(abs(value) <= 4 * side for value in polygon) else "a point is far outside the image"


def _unpacked(text: str) -> list[int] | None:
    """The runs in a text: 5 bits a character, from the lowest on, most as differences; None if it ends in one."""
    runs: list[int] = []
    value = shift = 0
    for character in text.encode("utf-8"):
        bits = character - 48
        value |= (bits & 0x1F) << shift
        shift += 5
        if shift > 60:
            return None
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs if shift == 0 else None
