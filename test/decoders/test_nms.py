# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people_perception.benchmark.plain_detectnet import greedy_nms
from people_perception.decoders.nms import nms

THRESHOLDS = st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0])


@st.composite
def candidates(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Integer boxes with many equal scores and overlaps that are exactly at the threshold."""
    n = draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    boxes = rng.integers(0, draw(st.sampled_from([5, 40, 400])), (n, 4)).astype(np.float32)
    boxes[:, 2:] = boxes[:, :2] + rng.integers(0, 15, (n, 2))
    return boxes, rng.integers(0, 10, n).astype(np.float32)


@settings(max_examples=100, deadline=None)
@given(candidates(), THRESHOLDS, st.booleans())
def test_equals_the_plain_loop(data: tuple[np.ndarray, np.ndarray], threshold: float, plus_one: bool) -> None:
    boxes, scores = data
    assert nms(boxes, scores, threshold, plus_one).tolist() == greedy_nms(boxes, scores, threshold, int(plus_one))


@settings(max_examples=50, deadline=None)
@given(candidates(), THRESHOLDS, st.integers(1, 80))
def test_top_k_is_the_beginning(data: tuple[np.ndarray, np.ndarray], threshold: float, top_k: int) -> None:
    full = nms(*data, threshold)
    np.testing.assert_array_equal(nms(*data, threshold, top_k=top_k), full[:top_k])


def test_suppresses_above_the_threshold_not_at_it() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)  # IoU 0.5
    scores = np.array([0.5, 0.9], np.float32)
    assert nms(boxes, scores, 0.5).tolist() == [1, 0]
    assert nms(boxes, scores, 0.49).tolist() == [1]


def test_of_equal_scores_the_earlier_box_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10]], np.float32)
    assert nms(boxes, np.array([0.5, 0.5], np.float32), 0.5).tolist() == [0]


def test_a_suppressed_box_suppresses_nothing() -> None:
    chain = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], np.float32)
    assert nms(chain, np.array([3, 2, 1], np.float32), 0.3).tolist() == [0, 2]


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_suppress(n: int) -> None:
    assert nms(np.zeros((n, 4), np.float32), np.zeros(n, np.float32), 0.5).tolist() == list(range(n))
