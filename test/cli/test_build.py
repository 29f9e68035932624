# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``build`` from the command line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import networks
from people_perception.cli import main


@pytest.fixture(autouse=True)
def engine_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PP_ENGINE_DIR", str(tmp_path / "engines"))
    monkeypatch.setenv("PP_MODEL_DIR", str(tmp_path / "models"))
    return tmp_path / "engines"


@pytest.fixture
def peoplenet(tmp_path: Path) -> str:
    return str(networks.detectnet(tmp_path / "peoplenet.onnx"))


needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="TensorRT for RTX is not installed"
)


@needs_rtx
def test_the_second_build_is_a_cache_hit(
    engine_folder: Path, peoplenet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "peoplenet", "--onnx", peoplenet, "--builder", "tensorrt_rtx"]
    assert main(arguments) == 0
    first = capsys.readouterr()
    plan = Path(first.out.splitlines()[0])
    assert plan.parent == engine_folder
    assert "built in" in first.out and "(never built)" in first.out
    assert "peoplenet: building" in first.err
    assert main(arguments) == 0
    second = capsys.readouterr()
    assert second.out == f"{plan}\nfound in the cache: nothing to build\n"
    assert second.err == ""
    assert main([*arguments, "--precision", "fp32"]) == 0
    assert "has precision fp16 instead of fp32" in capsys.readouterr().out


@needs_rtx
def test_json_is_alone_on_stdout(peoplenet: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["build", "peoplenet", "--onnx", peoplenet, "--builder", "tensorrt_rtx", "--json", "--batch", "1"]
    found = []
    for _ in range(2):
        assert main(arguments) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert [f["built"] for f in found] == [True, False]
    assert Path(found[0]["plan"]).is_file()
    assert found[1]["key"]["batch"] == [1, 1, 1]
    assert found[1]["tensors"][0] == {
        "name": "input_1:0",
        "mode": "input",
        "shape": [1, 3, 544, 960],
        "dtype": "FLOAT",
    }
    assert found[1]["timings"]["total_s"] > 0


@needs_rtx
def test_weights_of_the_model_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    networks.model_folder(tmp_path / "models")
    assert main(["build", "peoplesemsegnet:amr", "--builder", "tensorrt_rtx"]) == 0
    assert "peoplesemsegnet-amr-fp16-" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["peoplenet"], 'no ONNX or etlt file in .*; run "python -m people_perception models fetch peoplenet"'),
        (["peoplenet", "--onnx", "absent.onnx"], r"absent\.onnx: no such file"),
        (["nonsense"], "unknown model 'nonsense'"),
        (["peoplenet", "--onnx", __file__, "--batch", "4,2,1"], "expected minimum <= optimum <= maximum"),
        (["peoplenet", "--onnx", __file__, "--precision", "fp32", "--dla-core", "0"], "a DLA computes in fp16 or int8"),
        (["peoplenet", "--onnx", __file__, "--workspace-mib", "0"], "workspace_mib=0: expected 1 to"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert __import__("re").search(message, said.err)


def test_a_machine_without_tensorrt_is_told_what_to_install(peoplenet: str, capsys: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec("tensorrt"):
        pytest.skip("TensorRT is installed here")
    assert main(["build", "peoplenet", "--onnx", peoplenet]) == 2
    assert 'TensorRT is not installed (no Python module tensorrt); on a Jetson run "sudo apt' in capsys.readouterr().err


def test_batches_are_read_as_one_number_or_three(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["build", "peoplenet", "--batch", "1,2"])
    assert "expected N or MIN,OPT,MAX" in capsys.readouterr().err
