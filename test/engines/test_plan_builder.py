# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the builder of every TensorRT is asked for; and the one that builds without a GPU, for real."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import networks_for_builds as nets
import pytest
from standin import gpu
from standin.tensorrt_builder import read_plan

from people_perception.engines.builder.plan import Report, Request, build_plan
from people_perception.engines.builder.settings import BuildSettings
from people_perception.errors import PerceptionError

Install = Callable[[str], ModuleType]


class Told(Report):
    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None, int | None]] = []
        self.lines: list[tuple[str, str]] = []

    def stage(self, name: str, step: int | None = None, steps: int | None = None) -> None:
        self.stages.append((name, step, steps))

    def log(self, level: str, text: str) -> None:
        self.lines.append((level, text))


def build(
    trt: Any, path: Path, told: Report | None = None, timing: Path | None = None, **settings: Any
) -> dict[str, Any]:
    request = Request(path.read_bytes(), path, BuildSettings(**settings), (960, 544), "nchw")
    return read_plan(build_plan(trt, request, told or Report(), timing).plan)


@pytest.fixture
def peoplenet(tmp_path: Path) -> Path:
    return nets.CONTRACTS["peoplenet"](tmp_path / "peoplenet.onnx")


@pytest.fixture
def free(peoplenet: Path) -> Path:
    return nets.free_batch(peoplenet)


def weakly(trt: Any) -> bool:
    return not trt.__version__.startswith("11")


def test_precisions(trt: Any, peoplenet: Path, tmp_path: Path) -> None:
    assert build(trt, peoplenet, precision="fp32")["asked"]["flags"] == []
    asked = build(trt, peoplenet, precision="fp16")["asked"]
    # Up to 10 a flag; from 11 on the network itself is in float16.
    assert (asked["flags"], asked["half"]) == ((["FP16"], False) if weakly(trt) else ([], True))


def test_int8_takes_the_calibration_cache_up_to_10(trt: Any, free: Path, tmp_path: Path) -> None:
    cache = nets.calibration(tmp_path / "int8.txt", "input_1:0", "cells")
    if not weakly(trt):
        with pytest.raises(
            PerceptionError, match="quantises only networks with QuantizeLinear nodes, and this one has none"
        ):
            build(trt, free, precision="int8", calibration_cache=cache)
        return
    asked = build(trt, free, precision="int8", calibration_cache=cache, batch=(1, 2, 4))["asked"]
    assert asked["flags"] == ["FP16", "INT8"]
    assert asked["calibration"] == cache.stat().st_size
    with pytest.raises(PerceptionError, match="int8: needs a calibration cache"):
        build(trt, free, precision="int8")
    foreign = nets.calibration(tmp_path / "other.txt", "conv1/Relu:0")
    with pytest.raises(PerceptionError, match=r"other\.txt: names no tensor of this network"):
        build(trt, free, precision="int8", calibration_cache=foreign)


def test_quantised_networks_need_no_cache(trt: Any, tmp_path: Path) -> None:
    asked = build(trt, nets.quantised(tmp_path / "q.onnx"), precision="int8")["asked"]
    assert asked["flags"] == (["FP16", "INT8"] if weakly(trt) else [])
    assert asked["calibration"] == 0


def test_one_batch_fixes_the_shape_and_a_range_makes_a_profile(trt: Any, free: Path) -> None:
    fixed = build(trt, free, batch=(2, 2, 2))["tensors"]
    assert [t["shape"][0] for t in fixed] == [2, 2, 2]
    ranged = build(trt, free, batch=(1, 2, 4))["tensors"]
    assert ranged[0]["shape"] == [-1, 3, 544, 960]
    assert ranged[0]["profile"] == [[n, 3, 544, 960] for n in (1, 2, 4)]


def test_a_fixed_batch_is_not_changed_silently(trt: Any, peoplenet: Path) -> None:
    with pytest.raises(
        PerceptionError, match=r"'input_1:0' is \(1, 3, 544, 960\), its batch is fixed; asked for 1 to 4"
    ):
        build(trt, peoplenet, batch=(1, 2, 4))


def test_open_height_and_width_come_from_the_catalogue(trt: Any, peoplenet: Path) -> None:
    import onnx

    model = onnx.load(str(peoplenet))
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"axis{axis}"
    onnx.save(model, str(peoplenet))
    assert build(trt, peoplenet)["tensors"][0]["shape"] == [1, 3, 544, 960]


def test_dla(trt: Any, peoplenet: Path) -> None:
    built = build(trt, peoplenet, dla_core=1)
    assert built["dla"] == 1
    assert "GPU_FALLBACK" in built["asked"]["flags"]
    with pytest.raises(PerceptionError, match="dla_core=2: this machine has 2 DLA cores, counted from 0"):
        build(trt, peoplenet, dla_core=2)


def test_workspace_and_compatibility(trt: Any, peoplenet: Path) -> None:
    assert build(trt, peoplenet, workspace_mib=512)["asked"]["pools"] == {"WORKSPACE": 512 << 20}
    if trt.__version__.startswith("8.5"):
        with pytest.raises(
            PerceptionError, match="version_compatible: TensorRT 8.5.2.2 cannot; 8.6 is the first that can"
        ):
            build(trt, peoplenet, version_compatible=True)
        with pytest.raises(PerceptionError, match="hardware_compatible: TensorRT 8.5.2.2 cannot"):
            build(trt, peoplenet, hardware_compatible=True)
        return
    assert "VERSION_COMPATIBLE" in build(trt, peoplenet, version_compatible=True)["asked"]["flags"]
    assert build(trt, peoplenet, hardware_compatible=True)["asked"]["compatible"] == "AMPERE_PLUS"


def test_the_timing_cache_grows_and_a_foreign_one_is_replaced(trt: Any, peoplenet: Path, tmp_path: Path) -> None:
    timing = tmp_path / "timing"
    build(trt, peoplenet, timing=timing)
    first = timing.read_bytes()
    build(trt, peoplenet, timing=timing)
    assert timing.read_bytes() == first + b" measured"
    for foreign in (b"rubbish", b"ptrt of an other gpu"):
        timing.write_bytes(foreign)
        build(trt, peoplenet, timing=timing)
        assert timing.read_bytes() == first
    assert sorted(p.name for p in tmp_path.iterdir()) == ["peoplenet.onnx", "timing"]
    told = Told()
    build(trt, peoplenet, told, timing=tmp_path / "absent" / "timing")
    assert "no such file or directory; the next build measures again" in dict(told.lines)["warning"]


def test_progress_where_tensorrt_tells_it(trt: Any, peoplenet: Path) -> None:
    told = Told()
    build(trt, peoplenet, told)
    names = [name for name, _, _ in told.stages]
    assert names[:2] == ["reading the network", "building"]
    if not trt.__version__.startswith("8"):
        assert ("Timing tactics", 2, 3) in told.stages
        assert ("Building engine", 1, 2) in told.stages


def test_failures_say_what_tensorrt_said(trt: Any, tmp_path: Path, machine: gpu.Machine) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x08 not onnx")
    with pytest.raises(PerceptionError, match=r"broken\.onnx: TensorRT cannot read it: Failed to parse the ONNX model"):
        build(trt, broken, precision="fp32")
    network = nets.CONTRACTS["peoplenet"](tmp_path / "a.onnx")
    machine.gpus = []
    told = Told()
    with pytest.raises(PerceptionError, match="TensorRT does not start: CUDA initialization failure with error: 100"):
        build(trt, network, told, precision="fp32")
    assert told.lines == [("error", "CUDA initialization failure with error: 100")]


@pytest.mark.parametrize("contract", nets.CONTRACTS)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_contract_builds_for_real(rtx: str, tmp_path: Path, contract: str, precision: str) -> None:
    trt = importlib.import_module(rtx)
    path = nets.CONTRACTS[contract](tmp_path / f"{contract}.onnx")
    told = Told()
    request = Request(path.read_bytes(), path, BuildSettings(builder=rtx, precision=precision), (960, 544), "nchw")
    built = build_plan(trt, request, told)
    plan = bytes(built.plan)
    assert plan.startswith(b"vtrt")
    assert int.from_bytes(plan[16:24], "little") == len(plan)
    names = {t["name"]: t["dtype"] for t in built.tensors}
    expected = {
        "peoplenet": {"input_1:0", "output_cov/Sigmoid:0", "output_bbox/BiasAdd:0"},
        "facedetect_ir": {"input_1:0", "output_cov/Sigmoid:0", "output_bbox/BiasAdd:0"},
        "peoplesemsegnet": {"input_2:0", "argmax_1"},
        "peoplesegnet": {"Input", "generate_detections", "mask_fcn_logits/BiasAdd"},
    }
    assert set(names) == expected[contract]
    assert names.get("argmax_1", "INT64") == "INT64"
    assert all(kind == "FLOAT" for name, kind in names.items() if name != "argmax_1")
    assert any(steps for _, _, steps in told.stages)


@pytest.mark.parametrize(
    ("weights", "precision", "batch"),
    [
        ("peoplenet", "fp32", (1, 1, 1)),
        ("peoplenet", "fp16", (1, 2, 4)),
        ("peoplesemsegnet_shuffleseg", "fp16", (1, 1, 1)),
        ("face_240x384_standin", "fp32", (2, 2, 2)),
    ],
)
def test_real_weights_build_for_real(
    rtx: str, assets: Path, weights: str, precision: str, batch: tuple[int, int, int]
) -> None:
    trt = importlib.import_module(rtx)
    path = assets / "weights" / f"{weights}.onnx"
    settings = BuildSettings(builder=rtx, precision=precision, batch=batch)
    built = build_plan(trt, Request(path.read_bytes(), path, settings, (960, 544), "nchw"), Report())
    assert bytes(built.plan).startswith(b"vtrt")
    first = built.tensors[0]["shape"][0]
    assert first == (batch[0] if batch[0] == batch[2] else -1)


def test_a_quantised_network_builds_for_real(rtx: str, tmp_path: Path) -> None:
    trt = importlib.import_module(rtx)
    path = nets.quantised(tmp_path / "q.onnx")
    settings = BuildSettings(builder=rtx, precision="int8")
    built = build_plan(trt, Request(path.read_bytes(), path, settings, (16, 16), "nchw"), Report())
    assert bytes(built.plan).startswith(b"vtrt")
