# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Obtaining engines: built in a process of its own, found again, and nothing left behind when that is killed."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standin import gpu
from standin.tensorrt_builder import read_plan

import people_perception as pp
from people_perception.catalogue import get_spec
from people_perception.engines.build import BuildSettings, Progress, obtain, obtain_plan
from people_perception.engines.cache import check_plan, sidecar_path
from people_perception.engines.tensorrt import TensorRtEngine, _Logged, open_tensorrt
from people_perception.errors import PerceptionError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


SPEC = get_spec("peoplenet")


def test_builds_once_and_finds_it_again(simulated, network: Path) -> None:
    simulated("10.3")
    stages: list[str] = []
    first = obtain(SPEC, network, BuildSettings(), True, lambda p: stages.append(p.stage))
    assert (first.built, first.reason) == (True, "never built")
    assert first.record["key"]["device"] == "Orin sm_87"
    assert first.record["key"]["version"] == "10.3.0"
    assert set(first.record["timings"]) == {"parse_s", "build_s", "total_s"}
    assert [t["name"] for t in first.record["tensors"]] == [
        "input_1:0",
        "output_cov/Sigmoid:0",
        "output_bbox/BiasAdd:0",
    ]
    for stage in (
        "has to be built: never built",
        "reading the network",
        "building",
        "Timing tactics",
        "writing the engine",
    ):
        assert stage in stages
    again = obtain(SPEC, network, BuildSettings(), False)
    assert (again.plan, again.built, again.record) == (first.plan, False, first.record)


def test_a_changed_network_option_or_plan_is_not_a_hit(simulated, network: Path, tmp_path: Path) -> None:
    simulated("10.3")
    first = obtain(SPEC, network, BuildSettings(), True)
    for settings in (BuildSettings(precision="fp32"), BuildSettings(batch=(1, 2, 4)), BuildSettings(workspace_mib=64)):
        assert obtain(SPEC, network, settings, True).built
    assert not obtain(SPEC, network, BuildSettings(log_level="error", timing_cache=tmp_path / "t"), True).built
    first.plan.write_bytes(first.plan.read_bytes()[:-10])
    repaired = obtain(SPEC, network, BuildSettings(), True)
    assert repaired.built
    assert "bytes instead of the recorded" in repaired.reason
    check_plan(repaired.plan)
    network.write_bytes(network.read_bytes() + b"\x7a\x00")  # an empty field more
    changed = obtain(SPEC, network, BuildSettings(), True)
    assert changed.built
    assert "another network file" in changed.reason
    network.with_name(network.name + ".data").write_bytes(b"weights beside it")
    assert "another weights file" in obtain(SPEC, network, BuildSettings(), True).reason
    simulated("10.13")
    assert "version 10.3.0 instead of 10.13.3.9" in obtain(SPEC, network, BuildSettings(), True).reason


def test_building_can_be_forbidden(simulated, network: Path, engine_folder: Path) -> None:
    simulated("10.3")
    message = r"no engine for tensorrt 10\.3\.0 on Orin sm_87 in .* \(never built\), and building is not allowed; run"
    with pytest.raises(PerceptionError, match=message):
        obtain(SPEC, network, BuildSettings(), allow_build=False)
    assert not engine_folder.exists()


def test_a_dla_and_another_gpu_have_engines_of_their_own(simulated, network: Path, machine: gpu.Machine) -> None:
    simulated("8.5")
    machine.gpus.append(("Orin", (8, 7)))
    record = obtain(SPEC, network, BuildSettings(dla_core=1), True).record
    assert record["key"]["device"] == "Orin sm_87 DLA 1"
    assert read_plan((Path(record_path(record))).read_bytes())["dla"] == 1
    assert obtain(SPEC, network, BuildSettings(hardware_compatible=False), True).built
    with pytest.raises(PerceptionError, match="device=3: this machine has 2"):
        obtain(SPEC, network, BuildSettings(device=3), True)


def record_path(record: dict[str, Any]) -> str:
    return os.path.join(os.environ["PP_ENGINE_DIR"], record["plan"]["file"])


def test_what_the_builder_says_is_passed_on(simulated, tmp_path: Path) -> None:
    simulated("10.3")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(PerceptionError, match=r"broken\.onnx: TensorRT cannot read it: Failed to parse the ONNX model"):
        obtain(SPEC, broken, BuildSettings(), True)
    assert list(Path(os.environ["PP_ENGINE_DIR"]).iterdir()) == []
    with pytest.raises(PerceptionError, match=r"absent\.onnx: no such file"):
        obtain(SPEC, tmp_path / "absent.onnx", BuildSettings(), True)


@pytest.mark.parametrize(
    ("death", "message"),
    [
        ("os.kill(os.getpid(), 9)", "was killed, most likely for want of memory"),
        ("os.kill(os.getpid(), 11)", r"crashed \(SIGSEGV\)"),
        ("os._exit(3)", "ended with status 3"),
    ],
)
def test_a_builder_that_dies_is_one_line(simulated, network: Path, monkeypatch, death: str, message: str) -> None:
    simulated("10.3")
    monkeypatch.setenv("STANDIN_BUILD", death)
    with pytest.raises(PerceptionError, match=message):
        obtain(SPEC, network, BuildSettings(), True)
    assert list(Path(os.environ["PP_ENGINE_DIR"]).iterdir()) == []


def test_a_network_that_changes_meanwhile_is_not_recorded(simulated, network: Path, monkeypatch) -> None:
    simulated("10.3")
    monkeypatch.setattr("people_perception.engines.build.file_sha256", lambda path: "0" * 64)
    with pytest.raises(PerceptionError, match="changed while the engine was being built; try again"):
        obtain(SPEC, network, BuildSettings(), True)


def test_two_builders_of_one_engine_build_it_once(simulated, network: Path) -> None:
    simulated("10.3")
    results: list[bool] = []
    stages: list[str] = []

    def build(listener: Callable[[Progress], None] | None = None) -> None:
        results.append(obtain(SPEC, network, BuildSettings(), True, listener).built)

    threads = [threading.Thread(target=build, args=(lambda p: stages.append(p.stage),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, True]
    assert "waiting for another build" in stages


def test_a_full_disk_leaves_nothing(simulated, network: Path, monkeypatch) -> None:
    simulated("10.3")

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("people_perception.engines.build.store_plan", full)
    with pytest.raises(PerceptionError, match="no space left on device while storing the engine"):
        obtain(SPEC, network, BuildSettings(), True)
    assert [p.suffix for p in Path(os.environ["PP_ENGINE_DIR"]).iterdir()] == [".timing"]


def test_opens_the_built_engine(simulated, network: Path) -> None:
    simulated("10.3")
    engine = open_tensorrt(SPEC, network, {"precision": "fp32", "threads": 4, "providers": ["CPUExecutionProvider"]})
    assert engine.inputs[0].shape == (1, 3, 544, 960)
    engine.close()
    with pytest.raises(PerceptionError, match="building is not allowed"):
        open_tensorrt(SPEC, network, {"allow_build": False, "precision": "fp16"})
    plan = obtain_plan(SPEC, network, BuildSettings(precision="fp32"), False)
    own = network.with_name("own.plan")
    own.write_bytes(plan.read_bytes())
    engine = open_tensorrt(SPEC, own, {})
    engine.close()


def test_a_model_on_the_simulated_robot(simulated, compiled: gpu.Machine, network: Path) -> None:
    simulated("10.3")
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    for engine in ("tensorrt", "auto"):
        model = pp.load_model("peoplenet", engine=engine, weights=network, engine_settings={"dla_core": -1})
        assert model.device == "Orin sm_87"
        assert model.selection.reason == "TensorRT runs peoplenet.onnx"
        assert isinstance(model(image), pp.Detections)
        model.close()
    assert compiled.launches.count("preprocess") == 2
    assert compiled.memory == {}


def test_without_a_gpu_auto_falls_back_and_says_so(simulated, machine: gpu.Machine, network: Path) -> None:
    simulated("10.3")
    machine.gpus = []
    with pytest.raises(PerceptionError, match="CUDA does not start: cuInit failed: no CUDA-capable device is detected"):
        pp.load_model("peoplenet", engine="tensorrt", weights=network)
    model = pp.load_model("peoplenet", engine="auto", weights=network)
    assert model.device == "CPUExecutionProvider"
    assert "onnxruntime runs peoplenet.onnx; TensorRT does not: CUDA does not start" in model.selection.reason


def test_a_dla_plan_runs_on_its_core(simulated, network: Path) -> None:
    simulated("10.3")
    engine = open_tensorrt(SPEC, network, {"dla_core": 1})
    assert engine.device == "Orin sm_87 DLA 1"
    assert engine._runtime.DLA_core == 1
    engine.close()


def test_a_version_compatible_plan_may_run_its_code_and_outlives_an_update(simulated, network: Path) -> None:
    simulated("10.3")
    plan = obtain_plan(SPEC, network, BuildSettings(version_compatible=True), True)
    engine = TensorRtEngine(plan)
    assert engine._runtime.engine_host_code_allowed
    engine.close()
    simulated("10.13")
    with pytest.raises(
        PerceptionError, match=r"TensorRT 10\.13\.3\.9 does not load it"
    ):  # asked, unlike of another plan
        TensorRtEngine(plan)
    ordinary = obtain_plan(SPEC, network, BuildSettings(), True)
    engine = TensorRtEngine(ordinary)
    assert not engine._runtime.engine_host_code_allowed
    engine.close()


def test_a_long_build_is_logged_every_half_minute(caplog: pytest.LogCaptureFixture) -> None:
    listener = _Logged("peoplenet")
    with caplog.at_level(logging.INFO):
        for progress in (
            Progress("building", 0.5),
            Progress("Timing tactics", 1.0, 3, 9),
            Progress("building", 20.0),
            Progress("building", 31.0),
            Progress("building", 40.0),
            Progress("warning", 41.0, log="something"),
        ):
            listener(progress)
    assert [r.getMessage() for r in caplog.records] == [
        "building the engine of peoplenet: building",
        "building the engine of peoplenet: 31 s so far",
        "TensorRT: something",
    ]


def test_a_plan_for_another_machine_is_refused(simulated, network: Path, machine: gpu.Machine) -> None:
    simulated("10.3")
    plan = obtain_plan(SPEC, network, BuildSettings(), True)
    for name, value, message in (
        ("version", "8.5.2.2", r"built by TensorRT 8\.5\.2\.2; this is 10\.3\.0; build it again"),
        ("device", "Xavier sm_72", "built for Xavier sm_72; this is Orin sm_87; build it again"),
    ):
        record = json.loads(sidecar_path(plan).read_text())
        record["key"][name] = value
        other = plan.with_name(f"{name}.plan")
        other.write_bytes(plan.read_bytes())
        sidecar_path(other).write_text(json.dumps(record))
        with pytest.raises(PerceptionError, match=message):
            open_tensorrt(SPEC, other, {})
