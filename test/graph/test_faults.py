# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What cameras, subscribers, disks and users do to a running graph, and that it lives on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from graph.conftest import BLACK, RED, Graph, square
from networks import fragile
from people_perception.transports import PROFILES


def values(reports: list[DiagnosticArray], suffix: str = "peoplenet: peoplenet") -> dict[str, str]:
    """The newest key values of a model."""
    for report in reversed(reports):
        for status in report.status:
            if status.name.endswith(suffix):
                return {pair.key: pair.value for pair in status.values}
    return {}


def test_a_camera_may_change_size_and_encoding_while_it_runs(graph: Graph) -> None:
    process = graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    small = square(RED)
    large = cv2.resize(small, (1280, 720), interpolation=cv2.INTER_NEAREST)
    for array, encoding, scale in (
        (small, "bgr8", 1),
        (large, "bgr8", 2),
        (large[..., ::-1], "rgb8", 2),
        (small, "bgr8", 1),
    ):

        def make(array: np.ndarray = array, encoding: str = encoding) -> Image:
            message = graph.image(np.ascontiguousarray(array))
            message.encoding = encoding
            return message

        found.clear()

        def at_its_place(scale: int = scale) -> bool:
            return any(
                d.results[0].hypothesis.class_id == "person" and abs(d.bbox.center.position.x - 320 * scale) < 12
                for m in found
                for d in m.detections
            )

        graph.send_until(camera, make, at_its_place)
    assert "Traceback" not in graph.log(process)


def test_a_camera_may_stop_and_come_back_and_time_may_jump_back(graph: Graph) -> None:
    graph.start("peoplenet_node")
    graph.start("overlay_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    overlays = graph.listen(Image, "/people/overlay")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found and overlays)
    graph.node.destroy_publisher(camera)
    graph.spin_for(0.5)
    camera = graph.camera()
    seconds = iter(range(100, 100_000))

    def yesterday() -> Image:
        message = graph.image(square(RED))
        message.header.stamp = Time(sec=next(seconds))
        return message

    found.clear()
    overlays.clear()
    graph.send_until(camera, yesterday, lambda: found and overlays)
    assert found[0].header.stamp.sec < 100_000
    assert overlays[0].header.stamp.sec < 100_000


def test_a_subscriber_that_vanishes_ends_the_work(graph: Graph) -> None:
    graph.start("peoplenet_node")
    received: list[Detection2DArray] = []
    subscription = graph.node.create_subscription(Detection2DArray, "/people/detections", received.append, 5)
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: received)
    assert camera.get_subscription_count() == 1
    graph.node.destroy_subscription(subscription)
    graph.spin_until(lambda: camera.get_subscription_count() == 0, timeout=5)


def test_a_camera_faster_than_the_model_drops_old_images_and_counts_them(graph: Graph) -> None:
    graph.start("peoplenet_node", "threads:=1")
    found = graph.listen(Detection2DArray, "/people/detections")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    end = time.monotonic() + 3
    newest = 0.0
    while time.monotonic() < end:
        message = graph.image(square(RED))
        newest = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        camera.publish(message)
        graph.executor.spin_once(timeout_sec=0.0005)
    graph.spin_for(1.5)
    last = found[-1].header.stamp.sec + found[-1].header.stamp.nanosec * 1e-9
    assert newest - last < 0.25, "results lag behind the camera"
    assert int(values(reports)["dropped_busy"]) > 0


def test_one_frame_that_fails_is_counted_and_the_next_is_processed(graph: Graph, tmp_path: Path) -> None:
    network = fragile(tmp_path / "fragile.onnx")
    process = graph.start("peoplenet_node", f"weights:={network}")
    found = graph.listen(Detection2DArray, "/people/detections")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    for _ in range(3):
        camera.publish(graph.image(square(BLACK)))
        graph.spin_for(0.2)
    graph.spin_until(lambda: values(reports).get("failed") == "3")
    assert "output_cov/Sigmoid" in graph.log(process) and "NaN" in graph.log(process)
    found.clear()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    assert found[-1].detections


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda weights: weights.unlink(), "mine.onnx: no such file"),
        # In place, so that a library that only mapped the file would see it at once.
        (lambda weights: os.truncate(weights, 100), "mine.onnx: ONNX Runtime cannot load it"),
    ],
    ids=["disappears", "is cut off"],
)
def test_a_model_file_that_spoils_while_it_runs_is_missed_at_the_next_configure(
    graph: Graph, models: Path, tmp_path: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    weights = tmp_path / "mine.onnx"
    shutil.copy(models / "peoplenet" / "resnet34_peoplenet.onnx", weights)
    process = graph.start("peoplenet_node", f"weights:={weights}")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    spoil(weights)
    found.clear()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found and found[-1].detections)

    def change(transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return graph.call(ChangeState, "/people/peoplenet/change_state", request).success

    assert change(Transition.TRANSITION_DEACTIVATE) and change(Transition.TRANSITION_CLEANUP)
    assert not change(Transition.TRANSITION_CONFIGURE)
    assert complaint in graph.log(process) and "Traceback" not in graph.log(process)
    assert process.poll() is None
    shutil.copy(models / "peoplenet" / "resnet34_peoplenet.onnx", weights)
    assert change(Transition.TRANSITION_CONFIGURE)


# Nodes of one process, which is told to end while each is in a state of its own.
IN_EVERY_STATE = """
import sys
from rclpy.parameter import Parameter
from people_perception.ros.executables import spin
from people_perception.ros.node import PerceptionNode

def make(name, autostart=False, weights=""):
    values = {"autostart": autostart, "weights": weights}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return PerceptionNode(name, ["peoplenet"], namespace="/people", parameter_overrides=overrides)

makers = [lambda name=name: make(name) for name in ("unconfigured", "inactive", "active", "finalized")]
sys.exit(spin([*makers, lambda: make("failed", True, "/nowhere.onnx")]))
"""


def test_sigterm_ends_nodes_in_any_state(graph: Graph) -> None:
    log = graph.folder / "every_state.log"
    with log.open("wb") as file:
        command = [sys.executable, "-c", IN_EVERY_STATE]
        process = subprocess.Popen(command, env=graph.environment, stdout=file, stderr=subprocess.STDOUT)
    graph.processes.append(process)
    graph.logs[process.pid] = log
    ways = {
        "unconfigured": [],
        "inactive": [Transition.TRANSITION_CONFIGURE],
        "active": [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE],
        "finalized": [Transition.TRANSITION_UNCONFIGURED_SHUTDOWN],
    }
    for state, transitions in ways.items():
        for transition in transitions:
            request = ChangeState.Request(transition=Transition(id=transition))
            assert graph.call(ChangeState, f"/people/{state}/change_state", request).success
        answer = graph.call(GetState, f"/people/{state}/get_state", GetState.Request())
        assert answer.current_state.label == state
    assert "configure failed" in graph.log(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    assert "Traceback" not in graph.log(process)


@pytest.fixture
def no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shared memory with a process that was killed may crash in Fast DDS when it ends: here, all the tests."""
    for name in PROFILES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")


def test_a_node_that_is_killed_can_be_started_again(no_shared_memory: None, graph: Graph) -> None:
    process = graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    process.kill()
    process.wait()
    graph.start("peoplenet_node")
    found.clear()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
