# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest

from people_perception.catalogue import get_spec
from people_perception.decoders.face import FaceDecoder, face_anchors
from people_perception.errors import PerceptionError

FULL = ("reshaped_regressor_face_4", "reshaped_classifier_face_4", 2304)
SHORT = ("regressors", "classificators", 896)


def outputs(network: tuple[str, str, int] = FULL) -> dict[str, np.ndarray]:
    boxes, scores, n = network
    return {boxes: np.zeros((1, n, 16), np.float32), scores: np.full((1, n, 1), -200.0, np.float32)}


def face(tensors: dict[str, np.ndarray], anchor: int, logit: float, width: float, height: float) -> None:
    """Put a face of that size, in network pixels, on the anchor's point."""
    boxes, scores = tensors
    tensors[boxes][0, anchor, :4] = [0, 0, width, height]
    tensors[scores][0, anchor, 0] = logit


def decoder(**options: float) -> FaceDecoder:
    return FaceDecoder(get_spec("open_face"), **options)


class TestAnchors:
    def test_full_range_is_one_grid(self) -> None:
        anchors = face_anchors(2304)
        assert anchors.shape == (2304, 2)
        np.testing.assert_allclose(anchors[[0, 1, 48]], np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5]]) / 48, rtol=1e-6)

    def test_short_range_is_two_grids(self) -> None:
        anchors = face_anchors(896)
        assert anchors.shape == (896, 2)
        np.testing.assert_allclose(anchors[[0, 1, 2]], np.array([[0.5, 0.5], [0.5, 0.5], [1.5, 0.5]]) / 16, rtol=1e-6)
        np.testing.assert_allclose(anchors[[512, 517, 518]], np.array([[0.5, 0.5]] * 2 + [[1.5, 0.5]]) / 8, rtol=1e-6)


def test_box_in_a_letterboxed_image() -> None:
    tensors = outputs()
    # Anchor in row 24, column 24: the point (98, 98) of 192. A 960x540 image is 192x108 there, 42 below the top.
    face(tensors, 24 * 48 + 24, 3.0, width=20, height=30)
    found = decoder()(tensors, image_size=(960, 540))
    np.testing.assert_allclose(found.boxes, [[88 * 5, (83 - 42) * 5, 108 * 5, (113 - 42) * 5]], rtol=1e-5)
    assert found.names() == ["face"]
    np.testing.assert_allclose(found.scores, [1 / (1 + np.exp(-3.0))], rtol=1e-6)


def test_short_range_network_has_its_own_input_size() -> None:
    tensors = outputs(SHORT)
    # The last grid's cell (4, 4) of 8x8: the point (72, 72) of 128. A 640x480 image is 128x96 there, 16 below the top.
    face(tensors, 512 + 6 * (4 * 8 + 4), 3.0, width=16, height=16)
    found = decoder()(tensors, image_size=(640, 480))
    np.testing.assert_allclose(found.boxes, [[64 * 5, (64 - 16) * 5, 80 * 5, (80 - 16) * 5]], rtol=1e-5)
    np.testing.assert_allclose(decoder()(tensors).boxes, [[64, 64, 80, 80]], rtol=1e-5)


def test_offset_moves_the_centre() -> None:
    tensors = outputs()
    face(tensors, 24 * 48 + 24, 3.0, width=20, height=20)
    tensors[FULL[0]][0, 24 * 48 + 24, :2] = [10, -4]
    np.testing.assert_allclose(decoder()(tensors).boxes, [[98, 84, 118, 104]], rtol=1e-5)


def test_a_face_in_the_padding_is_none() -> None:
    tensors = outputs()
    face(tensors, 2 * 48 + 24, 3.0, width=10, height=10)
    assert len(decoder()(tensors, image_size=(960, 540))) == 0


def test_nothing_without_a_face_and_no_overflow() -> None:
    with np.errstate(over="raise"):
        assert len(decoder()(outputs())) == 0


def test_best_of_overlapping_faces_and_best_first() -> None:
    tensors = outputs()
    face(tensors, 10 * 48 + 10, 1.0, 30, 30)
    face(tensors, 10 * 48 + 11, 2.0, 30, 30)
    face(tensors, 40 * 48 + 40, 1.5, 30, 30)
    found = decoder()(tensors)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp([-2.0, -1.5])), rtol=1e-6)
    assert len(decoder(nms_iou=1.0)(tensors)) == 3
    assert len(decoder(top_k=1)(tensors)) == 1
    assert len(decoder(confidence_threshold=0.85)(tensors)) == 1


def test_a_negative_size_is_no_face() -> None:
    tensors = outputs()
    face(tensors, 1000, 3.0, width=-5, height=10)
    assert len(decoder()(tensors)) == 0


@pytest.mark.parametrize(("boxes", "scores"), [((100, 16), (100, 1)), ((2304, 3), (2304, 1)), ((2304, 16), (896, 1))])
def test_refuses_tensors_of_another_network(boxes: tuple[int, int], scores: tuple[int, int]) -> None:
    with pytest.raises(PerceptionError, match="N = 2304 or 896"):
        decoder()({FULL[0]: np.zeros(boxes, np.float32), FULL[1]: np.zeros(scores, np.float32)})


def test_refuses_nan() -> None:
    tensors = outputs()
    tensors[FULL[0]][0, 7, 12] = np.nan
    with pytest.raises(PerceptionError, match="NaN"):
        decoder()(tensors)
