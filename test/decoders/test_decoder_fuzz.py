# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Random tensors into every decoder: a result inside the image, or an error for users; never NaN, nothing else."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from people_perception.catalogue import ModelSpec, load_catalogue
from people_perception.decoders import make_decoder
from people_perception.errors import PerceptionError
from people_perception.results import Detections, Instances, Segmentation

SPECS = load_catalogue()
DTYPES = ("float32", "float16", "float64", "int32", "int64", "uint8", "bool")
SPECIAL = (np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e30, -1e30, 65504.0, 1e-45, -0.0, 0.0, 0.5, 1.0, 100.0, -100.0)

# What a model of two networks adds by itself to the tensors of the second one.
OWN = {
    "crops": np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]),
    "boxes": np.array([[0, 0, 1, 1], [0.5, 0, 1, 1], [0, 0, 1, 0.5]], np.float32),
    "scores": np.array([0.9, 0.5, 0.25], np.float32),
}


def shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    """What the network really puts out, smaller where the decoder takes any size."""
    classes = len(spec.labels)
    names = {role: accepted[0] for role, accepted in spec.outputs.items()}
    if spec.decoder == "detectnet":
        return {names["coverage"]: (1, classes, 6, 9), names["boxes"]: (1, 4 * classes, 6, 9)}
    if spec.decoder == "semantic":
        return {names["classes"]: (1, 24, 40, 1)}
    if spec.decoder == "mask_rcnn":
        return {names["detections"]: (1, 10, 6), names["masks"]: (1, 10, classes, 28, 28)}
    if spec.decoder == "ssd":
        return {names["boxes"]: (1, 1917, 4), names["scores"]: (1, 1917, 24)}
    if spec.decoder == "face":
        return {names["boxes"]: (1, 2304, 16), names["scores"]: (1, 2304, 1)}
    return {names["masks"]: (3, 32, 32, 1), **{name: array.shape for name, array in OWN.items()}}


@st.composite
def tensors(draw: st.DrawFn, spec: ModelSpec) -> dict[str, np.ndarray]:
    """The network's tensors with random content, and now and then another shape, another type or none at all."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    outputs = {}
    for name, shape in shapes(spec).items():
        if name in OWN:
            outputs[name] = OWN[name]
            continue
        fault = draw(st.sampled_from(["", "", "", "", "shape", "axis", "missing", "type", "empty"]))
        if fault == "missing":
            continue
        if fault == "shape":
            shape = tuple(draw(st.integers(0, 12)) for _ in shape)
        elif fault == "axis":
            shape = shape[1:] if draw(st.booleans()) else (2, *shape)
        elif fault == "empty":
            shape = (*shape[:-1], 0)
        spread = draw(st.sampled_from([0.1, 1.0, 10.0, 1e3, 1e10, 1e38]))
        array = random.normal(size=shape) * spread
        if spec.decoder == "mask_rcnn" and array.ndim > 1 and array.shape[-1] == 6 and draw(st.booleans()):
            array[..., 4], array[..., 5] = random.integers(-1, len(spec.labels), array.shape[:-1]), 0.95
        if array.size and draw(st.booleans()):
            places = random.integers(0, array.size, draw(st.integers(1, 5)))
            array.ravel()[places] = draw(st.sampled_from(SPECIAL))
        whole = draw(st.sampled_from([None, None, None, *SPECIAL]))
        if whole is not None:
            array = np.full(shape, whole)
        kinds = DTYPES if fault == "type" else ("float32", "float16")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs[name] = array.astype(draw(st.sampled_from(kinds)))
    if spec.decoder == "semantic" and outputs and draw(st.booleans()):
        outputs = {name: random.integers(0, 2, a.shape).astype("int64") for name, a in outputs.items()}
    return outputs


def check(result: Detections | Segmentation | Instances, spec: ModelSpec, size: tuple[int, int]) -> None:
    width, height = size
    if isinstance(result, Segmentation):
        assert result.mask.shape == (height, width)
        assert result.mask.max() < len(spec.labels)
        return
    found = result
    if isinstance(result, Instances):
        assert result.masks.shape == (len(result.detections), height, width)
        found = result.detections
    assert isinstance(found, Detections)
    assert found.boxes.dtype == np.float32 and found.scores.dtype == np.float32
    assert np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()
    assert (found.boxes >= 0).all() and (found.boxes <= (width, height, width, height)).all()
    assert (found.boxes[:, 2:] >= found.boxes[:, :2]).all()
    assert ((found.class_ids >= 0) & (found.class_ids < len(spec.labels))).all()


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.filterwarnings("error")
def test_any_tensors_give_results_inside_the_image_or_an_error(name: str) -> None:
    spec = SPECS[name]
    plain = make_decoder(spec)
    decoders = [plain]
    if spec.decoder == "detectnet":
        low = dict.fromkeys(spec.labels, 0.0)
        decoders += [make_decoder(spec, clustering=c, confidence_threshold=low) for c in ("dbscan", "nms")]

    @settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
    @given(outputs=tensors(spec), size=st.sampled_from([(40, 24), (1, 1), (640, 480), (3, 1000)]))
    def fuzz(outputs: dict[str, np.ndarray], size: tuple[int, int]) -> None:
        for decoder in decoders:
            try:
                result = decoder(outputs, image_size=size)
            except (PerceptionError, ValueError) as error:
                assert "\n" not in str(error)
            else:
                check(result, spec, size)

    fuzz()
