# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The launch files name only what exists; where the launch system is installed, they bring the graph up."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from people_perception.catalogue import load_catalogue
from people_perception.ros.overlay import SOURCES
from people_perception.ros.parameters import ANONYMIZE, OVERLAY, PERCEPTION

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
SHARED = ROOT / "people_perception" / "ros" / "launch_graph.py"
HAVE_LAUNCH = importlib.util.find_spec("launch_ros") is not None


def texts(path: Path) -> set[str]:
    """Every string constant of a file, docstrings left out."""
    tree = ast.parse(path.read_text())
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = (n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    return {n.value for n in constants if id(n) not in docstrings}


def executables() -> set[str]:
    return set(re.findall(r"(\w+_node)", (ROOT / "setup.py").read_text()))


def test_there_is_a_launch_file_for_everything_and_for_each_network() -> None:
    names = {path.name.removesuffix(".launch.py") for path in FILES}
    assert names == {"people_perception", "peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet", "replay"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_launch_file_compiles_and_starts_models_that_exist(path: Path) -> None:
    tree = ast.parse(path.read_text())
    compile(tree, str(path), "exec")
    assert any(isinstance(n, ast.FunctionDef) and n.name == "generate_launch_description" for n in tree.body)
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "graph"]
    for call in calls:
        assert isinstance(call.args[0], ast.Constant)
        assert set(call.args[0].value.split(",")) <= set(load_catalogue())
    for name in [t for t in texts(path) if t.endswith(".launch.py")]:
        assert (ROOT / "launch" / name).is_file()


def test_every_executable_and_configuration_file_that_is_named_exists() -> None:
    named = texts(SHARED)
    nodes = {t for t in named if t.endswith("_node")}
    assert nodes == {"people_perception_node", "overlay_node", "anonymize_node", "people_node", "people_3d_node"} | {
        f"{name}_node" for name in ("peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet")
    }
    assert nodes <= executables()
    for name in [t for t in named if t.endswith(".yaml")]:
        assert (ROOT / "config" / name).is_file(), name
    for name in [t for t in named if t.endswith(".rviz")]:
        assert (ROOT / "rviz" / name).is_file(), name


def test_every_parameter_that_is_passed_exists() -> None:
    tree = ast.parse(SHARED.read_text())
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    passed = {
        n.value
        for n in ast.walk(functions["_perception"])
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and re.fullmatch(r"[a-z_]+", n.value)
    } - {"people_perception", "config"}
    known = {p.name for p in PERCEPTION} | {"use_sim_time"}
    assert passed and passed <= known, passed - known
    for table in (OVERLAY, ANONYMIZE):
        assert {"image_transport"} <= {p.name for p in table}


def test_rviz_shows_topics_that_are_published() -> None:
    config = yaml.safe_load((ROOT / "rviz" / "people_perception.rviz").read_text())
    topics = {d["Topic"]["Value"] for d in config["Visualization Manager"]["Displays"]}
    published = {f"/people/{t}" for t in (*SOURCES, "overlay", "segmentation/colored", "image")}
    assert topics <= published
    assert {"/people/overlay", "/people/segmentation/colored", "/people/image"} <= topics


@pytest.mark.skipif(not HAVE_LAUNCH, reason="the launch system is not installed: it is on no package registry")
@pytest.mark.parametrize("composed", ["true", "false"])
def test_the_graph_comes_up_under_the_launch_system_and_goes_down_cleanly(composed: str, tmp_path: Path) -> None:
    from networks import model_folder

    models = model_folder(tmp_path / "models")
    command = ["ros2", "launch", "people_perception", "people_perception.launch.py", f"composed:={composed}"]
    environment = {**os.environ, "PP_MODEL_DIR": str(models)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        import rclpy

        rclpy.init()
        node = rclpy.create_node("test_launch")
        for _ in range(200):
            rclpy.spin_once(node, timeout_sec=0.1)
            if node.count_publishers("/people/detections") and node.count_publishers("/people/overlay"):
                break
        else:
            raise AssertionError("the graph did not come up")
        node.destroy_node()
        rclpy.shutdown()
    finally:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=20)[0]
    assert "Traceback" not in output, output
    assert output.count("process has finished cleanly") == (2 if composed == "true" else 3), output
