# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``doctor`` on this machine, and each check on a machine that is broken in its way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from people_perception import cli
from people_perception.catalogue import get_spec, load_catalogue
from people_perception.cli.doctor import report
from people_perception.doctor import findings, machine, models
from people_perception.doctor.findings import Finding, examine
from people_perception.engines import cache
from people_perception.errors import PerceptionError
from people_perception.store.importer import import_files


def levels(found: Iterable[Finding]) -> dict[str, str]:
    return {finding.check: finding.level for finding in found}


def only(found: Iterable[Finding], check: str) -> Finding:
    matching = [finding for finding in found if finding.check == check]
    assert len(matching) == 1, matching
    return matching[0]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("PP_MODEL_DIR", str(folder))
    return folder


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "engines"
    folder.mkdir()
    monkeypatch.setenv("PP_ENGINE_DIR", str(folder))
    return folder


# ---- The command ---------------------------------------------------------------------------------------------------


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "people_perception", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_everything_on_this_machine(store: Path) -> None:
    result = doctor("--json")
    found = [Finding(**entry) for entry in json.loads(result.stdout)]
    checks = {finding.check for finding in found}
    assert checks >= {
        *("python", "images", "opencv packages", "runtimes", "memory settings", "shared memory", "receive buffers"),
        *("jetpack", "gpu", "cuda toolkit", "tensorrt", "npm", "ros", "model files", "engines"),
        *(f"model {name}" for name in load_catalogue()),
    }
    for finding in found:
        assert finding.level in findings.LEVELS
        assert bool(finding.fix) == (finding.level != "ok"), finding
        assert "\n" not in finding.message + finding.fix
    assert result.returncode == 1  # the store is empty
    assert "-> people_perception models fetch open" in report(found, colour=False)


def test_the_table_for_a_person(store: Path) -> None:
    result = doctor("--no-graph")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert any(line.startswith("  ok    python") for line in lines)
    assert any(line.startswith(" ERROR  model peoplenet") for line in lines)
    assert "\033" not in result.stdout  # no colours into a pipe
    assert lines[-1].endswith(" error")


def test_no_error_exits_with_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = [findings.ok("a", "fine"), findings.warning("b", "slow", "mend it")]
    monkeypatch.setattr("people_perception.cli.doctor.diagnose", lambda *_: found)
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 ok, 1 warning, 0 error"


def test_a_time_out_of_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--seconds", "nan"]) == 2
    assert "--seconds nan: expected 0.1 to 600" in capsys.readouterr().err


def test_a_check_that_fails_is_a_finding() -> None:
    def check_broken() -> Finding:
        raise KeyError("no such thing")

    def check_refused() -> Finding:
        raise PerceptionError("a.lock: damaged; delete it")

    assert examine(check_broken)[0].message == "the check itself failed: KeyError: 'no such thing'"
    assert examine(check_refused) == [Finding("refused", "error", "a.lock: damaged", "delete it")]
    with pytest.raises(KeyError):
        examine(check_broken, debug=True)


# ---- The machine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "level"), [((3, 9, 18), "error"), ((3, 10, 0), "ok"), ((3, 13, 1), "ok"), ((3, 14, 0), "error")]
)
def test_python(version: tuple[int, ...], level: str) -> None:
    assert machine.check_python(version).level == level


def test_numpy_and_opencv_work_here() -> None:
    finding = machine.check_images()
    assert finding.level == "ok"
    assert "OpenCV 4." in finding.message


@pytest.mark.parametrize(
    ("code", "level", "message"),
    [
        ("raise ImportError('numpy.core.multiarray failed to import')", "error", "OpenCV is built for numpy 1"),
        ("raise AttributeError('_ARRAY_API not found')", "error", "OpenCV is built for numpy 1"),
        ("import os; os.abort()", "error", "numpy and OpenCV do not work: exit status -6"),
        ("raise ImportError('libGL.so.1: cannot open')", "error", "do not work: ImportError: libGL.so.1: cannot open"),
        ("print('2.2.6', '5.0.0')", "warning", "OpenCV 5 lacks parts of 4.x"),
    ],
)
def test_numpy_and_opencv_that_clash(code: str, level: str, message: str) -> None:
    finding = machine.check_images(code)
    assert finding.level == level
    assert message in finding.message


def test_two_opencv_packages() -> None:
    finding = machine.check_opencv_packages(["opencv-python", "opencv-python-headless"])
    assert (finding.level, finding.fix) == ("warning", "pip uninstall opencv-python")


def test_no_runtime_at_all() -> None:
    assert machine.check_runtimes({"ONNX Runtime": None, "LiteRT": None}).level == "error"
    assert machine.check_runtimes({"LiteRT": "2.3.0"}).message == "LiteRT 2.3.0"


def test_memory_settings() -> None:
    finding = machine.check_allocator({"MALLOC_TRIM_THRESHOLD_": "1"})
    assert finding.level == "warning"
    assert finding.fix == "export MALLOC_MMAP_THRESHOLD_=536870912"
    assert machine.check_allocator({"MALLOC_TRIM_THRESHOLD_": "1", "MALLOC_MMAP_THRESHOLD_": "1"}).level == "ok"


def test_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.check_shared_memory(tmp_path / "absent").level == "warning"
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(total=64 << 20, free=64 << 20))
    finding = machine.check_shared_memory(tmp_path)
    assert finding.level == "warning"
    assert "64 of 64 MB free" in finding.message
    assert "--shm-size=1g" in finding.fix


@pytest.mark.parametrize(("text", "level"), [("212992\n", "warning"), ("33554432\n", "ok"), ("nonsense", "ok")])
def test_receive_buffers(tmp_path: Path, text: str, level: str) -> None:
    setting = tmp_path / "rmem_max"
    setting.write_text(text)
    assert machine.check_receive_buffer(setting).level == level


@pytest.mark.parametrize(
    ("text", "level", "message"),
    [
        ("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic", "ok", "JetPack 6, L4T 36.4.3"),
        ("# R35 (release), REVISION: 6.0, GCID: 1", "ok", "JetPack 5, L4T 35.6.0"),
        ("# R32 (release), REVISION: 7.1, GCID: 1", "warning", "L4T 32.7.1: JetPack 5, 6 and 7 are supported"),
        ("nonsense", "warning", "names no release"),
        (None, "ok", "not a Jetson"),
    ],
)
def test_jetpack(tmp_path: Path, text: str | None, level: str, message: str) -> None:
    release = tmp_path / "nv_tegra_release"
    if text is not None:
        release.write_text(text)
    finding = machine.check_jetpack(release)
    assert finding.level == level
    assert message in finding.message


def test_a_gpu_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = "pycuda is not installed; pip install pycuda"
    monkeypatch.setattr(machine, "gpu_problem", lambda: problem)
    finding = machine.check_gpu(present=True)
    assert finding == Finding(
        "gpu", "warning", "an NVIDIA GPU is here, but pycuda is not installed", "pip install pycuda"
    )
    assert machine.check_gpu(present=False).level == "ok"


def test_the_cuda_toolkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpu_problem", lambda: "pycuda is not installed; pip install pycuda")
    assert machine.check_cuda(present=True, toolkit=tmp_path).level == "warning"
    assert machine.check_cuda(present=False, toolkit=tmp_path).level == "ok"
    (tmp_path / "version.json").write_text('{"cuda": {"name": "CUDA SDK", "version": "12.6.68"}}')
    assert machine.check_cuda(present=True, toolkit=tmp_path).message == f"12.6.68 in {tmp_path}"


@pytest.mark.parametrize(
    ("version", "level", "message"),
    [
        ("8.4.1", "warning", "too old"),
        ("8.5.2", "ok", "8.5.2"),
        ("10.3.0", "ok", "etlt files of the UFF kind need 8.6"),
    ],
)
def test_tensorrt_versions(version: str, level: str, message: str) -> None:
    finding = machine.check_tensorrt(present=True, version=version)
    assert finding.level == level
    assert message in finding.message


def test_no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "tensorrt_version", lambda: None)
    assert machine.check_tensorrt(present=True).level == "warning"
    assert machine.check_tensorrt(present=False).level == "ok"


def test_no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert machine.check_tools() == Finding(
        "npm", "warning", "not installed: the open models cannot be fetched", "sudo apt install npm"
    )


# ---- Models and engines --------------------------------------------------------------------------------------------


def test_no_models_at_all(store: Path) -> None:
    found = list(models.check_selection())
    finding = only(found, "model peoplenet")
    assert finding.level == "error"
    assert finding.message == f"cannot run: no weights in {store / 'peoplenet'}"
    assert finding.fix == "people_perception models fetch open"
    assert only(found, "model open_person").level == "warning"


def test_an_open_model_stands_in(store: Path) -> None:
    (store / "open_person").mkdir(parents=True)
    (store / "open_person" / get_spec("open_person").weights[0].file).write_bytes(b"x")
    finding = only(models.check_selection(), "model peoplenet")
    assert finding.level == "warning"
    assert finding.message == f"open_person stands in for peoplenet: no weights in {store / 'peoplenet'}"
    assert finding.fix == "people_perception models fetch peoplenet"


def test_weights_that_this_machine_cannot_run(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in (("open_face", None), ("facedetect_ir", "resnet18_facedetectir_pruned.etlt")):
        (store / name).mkdir(parents=True)
        (store / name / (file or get_spec(name).weights[0].file)).write_bytes(b"x")
    problem = "people_perception.engines.tensorrt_installation.tensorrt_problem"
    monkeypatch.setattr(problem, lambda: "TensorRT is not installed")
    finding = only(models.check_selection(), "model facedetect_ir")
    assert finding.level == "warning"
    assert finding.message.endswith("resnet18_facedetectir_pruned.etlt: TensorRT is not installed")
    assert finding.fix.endswith("people_perception models import facedetect_ir FILE")


def test_a_model_that_runs_and_why(store: Path, assets: Path) -> None:
    import_files(get_spec("peoplenet"), [assets / "weights" / "peoplenet.onnx"])
    finding = only(models.check_selection(), "model peoplenet")
    assert finding.level == "ok"
    assert "runs peoplenet.onnx" in finding.message
    assert list(models.check_files())[-1].message == f"1 verified in {store}"


def test_a_model_file_that_changed(store: Path, assets: Path) -> None:
    path = import_files(get_spec("peoplenet"), [assets / "weights" / "peoplenet.onnx"])[0]
    with path.open("ab") as file:
        file.write(b"x")
    finding = next(iter(models.check_files()))
    assert finding.level == "error"
    assert finding.message.startswith("peoplenet/peoplenet.onnx: sha256 differs from the recorded")
    assert finding.fix.startswith("import it again, it came from")
    path.unlink()
    finding = next(iter(models.check_files()))
    assert (finding.level, finding.message) == ("warning", "peoplenet/peoplenet.onnx: recorded, but not there")


def test_a_model_file_put_there_by_hand(store: Path) -> None:
    (store / "peoplenet").mkdir(parents=True)
    (store / "peoplenet" / "resnet34_peoplenet.onnx").write_bytes(b"x")
    finding = next(iter(models.check_files()))
    assert (finding.level, finding.message) == ("warning", "peoplenet/resnet34_peoplenet.onnx: put there by hand")
    assert "models import peoplenet" in finding.fix


PLAN = b"ftrt" + bytes(12) + (124).to_bytes(8, "little") + bytes(100)


@pytest.fixture
def plan(engines: Path) -> Callable[..., Path]:
    def build(version: str = "10.3.0", device: str = "Orin sm_87") -> Path:
        key = cache.EngineKey("peoplenet", "0" * 64, "tensorrt", version, device, "fp16", (1, 1, 1), (960, 544))
        finished = engines / "finished"
        finished.write_bytes(PLAN)
        return cache.store_plan(engines, key, finished, {})

    return build


def jetson(monkeypatch: pytest.MonkeyPatch, version: str = "10.3.0") -> None:
    """What an Orin with JetPack 6 answers."""
    monkeypatch.setattr(models, "tensorrt_version", lambda module: version if module == "tensorrt" else None)
    monkeypatch.setattr(models, "gpu_problem", lambda: None)
    monkeypatch.setattr(models, "gpu_name", lambda device: "Orin sm_87")


def test_no_engines(engines: Path) -> None:
    assert [f.message for f in models.check_engines()] == [f"none built yet in {engines}"]


def test_an_engine_that_fits(plan: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    jetson(monkeypatch)
    path = plan()
    assert list(models.check_engines()) == [
        Finding(f"engine {path.name}", "ok", "peoplenet, fp16, tensorrt 10.3.0, Orin sm_87")
    ]


@pytest.mark.parametrize(
    ("built", "message"),
    [
        ({"version": "8.5.2"}, "built with tensorrt 8.5.2, which is 10.3.0 here: not used"),
        ({"device": "Xavier sm_72"}, "built for Xavier sm_72, this GPU is Orin sm_87: not used"),
    ],
)
def test_an_engine_of_another_machine(
    plan: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, built: Mapping[str, str], message: str
) -> None:
    jetson(monkeypatch)
    plan(**built)
    (finding,) = models.check_engines()
    assert (finding.level, finding.message, finding.fix) == ("warning", message, "people_perception build peoplenet")


def test_an_engine_without_any_tensorrt(plan: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "tensorrt_version", lambda module: None)
    plan()
    (finding,) = models.check_engines()
    assert finding.message == "built with tensorrt 10.3.0, which is not installed here: not used"


def test_a_damaged_engine(plan: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    jetson(monkeypatch)
    path = plan()
    path.write_bytes(PLAN[:-1])
    (finding,) = models.check_engines()
    assert finding.level == "error"
    assert f"{len(PLAN) - 1} bytes instead of the recorded {len(PLAN)}" in finding.message
    assert finding.fix.startswith(f"rm {path}")


def test_an_engine_that_nobody_built(engines: Path) -> None:
    (engines / "found.plan").write_bytes(PLAN)
    (finding,) = models.check_engines()
    assert (finding.level, finding.fix) == ("warning", f"rm {engines / 'found.plan'}")
