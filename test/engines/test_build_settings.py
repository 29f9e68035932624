# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How build settings come together and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from people_perception.catalogue import get_spec
from people_perception.engines.build import BuildSettings

SPEC = get_spec("peoplenet")


def test_defaults_then_the_models_hints_then_what_was_asked(tmp_path: Path) -> None:
    spec = replace(SPEC, engine={"precision": "fp32", "batch": [1, 2, 4], "workspace_mib": 256})
    hinted = BuildSettings.of(spec, tmp_path / "a.onnx", precision=None)
    assert (hinted.precision, hinted.batch, hinted.workspace_mib) == ("fp32", (1, 2, 4), 256)
    asked = BuildSettings.of(spec, tmp_path / "a.onnx", precision="fp16", batch=[1, 1, 1], timing_cache="~/t")
    assert (asked.precision, asked.batch, asked.workspace_mib) == ("fp16", (1, 1, 1), 256)
    assert asked.timing_cache == Path.home() / "t"


def test_minus_one_is_no_dla(tmp_path: Path) -> None:
    assert BuildSettings.of(SPEC, tmp_path / "a.onnx", dla_core=-1).dla_core is None
    assert BuildSettings.of(SPEC, tmp_path / "a.onnx", dla_core=1).dla_core == 1


def test_int8_takes_the_cache_beside_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "resnet34_peoplenet.onnx"
    assert BuildSettings.of(SPEC, weights, precision="int8").calibration_cache is None
    named = tmp_path / "resnet34_peoplenet_int8.txt"
    named.write_text("")
    assert BuildSettings.of(SPEC, weights, precision="int8").calibration_cache == named
    assert BuildSettings.of(SPEC, weights, precision="fp16").calibration_cache is None
    own = BuildSettings.of(SPEC, weights, precision="int8", calibration_cache=str(tmp_path / "own.txt"))
    assert own.calibration_cache == tmp_path / "own.txt"
    (tmp_path / "mine_int8.txt").write_text("")
    found = BuildSettings.of(SPEC, tmp_path / "mine.onnx", precision="int8").calibration_cache
    assert found == tmp_path / "mine_int8.txt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"builder": "trt"}, "builder='trt': expected one of tensorrt, tensorrt_rtx"),
        ({"precision": "fp8"}, "precision='fp8': expected one of fp32, fp16, int8"),
        ({"log_level": "debug"}, "log_level='debug': expected one of error, warning, info, verbose"),
        ({"batch": (0, 1, 1)}, r"batch=\(0, 1, 1\): expected minimum <= optimum <= maximum"),
        ({"batch": (1, 3, 2)}, "expected minimum <= optimum <= maximum"),
        ({"batch": (1, 1)}, "expected minimum <= optimum <= maximum"),
        ({"workspace_mib": 0}, "workspace_mib=0: expected 1 to"),
        ({"dla_core": 16}, "dla_core=16: expected 0 to 15"),
        ({"dla_core": 0, "precision": "fp32"}, "a DLA computes in fp16 or int8"),
        ({"device": -1}, "device=-1: expected the index of a GPU"),
    ],
)
def test_values_out_of_range_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BuildSettings(**change)


def test_through_json_and_back(tmp_path: Path) -> None:
    settings = BuildSettings(precision="int8", calibration_cache=tmp_path / "c", batch=(1, 2, 4), dla_core=1, key="k")
    assert BuildSettings.from_json(settings.to_json()) == settings


def test_a_relative_path_is_good_in_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = BuildSettings.from_json(BuildSettings(calibration_cache=Path("c.txt")).to_json())
    assert settings.calibration_cache == tmp_path / "c.txt"


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(BuildSettings(key="secret"))
