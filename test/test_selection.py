# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What runs on which machine: every case of files that are there and of TensorRT that works or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from people_perception.engines import tensorrt_installation
from people_perception.errors import PerceptionError
from people_perception.selection import select
from people_perception.store import paths

PROBLEM = "TensorRT is not installed"
ONNX = "resnet34_peoplenet.onnx"
QUANTISED = "resnet34_peoplenet_int8.onnx"
OPEN = "object_detection_ssd_mobilenetv2_oidv4_fp16.tflite"


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts an empty file into a store that holds nothing else; a selection does not look into files."""
    monkeypatch.setenv("PP_MODEL_DIR", str(tmp_path))
    monkeypatch.setattr(paths, "search_dirs", lambda: [tmp_path])  # not what was fetched into this checkout
    monkeypatch.delenv("PP_MODEL_PATH", raising=False)

    def write(folder: str, file: str) -> Path:
        path = tmp_path / folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    return write


@pytest.fixture
def no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: PROBLEM)


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: None)


@pytest.mark.usefixtures("tensorrt")
class TestWithTensorRT:
    def test_it_is_preferred(self, put: Callable[..., Path]) -> None:
        path = put("peoplenet", ONNX)
        selection = select("peoplenet")
        assert (selection.engine, selection.weights) == ("tensorrt", path)
        assert selection.reason == f"TensorRT runs {ONNX}"

    def test_another_engine_can_be_asked_for(self, put: Callable[..., Path]) -> None:
        put("peoplenet", ONNX)
        assert select("peoplenet", "onnxruntime").engine == "onnxruntime"

    def test_the_catalogue_says_which_file_comes_first(self, put: Callable[..., Path]) -> None:
        put("peoplenet", QUANTISED)
        path = put("peoplenet", ONNX)
        assert select("peoplenet").weights == path

    def test_an_etlt_is_built(self, put: Callable[..., Path]) -> None:
        put("facedetect_ir", "resnet18_facedetectir_pruned.etlt")
        assert select("facedetect_ir").engine == "tensorrt"

    def test_a_plan_is_taken_as_it_is(self, put: Callable[..., Path]) -> None:
        path = put("elsewhere", "peoplenet.plan")
        assert select("peoplenet", weights=path).engine == "tensorrt"

    def test_an_open_model_runs_in_litert_all_the_same(self, put: Callable[..., Path]) -> None:
        put("open_person", OPEN)
        assert select("open_person").engine == "litert"


@pytest.mark.usefixtures("no_tensorrt")
class TestWithoutTensorRT:
    def test_onnx_runs_in_onnx_runtime_and_the_reason_says_why(self, put: Callable[..., Path]) -> None:
        put("peoplenet", ONNX)
        selection = select("peoplenet")
        assert selection.engine == "onnxruntime"
        assert selection.reason == f"onnxruntime runs {ONNX}; TensorRT does not: {PROBLEM}"

    def test_an_engine_that_is_asked_for_needs_no_excuse(self, put: Callable[..., Path]) -> None:
        put("peoplenet", ONNX)
        selection = select("peoplenet", "onnxruntime")
        assert (selection.engine, selection.reason) == ("onnxruntime", f"onnxruntime runs {ONNX}")

    def test_tensorrt_that_is_asked_for_is_an_error(self, put: Callable[..., Path]) -> None:
        put("peoplenet", ONNX)
        put("open_person", OPEN)
        with pytest.raises(PerceptionError, match=rf"peoplenet: {ONNX}: {PROBLEM}; .*or use engine auto"):
            select("peoplenet", "tensorrt")

    def test_the_open_model_stands_in_where_there_is_no_file(self, put: Callable[..., Path], tmp_path: Path) -> None:
        path = put("open_person", OPEN)
        selection = select("peoplenet")
        assert (selection.spec.name, selection.engine, selection.weights) == ("open_person", "litert", path)
        assert selection.reason == (
            f"open_person stands in for peoplenet: no weights in {tmp_path / 'peoplenet'} "
            '(run "python -m people_perception models fetch peoplenet")'
        )

    def test_the_open_model_stands_in_for_a_file_that_only_tensorrt_reads(self, put: Callable[..., Path]) -> None:
        put("facedetect_ir", "resnet18_facedetectir_pruned.etlt")
        put("open_face", "face_detection_full_range.tflite")
        selection = select("facedetect_ir")
        assert selection.spec.name == "open_face"
        assert f"resnet18_facedetectir_pruned.etlt: {PROBLEM}" in selection.reason

    def test_it_does_not_stand_in_for_an_engine_that_was_asked_for(self, put: Callable[..., Path]) -> None:
        put("open_person", OPEN)
        with pytest.raises(
            PerceptionError, match=r"peoplenet: no weights in .*fetch peoplenet.*engine auto instead of onnx"
        ):
            select("peoplenet", "onnxruntime")

    @pytest.mark.usefixtures("put")
    def test_with_nothing_at_all_both_ways_out_are_named(self) -> None:
        with pytest.raises(
            PerceptionError, match=r"peoplenet: no weights.*its stand-in open_person: .*models fetch open"
        ):
            select("peoplenet")

    def test_a_variant_is_only_its_own_file(self, put: Callable[..., Path]) -> None:
        amr = put("peoplesemsegnet", "peoplesemsegnet_amr_rel.onnx")
        put("open_segmentation", "selfie_segmentation.tflite")
        assert select("peoplesemsegnet").weights == amr
        assert select("peoplesemsegnet:amr").weights == amr
        assert select("peoplesemsegnet:shuffleseg").spec.name == "open_segmentation"

    def test_given_weights_come_before_the_store(self, put: Callable[..., Path]) -> None:
        put("peoplenet", ONNX)
        own = put("elsewhere", "mine.onnx")
        assert select("peoplenet", weights=str(own)).weights == own

    @pytest.mark.parametrize(
        ("file", "engine", "message"),
        [
            ("missing.onnx", "auto", "missing.onnx: no such file; give the weights of peoplenet"),
            ("net.pth", "auto", r"net.pth: unknown kind of weights; expected one of \.plan, \.engine, \.onnx"),
            ("net.tflite", "onnxruntime", r"a \.tflite file does not run in onnxruntime; it runs in litert"),
            ("net.onnx", "litert", r"a \.onnx file does not run in litert; it runs in tensorrt or onnxruntime"),
            ("net.etlt", "auto", f"net.etlt: {PROBLEM}"),
            ("net.onnx", "tensorrt", f"net.onnx: {PROBLEM}"),
        ],
    )
    def test_given_weights_that_do_not_run_are_an_error(
        self, put: Callable[..., Path], file: str, engine: str, message: str
    ) -> None:
        path = put("elsewhere", file)
        if file.startswith("missing"):
            path.unlink()
        with pytest.raises(PerceptionError, match=message):
            select("peoplenet", engine, path)


def test_an_unknown_engine_lists_the_engines() -> None:
    with pytest.raises(ValueError, match="engine='cuda': expected one of auto, tensorrt, onnxruntime, litert"):
        select("peoplenet", "cuda")
