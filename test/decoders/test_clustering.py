# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Our DBSCAN against scikit-learn's, on boxes that tie, touch, nest, repeat and have no area."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people_perception.decoders import clustering
from people_perception.decoders.clustering import dbscan

pytest.importorskip("sklearn")
from people_perception.benchmark.plain_detectnet import distances, sklearn_labels

WAYS = pytest.mark.parametrize("few", [1000, 0], ids=["all pairs", "from left to right"])
EPS = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.7, 0.99])
MIN_SAMPLES = st.sampled_from([0.05, 1.0, 1.9, 3.0])


def clustered(few: int, *arguments: Any) -> np.ndarray:
    """`dbscan`, where up to ``few`` boxes are all compared with each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "_FEW", few)
        return dbscan(*arguments)


@st.composite
def scattered(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Few integer boxes on a small grid: many equal, touching, nested, inverted; weights that add up to 1 exactly."""
    n = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    boxes = rng.integers(0, 8, (n, 4)).astype(np.float32)
    if draw(st.booleans()):
        boxes[:, 2:] = boxes[:, :2] + rng.integers(0, 6, (n, 2))
    return boxes * draw(st.sampled_from([0.03, 1.0, 35.0])), (rng.integers(1, 9, n) / 8).astype(np.float32)


@st.composite
def crowd(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Several hundred boxes around some people, as a network predicts them, and some anywhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    people = rng.uniform([0, 0, 20, 40], [900, 400, 300, 500], (draw(st.integers(1, 12)), 4))
    n = draw(st.integers(1, 400))
    jitter = rng.normal(0, draw(st.sampled_from([0.0, 1.0, 8.0, 40.0])), (n, 4))
    of = people[rng.integers(0, len(people), n)]
    boxes = np.concatenate([of[:, :2], of[:, :2] + of[:, 2:]], axis=1) + jitter
    anywhere = rng.uniform(-50, 1000, (draw(st.integers(0, 100)), 4))
    boxes = rng.permutation(np.concatenate([boxes, anywhere])).astype(np.float32)
    return boxes, rng.random(len(boxes), np.float32) ** draw(st.sampled_from([1, 4]))


@WAYS
@settings(max_examples=100, deadline=None)
@given(data=st.one_of(scattered(), crowd()), eps=EPS, min_samples=MIN_SAMPLES)
def test_same_clusters_as_scikit_learn(
    few: int, data: tuple[np.ndarray, np.ndarray], eps: float, min_samples: float
) -> None:
    boxes, weights = data
    expected = sklearn_labels(boxes, weights, eps, min_samples) if len(boxes) else np.empty(0, int)
    np.testing.assert_array_equal(clustered(few, boxes, weights, eps, min_samples), expected)


@WAYS
@settings(max_examples=50, deadline=None)
@given(data=st.one_of(scattered(), crowd()), drawn=st.data())
def test_boxes_exactly_eps_apart_are_neighbours(
    few: int, data: tuple[np.ndarray, np.ndarray], drawn: st.DataObject
) -> None:
    boxes, weights = data
    apart = np.unique(distances(boxes)[np.triu_indices(len(boxes), 1)]) if len(boxes) else np.empty(0)
    apart = apart[(apart > 0) & (apart < 0.99)]
    if len(apart):
        eps = float(drawn.draw(st.sampled_from(apart.tolist())))
        expected = sklearn_labels(boxes, weights, eps, 1)
        np.testing.assert_array_equal(clustered(few, boxes, weights, eps, 1), expected)


@pytest.mark.parametrize("dense", [True, False], ids=["all as matrices", "all as pairs"])
@settings(max_examples=50, deadline=None)
@given(st.one_of(scattered(), crowd()), EPS)
def test_both_ways_to_keep_neighbours_agree(dense: bool, data: tuple[np.ndarray, np.ndarray], eps: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering, "_is_dense", lambda adjacent: dense)
        patch.setattr(clustering, "_SIZE", 1000)  # several bands
        forced = clustered(0, *data, eps, 1)
    np.testing.assert_array_equal(forced, dbscan(*data, eps, 1))


@WAYS
@settings(max_examples=50, deadline=None)
@given(parts=st.lists(st.one_of(scattered(), crowd()), min_size=1, max_size=4), eps=EPS)
def test_groups_are_clustered_apart(few: int, parts: list[tuple[np.ndarray, np.ndarray]], eps: float) -> None:
    expected, found = [], 0
    for boxes, weights in parts:
        labels = dbscan(boxes, weights, eps, 1)
        expected.append(np.where(labels < 0, -1, labels + found))
        found += labels.max(initial=-1) + 1
    boxes, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    groups = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    labels = clustered(few, boxes, weights, eps, 1, groups)
    np.testing.assert_array_equal(labels, np.concatenate(expected))


@WAYS
@settings(max_examples=50, deadline=None)
@given(data=crowd(), seed=st.integers(0, 2**32 - 1))
def test_order_decides_numbers_and_borders_only(few: int, data: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    boxes, weights = data
    shuffled = np.random.default_rng(seed).permutation(len(boxes))
    labels, again = clustered(few, boxes, weights, 0.5, 1), np.empty(len(boxes), int)
    again[shuffled] = clustered(few, boxes[shuffled], weights[shuffled], 0.5, 1)
    np.testing.assert_array_equal(labels < 0, again < 0)
    assert labels.max(initial=-1) == again.max(initial=-1)


@WAYS
def test_border_box_joins_the_first_cluster_in_the_given_order(few: int) -> None:
    # Boxes 10 wide are neighbours up to 3.3 apart. The one at 5 sees .25 on either side, too little to be a core.
    x = np.array([0, 2, 5, 8, 10])
    boxes = np.stack([x, 0 * x, x + 10, 0 * x + 10], axis=1).astype(np.float32)
    weights = np.array([0.75, 0.25, 0.125, 0.25, 0.75], np.float32)
    assert clustered(few, boxes, weights, 0.5, 1).tolist() == [0, 0, 0, 1, 1]
    assert clustered(few, boxes[::-1], weights[::-1], 0.5, 1).tolist() == [0, 0, 0, 1, 1]


@WAYS
def test_one_box_is_a_cluster_when_it_weighs_enough(few: int) -> None:
    box = np.array([[0, 0, 10, 10]], np.float32)
    assert clustered(few, box, np.array([1.0], np.float32), 0.3, 1).tolist() == [0]
    assert clustered(few, box, np.array([0.99], np.float32), 0.3, 1).tolist() == [-1]


@WAYS
@pytest.mark.parametrize("dense", [True, False], ids=["as matrices", "as pairs"])
def test_weights_are_summed_in_their_own_precision(few: int, dense: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, 1 - 2**-24 and 2**-25 make 1, which a core needs; exactly they make less."""
    monkeypatch.setattr(clustering, "_is_dense", lambda adjacent: dense)
    boxes = np.tile(np.array([0, 0, 10, 10], np.float32), (2, 1))
    weights = np.array([1 - 2**-24, 2**-25])
    assert clustered(few, boxes, weights.astype(np.float32), 0.3, 1).tolist() == [0, 0]
    assert clustered(few, boxes, weights, 0.3, 1).tolist() == [-1, -1]


@WAYS
def test_a_tiny_box_is_not_even_its_own_neighbour(few: int) -> None:
    # 1 - a / (a + 0.01) > 0.3 for an area below 0.0233.
    box = np.array([[0, 0, 0.1, 0.1]], np.float32)
    assert clustered(few, box, np.array([5.0], np.float32), 0.3, 1).tolist() == [-1]
    assert clustered(few, box * 2, np.array([5.0], np.float32), 0.3, 1).tolist() == [0]


@pytest.mark.parametrize("groups", [None, np.arange(6)])
@WAYS
def test_boxes_of_a_broken_network_do_not_disturb_the_others(few: int, groups: np.ndarray | None) -> None:
    good = [[0, 0, 10, 10]]
    bad = [[-1e38, 0, 1e38, 1], [1e30, 0, 2e30, 1e30], [5, 5, 5, 5], [9, 9, 1, 1], [0, -1e38, 1, 1e38]]
    boxes = np.array(good + bad, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        labels = clustered(few, boxes, np.ones(6, np.float32), 0.3, 1, groups)
    assert labels[0] == 0
    assert labels[1:4].tolist() == [-1, -1, -1]


def test_large_dense_cluster_stays_small_in_memory() -> None:
    """One person close to the camera: every cell predicts the same box."""
    rng = np.random.default_rng(0)
    boxes = np.array([100, 50, 700, 540]) + rng.normal(0, 2, (2040, 4))
    weights = rng.random(2040, np.float32)
    labels = dbscan(boxes.astype(np.float32), weights, 0.3, 1)
    assert labels.tolist() == [0] * 2040


@settings(max_examples=200, deadline=None)
@given(radius=st.floats(0, 0.995), dtype=st.sampled_from([np.float32, np.float64]))
def test_an_iou_is_compared_as_its_distance_would_be(radius: float, dtype: type) -> None:
    least = clustering._least_iou(radius, np.dtype(dtype))
    below = np.nextafter(least, dtype(0))
    assert dtype(1) - least <= dtype(radius)
    assert dtype(1) - below > dtype(radius)


def test_a_chain_of_cores_is_one_cluster_whatever_the_order() -> None:
    """Each box reaches the next only, and the first neighbours of a shuffled chain join pieces of it."""
    x = np.random.default_rng(3).permutation(120) * 4.0
    boxes = np.stack([x, 0 * x, x + 20, 0 * x + 10], axis=1).astype(np.float32)
    for few in (1000, 0):
        assert clustered(few, boxes, np.ones(120, np.float32), 0.35, 1).tolist() == [0] * 120
