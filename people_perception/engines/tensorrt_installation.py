# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which TensorRT this machine has, and what is missing to use it."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from people_perception.errors import PerceptionError

OLDEST = (8, 5)
"""The first version with tensors by name, that of JetPack 5.1."""

_INSTALL = {
    "tensorrt": 'on a Jetson run "sudo apt install nvidia-jetpack", elsewhere "pip install tensorrt" (docs/jetson.md)',
    "tensorrt_rtx": 'run "pip install tensorrt-rtx-cu13" (x86-64 only)',
}


def tensorrt_version(module: str = "tensorrt") -> str | None:
    """The installed version, read from the files without loading the libraries; None when it is not installed.

    The builder module and the runtime module must not be loaded into one process, so a look at one may not import it.
    """
    for name in (module, f"{module}_bindings"):
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.origin:
            continue
        match = re.search(r'^__version__ = "([0-9.]+)"', Path(spec.origin).read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return match.group(1)
    return None


def version_numbers(version: str) -> tuple[int, ...]:
    """``10.3.0`` as (10, 3, 0)."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def builder_problem(module: str = "tensorrt") -> str | None:
    """One line: why no engine can be built with ``module`` here and what to install, or None."""
    version = tensorrt_version(module)
    if version is None:
        return f"TensorRT is not installed (no Python module {module}); {_INSTALL[module]}"
    if module == "tensorrt_rtx":
        return None  # its builder needs no GPU
    if version_numbers(version) < OLDEST:
        return f"TensorRT {version} is too old; 8.5 (JetPack 5.1) is the oldest that works"
    return gpu_problem()


def tensorrt_problem() -> str | None:
    """One line: why TensorRT cannot run here and what to install, or None. Costs little, loads no TensorRT."""
    return builder_problem("tensorrt")


def gpu_problem() -> str | None:
    """One line: why CUDA cannot be used from Python here, or None."""
    if importlib.util.find_spec("pycuda") is None:
        return 'pycuda is not installed; with CUDA\'s nvcc on the PATH run "pip install pycuda" (docs/jetson.md)'
    try:
        import pycuda.driver as cuda

        cuda.init()
        count = cuda.Device.count()
    except Exception as error:  # pycuda has an exception type a failure, and its libraries may be absent
        return (
            f"CUDA does not start: {' '.join(str(error).split())}; check the NVIDIA driver, and that pycuda was built "
            "for the installed CUDA (docs/jetson.md)"
        )
    return None if count else "no NVIDIA GPU is visible; check the driver and CUDA_VISIBLE_DEVICES"


def gpu_name(device: int) -> str:
    """The GPU by its name and compute capability, such as ``Orin sm_87``; the key of what was built for it.

    Raises:
        PerceptionError: there is no such GPU.
    """
    import pycuda.driver as cuda

    cuda.init()
    count = cuda.Device.count()
    if device >= count:
        raise PerceptionError(f"device={device}: this machine has {count} NVIDIA GPU(s), counted from 0")
    gpu = cuda.Device(device)
    major, minor = gpu.compute_capability()
    return f"{gpu.name()} sm_{major}{minor}"


def import_tensorrt(module: str) -> Any:
    """The Python module, and never both of them in one process: their libraries share symbols.

    Raises:
        PerceptionError: not installed, does not load, or the other one is loaded already.
    """
    for other in set(_INSTALL) - {module}:
        if other in sys.modules:
            raise PerceptionError(f"{module} and {other} cannot be loaded into one process; use one process for each")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        problem = builder_problem(module) or f"{module} does not load: {' '.join(str(error).split())}"
        raise PerceptionError(problem) from error
