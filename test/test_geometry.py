# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from people_perception.geometry import Geometry, Size, letterbox, stretch

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
NETWORK: Size = (960, 576)


def test_stretch() -> None:
    geometry = stretch((1920, 1080), (960, 544))
    assert geometry == Geometry((1920, 1080), (960, 544), (960, 544), (0, 0), (0.5, 544 / 1080))


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ((1920, 1080), (960, 540)),
        ((640, 480), (768, 576)),
        ((848, 480), (960, 543)),
        ((961, 1), (960, 1)),
        ((1, 5000), (1, 576)),
        ((960, 2), (960, 2)),
        ((1920, 5), (960, 2)),  # 2.5 rows: to even, as Python and so TAO rounds
        ((1920, 7), (960, 4)),
    ],
)
def test_letterbox_content(source: Size, content: Size) -> None:
    assert letterbox(source, NETWORK).content_size == content


def test_letterbox_at_the_top_left_or_centred() -> None:
    assert letterbox((1920, 1080), NETWORK).offset == (0, 0)
    assert letterbox((1920, 1080), NETWORK, centred=True).offset == (0, 18)
    assert letterbox((480, 640), NETWORK, centred=True).offset == (264, 0)


@given(SIZES, SIZES, st.booleans())
def test_letterbox_fits_and_keeps_the_aspect(source: Size, network: Size, centred: bool) -> None:
    geometry = letterbox(source, network, centred)
    for axis in (0, 1):
        assert geometry.offset[axis] >= 0
        assert geometry.offset[axis] + geometry.content_size[axis] <= network[axis]
        assert abs(geometry.content_size[axis] - max(1, source[axis] * geometry.scale[axis])) <= 0.5 + 1e-6
    assert geometry.scale[0] == geometry.scale[1]
    assert geometry.content_size[0] == network[0] or geometry.content_size[1] == network[1]


@pytest.mark.parametrize("make", [stretch, letterbox, lambda s, n: letterbox(s, n, centred=True)])
@given(SIZES, st.integers(0, 2**32 - 1))
def test_boxes_there_and_back(make, source: Size, seed: int) -> None:  # type: ignore[no-untyped-def]
    geometry = make(source, NETWORK)
    boxes = np.sort(np.random.default_rng(seed).random((5, 2, 2)), axis=1).reshape(5, 4) * (source * 2)
    back = geometry.boxes_to_source(geometry.boxes_to_network(boxes))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, boxes, rtol=0, atol=max(source) * 1e-6 + 1e-3)


def test_boxes_are_clipped_to_the_image() -> None:
    geometry = letterbox((1920, 1080), NETWORK, centred=True)
    boxes = geometry.boxes_to_source(np.array([[-10, 0, 1000, 600], [0, 0, 5, 5]], np.float32))
    np.testing.assert_array_equal(boxes, [[0, 0, 1920, 1080], [0, 0, 10, 0]])


def test_no_boxes() -> None:
    assert stretch((640, 480), NETWORK).boxes_to_source(np.empty((0, 4), np.float32)).shape == (0, 4)


@pytest.mark.parametrize("centred", [False, True])
def test_mask_lies_where_the_image_was(centred: bool) -> None:
    """A picture that goes into the network and comes back as a mask is where it was, edges included."""
    source = (640, 480)
    picture = np.zeros((480, 640), np.uint8)
    picture[100:300, 50:620] = 1
    geometry = letterbox(source, (512, 512), centred)
    mask = np.full((512, 512), 7, np.uint8)  # the padding holds something else
    (x, y), (width, height) = geometry.offset, geometry.content_size
    mask[y : y + height, x : x + width] = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    back = geometry.mask_to_source(mask)
    assert back.shape == picture.shape
    assert set(np.unique(back)) == {0, 1}
    rows, columns = np.nonzero(back != picture)
    assert ((abs(rows - 100) < 2) | (abs(rows - 300) < 2) | (abs(columns - 50) < 2) | (abs(columns - 620) < 2)).all()


def test_mask_is_not_shifted() -> None:
    """Enlarging takes the network pixel whose centre is nearest, so a symmetric mask stays symmetric."""
    mask = np.zeros((544, 960), np.uint8)
    mask[200:344, 400:560] = 1
    for size in ((1920, 1080), (1280, 720), (641, 481)):
        back = stretch(size, (960, 544)).mask_to_source(mask)
        np.testing.assert_array_equal(back, back[::-1, ::-1])


def test_mask_of_another_size() -> None:
    with pytest.raises(ValueError, match="mask is 10x5; the network's input is 960x576"):
        stretch((640, 480), NETWORK).mask_to_source(np.zeros((5, 10), np.uint8))


@pytest.mark.parametrize("make", [stretch, letterbox])
def test_image_without_pixels(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="image is 0x480; both sides must be at least 1 pixel"):
        make((0, 480), NETWORK)
