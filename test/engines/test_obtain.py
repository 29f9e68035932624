# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Obtaining engines: built in a process of its own, found again, and nothing left behind when that is killed."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks_for_builds as nets
import numpy as np
import pytest
from standin import gpu
from standin.tensorrt_builder import read_plan

import people_perception as pp
from people_perception.catalogue import get_spec
from people_perception.engines.build import BuildSettings, Progress, obtain, obtain_plan
from people_perception.engines.cache import check_plan, folder_lock, sidecar_path
from people_perception.engines.tensorrt import TensorRtEngine, _Logged, open_tensorrt
from people_perception.errors import PerceptionError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture
def simulated(tensorrt: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Installs a TensorRT that the build's own process finds too."""

    def install(version: str) -> Any:
        paths = [HERE, HERE / "standin", HERE / "standin" / "versions" / version]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")]))
        return tensorrt(version)

    return install


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return nets.free_batch(nets.CONTRACTS["peoplenet"](tmp_path / "peoplenet.onnx"))


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
    for stage in ("reading the network", "building", "Timing tactics", "writing the engine"):
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


# Killing, with the real builder where it is installed.


def start_build(
    engines: Path, network: Path, builder: str, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "people_perception", "build", "peoplenet", "--weights", str(network)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    full = {**os.environ, "PP_ENGINE_DIR": str(engines), "PYTHONPATH": path, **(env or {})}
    return subprocess.Popen(
        [*command, "--builder", builder], env=full, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def workers(engines: Path) -> list[int]:
    """The processes that build into a folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"builder.worker" in command and f"PP_ENGINE_DIR={engines}\0".encode() in environment:
            found.append(int(folder.name))
    return found


def settled(engines: Path) -> None:
    """Wait for the builder to notice that its parent is gone."""
    end = time.monotonic() + 5
    while workers(engines):
        assert time.monotonic() < end, "the builder outlived its parent"
        time.sleep(0.02)


def nothing_but_whole_plans(engines: Path) -> int:
    """No lock, no unfinished file and no plan that is not whole; how many plans there are."""
    settled(engines)
    if not engines.is_dir():
        return 0
    start = time.monotonic()
    with folder_lock(engines):
        assert time.monotonic() - start < 0.5
    names = {p.name for p in engines.iterdir()}
    plans = [engines / name for name in names if name.endswith(".plan")]
    for plan in plans:
        check_plan(plan, "tensorrt_rtx")
    assert {n for n in names if not n.endswith((".plan", ".plan.json"))} == set()
    return len(plans)


def test_killing_at_any_moment_leaves_nothing(rtx: str, network: Path, tmp_path: Path) -> None:
    moments = random.Random(0)
    whole = 0
    for attempt in range(10):
        engines = tmp_path / f"engines{attempt}"
        build = start_build(engines, network, rtx)
        assert build.stderr
        if attempt % 2:
            build.stderr.readline()  # the builder has begun
        time.sleep(moments.uniform(0, 0.3))
        build.kill()
        build.wait()
        build.stderr.close()
        whole += nothing_but_whole_plans(engines)
    assert whole < 10
    build = start_build(engines, network, rtx)
    build.communicate(timeout=30)
    assert build.returncode == 0
    assert nothing_but_whole_plans(engines) == 1


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_ending_a_build_in_the_middle(simulated, network: Path, engine_folder: Path, how: int, status: int) -> None:
    simulated("10.3")
    build = start_build(engine_folder, network, "tensorrt", {"STANDIN_BUILD": "__import__('time').sleep(60)"})
    end = time.monotonic() + 10
    while not any(p.name.startswith(".building") for p in engine_folder.glob("*")) and not workers(engine_folder):
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.1)
    build.send_signal(how)
    _, said = build.communicate(timeout=10)
    assert build.returncode == status
    assert b"Traceback" not in said
    settled(engine_folder)
    assert [p for p in engine_folder.iterdir() if ".plan" in p.name or p.name.startswith(".")] == []


# etlt, by a tao-converter that writes what it was given.


def etlt(path: Path, input_name: bytes) -> Path:
    path.write_bytes(len(input_name).to_bytes(4, "little") + input_name + bytes(range(64)))
    return path


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name on the PATH; its arguments are in the file that is returned."""
    tools, said = tmp_path / "bin", tmp_path / "arguments.json"
    tools.mkdir()
    program = tools / "tao-converter"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from standin.tensorrt_runtime import plan_bytes\n"
        f"json.dump(sys.argv[1:], open({str(said)!r}, 'w'))\n"
        "key = sys.argv[sys.argv.index('-k') + 1]\n"
        "if key == 'wrong': sys.exit(print('[ERROR] UffParser: Unsupported number of graph 0') or 0)\n"
        "print('[INFO] building')\n"
        "open(sys.argv[sys.argv.index('-e') + 1], 'wb').write(plan_bytes({'version': '8.5.2.2', 'tensors': []}))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), os.environ["PATH"]]))
    return said


def test_uff_goes_through_tao_converter(simulated, converter: Path, tmp_path: Path) -> None:
    simulated("8.5")
    spec = get_spec("facedetect_ir")
    weights = etlt(tmp_path / "resnet18_facedetectir_pruned.etlt", b"input_1")
    cache = nets.calibration(tmp_path / "facedetectir_int8.txt", "input_1")
    asked = {"precision": "int8", "batch": (1, 1, 2), "workspace_mib": 8, "dla_core": 0, "log_level": "info"}
    settings = BuildSettings.of(spec, weights, **asked)
    lines: list[str] = []
    built = obtain(spec, weights, settings, True, lambda p: lines.append(p.log or ""))
    arguments = json.loads(converter.read_text())
    assert arguments[:2] == ["-k", "tlt_encode"]
    options = dict(zip(arguments[2:-1:2], arguments[3:-1:2], strict=True))
    target = options.pop("-e")
    assert Path(target).parent == built.plan.parent
    assert options == {
        "-o": "output_cov/Sigmoid,output_bbox/BiasAdd",
        "-t": "int8",
        "-i": "nchw",
        "-m": "2",
        "-d": "3,240,384",
        "-c": str(cache),
        "-w": str(8 << 20),
        "-u": "0",
    }
    assert arguments[-1] == str(weights)
    assert "[INFO] building" in lines
    assert "tlt_encode" not in sidecar_path(built.plan).read_text()


def test_onnx_in_an_etlt_gets_a_profile(simulated, converter: Path, tmp_path: Path) -> None:
    simulated("8.6")
    obtain(SPEC, etlt(tmp_path / "a.etlt", b""), BuildSettings(batch=(1, 2, 4), key="mine"), True)
    arguments = json.loads(converter.read_text())
    assert arguments[arguments.index("-p") + 1] == "input_1,1x3x544x960,2x3x544x960,4x3x544x960"
    assert arguments[:2] == ["-k", "mine"]


def test_a_converter_that_fails_quietly_is_noticed(simulated, converter: Path, tmp_path: Path) -> None:
    simulated("8.5")
    with pytest.raises(
        PerceptionError, match=r"a\.etlt: tao-converter failed \(\[ERROR\] UffParser.*\); is the key right\?"
    ):
        obtain(SPEC, etlt(tmp_path / "a.etlt", b"input_1"), BuildSettings(key="wrong"), True)


@pytest.mark.parametrize(
    ("version", "input_name", "message"),
    [
        (
            "10.3",
            b"Input",
            "holds UFF, which ended with TensorRT 8.6, and this is 10.3.0; use it on JetPack 5, bring an ONNX",
        ),
        ("8.5", b"Input", "holds UFF, which needs tao-converter on the PATH; get the one for TensorRT 8.5.2.2"),
        ("10.3", b"", 'an etlt needs NVIDIA\'s decoder; .*"pip install nvidia-eff-tao-encryption"'),
    ],
)
def test_an_etlt_that_nothing_here_can_read(
    simulated, tmp_path: Path, version: str, input_name: bytes, message: str
) -> None:
    simulated(version)
    with pytest.raises(PerceptionError, match=message):
        obtain(SPEC, etlt(tmp_path / "a.etlt", input_name), BuildSettings(key="k"), True)


def test_what_is_no_etlt_or_has_no_key(simulated, tmp_path: Path) -> None:
    simulated("10.3")
    fake = tmp_path / "a.etlt"
    fake.write_bytes(b"\xff\xff\xff\x7f" + bytes(100))
    with pytest.raises(PerceptionError, match=r"a\.etlt: not an etlt file"):
        obtain(SPEC, fake, BuildSettings(key="k"), True)
    with pytest.raises(PerceptionError, match=r"an etlt needs its key; give it \(key, --key\)"):
        obtain(SPEC, etlt(tmp_path / "b.etlt", b""), BuildSettings(), True)


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for NVIDIA's decoder: the ciphertext is the network xor the key's first byte."""
    package = tmp_path / "decoder" / "eff_tao_encryption"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "tao_codec.py").write_text(
        "def decrypt_stream(source, target, key, encryption=False, rewind=True):\n"
        "    assert encryption and not rewind\n"
        "    target.write(bytes(b ^ key[0] for b in source.read()))\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))


def test_onnx_in_an_etlt_through_nvidias_decoder(simulated, decoder: None, network: Path, tmp_path: Path) -> None:
    simulated("11.1")
    weights = tmp_path / "a.etlt"
    weights.write_bytes(bytes(4) + bytes(b ^ ord("k") for b in network.read_bytes()))
    built = obtain(SPEC, weights, BuildSettings(key="k"), True)
    assert read_plan(built.plan.read_bytes())["tensors"][0]["name"] == "input_1:0"
    with pytest.raises(PerceptionError, match=r"\(decoded from an etlt: is the key right\?\)"):
        obtain(SPEC, weights, BuildSettings(key="x", precision="fp32"), True)
