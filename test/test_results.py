# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest

from people_perception.results import Detections, Instances, Segmentation

LABELS = ("person", "bag")


def detections(n: int, **changes: np.ndarray) -> Detections:
    fields = {
        "boxes": np.arange(4 * n, dtype=np.float32).reshape(n, 4),
        "scores": np.linspace(1, 0.5, n, dtype=np.float32),
        "class_ids": np.arange(n) % 2,
        **changes,
    }
    return Detections(labels=LABELS, **fields)


def test_names_and_length() -> None:
    assert len(detections(3)) == 3
    assert detections(3).names() == ["person", "bag", "person"]


def test_empty() -> None:
    nothing = Detections.empty(LABELS)
    assert (len(nothing), nothing.boxes.shape, nothing.names(), nothing.track_ids) == (0, (0, 4), [], None)


@pytest.mark.parametrize("index", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])])
def test_selection(index: slice | np.ndarray) -> None:
    chosen = detections(4, track_ids=np.array([9, 8, 7, 6]))[index]
    np.testing.assert_array_equal(chosen.boxes[:, 0], [4, 8])
    assert chosen.track_ids is not None
    assert chosen.track_ids.tolist() == [8, 7]
    assert chosen.labels == LABELS
    assert detections(4)[index].track_ids is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": np.zeros((2, 5), np.float32)}, r"boxes \(2, 5\), .* do not agree"),
        ({"scores": np.zeros(3, np.float32)}, r"scores \(3,\)"),
        ({"class_ids": np.zeros((2, 1), int)}, r"class_ids \(2, 1\)"),
        ({"track_ids": np.zeros(1, int)}, r"track_ids \(1,\) do not agree with 2 boxes"),
    ],
)
def test_fields_that_do_not_agree(changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detections(2, **changes)


def test_segmentation_is_uint8() -> None:
    assert Segmentation(np.zeros((2, 3), np.uint8), LABELS).mask.shape == (2, 3)
    with pytest.raises(ValueError, match=r"mask is int64 \(2, 3\); expected uint8 \(H, W\)"):
        Segmentation(np.zeros((2, 3), np.int64), LABELS)  # type: ignore[arg-type]


class TestInstances:
    def test_better_score_is_on_top(self) -> None:
        masks = np.zeros((3, 1, 4), bool)
        masks[0, 0, :2] = masks[1, 0, 1:3] = masks[2, 0, 2:] = True
        found = detections(3, scores=np.array([0.5, 0.9, 0.7], np.float32))
        ids = Instances(found, masks).id_mask()
        assert ids.dtype == np.uint16
        assert ids.tolist() == [[1, 2, 2, 3]]

    def test_regions_say_where_to_look(self) -> None:
        masks = np.zeros((2, 3, 4), bool)
        masks[0, :2, :2] = masks[1, 1:, 1:] = True
        found = detections(2, scores=np.array([0.9, 0.5], np.float32))
        regions = np.array([[0, 0, 3, 2], [1, 1, 4, 3]])
        assert Instances(found, masks, regions).id_mask().tolist() == Instances(found, masks).id_mask().tolist()

    def test_regions_that_do_not_agree(self) -> None:
        with pytest.raises(ValueError, match=r"regions \(1, 4\) do not agree with 2 masks"):
            Instances(detections(2), np.zeros((2, 3, 4), bool), np.zeros((1, 4), np.int64))

    def test_tracked_ones_have_their_numbers_in_the_mask(self) -> None:
        masks = np.zeros((2, 1, 3), bool)
        masks[0, 0, 0] = masks[1, 0, 2] = True
        instances = Instances(detections(2, track_ids=np.array([65535, 7])), masks)
        assert instances.ids.tolist() == [65535, 7]
        assert instances.id_mask().tolist() == [[65535, 0, 7]]

    @pytest.mark.parametrize("tracks", [[-1, 7], [1, 0], [65536, 1]])
    def test_a_number_that_a_mask_cannot_hold(self, tracks: list[int]) -> None:
        with pytest.raises(ValueError, match=r"expected 1 to 65535"):
            Instances(detections(2, track_ids=np.array(tracks)), np.zeros((2, 1, 3), bool))

    def test_nobody(self) -> None:
        assert not Instances(Detections.empty(LABELS), np.zeros((0, 2, 3), bool)).id_mask().any()

    @pytest.mark.parametrize(
        "masks", [np.zeros((1, 2, 3), bool), np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3), bool)]
    )
    def test_masks_that_do_not_agree(self, masks: np.ndarray) -> None:
        with pytest.raises(ValueError, match=r"masks are .*; expected bool \(2, H, W\)"):
            Instances(detections(2), masks)
