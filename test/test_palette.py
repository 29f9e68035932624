# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest

from people_perception.palette import COLOURS, colour_mask, wrap_ids


def test_background_is_black_and_every_id_has_its_own_colour() -> None:
    assert COLOURS.shape == (256, 3)
    assert COLOURS[0].tolist() == [0, 0, 0]
    assert len({tuple(colour) for colour in COLOURS.tolist()}) > 250
    neighbours = np.abs(np.diff(COLOURS[1:].astype(int), axis=0)).max(axis=1)
    assert neighbours.min() > 60


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_mask_in_colour(dtype: type) -> None:
    ids = np.array([[0, 1, 2], [255, 2, 0]], dtype)
    picture = colour_mask(ids)
    assert (picture.dtype, picture.shape) == (np.uint8, (2, 3, 3))
    np.testing.assert_array_equal(picture, COLOURS[ids])


def test_more_instances_than_colours() -> None:
    assert wrap_ids(np.array([[0, 1, 255, 256, 511, 65535]], np.uint16)).tolist() == [[0, 1, 255, 1, 1, 255]]
