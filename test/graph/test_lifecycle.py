# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Bringing nodes up and down: states, failures, recovery, memory, the end of a process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from vision_msgs.msg import Detection2DArray

from graph.conftest import RED, Graph, square

CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
NODE = "/people/peoplenet"


def change(graph: Graph, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return graph.call(ChangeState, f"{NODE}/change_state", request, timeout=30).success


def state(graph: Graph) -> str:
    return graph.call(GetState, f"{NODE}/get_state", GetState.Request()).current_state.label


def memory_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):  # without DDS's shared memory, of which more is touched as time goes by
            return int(line.split()[1])
    raise AssertionError("no RssAnon")


def further_heaps(pid: int) -> int:
    """How many heaps glibc has reserved for threads: 64 MB each, at a multiple of that."""
    found, begin = 0, None
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights = line.split()[:2]
        start, end = (int(address, 16) for address in span.split("-"))
        if rights == "rw-p" and start % (64 << 20) == 0:
            begin = start
        elif rights == "---p" and begin is not None and end == begin + (64 << 20):
            found += 1
    return found


def test_a_node_without_autostart_waits_and_goes_through_its_states(graph: Graph) -> None:
    graph.start("peoplenet_node", "autostart:=false")
    assert state(graph) == "unconfigured"
    assert graph.node.count_publishers("/people/detections") == 0
    assert change(graph, CONFIGURE)
    assert state(graph) == "inactive"
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.spin_for(0.5)
    assert camera.get_subscription_count() == 0
    assert change(graph, ACTIVATE)
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    assert change(graph, DEACTIVATE)
    graph.spin_for(0.3)
    found.clear()
    for _ in range(5):
        camera.publish(graph.image(square(RED)))
        graph.spin_for(0.05)
    assert found == []
    assert change(graph, CLEANUP)
    assert state(graph) == "unconfigured"
    graph.spin_until(lambda: graph.node.count_publishers("/people/detections") == 0)


def test_twenty_rounds_back_and_forth_do_not_grow(graph: Graph) -> None:
    process = graph.start("peoplenet_node", "autostart:=false")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    sizes, threads = [], []
    for _ in range(20):
        assert change(graph, CONFIGURE) and change(graph, ACTIVATE)
        found.clear()
        graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
        assert change(graph, DEACTIVATE) and change(graph, ACTIVATE)
        assert change(graph, DEACTIVATE) and change(graph, CLEANUP)
        sizes.append(memory_kib(process.pid))
        threads.append(len(list(Path(f"/proc/{process.pid}/task").iterdir())))
    assert threads[-1] <= threads[4]
    growth = (np.mean(sizes[-5:]) - np.mean(sizes[5:10])) / 1024
    assert growth < 6, f"grew by {growth:.1f} MiB over ten rounds: {sizes}"


@pytest.mark.parametrize("own", [True, False])
def test_a_node_has_one_heap_unless_the_user_says_otherwise(graph: Graph, own: bool) -> None:
    if not own:
        graph.environment["MALLOC_ARENA_MAX"] = "8"
    process = graph.start("peoplenet_node")
    graph.spin_until(lambda: graph.node.count_publishers("/people/detections"))
    assert (further_heaps(process.pid) == 0) is own


def test_a_failed_configure_says_why_and_can_be_mended(graph: Graph) -> None:
    process = graph.start("peoplenet_node", "weights:=/nowhere/peoplenet.onnx")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    graph.spin_until(lambda: "configure failed" in graph.log(process))
    assert "/nowhere/peoplenet.onnx: no such file" in graph.log(process)
    assert "Traceback" not in graph.log(process)
    assert state(graph) == "unconfigured"
    report = graph.spin_until(lambda: reports and reports[-1].status[0])
    assert report.level == DiagnosticStatus.ERROR and "no such file" in report.message
    mended = Parameter(name="weights", value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=""))
    graph.call(SetParameters, f"{NODE}/set_parameters", SetParameters.Request(parameters=[mended]))
    assert change(graph, CONFIGURE) and change(graph, ACTIVATE)
    assert state(graph) == "active"


def test_an_engine_that_fails_on_every_frame_stops_the_node_which_can_be_configured_again(
    graph: Graph, models: Path, tmp_path: Path
) -> None:
    from networks import detectnet

    # The labels of the model are three, this network has one class: every frame fails in the decoder.
    wrong = detectnet(tmp_path / "wrong.onnx", classes=1)
    process = graph.start("peoplenet_node", f"weights:={wrong}", "diagnostics.max_failures:=3")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()

    def fault() -> DiagnosticStatus | None:
        return next((r.status[0] for r in reports if "frames in a row failed" in r.status[0].message), None)

    status = graph.send_until(camera, lambda: graph.image(square(RED)), fault)
    assert status.level == DiagnosticStatus.ERROR and "3 frames" in status.message
    assert state(graph) == "unconfigured"
    assert process.poll() is None
    assert "Traceback" not in graph.log(process)
    assert change(graph, CONFIGURE) and change(graph, ACTIVATE)


@pytest.mark.parametrize(
    ("executable", "times"), [("peoplenet_node", 1), ("people_perception_node", 3), ("overlay_node", 2)]
)
def test_sigint_ends_a_node_quickly_without_a_traceback(graph: Graph, executable: str, times: int) -> None:
    process = graph.start(executable)
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    if executable != "overlay_node":
        graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    else:
        graph.spin_until(lambda: graph.node.count_publishers("/people/overlay"))
    seconds = graph.interrupt(process, times)
    assert seconds < 2.0
    assert process.returncode == 0
    assert "Traceback" not in graph.log(process)


def test_a_bad_parameter_on_the_command_line_is_one_line(graph: Graph) -> None:
    process = graph.start("peoplenet_node", "max_rate:=fast")
    assert process.wait(timeout=15) == 2
    assert "max_rate" in graph.log(process)
    assert "Traceback" not in graph.log(process)
