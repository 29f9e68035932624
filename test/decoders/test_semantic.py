# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from people_perception.catalogue import ModelSpec, get_spec
from people_perception.decoders import make_decoder
from people_perception.errors import PerceptionError

NAME = "argmax_1"
PICTURE = np.zeros((544, 960), np.int64)
PICTURE[100:300, 200:260] = 1


def spec(*labels: str) -> ModelSpec:
    return replace(get_spec("peoplesemsegnet"), labels=labels or ("background", "person"))


def one_hot(ids: np.ndarray, classes: int) -> np.ndarray:
    """(C, H, W) scores whose best class is that of ``ids``."""
    rng = np.random.default_rng(0)
    scores = rng.random((classes, *ids.shape), np.float32)
    np.put_along_axis(scores, ids[None], 2.0, axis=0)
    return scores


class TestKindsOfOutput:
    @pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
    @pytest.mark.parametrize("shape", [(1, 544, 960, 1), (1, 1, 544, 960), (544, 960, 1), (1, 544, 960), (544, 960)])
    def test_class_ids(self, dtype: type, shape: tuple[int, ...]) -> None:
        result = make_decoder(spec())({f"{NAME}:0": PICTURE.astype(dtype).reshape(shape)})
        assert result.labels == ("background", "person")
        assert result.mask.dtype == np.uint8
        np.testing.assert_array_equal(result.mask, PICTURE)

    @pytest.mark.parametrize("dtype", [np.float32, np.float16])
    @pytest.mark.parametrize("classes", [2, 3, 5])
    @pytest.mark.parametrize("layout", ["nchw", "nhwc"])
    @pytest.mark.parametrize("batch", [True, False])
    def test_scores(self, dtype: type, classes: int, layout: str, batch: bool) -> None:
        ids = PICTURE * (classes - 1)
        scores = one_hot(ids, classes).astype(dtype)
        scores = scores if layout == "nchw" else np.moveaxis(scores, 0, -1)
        scores = scores[None] if batch else scores
        decode = make_decoder(spec(*(f"class {i}" for i in range(classes))))
        np.testing.assert_array_equal(decode({"softmax_1": scores}).mask, ids)

    @pytest.mark.parametrize("shape", [(1, 544, 960, 1), (1, 1, 544, 960), (544, 960)])
    def test_score_of_the_second_of_two_classes(self, shape: tuple[int, ...]) -> None:
        scores = np.where(PICTURE, 0.51, 0.5).astype(np.float32).reshape(shape)
        np.testing.assert_array_equal(make_decoder(spec())({NAME: scores}).mask, PICTURE)

    @settings(max_examples=50, deadline=None)
    @given(arrays(np.float32, (3, 6, 5), elements=st.sampled_from([-1.0, 0.0, 0.5, 1.0])))
    def test_best_class_is_argmax_s(self, scores: np.ndarray) -> None:
        result = make_decoder(spec("a", "b", "c"))({NAME: scores})
        np.testing.assert_array_equal(result.mask, scores.argmax(axis=0))

    def test_layout_of_the_description_decides_where_the_shape_cannot(self) -> None:
        scores = np.random.default_rng(0).random((2, 7, 2), np.float32)
        for layout, axis in (("nchw", 0), ("nhwc", 2)):
            described = replace(spec(), input=replace(spec().input, layout=layout))
            np.testing.assert_array_equal(make_decoder(described)({NAME: scores}).mask, scores.argmax(axis=axis))


class TestSourceSize:
    @pytest.mark.parametrize("size", [(1920, 1080), (640, 480), (317, 211)])
    def test_takes_the_network_pixel_nearest_to_each_pixel_centre(self, size: tuple[int, int]) -> None:
        ids = np.random.default_rng(0).integers(0, 2, (544, 960))
        mask = make_decoder(spec())({NAME: ids}, image_size=size).mask
        x = ((np.arange(size[0]) + 0.5) * 960 / size[0]).astype(int)
        y = ((np.arange(size[1]) + 0.5) * 544 / size[1]).astype(int)
        np.testing.assert_array_equal(mask, ids[y][:, x])

    def test_network_size_comes_from_the_tensor(self) -> None:
        ids = np.arange(12).reshape(3, 4) % 2
        decode = make_decoder(spec())
        np.testing.assert_array_equal(decode({NAME: ids}).mask, ids)
        expected = ids.repeat(10, axis=0).repeat(10, axis=1)
        np.testing.assert_array_equal(decode({NAME: ids}, image_size=(40, 30)).mask, expected)


class TestOptions:
    def test_defaults(self) -> None:
        options = make_decoder(get_spec("peoplesemsegnet")).options
        assert options["colour_order"] == "bgr"
        assert options["class_map"] == {"background": 0, "person": 1}

    def test_class_map_lets_a_label_count_as_another(self) -> None:
        decode = make_decoder(spec("background", "person", "rider", "bag"), class_map={"rider": 1, "bag": 0})
        ids = np.array([[0, 1, 2, 3]])
        assert decode({NAME: ids}).mask.tolist() == [[0, 1, 1, 0]]
        decode.configure(class_map={"bag": 3})
        assert decode({NAME: ids}).mask.tolist() == [[0, 1, 1, 3]]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"class_map": {"person": 2}}, r"class_map\[person\]=2: expected an integer from 0 to 1"),
            ({"class_map": {"person": -1}}, r"class_map\[person\]=-1: expected an integer from 0"),
            ({"class_map": {"dog": 0}}, "class_map: unknown label 'dog'; the labels are background, person"),
            ({"class_map": 1}, "class_map=1: expected class ids by label"),
            ({"colour_order": "hsv"}, "colour_order='hsv': expected one of bgr, rgb, grey"),
            ({"threshold": 0.5}, "peoplesemsegnet has no option 'threshold'; it has colour_order, class_map"),
        ],
    )
    def test_wrong(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            make_decoder(spec(), **options)


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (np.full((4, 4), 2), "'argmax_1' holds class 2; expected 0 to 1, one for each label"),
        (np.full((4, 4), -1), "'argmax_1' holds class -1; expected 0 to 1"),
        (np.full((4, 4), 256), "'argmax_1' holds class 256; expected 0 to 1"),
        (np.zeros((2, 4, 4), np.int32), r"'argmax_1' is int32 \(2, 4, 4\); expected integer class ids"),
        (np.zeros((2, 4, 4, 1), np.int32), r"'argmax_1' is int32 \(2, 4, 4, 1\); expected integer class ids"),
        (np.zeros((3, 4, 4), np.float32), r"is float32 \(3, 4, 4\); expected .*scores \(2, H, W\) or \(H, W, 2\)"),
        (np.zeros((2, 3, 4, 4), np.float32), r"is float32 \(2, 3, 4, 4\); expected .*of one image for 2 labels"),
        (np.zeros((0, 4), np.int32), r"is int32 \(0, 4\); expected integer class ids"),
        (np.zeros((4, 4), np.complex64), r"is complex64 \(4, 4\); expected integer class ids"),
        (np.full((2, 4, 4), np.nan, np.float32), "'argmax_1' holds 32 of 32 values that are NaN or infinite"),
    ],
)
def test_wrong_tensor(tensor: np.ndarray, message: str) -> None:
    with pytest.raises(PerceptionError, match=message):
        make_decoder(spec())({NAME: tensor}, image_size=(8, 8))


def test_missing_tensor() -> None:
    with pytest.raises(PerceptionError, match=r"no tensor 'argmax_1' or 'softmax_1' .*\('mask'\)"):
        make_decoder(spec())({"mask": PICTURE})
