# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a run ran on: the computer, and the versions of what computes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

_PACKAGES = {  # the names under which pip and Debian's Python packages know them
    "numpy": ("numpy",),
    "OpenCV": ("opencv-python-headless", "opencv-python", "opencv"),
    "TensorRT": ("tensorrt", "tensorrt-cu12", "tensorrt-cu13"),
    "ONNX Runtime": ("onnxruntime", "onnxruntime-gpu"),
    "LiteRT": ("ai-edge-litert",),
    "people_perception": ("people_perception", "people-perception"),
}


def describe_machine() -> dict[str, str]:
    """Name and value, in the order in which a person wants to read them; the host's name is not among them."""
    facts = {
        "processor": f"{_processor()}, {os.cpu_count()} cores, {platform.machine()}",
        "memory": _memory(),
        "system": f"{_system()}, Linux {platform.release()}",
        "Python": platform.python_version(),
        "ROS 2": f"{os.environ.get('ROS_DISTRO', 'unknown')}, {os.environ.get('RMW_IMPLEMENTATION', 'default RMW')}",
    }
    for title, names in _PACKAGES.items():
        version = next(filter(None, map(_version, names)), None)
        if version:
            facts[title] = version
    return facts


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
