# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every description that is shipped is valid, and a mistake in one of a user's own is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from people_perception.catalogue import ModelSpec, get_spec, load_catalogue, read_spec
from people_perception.decoders import make_decoder
from people_perception.errors import PerceptionError
from people_perception.share import share_folder

SHIPPED = sorted(share_folder("models").glob("*.yaml"), key=lambda p: p.name)
NVIDIA = {"peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet"}

MINIMAL = {
    "name": "forklifts",
    "title": "Forklifts",
    "summary": "Boxes of forklifts.",
    "task": "detection",
    "labels": ["forklift"],
    "input": {
        "names": ["input_1"],
        "size": [640, 384],
        "layout": "nchw",
        "colour": "rgb",
        "scale": 0.5,
        "mean": [1, 2, 3],
        "resize": "stretch",
    },
    "outputs": {"coverage": ["cov"], "boxes": ["box"]},
    "decoder": "detectnet",
    "weights": [{"file": "forklifts.onnx", "format": "onnx"}],
    "licence": {"name": "ours", "url": "https://example.com"},
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes ``MINIMAL`` with changes (by dotted field) into a folder of PP_MODEL_PATH."""
    monkeypatch.setenv("PP_MODEL_PATH", str(tmp_path))

    def write(file: str = "forklifts.yaml", **changes: Any) -> Path:
        data = yaml.safe_load(yaml.safe_dump(MINIMAL))
        for field, value in changes.items():
            *parents, last = field.split(".")
            target = data
            for parent in parents:
                target = target[int(parent) if isinstance(target, list) else parent]
            if value is None:
                del target[last]
            else:
                target[last] = value
        path = tmp_path / file
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_a_shipped_description_is_complete(path: Path) -> None:
    spec = read_spec(path)
    assert spec.summary.endswith(".")
    assert spec.licence["url"].startswith("https://")
    assert spec.weights
    # The decoder takes its options, and finds a value for each that it has.
    decoder = make_decoder(spec)
    assert set(spec.options) <= set(decoder.options) == {option.name for option in decoder.OPTIONS}


def test_the_catalogue_has_nvidias_networks_and_a_stand_in_for_each() -> None:
    specs = load_catalogue()
    assert set(specs) >= NVIDIA
    for name in NVIDIA:
        stand_in = specs[specs[name].fallback or ""]
        assert stand_in.task == specs[name].task
        assert stand_in.fallback is None
        assert (stand_in.input_topic, stand_in.output_topic) == (specs[name].input_topic, specs[name].output_topic)
        # What both can see has one name.
        assert set(stand_in.labels) <= set(specs[name].labels)


def test_detectors_of_crops_are_there() -> None:
    specs = load_catalogue()
    detectors = [spec.detector for spec in specs.values() if spec.detector]
    assert detectors
    assert all(specs[name].task == "detection" for name in detectors)


def test_variants_are_the_same_model_with_other_weights() -> None:
    spec = get_spec("peoplesemsegnet")
    assert spec.variants == ("amr", "shuffleseg", "vanilla")
    one = get_spec("peoplesemsegnet:shuffleseg")
    assert (one.name, one.folder) == ("peoplesemsegnet:shuffleseg", "peoplesemsegnet")
    assert {weights.variant for weights in one.weights} == {"shuffleseg"}
    assert one.input == spec.input


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("peoplenett", "unknown model 'peoplenett'; the models are .*peoplenet"),
        ("peoplesemsegnet:large", "peoplesemsegnet has no variant 'large'; it has amr, shuffleseg, vanilla"),
        ("peoplenet:amr", "peoplenet has no variant 'amr'; it has none"),
    ],
)
def test_an_unknown_name_lists_what_there_is(name: str, message: str) -> None:
    with pytest.raises(PerceptionError, match=message):
        get_spec(name)


def test_a_description_of_ones_own_joins_the_catalogue(own: Callable[..., Path]) -> None:
    path = own()
    spec = get_spec("forklifts")
    assert isinstance(spec, ModelSpec)
    assert spec.path == path
    assert spec.labels == ("forklift",)
    assert (spec.input.size, spec.input.scale, spec.input.mean) == ((640, 384), (0.5, 0.5, 0.5), (1, 2, 3))
    assert spec.output_topic == "forklifts"
    assert set(load_catalogue()) > NVIDIA


def test_ones_own_description_wins_over_the_packages(own: Callable[..., Path]) -> None:
    own(file="peoplenet.yaml", name="peoplenet")
    assert get_spec("peoplenet").labels == ("forklift",)


def test_an_edited_description_is_read_again(own: Callable[..., Path]) -> None:
    own()
    assert get_spec("forklifts").title == "Forklifts"
    own(title="Lift trucks")
    assert get_spec("forklifts").title == "Lift trucks"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_MODEL_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(PerceptionError, match=r"PP_MODEL_PATH names .*nowhere, which is not a folder"):
        load_catalogue()


BAD = {
    "no labels": ({"labels": None}, "the file: 'labels' is a required property"),
    "empty labels": ({"labels": []}, "labels: .*(too short|non-empty)"),
    "the same label twice": ({"labels": ["a", "a"]}, "labels: .*non-unique"),
    "an unknown field": ({"colour": "rgb"}, "the file: .*'colour' was unexpected"),
    "a misspelt field of the input": ({"input.color": "rgb"}, "input: .*'color' was unexpected"),
    "an unknown task": ({"task": "tracking"}, "task: 'tracking' is not one of"),
    "an unknown decoder": ({"decoder": "yolo"}, "decoder: 'yolo' is not one of .*detectnet"),
    "another decoder's task": ({"task": "semantic"}, "task: 'detection' was expected"),
    "an output that the decoder needs": ({"outputs": {"coverage": ["cov"]}}, "outputs: 'boxes' is a required property"),
    "crops without a detector": ({"decoder": "person_crops"}, "'detector' is a required property"),
    "a size of one number": ({"input.size": [640]}, r"input\.size: .*too short"),
    "a size of nothing": ({"input.size": [0, 384]}, r"input\.size\.0: 0 is less than the minimum of 1"),
    "an unknown layout": ({"input.layout": "NCHW"}, r"input\.layout: 'NCHW' is not one of \['nchw', 'nhwc'\]"),
    "an unknown colour": ({"input.colour": "yuv"}, r"input\.colour: 'yuv' is not one of"),
    "a scale that is a text": ({"input.scale": "1/255"}, r"input\.scale: '1/255' is not of type 'number'"),
    "a mean of two numbers": ({"input.mean": [1, 2]}, r"input\.mean: .*too short"),
    "padding that is no pixel": ({"input.pad": [0, 0, 256]}, r"input\.pad\.2: 256 is greater than the maximum of 255"),
    "an unknown way to resize": ({"input.resize": "crop"}, r"input\.resize: 'crop' is not one of"),
    "weights elsewhere": ({"weights.0.file": "../secret.onnx"}, r"weights\.0\.file: .*does not match"),
    "an unknown format": ({"weights.0.format": "pt"}, r"weights\.0\.format: 'pt' is not one of"),
    "a source without a version": ({"weights.0.source": {"ngc": "x"}}, r"weights\.0\.source: 'version' is a required"),
    "a package without a checksum": (
        {"weights.0.source": {"npm": "x", "version": "1", "member": "y", "size": 1}},
        r"weights\.0\.source: 'sha256' is a required property",
    ),
    "a licence without an address": ({"licence": {"name": "ours"}}, "licence: 'url' is a required property"),
    "an unknown camera": ({"topics": {"input": "camera", "output": "a"}}, r"topics\.input: 'camera' is not one of"),
    "a name that is no ROS name": ({"name": "Forklifts"}, "name: 'Forklifts' does not match"),
    "a name that is not the file's": ({"name": "trucks"}, "name is 'trucks'; it must be the file's name, 'forklifts'"),
    "columns for other labels": (
        {"class_columns": [1, 2]},
        "class_columns: 2 given; expected one for each of the 1 labels",
    ),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_a_mistake_is_named_with_file_and_field(
    own: Callable[..., Path], changes: dict[str, Any], message: str
) -> None:
    path = own(**changes)
    with pytest.raises(PerceptionError, match=message) as caught:
        get_spec("forklifts")
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"name: [", b"\xff\xfe", b"", b"- a\n- b\n"])
def test_a_file_that_is_no_description_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "forklifts.yaml"
    path.write_bytes(content)
    with pytest.raises(PerceptionError, match="forklifts.yaml: (not valid YAML|the file: .* is not of type 'object')"):
        read_spec(path)


def test_a_bad_option_in_a_description_is_named_when_the_decoder_is_made(own: Callable[..., Path]) -> None:
    own(options={"top_k": 0})
    with pytest.raises(ValueError, match="top_k=0: expected an integer from 1 to"):
        make_decoder(get_spec("forklifts"))
