# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Finding and checking tensors: every number but NaN and infinity passes, and no warning comes with it."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.decoders.tensors import check_finite, find_tensor
from people_perception.errors import PerceptionError


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("large", [0.0, 6e4, 1e30, -3.4e38])
def test_large_numbers_are_finite(large: float, dtype: type) -> None:
    values = np.ones((3, 40), np.float64)
    values[1, 7] = np.clip(large, np.finfo(dtype).min, np.finfo(dtype).max)
    check_finite(values.astype(dtype), "boxes")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_counted(bad: float, dtype: type) -> None:
    values = np.ones((3, 40), dtype)
    values[1, 7] = values[2, 3] = bad
    with pytest.raises(PerceptionError, match="tensor 'boxes' holds 2 of 120 values that are NaN or infinite"):
        check_finite(values, "boxes")


def test_a_name_counts_with_and_without_the_output_index() -> None:
    one, two = np.zeros(1), np.ones(2)
    assert find_tensor({"a:0": one, "b": two}, ["a"]) is one
    assert find_tensor({"a:0": one, "b": two}, ["b:0"]) is two
    assert find_tensor({"a:0": one, "a": two}, ["a"]) is two
