# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The computer and what is installed on it: Python, numpy, OpenCV, memory settings, the GPU and its software."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from people_perception.doctor.findings import Finding, error, ok, warning
from people_perception.engines.tensorrt_installation import (
    OLDEST,
    gpu_name,
    gpu_problem,
    tensorrt_version,
    version_numbers,
)
from people_perception.transports import MALLOC

_OLDEST_PYTHON, _NEWEST_PYTHON = (3, 10), (3, 13)
_JETPACK = {35: "JetPack 5", 36: "JetPack 6", 38: "JetPack 7"}
_NEWEST_OPENCV = 4
_RECEIVE_BUFFER = 4 << 20  # bytes; the usual 212,992 hold a thirtieth of a 1080p image
_SHARED_MEMORY = 512 << 20  # bytes; each process of Fast DDS takes 64 MB of it

_IMAGES = """
import numpy, cv2
cv2.resize(numpy.zeros((4, 4, 3), numpy.uint8), (2, 2))
print(numpy.__version__, cv2.__version__)
"""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Python is one that the package is tested with."""
    text = ".".join(map(str, version))
    if _OLDEST_PYTHON <= version[:2] <= _NEWEST_PYTHON:
        return ok("python", f"{text} on {platform.machine()}")
    return error(
        "python", f"{text}; 3.10 to 3.13 are supported", "tools/bootstrap.sh with PP_PYTHON naming a supported Python"
    )


def check_images(code: str = _IMAGES) -> Finding:
    """Numpy and OpenCV work together; a mismatched pair may end the process, so another one tries."""
    # Python looks for modules in the working directory first, and a user's may hold anything.
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        numpy_version, opencv_version = done.stdout.split()
        text = f"numpy {numpy_version}, OpenCV {opencv_version}"
        if version_numbers(opencv_version)[0] > _NEWEST_OPENCV:
            return warning("images", f"{text}: OpenCV 5 lacks parts of 4.x", 'pip install "opencv-python-headless<5"')
        return ok("images", text)
    if "_ARRAY_API" in done.stderr or "numpy.core.multiarray failed" in done.stderr:
        return error(
            "images",
            f"OpenCV is built for numpy 1, installed is numpy {_version('numpy')}",
            'pip install "numpy<2", or pip install "opencv-python-headless<5" for an OpenCV of its own',
        )
    reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return error("images", f"numpy and OpenCV do not work: {reason}", "sudo apt install python3-numpy python3-opencv")


def check_opencv_packages(installed: list[str] | None = None) -> Finding:
    """No two pip packages bring an OpenCV: they overwrite each other's files."""
    if installed is None:
        names = {d.metadata["Name"] or "" for d in importlib.metadata.distributions()}
        installed = sorted(name for name in names if re.fullmatch(r"opencv(-contrib)?-python(-headless)?", name))
    if len(installed) > 1:
        return warning(
            "opencv packages",
            f"{' and '.join(installed)} overwrite each other",
            f"pip uninstall {' '.join(installed[:-1])}",
        )
    return ok("opencv packages", installed[0] if installed else "the system's own")


def check_runtimes(versions: Mapping[str, str | None] | None = None) -> Finding:
    """At least one runtime for networks is installed."""
    if versions is None:
        versions = {
            "ONNX Runtime": _version("onnxruntime") or _version("onnxruntime-gpu"),
            "LiteRT": _version("ai-edge-litert"),
            "TensorRT": tensorrt_version(),
        }
    there = [f"{name} {version}" for name, version in versions.items() if version]
    if there:
        return ok("runtimes", ", ".join(there))
    return error(
        "runtimes", "none of ONNX Runtime, LiteRT and TensorRT is installed", "pip install onnxruntime ai-edge-litert"
    )


def check_allocator(environment: Mapping[str, str] = os.environ) -> Finding:
    """The C library keeps the memory of one image for the next; three times the speed for large images."""
    absent = [name for name in MALLOC if not environment.get(name)]
    if not absent:
        return ok("memory settings", "set")
    settings = " ".join(f"{name}={MALLOC[name]}" for name in absent)
    return warning("memory settings", f"{' and '.join(absent)} not set: images take longer", f"export {settings}")


def check_shared_memory(folder: Path = Path("/dev/shm")) -> Finding:
    """Shared memory is large enough for the transports of a few processes."""
    if not folder.is_dir():
        return warning(
            "shared memory", f"no {folder}: images go through the network stack", f"mount a tmpfs on {folder}"
        )
    usage = shutil.disk_usage(folder)
    text = f"{usage.free >> 20} of {usage.total >> 20} MB free in {folder}"
    if usage.free < _SHARED_MEMORY:
        return warning(
            "shared memory",
            f"{text}: too little for large images",
            "docker run --shm-size=1g, or delete stale files there",
        )
    return ok("shared memory", text)


def check_receive_buffer(setting: Path = Path("/proc/sys/net/core/rmem_max")) -> Finding:
    """The kernel lets sockets buffer more than a fraction of an image; only cameras of other machines need it."""
    try:
        size = int(setting.read_text())
    except (OSError, ValueError):
        return ok("receive buffers", "not known on this system")
    if size >= _RECEIVE_BUFFER:
        return ok("receive buffers", f"net.core.rmem_max is {size}")
    return warning(
        "receive buffers",
        f"net.core.rmem_max is {size}: large images from other machines get lost",
        "sudo sysctl -w net.core.rmem_max=33554432",
    )


def check_jetpack(release: Path = Path("/etc/nv_tegra_release")) -> Finding:
    """On a Jetson: the JetPack, told by its L4T release."""
    try:
        match = re.search(r"R(\d+) \(release\), REVISION: ([\d.]+)", release.read_text())
    except OSError:
        return ok("jetpack", "not a Jetson")
    if match is None:
        return warning("jetpack", f"{release} names no release", "sudo apt install nvidia-jetpack")
    version = f"L4T {match[1]}.{match[2]}"
    name = _JETPACK.get(int(match[1]))
    if name is None:
        return warning("jetpack", f"{version}: JetPack 5, 6 and 7 are supported", "flash the Jetson with one of them")
    return ok("jetpack", f"{name}, {version}")


def check_gpu(present: bool | None = None) -> Finding:
    """CUDA works from Python, where there is an NVIDIA GPU."""
    present = nvidia_gpu_present() if present is None else present
    problem = gpu_problem()
    if problem is None:
        import pycuda
        import pycuda.driver as cuda

        cuda_version, driver = (
            f"{v // 1000}.{v % 1000 // 10}" for v in (_number(cuda.get_version()), cuda.get_driver_version())
        )
        return ok(
            "gpu", f"{gpu_name(0)}, driver for CUDA {driver}, pycuda {pycuda.VERSION_TEXT} for CUDA {cuda_version}"
        )
    if not present:
        return ok("gpu", "no NVIDIA GPU; networks run on the CPU")
    message, _, fix = problem.partition("; ")
    return warning("gpu", f"an NVIDIA GPU is here, but {message}", fix)


def check_cuda(present: bool | None = None, toolkit: Path = Path("/usr/local/cuda")) -> Finding:
    """The CUDA toolkit, which pycuda is built with."""
    present = nvidia_gpu_present() if present is None else present
    try:
        version = json.loads((toolkit / "version.json").read_text())["cuda"]["version"]
        return ok("cuda toolkit", f"{version} in {toolkit}")
    except (OSError, ValueError, KeyError):
        pass
    if not present or gpu_problem() is None:
        return ok("cuda toolkit", "not installed and not needed")
    return warning(
        "cuda toolkit", f"none in {toolkit}; pycuda needs it", "sudo apt install nvidia-jetpack (on a Jetson)"
    )


def check_tensorrt(present: bool | None = None, version: str | None = None) -> Finding:
    """TensorRT is there and new enough, where there is an NVIDIA GPU."""
    present = nvidia_gpu_present() if present is None else present
    version = version or tensorrt_version()
    if version is None:
        if not present:
            return ok("tensorrt", "not installed; without an NVIDIA GPU it has no use")
        return warning(
            "tensorrt",
            "not installed: NVIDIA's networks run in ONNX Runtime or not at all",
            "sudo apt install nvidia-jetpack (on a Jetson), pip install tensorrt (elsewhere)",
        )
    if version_numbers(version) < OLDEST:
        return warning(
            "tensorrt", f"{version} is too old; 8.5 is the oldest that works", "update to JetPack 5.1 or later"
        )
    uff = "; etlt files of the UFF kind need 8.6 or older" if version_numbers(version)[0] > 8 else ""
    return ok("tensorrt", version + uff)


def nvidia_gpu_present() -> bool:
    """Whether the kernel knows an NVIDIA GPU, whatever is installed for it."""
    return any(Path(p).exists() for p in ("/dev/nvidia0", "/dev/nvhost-gpu", "/proc/driver/nvidia/version"))


def check_tools() -> Finding:
    """Npm is there, which brings the open models."""
    if shutil.which("npm"):
        return ok("npm", "brings the open models")
    return warning("npm", "not installed: the open models cannot be fetched", "sudo apt install npm")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        # Debian's packages of Python modules may come without their metadata.
        return "(unknown version)" if package == "onnxruntime" and find_spec(package) else None


def _number(version: tuple[int, ...]) -> int:
    return version[0] * 1000 + version[1] * 10
