# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The real open networks on real pictures: what a laptop without a GPU sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tflite_networks import real_weights

from people_perception.catalogue import get_spec
from people_perception.loading import load_model
from people_perception.model import Perceiver
from people_perception.preprocess import Frame
from people_perception.results import Detections, Instances, Segmentation


def load(name: str) -> Perceiver:
    for needed in filter(None, (name, get_spec(name).detector)):
        real_weights(needed)
    return load_model(name)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """(512, 512, 3) BGR: one woman, her face around (225, 120)."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


@pytest.fixture(scope="module")
def cameraman() -> np.ndarray:
    """(512, 512) mono: one man, his face around (240, 160)."""
    return pytest.importorskip("skimage.data").camera()


def surely(found: Detections) -> Detections:
    return found[found.scores > 0.4]


def test_person(astronaut: np.ndarray, cameraman: np.ndarray) -> None:
    model = load("open_person")
    for image in (astronaut, cameraman):
        [box] = surely(model(image)).boxes
        assert box[0] < 200 < 260 < box[2]
        assert box[1] < 120 < 480 < box[3]


@pytest.mark.parametrize(
    ("name", "astronauts", "cameramans"), [("open_face", 0.94, 0.78), ("open_face:short", 0.92, 0.73)]
)
def test_face(name: str, astronauts: float, cameramans: float, astronaut: np.ndarray, cameraman: np.ndarray) -> None:
    model = load(name)
    for image, score, (x, y) in ((astronaut, astronauts, (225, 120)), (cameraman, cameramans, (230, 160))):
        found = model(image)
        [box] = found.boxes
        assert box[0] < x < box[2]
        assert box[1] < y < box[3]
        assert 60 < box[2] - box[0] < 130
        np.testing.assert_allclose(found.scores, [score], atol=0.03)


def test_face_in_a_wide_picture(astronaut: np.ndarray) -> None:
    wide = np.full((540, 960, 3), 90, np.uint8)
    wide[20:532, 200:712] = astronaut
    [box], [there] = load("open_face")(wide).boxes, load("open_face")(astronaut).boxes
    np.testing.assert_allclose(box - [200, 20, 200, 20], there, atol=12)


def test_masks_of_a_frame_agree(astronaut: np.ndarray) -> None:
    frame = Frame(astronaut)
    union, each = load("open_segmentation").infer(frame), load("open_instances").infer(frame)
    assert isinstance(union, Segmentation)
    assert isinstance(each, Instances)
    np.testing.assert_array_equal(union.mask > 0, each.masks.any(axis=0))
    assert each.masks[0, 120, 225]  # her face
    assert each.masks[0, 400, 200]  # her suit
    assert not each.masks[0, 20, 20]  # the flag behind her
    assert 0.3 < each.masks[0].mean() < 0.6


@pytest.mark.parametrize("name", ["open_person", "open_face", "open_segmentation", "open_instances"])
def test_nobody_in_an_image_without_content(name: str) -> None:
    model = load(name)
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    for image in (*(np.full((480, 640, 3), value, np.uint8) for value in (0, 90, 128, 255)), noise):
        result = model(image)
        if isinstance(result, Segmentation):
            assert not result.mask.any()
        else:
            assert len(result.detections if isinstance(result, Instances) else result) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 640), (640, 1), (2000, 3)])
@pytest.mark.parametrize("name", ["open_person", "open_face", "open_segmentation", "open_instances"])
def test_any_size_of_image(name: str, size: tuple[int, int]) -> None:
    result = load(name)(np.zeros((size[1], size[0], 3), np.uint8))
    if isinstance(result, Segmentation):
        assert result.mask.shape == (size[1], size[0])


class TestAccuracy:
    """On 16 photographs of COCO; the bounds lie a little below what was measured."""

    def figures(self, name: str, assets: Path) -> dict[str, float]:
        pytest.importorskip("pycocotools")
        from people_perception.evaluation.coco import CocoDataset
        from people_perception.evaluation.runner import evaluate

        model = load(name)
        images = assets / "images"
        return evaluate(model, CocoDataset(images / "person_annotations.json", images, model.spec.labels))

    def test_boxes(self, assets: Path) -> None:
        figures = self.figures("open_person", assets)
        assert figures["AP50"] > 0.49  # .507
        assert figures["precision"] > 0.7  # .778
        assert figures["recall"] > 0.35  # .384

    def test_semantic_masks(self, assets: Path) -> None:
        assert self.figures("open_segmentation", assets)["person_iou"] > 0.62  # .643

    def test_instance_masks(self, assets: Path) -> None:
        figures = self.figures("open_instances", assets)
        assert figures["AP50"] > 0.48  # .498
        assert figures["mask_AP50"] > 0.26  # .287
