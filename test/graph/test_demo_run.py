# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: a real graph in another process, and what is left of it when it ends well or badly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from graph.conftest import BLACK, RED, square
from people_perception.transports import missing


@pytest.fixture
def demo(tmp_path: Path, models: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the demo with arguments; its output goes to the folder ``out``."""
    processes: list[subprocess.Popen[str]] = []
    environment = {**os.environ, **missing(), "PP_MODEL_DIR": str(models)}

    def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "people_perception", "demo", "--output", str(tmp_path / "out"), *arguments]
        process = subprocess.Popen(
            command, env={**environment, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a process started."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def await_graph(process: subprocess.Popen[str]) -> int:
    """Wait until the graph is ready; its process."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("graph: "):
            (pid,) = children(process)
            return pid
    raise AssertionError("".join(lines))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """One person, nobody, two persons: red squares, as the test's networks understand them."""
    folder = tmp_path / "images"
    folder.mkdir()
    two = np.maximum(square(RED, centre=(150, 180)), square(RED, centre=(480, 180)))
    for i, image in enumerate((square(RED), square(BLACK), two)):
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def test_images_in_pictures_and_a_report_out(
    demo: Callable[..., subprocess.Popen[str]], images: Path, tmp_path: Path
) -> None:
    process = demo(str(images), "--models", "peoplenet,peoplesemsegnet", "--json")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    summary = json.loads(stdout)
    out = tmp_path / "out"
    run = json.loads((out / "run.json").read_text())
    assert summary["frames"] == len(run["frames"]) == 3
    assert [model["engine"] for model in run["models"]] == ["onnxruntime"] * 2
    people = [frame["answers"]["detections"]["value"] for frame in run["frames"]]
    assert people == [1, 0, 2]
    for frame in run["frames"]:
        assert set(frame["answers"]) == {"detections", "segmentation/mask", "overlay"}
        assert all(0 < answer["latency"] < 10 for answer in frame["answers"].values())
        assert frame["picture"] == f"frames/{frame['index']:06}.jpg"
    boxed, empty = (cv2.imread(str(out / "frames" / f"{i:06}.jpg")) for i in (0, 1))
    assert empty.max() < 20
    assert (boxed.max(axis=2) > 100).mean() > (square(RED).max(axis=2) > 100).mean(), "box and label are drawn"
    assert (out / "contact_sheet.jpg").stat().st_size > 1000
    assert "ONNX Runtime" in (out / "report.html").read_text()
    assert "annotated frames in" in stderr
    assert summary["files"] == [str(out / name) for name in ("run.json", "contact_sheet.jpg", "report.html")]


def test_the_scene_has_an_infrared_camera_of_its_own(
    demo: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    pytest.importorskip("skimage")
    process = demo("--models", "facedetect_ir,peoplesemsegnet", "--frames", "6", "--size", "320x180")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    frames = json.loads((tmp_path / "out" / "run.json").read_text())["frames"]
    assert [frame["camera"] for frame in frames] == ["image", "ir_image"] * 6
    for frame in frames:
        topic = "faces" if frame["camera"] == "ir_image" else "segmentation/mask"
        assert topic in frame["answers"]
    infrared = cv2.imread(str(tmp_path / "out" / "infrared" / "000000.jpg"))
    assert infrared.shape == (480, 640, 3)
    assert infrared.std() > 20


def test_ctrl_c_leaves_what_there_is(demo: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = demo("--models", "peoplesemsegnet", "--size", "320x180", "--seconds", "100")
    graph = await_graph(process)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert 0 < len(run["frames"]) < 100
    assert run["notes"] == ["ended early, by Ctrl-C"]
    assert (tmp_path / "out" / "report.html").exists()
    assert not alive(graph)


def test_a_graph_that_dies_is_reported_with_its_last_words(demo: Callable[..., subprocess.Popen[str]]) -> None:
    process = demo("--models", "peoplesemsegnet", "--size", "320x180", "--seconds", "100")
    os.kill(await_graph(process), signal.SIGKILL)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 2
    (line,) = [line for line in stderr.splitlines() if "error" in line]
    assert "the graph ended (status -9); its last words: " in line
    assert "peoplesemsegnet" in line


def test_the_graph_ends_with_the_demo(demo: Callable[..., subprocess.Popen[str]]) -> None:
    process = demo("--models", "peoplesemsegnet", "--size", "320x180", "--seconds", "100")
    graph = await_graph(process)
    process.kill()
    end = time.monotonic() + 15
    while alive(graph) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(graph)


def test_a_model_that_does_not_load_ends_the_demo(demo: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    broken = tmp_path / "store" / "peoplenet"
    broken.mkdir(parents=True)
    (broken / "resnet34_peoplenet.onnx").write_bytes(b"not a network")
    process = demo("--models", "peoplenet", "--frames", "3", PP_MODEL_DIR=str(broken.parent))
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in stderr
    assert "error: the graph stopped: configure failed: " in stderr
    assert "resnet34_peoplenet.onnx" in stderr


def test_two_demos_do_not_mix(demo: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    arguments = ("--models", "peoplesemsegnet", "--size", "320x180")
    first = demo(*arguments, "--seconds", "100")
    await_graph(first)
    second = demo(*arguments, "--frames", "5", "--output", str(tmp_path / "second"))
    _, stderr = second.communicate(timeout=60)
    assert second.returncode == 0, stderr
    run = json.loads((tmp_path / "second" / "run.json").read_text())
    assert int(run["models"][0]["statistics"]["received"]) <= 5
