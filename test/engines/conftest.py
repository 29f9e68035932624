# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Machines to test on: a simulated one with a GPU and TensorRT of some version, and this one with TensorRT for RTX."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import networks_for_builds as nets
import numpy as np
import pytest
from standin import gpu, libcuda

from people_perception.engines import cuda, cuda_graph, nvrtc
from people_perception.engines.cuda_preprocess import BLOCK, SOURCE

HERE = Path(__file__).parent
VERSIONS = ("8.5", "8.6", "10.3", "10.13", "11.1")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[gpu.Machine]:
    """A simulated Orin with pycuda and an engine folder of its own; a test fails on what would crash or leak there."""
    simulated = gpu.reset()
    monkeypatch.syspath_prepend(str(HERE / "standin"))
    monkeypatch.setenv("PP_ENGINE_DIR", str(tmp_path / "engines"))
    monkeypatch.setattr(cuda, "_gpus", {})
    driver = libcuda.Driver()
    monkeypatch.setattr(cuda_graph, "_driver", lambda: driver)
    monkeypatch.setattr(nvrtc, "Nvrtc", _NoCompiler)
    monkeypatch.setattr(gpu.machine, "driver", driver, raising=False)
    forget("pycuda")
    monkeypatch.setattr(cuda.atexit, "register", lambda finish: None)
    yield simulated
    forget("pycuda", "tensorrt")
    assert simulated.violations == []


@pytest.fixture
def tensorrt(machine: gpu.Machine, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Installs a version of TensorRT on the simulated machine and gives its module."""
    # Another test may have built with the real TensorRT for RTX; the simulated machine has none.
    monkeypatch.delitem(sys.modules, "tensorrt_rtx", raising=False)

    def install(version: str) -> ModuleType:
        forget("tensorrt")
        monkeypatch.syspath_prepend(str(HERE / "standin" / "versions" / version))
        importlib.invalidate_caches()
        return importlib.import_module("tensorrt")

    return install


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


@pytest.fixture(params=VERSIONS)
def trt(request: pytest.FixtureRequest, tensorrt: Callable[[str], ModuleType]) -> ModuleType:
    """Every version of TensorRT in turn."""
    return tensorrt(request.param)


@pytest.fixture
def engine_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An engine folder of this test's own; it does not exist yet."""
    monkeypatch.setenv("PP_ENGINE_DIR", str(tmp_path / "engines"))
    return tmp_path / "engines"


@pytest.fixture
def rtx() -> str:
    """The builder that needs no GPU."""
    if importlib.util.find_spec("tensorrt_rtx") is None:
        pytest.skip('TensorRT for RTX is not installed; "pip install tensorrt-rtx-cu13" on x86-64')
    return "tensorrt_rtx"


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """``kernels.cu`` compiled for the CPU."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("no g++ to compile the CUDA kernels for the CPU with")
    library = tmp_path_factory.mktemp("kernels") / "kernels.so"
    define = f'-DKERNELS="{SOURCE}"'
    source = str(HERE / "cuda_on_cpu.hpp")
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-x", "c++", define, source, "-o", str(library)],
        check=True,
    )
    return ctypes.CDLL(str(library))


@pytest.fixture
def compiled(machine: gpu.Machine, kernels: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> gpu.Machine:
    """The simulated machine with a compiler, and the real kernels on its memory."""
    monkeypatch.setattr(nvrtc, "Nvrtc", _Compiler)

    def preprocess(on: gpu.Machine, grid: Any, block: Any, image: int, tensor: int, plan: bytes) -> None:
        _, height, pitch, encoding, columns, rows = np.frombuffer(plan, np.int32, 6)
        half = np.frombuffer(plan, np.int32, 17)[16]
        assert block == BLOCK
        assert grid == (-(-columns // BLOCK[0]), -(-rows // BLOCK[1]))
        source = on.bytes_at(image, int(pitch * height * (1.5 if encoding == 4 else 1)))
        target = on.bytes_at(tensor, int(3 * columns * rows * (2 if half else 4)))
        kernels.run_preprocess(_pointer(source), _pointer(target), ctypes.c_char_p(plan))

    def narrow(size: int) -> Callable[..., None]:
        def run(on: gpu.Machine, grid: Any, block: Any, ids: int, target: int, count: int) -> None:
            assert grid[0] * block[0] >= count
            call = kernels.run_narrow_int32 if size == 4 else kernels.run_narrow_int64
            call(_pointer(on.bytes_at(ids, size * count)), _pointer(on.bytes_at(target, count)), count)

        return run

    machine.kernels = {"preprocess": preprocess, "narrow_int32": narrow(4), "narrow_int64": narrow(8)}
    return machine


class _Compiler:
    def compile(self, source: str, name: str, architecture: str) -> bytes:
        assert "preprocess" in source and architecture == "sm_87"
        return b"cubin"


class _NoCompiler:
    def __init__(self) -> None:
        from people_perception.errors import PerceptionError

        raise PerceptionError("NVRTC (libnvrtc) is not installed")


def _pointer(memory: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(memory.ctypes.data)


def forget(*packages: str) -> None:
    """Import these anew next time."""
    for name in list(sys.modules):
        if name.split(".")[0] in packages:
            del sys.modules[name]
