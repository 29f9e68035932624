# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN against the masks that TAO Deploy made of the same tensors."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people_perception.catalogue import get_spec
from people_perception.decoders import make_decoder
from people_perception.errors import PerceptionError

Outputs = dict[str, np.ndarray]
DETECTIONS, MASKS = "generate_detections", "mask_fcn_logits/BiasAdd"
GOLDEN = Path(os.environ.get("PP_ASSETS", Path(__file__).parents[3] / "shared" / "assets")) / "golden"
FRAMES = sorted(p.name for p in GOLDEN.glob("maskrcnn_*.npz")) or ["absent"]


def outputs(*rows: tuple[float, ...], logit: float = 5.0) -> Outputs:
    """Rows of x1, y1, x2, y2, class, score in network pixels, padded to 100; every mask is full."""
    detections = np.zeros((100, 6), np.float32)
    detections[:, 4] = -1
    for i, (x1, y1, x2, y2, class_id, score) in enumerate(rows):
        detections[i] = y1, x1, y2, x2, class_id, score
    return {DETECTIONS: detections, MASKS: np.full((100, 2, 28, 28), logit, np.float32)}


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("frame", FRAMES)
def test_masks_are_tao_s_to_the_pixel(assets: Path, frame: str, batch: bool) -> None:
    with np.load(assets / "golden" / frame) as file:
        recorded = dict(file)
    detections, logits, keep = recorded[DETECTIONS], recorded["mask_fcn_logits"], recorded["keep"]
    names = (DETECTIONS, MASKS) if batch else (f"{DETECTIONS}:0", f"mask_head/{MASKS}:0")
    tensors = dict(zip(names, (detections, logits) if batch else (detections[0], logits[0]), strict=True))
    decode = make_decoder(get_spec("peoplesegnet"), confidence_threshold=float(recorded["threshold"]))
    for scale, size in (("net", None), ("orig", tuple(recorded["orig_wh"].tolist()))):
        found = decode(tensors, image_size=size)
        shape = tuple(recorded[f"seg_{scale}_shape"])
        expected = np.unpackbits(recorded[f"seg_{scale}"], axis=-1)[..., : shape[2]].astype(bool).reshape(shape)
        np.testing.assert_array_equal(found.masks, expected)
        np.testing.assert_array_equal(found.detections.scores, detections[0, keep, 5])
        np.testing.assert_array_equal(found.detections.class_ids, detections[0, keep, 4])
        corner, extent = np.split(recorded[f"boxes_xywh_{scale}"], 2, axis=1)
        boxes = np.clip(np.concatenate([corner, corner + extent], axis=1), 0, [*shape[:0:-1], *shape[:0:-1]])
        np.testing.assert_allclose(found.detections.boxes, boxes, rtol=0, atol=2e-4)


def test_a_person() -> None:
    # 1920x1080 is 960x540 at the top left of the network's input.
    found = make_decoder(get_spec("peoplesegnet"))(outputs((100, 50, 200, 250, 1, 0.9)), image_size=(1920, 1080))
    assert found.detections.names() == ["person"]
    np.testing.assert_array_equal(found.detections.boxes, [[200, 100, 400, 500]])
    assert found.masks.shape == (1, 1080, 1920)
    y, x = np.nonzero(found.masks[0])
    # The edge is where the logit falls to the threshold, about half a mask cell outside the box.
    edge = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
    assert (abs(edge - [200, 100, 400, 500]) <= np.array([200, 400, 200, 400]) / 28 / 2 + 1).all()
    assert found.masks[0, 100:500, 200:400].all()


def test_confidence_and_padding_rows() -> None:
    tensors = outputs((10, 10, 50, 50, 1, 0.7), (10, 10, 50, 50, 1, 0.5), (10, 10, 50, 50, 0, 0.9))
    decode = make_decoder(get_spec("peoplesegnet"))
    assert len(decode(tensors).detections) == 1
    decode.configure(confidence_threshold={"person": 0.5})
    assert decode(tensors).detections.scores.tolist() == [np.float32(0.7), 0.5]
    decode.configure(confidence_threshold=0)
    assert len(decode(tensors).detections) == 2  # neither the background nor the padding


def test_mask_threshold_is_a_logit() -> None:
    decode = make_decoder(get_spec("peoplesegnet"))
    assert not decode(outputs((10, 10, 50, 50, 1, 0.7), logit=0.5)).masks.any()
    assert decode(outputs((10, 10, 50, 50, 1, 0.7), logit=0.51)).masks.any()
    decode.configure(mask_threshold=2)
    assert not decode(outputs((10, 10, 50, 50, 1, 0.7), logit=1.9)).masks.any()


@pytest.mark.parametrize("box", [(100, 450, 200, 550), (-90, -50, -20, -10), (2000, 10, 3000, 50)], ids=str)
def test_box_outside_the_image_has_an_empty_mask(box: tuple[float, ...]) -> None:
    found = make_decoder(get_spec("peoplesegnet"))(outputs((*box, 1, 0.9)), image_size=(960, 400))
    assert found.masks.shape == (1, 400, 960)
    assert not found.masks.any()
    assert np.ptp(found.detections.boxes[0, [0, 2]]) * np.ptp(found.detections.boxes[0, [1, 3]]) == 0


def test_nobody() -> None:
    found = make_decoder(get_spec("peoplesegnet"))(outputs(), image_size=(640, 480))
    assert found.masks.shape == (0, 480, 640)
    assert found.detections.boxes.shape == (0, 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 300.0, 1e6, 1e30]), st.sampled_from([(640, 480), (33, 700)]))
def test_whatever_the_network_says(seed: int, size: float, image_size: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    tensors = {
        DETECTIONS: (rng.normal(0, size, (5, 6))).astype(np.float32),
        MASKS: rng.normal(0, 3, (5, 2, 28, 28)).astype(np.float32),
    }
    tensors[DETECTIONS][:, 4] = 1
    tensors[DETECTIONS][:, 5] = rng.random(5)
    found = make_decoder(get_spec("peoplesegnet"), confidence_threshold=0)(tensors, image_size=image_size)
    assert found.masks.shape == (5, image_size[1], image_size[0])
    assert np.isfinite(found.detections.boxes).all()
    assert (found.detections.boxes >= 0).all()
    assert (found.detections.boxes <= image_size * 2).all()


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {DETECTIONS: np.zeros((100, 5), np.float32)},
                r"'generate_detections' has shape \(100, 5\); expected \(N, 6\)",
            ),
            ({DETECTIONS: np.zeros((2, 100, 6), np.float32)}, r"'generate_detections' has shape .*expected 2 axes"),
            ({DETECTIONS: np.zeros((100, 6), int)}, r"'generate_detections' is int64 \(100, 6\); expected float32"),
            ({DETECTIONS: np.full((100, 6), 2.0, np.float32)}, r"holds class 2; expected -1 \(none\) to 1"),
            ({DETECTIONS: np.full((100, 6), np.inf, np.float32)}, "'generate_detections' holds 600 of 600 .*infinite"),
            (
                {MASKS: np.zeros((100, 3, 28, 28), np.float32)},
                r"'mask_fcn_logits/BiasAdd' has shape \(100, 3, 28, 28\); expected \(100, 2, h, w\) for 100 detections",
            ),
            (
                {MASKS: np.zeros((99, 2, 28, 28), np.float32)},
                r"expected \(100, 2, h, w\) for 100 detections and 2 labels",
            ),
            ({MASKS: np.full((100, 2, 28, 28), np.nan, np.float32)}, "'mask_fcn_logits/BiasAdd' holds .* NaN"),
        ],
    )
    def test_wrong_tensor(self, changes: Outputs, message: str) -> None:
        with pytest.raises(PerceptionError, match=message):
            make_decoder(get_spec("peoplesegnet"))({**outputs(), **changes})

    def test_missing_tensor(self) -> None:
        with pytest.raises(PerceptionError, match="no tensor 'mask_fcn_logits/BiasAdd' or 'mask_head/mask_fcn_logits"):
            make_decoder(get_spec("peoplesegnet"))({DETECTIONS: outputs()[DETECTIONS]})

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"confidence_threshold": 1.1}, "confidence_threshold=1.1: expected a number from 0.0 to 1.0"),
            ({"mask_threshold": -1}, "mask_threshold=-1: expected a number from 0.0 to 20.0"),
            ({"nms_iou": 0.5}, "peoplesegnet has no option 'nms_iou'; it has confidence_threshold, mask_threshold"),
        ],
    )
    def test_wrong_option(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            make_decoder(get_spec("peoplesegnet"), **options)


def test_more_classes_and_another_mask_size() -> None:
    spec = replace(get_spec("peoplesegnet"), labels=("background", "person", "bag"))
    tensors = outputs((10, 10, 110, 110, 2, 0.9))
    tensors[MASKS] = np.full((100, 3, 14, 14), -1, np.float32)
    tensors[MASKS][:, 2, :7] = 5
    found = make_decoder(spec)(tensors)
    assert found.detections.names() == ["bag"]
    assert found.masks[0, 15:55, 20:100].all()
    assert not found.masks[0, 65:].any()
