# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Faults that only show from inside the process: the real node runs in the test's own, DDS included."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray, Detection3DArray

from graph.conftest import RED, Graph, square
from people_perception.ros import diagnostics
from people_perception.ros.anonymize import AnonymizeNode
from people_perception.ros.executables import bring_up
from people_perception.ros.follower import FollowerNode
from people_perception.ros.node import PerceptionNode
from people_perception.ros.overlay import OverlayNode
from people_perception.ros.people_3d import People3DNode


@pytest.fixture
def node(graph: Graph, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PerceptionNode]:
    monkeypatch.setenv("PP_MODEL_DIR", str(models))
    values = {"diagnostics.period": 0.1, "diagnostics.stale_after": 0.3, "qos.image.reliability": "reliable"}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    made = PerceptionNode("peoplenet", ["peoplenet"], namespace="/people", parameter_overrides=overrides)
    graph.executor.add_node(made)
    yield made
    made.close()
    graph.executor.remove_node(made)
    made.destroy_node()


def end_thread(name: str) -> None:
    """What a bug in a library may do: the thread is gone, without a word."""
    (thread,) = (t for t in threading.enumerate() if t.name == name)
    assert (
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)) == 1
    )
    thread.join(timeout=5)
    assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_stops_the_node_which_can_be_configured_again(graph: Graph, node: PerceptionNode) -> None:
    bring_up(node)
    found = graph.listen(Detection2DArray, "/people/detections")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    camera = graph.camera(reliable=True)
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    end_thread("peoplenet")

    def fault() -> DiagnosticStatus | None:
        return next((r.status[0] for r in reports if "its thread died" in r.status[0].message), None)

    status = graph.spin_until(fault, timeout=5)
    assert status.level == DiagnosticStatus.ERROR and status.message == "peoplenet: its thread died"
    graph.spin_until(lambda: graph.node.count_publishers("/people/detections") == 0, timeout=5)
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    found.clear()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("make", "topic", "kind"),
    [
        (OverlayNode, "overlay", Image),
        (AnonymizeNode, "anonymized", Image),
        (People3DNode, "people_3d", Detection3DArray),
    ],
)
def test_a_follower_whose_thread_dies_stops_and_can_be_configured_again(
    graph: Graph, make: type[FollowerNode], topic: str, kind: type
) -> None:
    node = make(namespace="/people")
    graph.executor.add_node(node)
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    topic = f"/people/{topic}"
    graph.listen(kind, topic)

    def status(text: str) -> DiagnosticStatus | None:
        return next((r.status[0] for r in reports[-1:] if text in r.status[0].message), None)

    try:
        bring_up(node)
        graph.spin_until(lambda: graph.node.count_publishers(topic) == 1, timeout=5)
        end_thread(node.get_name())
        fault = graph.spin_until(lambda: status("its thread died"), timeout=5)
        assert fault.level == DiagnosticStatus.ERROR and fault.values[0].value == "unconfigured"
        graph.spin_until(lambda: graph.node.count_publishers(topic) == 0, timeout=5)
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        graph.spin_until(lambda: reports[-1].status[0].values[0].value == "active", timeout=5)
        assert reports[-1].status[0].level != DiagnosticStatus.ERROR
    finally:
        node.close()
        graph.executor.remove_node(node)
        node.destroy_node()


def test_a_camera_of_one_image_in_ten_seconds_is_answered_and_warned_of(
    graph: Graph, node: PerceptionNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time is scaled by ten: between two images, every window of the statistics has run empty.
    monkeypatch.setattr(diagnostics, "SECONDS", diagnostics.SECONDS / 10)
    bring_up(node)
    found = graph.listen(Detection2DArray, "/people/detections")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    camera = graph.camera(reliable=True)
    graph.spin_until(camera.get_subscription_count)
    for number in range(1, 4):
        camera.publish(graph.image(square(RED)))
        graph.spin_until(lambda number=number: len(found) == number, timeout=5)
        reports.clear()
        graph.spin_for(1.1)
        reports.clear()
        status = graph.spin_until(lambda: reports and reports[-1].status[1])
        assert status.level == DiagnosticStatus.WARN and status.message.startswith("no image on /people/image for ")
        values = {pair.key: pair.value for pair in status.values}
        assert (values["published"], values["dropped_busy"], values["rate_in_hz"]) == (str(number), "0", "0.0")
        assert "capture_to_publish_p95_ms" not in values


def test_a_camera_of_200_images_a_second_is_kept_up_with(graph: Graph, node: PerceptionNode) -> None:
    bring_up(node)
    found = graph.listen(Detection2DArray, "/people/detections")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    camera = graph.camera(reliable=True)
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    message = graph.image(square(RED))
    sent, start = 0, time.monotonic()
    while (now := time.monotonic()) < start + 2:
        if now >= start + sent / 200:
            message = graph.image(square(RED))
            camera.publish(message)
            sent += 1
        graph.executor.spin_once(timeout_sec=0.0005)
    assert sent > 200
    graph.spin_until(lambda: found[-1].header.stamp == message.header.stamp, timeout=3)
    graph.spin_for(0.3)
    values = {pair.key: int(pair.value) for pair in reports[-1].status[1].values if pair.value.isdigit()}
    assert values["received"] == values["published"] + values["dropped_busy"] + values["failed"]
    assert values["published"] > 20
