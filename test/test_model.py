# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Models that load and run: every form of a network, and an error with a way out for everything that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_variants
import pytest
from numpy.typing import NDArray

import networks
import people_perception as pp
from people_perception.catalogue import get_spec
from people_perception.engines import tensorrt_installation
from people_perception.errors import PerceptionError
from people_perception.images import read_image
from people_perception.loading import load_model
from people_perception.model import Model
from people_perception.preprocess import Frame
from people_perception.store import paths

BLACK = np.zeros((1088, 1920, 3), np.uint8)


def around(x: float, y: float, reach: float) -> tuple[float, float, float, float]:
    return x - reach, y - reach, x + reach, y + reach


@pytest.fixture(autouse=True)
def _no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    # Also on a machine with a GPU these tests are about ONNX Runtime.
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: "not in this test")


@pytest.fixture
def red_square() -> NDArray[np.uint8]:
    """An image of twice PeopleNet's size with a red square that covers exactly one cell of its grid."""
    image = BLACK.copy()
    image[320:352, 640:672] = (0, 0, 255)
    return image


FORMS: dict[str, Callable[[Path, Path], Path]] = {
    "as published": lambda source, target: source,
    "float16": onnx_variants.half,
    "batch of 1": lambda source, target: onnx_variants.batch(source, target, 1),
    "any batch": lambda source, target: onnx_variants.batch(source, target, "N"),
    "quantised": onnx_variants.quantised,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_network_finds_the_same(
    tmp_path: Path, red_square: NDArray, form: Callable[[Path, Path], Path]
) -> None:
    weights = form(networks.detectnet(tmp_path / "plain.onnx"), tmp_path / "form.onnx")
    model = load_model("peoplenet", weights=weights)
    found = model(red_square)
    model.close()
    assert found.names() == ["person"]
    assert found.scores[0] == pytest.approx(1.0, abs=2e-3)
    # The cell's centre is at (320.5, 160.5) of 960x544.
    np.testing.assert_allclose(found.boxes[0], around(641, 321, 2 * networks.HALF_BOX), atol=1.0)


@pytest.mark.parametrize("form", list(FORMS.values())[1:], ids=list(FORMS)[1:])
def test_every_form_of_the_real_peoplenet_finds_the_same(
    assets: Path, tmp_path: Path, form: Callable[[Path, Path], Path]
) -> None:
    image = read_image(assets / "images" / "000000000544.jpg")
    plain = assets / "weights" / "peoplenet.onnx"
    expected = load_model("peoplenet", weights=plain)(image)
    found = load_model("peoplenet", weights=form(plain, tmp_path / "form.onnx"))(image)
    assert len(expected) > 100
    assert len(found) == pytest.approx(len(expected), rel=0.02)
    # Of nearly equal scores rounding decides which comes first, so each is looked for; the faintest may come and go.
    clear = expected.scores > 2
    for box, score in zip(expected.boxes[clear], expected.scores[clear], strict=True):
        i = np.abs(found.boxes - box).max(axis=1).argmin()
        np.testing.assert_allclose(found.boxes[i], box, atol=1.0)
        assert found.scores[i] == pytest.approx(score, rel=0.05)


def test_real_faces_at_facedetect_irs_shapes(assets: Path) -> None:
    grey = read_image(assets / "images" / "000000000165.jpg")[:, :, 1]
    model = load_model("facedetect_ir", weights=assets / "weights" / "face_240x384_standin.onnx")
    faces = model(grey)
    # A man's face and a woman's, measured in the photograph.
    assert faces.names() == ["face", "face"]
    np.testing.assert_allclose(faces.boxes, [(128, 40, 205, 155), (445, 145, 500, 237)], atol=15)
    # The same scene as infrared of 16 bits, spread over a thousand of their levels.
    infrared = model(grey.astype(np.uint16) * 4 + 7000)
    np.testing.assert_allclose(infrared.boxes, faces.boxes, atol=5)


def test_a_network_of_another_size_and_layout_is_used_as_it_is(tmp_path: Path, red_square: NDArray) -> None:
    model = load_model("peoplenet", weights=networks.detectnet(tmp_path / "small.onnx", size=(480, 272)))
    assert isinstance(model, Model)
    assert model.input.size == (480, 272)
    # The square is a quarter of a cell here, so its coverage is a quarter, which is no person.
    assert len(model(red_square)) == 0
    model.configure(clustering="nms", confidence_threshold=0.2)
    found = model(red_square)
    assert found.names() == ["person"]
    # The cell's centre is at (160.5, 80.5) of 480x272.
    np.testing.assert_allclose(found.boxes[0], np.maximum(around(642, 322, 4 * networks.HALF_BOX), 0), atol=1.0)


@pytest.mark.parametrize(
    "image", [BLACK, BLACK[:, :, 0], BLACK[:, :, 0].astype(np.uint16)], ids=["bgr", "mono", "mono16"]
)
def test_nobody_is_an_empty_result(tmp_path: Path, image: NDArray) -> None:
    found = load_model("peoplenet", weights=networks.detectnet(tmp_path / "net.onnx"))(image)
    assert found.boxes.shape == (0, 4)
    assert found.labels == ("person", "bag", "face")


def test_options_hold_from_the_start_and_can_be_changed(tmp_path: Path, red_square: NDArray) -> None:
    weights = networks.detectnet(tmp_path / "net.onnx")
    model = load_model("peoplenet", weights=weights, confidence_threshold={"person": 1.5})
    assert len(model(red_square)) == 0
    model.configure(confidence_threshold={"person": 0.5})
    assert len(model(red_square)) == 1
    assert model.options["confidence_threshold"] == {"person": 0.5, "bag": 0.9, "face": 0.7}


def test_two_models_of_one_network_share_a_frame(tmp_path: Path, red_square: NDArray) -> None:
    weights = networks.detectnet(tmp_path / "net.onnx")
    one, two = load_model("peoplenet", weights=weights), load_model("peoplenet", weights=weights)
    frame = Frame(red_square)
    assert one.infer(frame) is two.infer(frame)
    two.configure(clustering="nms")
    assert one.infer(frame) is not two.infer(frame)


def test_the_time_of_each_stage_is_reported(tmp_path: Path) -> None:
    stages: dict[str, float] = {}
    load_model("peoplenet", weights=networks.detectnet(tmp_path / "net.onnx")).infer(Frame(BLACK), stages)
    assert set(stages) == {"preprocess", "inference", "decode"}
    assert all(seconds > 0 for seconds in stages.values())


def _text(path: Path) -> Path:
    path.write_text("<html>Not found</html>")
    return path


WRONG = {
    "another network": (
        networks.semantic,
        r"no output 'output_cov/Sigmoid' \(coverage\) among 'argmax_1'; is this PeopleNet\?",
    ),
    "not a network": (_text, "ONNX Runtime cannot load it"),
    "a batch of four": (
        lambda path: onnx_variants.batch(networks.detectnet(path), path, 4),
        r"input 'input_1:0' is float32 \(4, 3, 544, 960\); expected float32 or float16 with 4 axes and a batch of 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_weights_that_do_not_fit_are_an_error(tmp_path: Path, make: Callable[[Path], Path], message: str) -> None:
    weights = make(tmp_path / "net.onnx")
    with pytest.raises(PerceptionError, match=message):
        load_model("peoplenet", weights=weights)


def test_a_network_for_other_labels_is_an_error(tmp_path: Path) -> None:
    model = load_model("peoplenet", weights=networks.detectnet(tmp_path / "faces.onnx", classes=1))
    with pytest.raises(PerceptionError, match=r"'output_cov/Sigmoid' has 1 channels .*expected 3 for peoplenet"):
        model(BLACK)


def test_missing_weights_name_the_command_that_gets_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", str(tmp_path))
    monkeypatch.setattr(paths, "search_dirs", lambda: [tmp_path])
    with pytest.raises(
        PerceptionError, match=r"no weights in .*peoplenet; run \"python -m people_perception models fetch"
    ):
        load_model("peoplenet", engine="onnxruntime")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confidence": 0.5}, "peoplenet has no option 'confidence'; it has clustering, .*confidence_threshold"),
        ({"clustering": "kmeans"}, "clustering='kmeans': expected one of dbscan, nms"),
        ({"dbscan_eps": 2}, "dbscan_eps=2: expected a number from 0.0 to"),
        ({"top_k": 1.5}, "top_k=1.5: expected an integer from 1 to"),
        ({"confidence_threshold": {"dog": 0.5}}, "unknown label 'dog'; the labels are person, bag, face"),
        ({"confidence_threshold": {"person": -1}}, r"confidence_threshold\[person\]=-1: expected a number from 0.0 to"),
    ],
)
def test_a_bad_option_is_named_before_anything_is_loaded(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_model("peoplenet", weights="nowhere.onnx", **options)  # type: ignore[arg-type]


class TestStandIn:
    """An open model in the place of PeopleNet; it knows fewer options and labels."""

    @pytest.fixture(autouse=True)
    def _store(self, assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        found = paths.find_weights(get_spec("open_person"))
        if not found:
            pytest.skip("the open models are not there: python -m people_perception models fetch open")
        monkeypatch.setattr(paths, "search_dirs", lambda: [tmp_path])
        (tmp_path / "open_person").mkdir()
        (tmp_path / "open_person" / found[0][0].file).symlink_to(found[0][1])

    def test_it_runs_and_says_so(self, assets: Path) -> None:
        model = load_model("peoplenet")
        assert model.spec.name == "open_person"
        assert "open_person stands in for peoplenet" in model.selection.reason
        assert len(model(read_image(assets / "images" / "000000000165.jpg"))) >= 2

    def test_it_takes_the_options_that_it_knows(self) -> None:
        model = load_model("peoplenet", clustering="nms", nms_iou=0.3, confidence_threshold={"person": 0.6, "bag": 0.1})
        assert model.options["nms_iou"] == 0.3
        assert model.options["confidence_threshold"] == {"person": 0.6}

    def test_a_value_beyond_its_range_stays_its_own(self) -> None:
        # A sum of coverage may be above 1, a probability not: what a robot's configuration says must not stop a laptop.
        own = load_model("open_person").options["confidence_threshold"]
        assert load_model("peoplenet", confidence_threshold=1.5).options["confidence_threshold"] == own


def test_the_public_api_names_nvidias_networks_first() -> None:
    names = pp.available_models()
    assert names[:4] == ["peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet"]
    assert {"open_person", "open_face", "open_segmentation", "open_instances"} <= set(names[4:])


def test_a_decoder_alone_needs_no_weights() -> None:
    decode = pp.decoder("peoplenet", clustering="nms", confidence_threshold={"person": 0.4})
    coverage, boxes = np.zeros((3, 34, 60), np.float32), np.zeros((12, 34, 60), np.float32)
    coverage[0, 10, 20] = 0.9
    boxes[:4, 10, 20] = 40 / 35
    outputs = {"output_cov/Sigmoid": coverage, "output_bbox/BiasAdd:0": boxes[None]}
    np.testing.assert_allclose(decode(outputs).boxes[0], (280.5, 120.5, 360.5, 200.5), atol=0.01)
    np.testing.assert_allclose(decode(outputs, image_size=(1920, 1088)).boxes[0], (561, 241, 721, 401), atol=0.02)
