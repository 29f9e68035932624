# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Masks on person crops: a detector that sees what a test says, and a real network that masks what is bright."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tflite_networks import brightness

from people_perception.catalogue import get_spec
from people_perception.decoders import make_decoder
from people_perception.decoders.ssd import ssd_anchors
from people_perception.engines.base import TensorInfo
from people_perception.engines.litert import LiteRtEngine
from people_perception.errors import PerceptionError
from people_perception.model import Model
from people_perception.preprocess import Frame
from people_perception.results import Instances, Segmentation
from people_perception.selection import Selection
from people_perception.two_stage import CropModel

WIDTH, HEIGHT = 640, 480


class Sees:
    """An engine with the person detector's tensors that finds given boxes, whatever the image."""

    name, device = "litert", "CPU"
    inputs = (TensorInfo("normalized_input_image_tensor", (1, 300, 300, 3), "float32"),)
    outputs = (
        TensorInfo("raw_outputs/box_encodings", (1, 1917, 4), "float32"),
        TensorInfo("raw_outputs/class_predictions", (1, 1917, 24), "float32"),
    )

    def __init__(self, *persons: tuple[tuple[int, int, int, int], float]) -> None:
        self.calls = 0
        self.closed = False
        anchors = ssd_anchors()
        encodings = np.zeros((1, 1917, 4), np.float32)
        logits = np.full((1, 1917, 24), -20.0, np.float32)
        for anchor, ((x1, y1, x2, y2), score) in zip(range(1000, 1917), persons, strict=False):
            centre = (np.array([(x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT]) - anchors[anchor, :2]) * 10
            size = np.log(np.array([(x2 - x1) / WIDTH, (y2 - y1) / HEIGHT]) / anchors[anchor, 2:]) * 5
            x, y = centre / anchors[anchor, 2:]
            encodings[0, anchor] = (y, x, size[1], size[0])
            logits[0, anchor, 4] = np.log(score / (1 - score))
        self._tensors = {self.outputs[0].name: encodings, self.outputs[1].name: logits}

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.calls += 1
        return self._tensors

    def close(self) -> None:
        self.closed = True


class Counts(LiteRtEngine):
    """LiteRT that counts its calls."""

    calls = 0

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.calls += 1
        return super().run(inputs)


def crop_model(folder: Path, detector: Sees, name: str = "open_instances", **options: float) -> CropModel:
    spec, finder = get_spec(name), get_spec("open_person")
    weights = brightness(folder / f"{name}.tflite")
    return CropModel(
        Selection(spec, "litert", weights, ""),
        Counts(weights),
        make_decoder(spec, **options),
        Model(Selection(finder, "litert", Path("detector.tflite"), ""), detector, make_decoder(finder)),
    )


@pytest.fixture
def image() -> np.ndarray:
    """Two bright rectangles in the dark: 100x200 at (100, 100) and 60x60 at (400, 300)."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[100:300, 100:200] = 255
    picture[300:360, 400:460] = 255
    return picture


LARGE, SMALL = ((100, 100, 200, 300), 0.9), ((400, 300, 460, 360), 0.6)


def test_each_person_gets_a_mask_of_what_is_in_its_crop(tmp_path: Path, image: np.ndarray) -> None:
    found = crop_model(tmp_path, Sees(SMALL, LARGE))(image)
    assert isinstance(found, Instances)
    np.testing.assert_allclose(found.detections.boxes, [LARGE[0], SMALL[0]], atol=1e-3)
    np.testing.assert_allclose(found.detections.scores, [0.9, 0.6], rtol=1e-5)
    assert found.detections.names() == ["person", "person"]
    for mask, (x1, y1, x2, y2) in zip(found.masks, (LARGE[0], SMALL[0]), strict=True):
        expected = np.zeros((HEIGHT, WIDTH), bool)
        expected[y1:y2, x1:x2] = True
        overlap = (mask & expected).sum() / (mask | expected).sum()
        assert overlap > 0.97


def test_segmentation_is_the_union(tmp_path: Path, image: np.ndarray) -> None:
    found = crop_model(tmp_path, Sees(LARGE, SMALL), "open_segmentation")(image)
    assert isinstance(found, Segmentation)
    bright = image[:, :, 0] > 0
    assert ((found.mask > 0) & bright).sum() / ((found.mask > 0) | bright).sum() > 0.97


def test_what_no_person_was_found_in_is_background(tmp_path: Path, image: np.ndarray) -> None:
    found = crop_model(tmp_path, Sees(LARGE), "open_segmentation")(image)
    assert not found.mask[:, 300:].any()
    assert not crop_model(tmp_path, Sees(), "open_segmentation")(image).mask.any()
    nobody = crop_model(tmp_path, Sees())(image)
    assert nobody.masks.shape == (0, HEIGHT, WIDTH)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_works_on_infrared(tmp_path: Path, image: np.ndarray, dtype: type) -> None:
    found = crop_model(tmp_path, Sees(LARGE))(image[:, :, 0].astype(dtype))
    assert found.masks[0, 150:250, 120:180].all()
    assert found.masks.shape == (1, HEIGHT, WIDTH)


def test_crops_see_the_right_colours(tmp_path: Path) -> None:
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 2] = 255
    model = crop_model(tmp_path, Sees(LARGE))
    seen = []
    model.engine.run = lambda inputs, run=model.engine.run: seen.append(inputs["input_1"]) or run(inputs)  # type: ignore[method-assign]
    model(red)
    np.testing.assert_array_equal(seen[0][0, 128, 128], [1.0, 0.0, 0.0])


class TestOptions:
    def test_are_those_of_the_description(self, tmp_path: Path) -> None:
        model = crop_model(tmp_path, Sees())
        assert dict(model.options) == get_spec("open_instances").options
        assert [option.name for option in model.declared_options] == list(model.options)

    def test_threshold_is_the_detectors(self, tmp_path: Path, image: np.ndarray) -> None:
        model = crop_model(tmp_path, Sees(LARGE, SMALL), confidence_threshold=0.7)
        assert len(model(image).detections) == 1
        model.configure(confidence_threshold=0.5)
        assert len(model(image).detections) == 2
        model.configure(confidence_threshold={"person": 0.95})
        assert len(model(image).detections) == 0

    def test_most_people_are_the_best(self, tmp_path: Path, image: np.ndarray) -> None:
        model = crop_model(tmp_path, Sees(SMALL, LARGE), max_people=1)
        np.testing.assert_allclose(model(image).detections.scores, [0.9], rtol=1e-5)
        assert model.engine.calls == 1  # type: ignore[attr-defined]

    def test_margin_shows_the_network_more(self, tmp_path: Path, image: np.ndarray) -> None:
        model = crop_model(tmp_path, Sees(((120, 100, 200, 300), 0.9)), crop_margin=0.0)
        assert not model(image).masks[0, :, :119].any()
        model.configure(crop_margin=0.1)
        assert model(image).masks[0, 150, 113:200].all()

    def test_a_wrong_one_changes_nothing(self, tmp_path: Path) -> None:
        model = crop_model(tmp_path, Sees())
        before = dict(model.options)
        with pytest.raises(ValueError, match="max_people=0"):
            model.configure(confidence_threshold=0.9, max_people=0)
        assert dict(model.options) == before
        assert model.detector.options["confidence_threshold"] == before["confidence_threshold"]


class TestSharing:
    def test_one_frame_is_worked_on_once(self, tmp_path: Path, image: np.ndarray) -> None:
        see = [Sees(LARGE, SMALL) for _ in range(3)]
        masks = crop_model(tmp_path, see[0], "open_segmentation")
        persons = crop_model(tmp_path, see[1], "open_instances")
        spec = get_spec("open_person")
        boxes = Model(Selection(spec, "litert", Path("detector.tflite"), ""), see[2], make_decoder(spec))
        frame = Frame(image)
        results = {}
        models = {"boxes": boxes, "masks": masks, "persons": persons}
        threads = [
            threading.Thread(target=lambda n, m: results.__setitem__(n, m.infer(frame)), args=item)
            for item in models.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(s.calls for s in see) == 1
        assert masks.engine.calls + persons.engine.calls == 2  # type: ignore[attr-defined]
        np.testing.assert_array_equal(results["masks"].mask > 0, results["persons"].masks.any(axis=0))

    def test_other_crops_are_other_masks(self, tmp_path: Path, image: np.ndarray) -> None:
        masks = crop_model(tmp_path, Sees(LARGE), "open_segmentation", crop_margin=0.3)
        persons = crop_model(tmp_path, Sees(LARGE), "open_instances")
        frame = Frame(image)
        masks.infer(frame)
        persons.infer(frame)
        assert masks.engine.calls == persons.engine.calls == 1  # type: ignore[attr-defined]

    def test_a_new_frame_is_new_work(self, tmp_path: Path, image: np.ndarray) -> None:
        model = crop_model(tmp_path, Sees(LARGE))
        model(image)
        dark = model(np.zeros_like(image))
        assert not dark.masks.any()


def test_stages_add_both_networks_up(tmp_path: Path, image: np.ndarray) -> None:
    model = crop_model(tmp_path, Sees(LARGE))
    stages: dict[str, float] = {}
    model.infer(Frame(image), stages)
    assert set(stages) == {"preprocess", "inference", "decode"}
    assert min(stages.values()) > 0


def test_close_frees_both_networks(tmp_path: Path, image: np.ndarray) -> None:
    detector = Sees(LARGE)
    model = crop_model(tmp_path, detector)
    model.close()
    model.close()
    assert detector.closed
    with pytest.raises(PerceptionError, match="closed"):
        model(image)


def test_a_detector_must_find_persons(tmp_path: Path) -> None:
    spec, dogs = get_spec("open_instances"), replace(get_spec("open_person"), labels=("dog",))
    weights = brightness(tmp_path / "brightness.tflite")
    finder = Model(Selection(dogs, "litert", Path("detector.tflite"), ""), Sees(), make_decoder(dogs))
    with pytest.raises(PerceptionError, match="finds dog; expected one that finds person"):
        CropModel(Selection(spec, "litert", weights, ""), LiteRtEngine(weights), make_decoder(spec), finder)
