# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of annotations: what pycocotools reads is taken, what it crashes at is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people_perception.evaluation.segmentation import mask_problem

mask = pytest.importorskip("pycocotools.mask")

SIZE = (7, 5)  # width, height


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(pixels=st.integers(0, 2**35 - 1))
def test_every_mask_is_taken_in_both_forms(pixels: int) -> None:
    image = np.array([pixels >> i & 1 for i in range(35)], np.uint8).reshape(5, 7)
    packed = mask.encode(np.asfortranarray(image))
    text = packed["counts"].decode()
    assert mask_problem({"size": [5, 7], "counts": text}, SIZE) == ""
    flat = image.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *changes, 35]).tolist()
    runs = runs if flat[0] == 0 else [0, *runs]
    assert mask_problem({"size": [5, 7], "counts": runs}, SIZE) == ""


def test_large_runs_are_taken() -> None:
    image = np.zeros((480, 640), np.uint8)
    image[100:300, 200:500] = 1
    packed = mask.encode(np.asfortranarray(image))
    assert mask_problem({"size": [480, 640], "counts": packed["counts"].decode()}, (640, 480)) == ""


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(text=st.text(st.characters(min_codepoint=33, max_codepoint=127), max_size=12))
def test_whatever_text_is_taken_pycocotools_reads_within_its_memory(text: str) -> None:
    runs = {"size": [5, 7], "counts": text}
    if mask_problem(runs, SIZE) == "":
        decoded = mask.decode({**runs, "counts": text.encode()})
        assert decoded.shape == (5, 7) and decoded.max() <= 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "far outside"),
        ([[float("nan")] * 6], "far outside"),
        ([[0, 0, 5, 5, "5", 0]], "far outside"),
        ([[1, 2, 3, 4]], "three points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three points"),
        (["122345"], "three points"),
        ({"size": [100000, 100000], "counts": [10**10]}, "its size is"),
        ({"counts": [35]}, "its size is None"),
        ({"size": [5, 7]}, "not lengths"),
        ({"size": [5, 7], "counts": [36, -1]}, "not lengths"),
        ({"size": [5, 7], "counts": [35.0]}, "not lengths"),
        ({"size": [5, 7], "counts": [30]}, "30 pixels; expected 35"),
        ({"size": [5, 7], "counts": "PPPP0" * 50}, "0 pixels; expected 35"),
        ({"size": [5, 7], "counts": "o" * 1000}, "not lengths"),
        ({"size": [5, 7], "counts": "é"}, "not lengths|expected 35"),
        (True, "it is bool"),
    ],
)
def test_what_is_no_mask_is_refused(wrong: Any, reason: str) -> None:
    assert re.search(reason, mask_problem(wrong, SIZE))
