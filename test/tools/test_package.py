# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The package as colcon installs it, and what it says that it needs."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "people_perception").rglob("*.py"))
SCRIPTS = [*sorted((ROOT / "tools").glob("*.sh")), ROOT / ".ci" / "run"]


def tracked(*paths: str) -> list[str]:
    """The files of the repository below ``paths`` that are there."""
    listed = subprocess.run(["git", "ls-files", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prefix after the command by which colcon installs an ament_python package."""
    folder = tmp_path_factory.mktemp("colcon")
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    command += ["build", "--build-base", str(folder / "build")]
    command += ["install", "--prefix", str(folder / "install"), "--record", str(folder / "record")]
    command += ["--single-version-externally-managed"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder / "install"


def test_the_executables_are_where_ros_looks(installed: Path) -> None:
    names = {path.name for path in (installed / "lib" / "people_perception").iterdir()}
    assert names >= {
        "people_perception",
        "peoplenet_node",
        "facedetect_ir_node",
        "peoplesemsegnet_node",
        "peoplesegnet_node",
        "overlay_node",
        "anonymize_node",
        "people_node",
        "people_3d_node",
        "people_perception_node",
    }


def test_every_data_file_is_installed(installed: Path) -> None:
    share = installed / "share"
    assert (share / "ament_index" / "resource_index" / "packages" / "people_perception").is_file()
    names = tracked("package.xml", "launch", "config", "models", "rviz")
    missing = [name for name in names if not (share / "people_perception" / name).is_file()]
    assert missing == []


def test_every_file_of_the_python_package_is_installed(installed: Path) -> None:
    (site_packages,) = installed.glob("lib/python*/site-packages")
    missing = [name for name in tracked("people_perception") if not (site_packages / name).is_file()]
    assert missing == []


def third_party_imports() -> set[str]:
    """The names of all modules that the package imports and that are neither its own nor Python's."""
    names: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module)
    top = {name.partition(".")[0] for name in names}
    return top - sys.stdlib_module_names - {"people_perception"}


# What brings a module whose key is neither its name nor "python3-" and its name.
KEYS = {"cv2": "python3-opencv", "tf2_ros": "tf2_ros_py", "urllib3": "python3-requests", "yaml": "python3-yaml"}
# Imported only where they are used, and from other sources than rosdep: see the comment in package.xml.
ENGINES = {"ai_edge_litert", "cuda", "eff_tao_encryption", "onnx", "onnxruntime", "pycuda", "tensorrt"}
TOOLS = {"pycocotools", "rosbags", "skimage"}
OPTIONAL = {"ray", "sklearn"}  # a cluster of machines, and what bench compares with
TRACKING = {"supervision", "trackers"}
COMES_WITH_ROSBAGS = {"backports", "compression", "lz4"}


def test_package_xml_names_what_is_imported() -> None:
    tree = ElementTree.parse(ROOT / "package.xml")
    keys = {element.text for kind in ("depend", "exec_depend") for element in tree.iter(kind)}
    wanted = third_party_imports() - ENGINES - TOOLS - OPTIONAL - TRACKING - COMES_WITH_ROSBAGS
    missing = {name for name in wanted if not {name, f"python3-{name}", KEYS.get(name)} & keys}
    assert missing == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_shell_script_is_clean(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    result = subprocess.run([shellcheck, "-x", script], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert script.name == "env.sh" or os.access(script, os.X_OK)


def test_a_robot_gets_from_pip_what_rosdep_does_not_have() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from absent_requirements import MODULES
    finally:
        sys.path.pop(0)
    pinned = {
        line.partition("==")[0]
        for name in ("runtime", "test")
        for line in (ROOT / "tools" / "requirements" / f"{name}.txt").read_text().splitlines()
    }
    assert set(MODULES) <= pinned
    optional = {"cuda", "eff_tao_encryption", "pycuda", "tensorrt"}
    assert (ENGINES | TOOLS) - optional <= set(MODULES.values())


def test_every_source_says_whose_it_is_and_under_which_licence() -> None:
    lines = ["# Copyright 2026 The people_perception authors", "# SPDX-License-Identifier: Apache-2.0"]
    without = []
    for name in tracked("*.py", "*.sh"):
        head = (ROOT / name).read_text(encoding="utf-8").splitlines()[:3]
        if lines not in (head[:2], head[1:]):
            without.append(name)
    assert without == []
