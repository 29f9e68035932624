# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is measured beside ours gives what ours gives."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.benchmark import alternatives
from people_perception.benchmark.scenes import detectnet_noise, picture, sample_outputs
from people_perception.catalogue import get_spec, load_catalogue
from people_perception.preprocess import to_tensor


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return picture((640, 360))


@pytest.mark.parametrize("name", sorted(load_catalogue()))
def test_the_plain_tensor(name: str, image: np.ndarray) -> None:
    spec = get_spec(name).input
    np.testing.assert_allclose(alternatives.plain_tensor(image, spec), to_tensor(image, spec), atol=1e-5)


@pytest.mark.parametrize("name", ["peoplenet", "peoplesemsegnet"])
def test_opencvs_tensor(name: str, image: np.ndarray) -> None:
    spec = get_spec(name).input
    np.testing.assert_allclose(alternatives.blob_from_image(image, spec), to_tensor(image, spec), atol=1e-5)


@pytest.mark.parametrize("clustering", ["dbscan", "nms"])
@pytest.mark.parametrize("kind", ["nobody", "some", "noise"])
def test_the_plain_decoding(clustering: str, kind: str) -> None:
    spec = get_spec("peoplenet")
    outputs = detectnet_noise(spec) if kind == "noise" else sample_outputs(spec, 6 if kind == "some" else 0)
    assert outputs is not None
    calls = alternatives.detectnet_calls(spec, clustering, outputs, (1920, 1080))
    ours, plain = calls["ours"](), calls["plain"]()
    rows = np.column_stack([ours.class_ids, ours.scores, ours.boxes])
    assert len(rows) == len(plain)
    assert (len(rows) > 0) == (kind != "nobody")
    order = [np.lexsort(table.T) for table in (rows, plain)]
    np.testing.assert_allclose(rows[order[0]], plain[order[1]], rtol=1e-4, atol=0.05)


def test_both_kinds_of_process_compare_the_same() -> None:
    here = alternatives.compare_tensors(get_spec("peoplenet").input, picture((320, 240)), 5)
    there = alternatives.compare_tensors_elsewhere("peoplenet", (320, 240), 5)
    assert list(here) == list(there) == ["ours", "cv2.dnn.blobFromImage", "plain numpy"]
    assert all(len(samples.wall) == 5 for samples in there.values())
    # It stretches only, and knows one scale for all channels.
    assert list(alternatives.compare_tensors(get_spec("peoplesegnet").input, picture((320, 240)), 5)) == [
        "ours",
        "plain numpy",
    ]
