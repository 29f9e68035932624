# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is covered cannot be seen, and stays covered while a detector misses it."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from tflite_networks import real_weights

from people_perception.anonymize import Anonymizer, pixelate
from people_perception.loading import load_model

FACE = np.array([[40.0, 30.0, 60.0, 50.0]])
NOBODY = np.empty((0, 4))
SHAPE = (100, 200)


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((100, 200, 3), np.uint8), ((100, 200), np.uint8), ((100, 200), np.uint16)]
)
def test_a_box_holds_a_few_colours_and_the_rest_is_untouched(shape: tuple[int, ...], dtype: type) -> None:
    image = noise(*shape, dtype=dtype)
    original = image.copy()
    covered = pixelate(image, np.array([[10.5, 20.5, 60.2, 50.9]]), blocks=5)
    assert np.array_equal(image, original), "the input stays as it is"
    inside = covered[20:51, 10:61]
    assert len(np.unique(inside.reshape(inside.shape[0] * inside.shape[1], -1), axis=0)) <= 5 * 3
    outside = np.ones(shape[:2], bool)
    outside[20:51, 10:61] = False
    assert np.array_equal(covered[outside], image[outside])
    # Each block is a mean: noise leaves nothing but its middle.
    assert abs(inside.astype(float).mean() - original[20:51, 10:61].mean()) < 0.02 * np.iinfo(dtype).max


def test_two_images_with_the_same_means_become_the_same_pixels() -> None:
    # So what is published cannot tell which of them it was.
    one = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (20, 20))
    other = np.tile(np.array([[200, 0], [0, 200]], np.uint8), (20, 20))
    box = np.array([[0, 0, 40, 40]])
    assert np.array_equal(pixelate(one, box, 5), pixelate(other, box, 5))


@pytest.mark.parametrize(
    "box", [(-50, -50, -10, -10), (500, 500, 600, 600), (30, 30, 30, 30), (60, 60, 50, 50), (1e30, 0, 2e30, 9)]
)
def test_a_box_that_touches_no_pixel_covers_none(box: tuple[float, ...]) -> None:
    image = noise(100, 200)
    assert np.array_equal(pixelate(image, np.array([box])), image)


@pytest.mark.parametrize("box", [(-40, -30, 5, 5), (195, 95, 400, 300), (-1e9, -1e9, 1e9, 1e9), (7.2, 7.2, 7.3, 7.3)])
def test_a_box_over_the_edge_or_within_a_pixel_is_covered(box: tuple[float, ...]) -> None:
    image = np.zeros((100, 200), np.uint8)
    image[::2] = 255
    x1, y1, x2, y2 = np.clip([np.floor(box[0]), np.floor(box[1]), np.ceil(box[2]), np.ceil(box[3])], 0, 200).astype(int)
    covered = pixelate(image, np.array([box]), blocks=1)
    assert len(np.unique(covered[y1:y2, x1:x2])) == 1


def test_a_box_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        pixelate(noise(10, 10), np.array([[0, 0, np.nan, 5]]))


def test_boxes_grow_by_the_margin() -> None:
    assert Anonymizer(margin=0.5).cover(FACE, 0.0, SHAPE).tolist() == [[30, 20, 70, 60]]


def test_a_missed_face_stays_covered_by_a_growing_box_and_then_not() -> None:
    anonymizer = Anonymizer(margin=0.0, memory=0.5)
    anonymizer.cover(FACE, 10.0, SHAPE)
    assert anonymizer.cover(NOBODY, 10.25, SHAPE).tolist() == [[35, 25, 65, 55]]
    assert anonymizer.cover(NOBODY, 10.5, SHAPE).tolist() == [[30, 20, 70, 60]]
    assert len(anonymizer.cover(NOBODY, 10.6, SHAPE)) == 0


def test_a_face_that_is_found_again_is_covered_once() -> None:
    anonymizer = Anonymizer(margin=0.0)
    anonymizer.cover(FACE, 0.0, SHAPE)
    assert anonymizer.cover(FACE + 3, 0.1, SHAPE).tolist() == (FACE + 3).tolist()
    assert len(anonymizer.cover(NOBODY, 0.2, SHAPE)) == 1


def test_a_new_face_does_not_make_a_missed_one_forgotten() -> None:
    anonymizer = Anonymizer(margin=0.0)
    two = np.concatenate([FACE, FACE + 4])
    anonymizer.cover(two, 0.0, SHAPE)
    assert len(anonymizer.cover(FACE, 0.1, SHAPE)) == 2, "one face continues one face, not two"
    assert len(anonymizer.cover(FACE + 100, 0.2, SHAPE)) == 3


def test_an_image_that_is_late_does_not_make_a_face_forgotten_earlier() -> None:
    anonymizer = Anonymizer(margin=0.0, memory=0.5)
    anonymizer.cover(FACE, 10.4, SHAPE)
    assert len(anonymizer.cover(FACE, 10.0, SHAPE)) == 2
    assert anonymizer.cover(NOBODY, 10.65, SHAPE).tolist() == [[35, 25, 65, 55]]


@pytest.mark.parametrize(("stamp", "shape"), [(5.0, SHAPE), (10.1, (50, 60))])
def test_a_jump_in_time_or_another_size_forgets(stamp: float, shape: tuple[int, int]) -> None:
    anonymizer = Anonymizer()
    anonymizer.cover(FACE, 10.0, SHAPE)
    assert len(anonymizer.cover(NOBODY, stamp, shape)) == 0


def test_no_detector_finds_a_face_in_what_was_covered() -> None:
    data = pytest.importorskip("skimage.data")
    for name in ("open_face", "open_face:short"):
        real_weights(name)
    astronaut = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    for image in (astronaut, data.camera()):
        for name in ("open_face", "open_face:short"):
            with closing(load_model(name)) as model:
                found = model(image)
                assert len(found) > 0
                covered = Anonymizer()(image, found.boxes, 0.0)
                model.configure(confidence_threshold=0.45)
                assert len(model(covered)) == 0
                for x1, y1, x2, y2 in found.boxes.astype(int):
                    inside = np.s_[y1:y2, x1:x2]
                    assert (covered[inside] != image[inside]).mean() > 0.8
