# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A threshold on a finished result gives what the decoder with that threshold gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from people_perception.catalogue import get_spec
from people_perception.decoders import make_decoder
from people_perception.results import Detections, Instances
from people_perception.thresholds import above, lowest_threshold

SIZE = (640, 480)


def detectnet(rng: np.random.Generator) -> dict[str, NDArray]:
    coverage = rng.beta(0.15, 1.0, (3, 34, 60)).astype(np.float32)
    boxes = rng.normal(1.5, 0.4, (12, 34, 60)).astype(np.float32)
    return {"output_cov/Sigmoid": coverage, "output_bbox/BiasAdd": boxes}


def ssd(rng: np.random.Generator) -> dict[str, NDArray]:
    return {
        "raw_outputs/box_encodings": rng.normal(0, 1, (1917, 4)).astype(np.float32),
        "raw_outputs/class_predictions": rng.normal(-5, 2, (1917, 24)).astype(np.float32),
    }


def face(rng: np.random.Generator) -> dict[str, NDArray]:
    boxes = rng.normal(0, 5, (2304, 16)).astype(np.float32)
    boxes[:, 2:4] = rng.uniform(5, 40, (2304, 2))
    return {"reshaped_regressor_face_4": boxes, "reshaped_classifier_face_4": rng.normal(-4, 2, (2304, 1))}


CASES = {
    "dbscan": ("peoplenet", detectnet, {"clustering": "dbscan"}, {"person": 2.0, "bag": 3.0, "face": 1.5}),
    "nms": ("peoplenet", detectnet, {"clustering": "nms"}, {"person": 0.995, "bag": 0.99, "face": 0.9}),
    "nms without a limit": ("peoplenet", detectnet, {"clustering": "nms", "top_k": 10000}, 0.7),
    "ssd": ("open_person", ssd, {}, 0.6),
    "face": ("open_face", face, {}, {"face": 0.7}),
}


@pytest.mark.parametrize(("model", "tensors", "options", "threshold"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("seed", range(5))
def test_afterwards_equals_before(model: str, tensors: Any, options: dict[str, Any], threshold: Any, seed: int) -> None:
    outputs = tensors(np.random.default_rng(seed))
    decoder = make_decoder(get_spec(model), **options)
    decoder.configure(confidence_threshold=lowest_threshold(decoder.OPTIONS))
    everything = decoder(outputs, SIZE)
    decoder.configure(confidence_threshold=threshold)
    before = decoder(outputs, SIZE)
    assert isinstance(everything, Detections) and isinstance(before, Detections)
    after = above(everything, decoder.options["confidence_threshold"])
    assert isinstance(after, Detections)
    assert 0 < len(before) < len(everything)
    np.testing.assert_array_equal(after.boxes, before.boxes)
    np.testing.assert_array_equal(after.scores, before.scores)
    np.testing.assert_array_equal(after.class_ids, before.class_ids)


def test_masks_go_with_their_boxes() -> None:
    found = Detections(
        np.zeros((2, 4), np.float32), np.array([0.3, 0.7], np.float32), np.zeros(2, np.int64), ("person",)
    )
    masks = np.array([np.zeros((4, 4)), np.ones((4, 4))], bool)
    kept = above(Instances(found, masks), 0.5)
    assert isinstance(kept, Instances)
    assert kept.detections.scores.tolist() == pytest.approx([0.7])
    assert kept.masks.all()
