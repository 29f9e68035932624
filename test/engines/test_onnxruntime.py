# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: providers in the order asked for, and what really ran."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import networks_for_builds as nets
import numpy as np
import onnxruntime
import pytest

from people_perception.engines.onnxruntime import OnnxRuntimeEngine
from people_perception.errors import PerceptionError


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return nets.free_batch(nets.CONTRACTS["peoplenet"](tmp_path / "peoplenet.onnx"))


def available(name: str) -> bool:
    return name in onnxruntime.get_available_providers()


def test_runs_and_tells_its_tensors(network: Path) -> None:
    engine = OnnxRuntimeEngine(network, threads=1)
    assert engine.device == "CPUExecutionProvider"
    assert [(t.name, t.shape, t.dtype) for t in engine.inputs] == [("input_1:0", (-1, 3, 544, 960), "float32")]
    x = np.full((1, 3, 544, 960), 0.25, np.float32)
    outputs = engine.run({"input_1:0": x})
    np.testing.assert_allclose(outputs["output_cov/Sigmoid:0"], 0.25, rtol=1e-5)
    with pytest.raises(PerceptionError, match="ONNX Runtime failed"):
        engine.run({"input_1:0": x[:, :1]})
    engine.close()
    engine.close()
    with pytest.raises(PerceptionError, match="closed; load the model again"):
        engine.run({"input_1:0": x})


def test_providers_that_are_absent_are_passed_over(network: Path) -> None:
    if available("CUDAExecutionProvider"):
        pytest.skip("this ONNX Runtime has CUDA")
    for cpu in ("cpu", "CPUExecutionProvider"):
        assert OnnxRuntimeEngine(network, providers=["tensorrt", "cuda", cpu]).device == "CPUExecutionProvider"
    with pytest.raises(PerceptionError, match=r"has no CUDAExecutionProvider; it has .*CPUExecutionProvider"):
        OnnxRuntimeEngine(network, providers=["cuda"])


def test_an_unknown_provider_is_named(network: Path) -> None:
    with pytest.raises(ValueError, match="unknown 'gpu'; expected some of tensorrt, cuda, openvino, cpu"):
        OnnxRuntimeEngine(network, providers=["gpu", "cpu"])


def test_openvino_runs_first_when_asked_first(network: Path) -> None:
    if not available("OpenVINOExecutionProvider"):
        pytest.skip('this ONNX Runtime has no OpenVINO; "pip install onnxruntime-openvino" brings one')
    assert OnnxRuntimeEngine(network, providers=["openvino", "cpu"]).device == "OpenVINOExecutionProvider"
    assert OnnxRuntimeEngine(network, providers=["cpu"]).device == "CPUExecutionProvider"


class Session:
    """A session as ONNX Runtime makes it where CUDA is compiled in: with what started, and who got which nodes."""

    started = ("CUDAExecutionProvider", "CPUExecutionProvider")
    parts: tuple[tuple[str, int], ...] = (("CPUExecutionProvider", 2), ("CUDAExecutionProvider", 9))

    def __init__(self, path: str, options: object, providers: list[tuple[str, dict[str, str]]]) -> None:
        Session.asked = providers

    def get_providers(self) -> list[str]:
        return list(self.started)

    def get_inputs(self) -> list[object]:
        return []

    get_outputs = get_inputs

    def get_provider_graph_assignment_info(self) -> list[object]:
        return [SimpleNamespace(ep_name=name, get_nodes=lambda n=count: [0] * n) for name, count in self.parts]


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Session]:
    session = type("Session", (Session,), {})
    names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("no cudnn"), raising=False)
    monkeypatch.setenv("PP_ENGINE_DIR", str(tmp_path / "engines"))
    return session


def test_what_really_runs_is_told_by_nodes(with_gpu: type[Session], capsys: pytest.CaptureFixture[str]) -> None:
    engine = OnnxRuntimeEngine(Path("a.onnx"), providers=["cuda", "cpu"])
    assert engine.device == "CUDAExecutionProvider (9 of 11 nodes), CPUExecutionProvider (2 of 11 nodes)"
    assert [name for name, _ in Session.asked] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert capsys.readouterr().out == ""


def test_an_older_onnx_runtime_tells_what_started(with_gpu: type[Session]) -> None:
    def absent(self: object) -> None:
        raise AttributeError

    with_gpu.get_provider_graph_assignment_info = absent  # type: ignore[assignment, method-assign]
    assert OnnxRuntimeEngine(Path("a.onnx"), providers=["cuda", "cpu"]).device == "CUDAExecutionProvider"


def test_a_provider_that_does_not_start_is_no_silent_cpu(with_gpu: type[Session]) -> None:
    with_gpu.started = ("CPUExecutionProvider",)
    with_gpu.parts = (("CPUExecutionProvider", 11),)
    with pytest.raises(PerceptionError, match="CUDAExecutionProvider did not start, only CPUExecutionProvider"):
        OnnxRuntimeEngine(Path("a.onnx"), providers=["cuda"])
    assert OnnxRuntimeEngine(Path("a.onnx"), providers=["cuda", "cpu"]).device == "CPUExecutionProvider"


def test_the_tensorrt_provider_keeps_its_engines(with_gpu: type[Session], tmp_path: Path) -> None:
    OnnxRuntimeEngine(Path("a.onnx"), providers=["tensorrt", "cpu"])
    options = dict(Session.asked)["TensorrtExecutionProvider"]
    assert options["trt_engine_cache_path"] == str(tmp_path / "engines" / "onnxruntime")
    assert (tmp_path / "engines" / "onnxruntime").is_dir()


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(PerceptionError, match=r"a\.onnx: ONNX Runtime cannot load it"):
        OnnxRuntimeEngine(path)
