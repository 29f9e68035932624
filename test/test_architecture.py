# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The import arrows of the package: who may know whom, and what an import may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from people_perception.share import PACKAGE

ROOT = Path(__file__).resolve().parent.parent / PACKAGE

# Rooms from the centre outwards: each may import the rooms of lower rank, and itself.
RANKS = {
    "errors": 0,
    "results": 0,
    "palette": 0,
    "association": 1,
    "anonymize": 2,
    "people": 2,
    "tracking": 2,
    "people_3d": 1,
    "message_fields": 1,
    "memory": 1,
    "share": 1,
    "yaml_text": 1,
    "options": 1,
    "geometry": 1,
    "images": 1,
    "catalogue": 2,
    "transports": 2,
    "preprocess": 3,
    "draw": 4,
    "decoders": 4,
    "engines": 4,
    "thresholds": 5,
    "store": 5,
    "selection": 6,
    "model": 7,
    "two_stage": 8,
    "loading": 9,
    "evaluation": 10,
    "report": 10,
    "benchmark": 11,
    "doctor": 10,
    "bags": 11,
    "sources": 12,
    "ros": 13,
    "cli": 14,
}
# Inside functions: recorded messages are converted as a node does; doctor looks at a graph, and bench measures one,
# where there is ROS.
ALLOWED = {("bags", "ros"), ("doctor", "ros"), ("benchmark", "ros")}
ROS = ("rclpy", "launch", "launch_ros", "lifecycle_msgs", "rcl_interfaces", "builtin_interfaces", "rosgraph_msgs")
HEAVY = (
    "tensorrt",
    "tensorrt_rtx",
    "pycuda",
    "onnxruntime",
    "ai_edge_litert",
    "cv2",
    "rclpy",
    "requests",
    "jsonschema",
    "trackers",
    "supervision",
)


def modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            if node.module == PACKAGE:
                found |= {f"{PACKAGE}.{alias.name}" for alias in node.names}
    return found


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_inwards(path: Path) -> None:
    here = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if here in ("__init__", "__main__"):
        return
    assert here in RANKS, f"{here} has no rank yet: give it one in {Path(__file__).name}"
    for name in imports(path):
        if not name.startswith(f"{PACKAGE}."):
            continue
        there = room(name)
        inwards = there == here or RANKS.get(there, -1) < RANKS[here]
        assert inwards or (here, there) in ALLOWED, f"{path.name} imports {name}: {here} may not know {there}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_ros_folder_knows_ros(path: Path) -> None:
    if path.relative_to(ROOT).parts[0] == "ros":
        return
    known = [n for n in imports(path) if n.split(".")[0] in ROS or n.split(".")[0].endswith("_msgs")]
    assert not known, f"{path.name} imports {', '.join(known)}"


def test_decoders_know_no_engine_and_nodes_know_no_decoder() -> None:
    for path in (ROOT / "decoders").rglob("*.py"):
        assert not any(room(n) in ("engines", "model") for n in imports(path) if n.startswith(PACKAGE)), path.name
    for path in (ROOT / "ros").rglob("*.py"):
        assert not any(room(n) in ("engines", "decoders") for n in imports(path) if n.startswith(PACKAGE)), path.name


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, {PACKAGE}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
