# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest

from people_perception.catalogue import get_spec
from people_perception.decoders.person_crops import PersonCropsDecoder, grow_boxes
from people_perception.errors import PerceptionError
from people_perception.results import Instances, Segmentation

SIZE = (100, 80)


def outputs(masks: np.ndarray, crops: list[list[int]]) -> dict[str, np.ndarray]:
    n = len(crops)
    return {
        "activation_10": masks.astype(np.float32).reshape(n, 256, 256, 1),
        "crops": np.array(crops, np.int64).reshape(n, 4),
        "boxes": np.array(crops, np.float32).reshape(n, 4),
        "scores": np.linspace(0.9, 0.5, n, dtype=np.float32),
    }


def left_half() -> np.ndarray:
    mask = np.zeros((256, 256))
    mask[:, :128] = 1
    return mask


def semantic(**options: float) -> PersonCropsDecoder:
    return PersonCropsDecoder(get_spec("open_segmentation"), **options)


def instances(**options: float) -> PersonCropsDecoder:
    return PersonCropsDecoder(get_spec("open_instances"), **options)


class TestSemantic:
    def test_mask_fills_its_part_of_the_crop(self) -> None:
        found = semantic()(outputs(left_half(), [[20, 10, 60, 50]]), image_size=SIZE)
        assert isinstance(found, Segmentation)
        assert found.labels == ("background", "person")
        expected = np.zeros((80, 100), np.uint8)
        expected[10:50, 20:40] = 1
        np.testing.assert_array_equal(found.mask, expected)

    def test_persons_are_united(self) -> None:
        masks = np.stack([np.ones((256, 256)), np.zeros((256, 256)), np.ones((256, 256))])
        found = semantic()(outputs(masks, [[0, 0, 10, 10], [0, 0, 100, 80], [90, 70, 100, 80]]), image_size=SIZE)
        assert found.mask.sum() == 200
        assert found.mask[:10, :10].all()
        assert found.mask[70:, 90:].all()

    def test_nobody_is_an_empty_mask(self) -> None:
        found = semantic()(outputs(np.empty((0, 256, 256)), []), image_size=SIZE)
        assert found.mask.shape == (80, 100)
        assert not found.mask.any()


class TestInstances:
    def test_each_person_has_a_mask(self) -> None:
        masks = np.stack([left_half(), np.ones((256, 256))])
        found = instances()(outputs(masks, [[20, 10, 60, 50], [50, 40, 100, 80]]), image_size=SIZE)
        assert isinstance(found, Instances)
        assert found.masks.shape == (2, 80, 100)
        assert found.masks[0].sum() == 20 * 40
        assert found.masks[1, 40:, 50:].all()
        assert found.masks[1].sum() == 50 * 40
        assert found.detections.names() == ["person", "person"]
        np.testing.assert_array_equal(found.detections.boxes[0], [20, 10, 60, 50])
        np.testing.assert_allclose(found.detections.scores, [0.9, 0.5])

    def test_nobody(self) -> None:
        found = instances()(outputs(np.empty((0, 256, 256)), []), image_size=SIZE)
        assert found.masks.shape == (0, 80, 100)


def test_probability_is_interpolated_before_the_decision() -> None:
    ramp = np.tile(np.linspace(0, 1, 256), (256, 1))
    crop = [0, 0, 100, 80]
    for threshold in (0.3, 0.5, 0.7):
        found = semantic(mask_threshold=threshold)(outputs(ramp, [crop]), image_size=SIZE)
        np.testing.assert_allclose(found.mask.mean(), 1 - threshold, atol=0.01)


class TestCrops:
    def test_margin_on_each_side_on_whole_pixels(self) -> None:
        crops = grow_boxes(np.array([[20.4, 30.0, 40.4, 60.0]], np.float32), 0.1, SIZE)
        np.testing.assert_array_equal(crops, [[18, 27, 43, 63]])

    def test_stay_in_the_image(self) -> None:
        crops = grow_boxes(np.array([[0, 0, 100, 80], [95, 70, 100, 80]], np.float32), 0.5, SIZE)
        np.testing.assert_array_equal(crops, [[0, 0, 100, 80], [92, 65, 100, 80]])

    def test_have_a_pixel_at_least(self) -> None:
        crops = grow_boxes(np.array([[100, 80, 100, 80], [0, 0, 0, 0], [7, 7, 7, 7]], np.float32), 0.1, SIZE)
        np.testing.assert_array_equal(crops, [[99, 79, 100, 80], [0, 0, 1, 1], [7, 7, 8, 8]])

    def test_nobody(self) -> None:
        assert grow_boxes(np.empty((0, 4), np.float32), 0.1, SIZE).shape == (0, 4)


@pytest.mark.parametrize("crop", [[-1, 0, 10, 10], [5, 5, 5, 10], [0, 0, 101, 80], [0, 0, 10, 81]])
def test_refuses_a_crop_outside_the_image(crop: list[int]) -> None:
    with pytest.raises(PerceptionError, match="not inside the image of 100x80"):
        semantic()(outputs(np.ones((256, 256)), [crop]), image_size=SIZE)


def test_refuses_numbers_that_do_not_agree() -> None:
    tensors = outputs(np.ones((256, 256)), [[0, 0, 10, 10]])
    tensors["scores"] = np.ones(2, np.float32)
    with pytest.raises(PerceptionError, match="do not agree"):
        semantic()(tensors, image_size=SIZE)


def test_refuses_nan() -> None:
    with pytest.raises(PerceptionError, match="NaN"):
        semantic()(outputs(np.full((256, 256), np.nan), [[0, 0, 10, 10]]), image_size=SIZE)


def test_names_what_is_missing() -> None:
    tensors = outputs(np.ones((256, 256)), [[0, 0, 10, 10]])
    del tensors["crops"]
    with pytest.raises(PerceptionError, match="no tensor 'crops'"):
        semantic()(tensors, image_size=SIZE)
