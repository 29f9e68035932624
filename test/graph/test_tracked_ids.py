# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ids in what the perception node publishes."""

from __future__ import annotations

import pytest
from vision_msgs.msg import Detection2DArray

from graph.conftest import RED, Graph, square


def test_a_person_who_walks_keeps_the_id(graph: Graph) -> None:
    pytest.importorskip("trackers")
    graph.start("peoplenet_node", "tracking:=true", "tracking_memory:=5.0", namespace="/walk")
    found = graph.listen(Detection2DArray, "/walk/detections")
    column = iter(range(10**6))

    def make() -> object:
        return graph.image(square(RED, centre=(320 + abs(next(column) % 80 - 40) * 4, 180)))

    graph.send_until(graph.camera("/walk/image"), make, lambda: len(found) >= 20)
    ids = [[d.id for d in message.detections] for message in found]
    assert ids[0] == [""]
    assert all(row == ["1"] for row in ids[1:]), ids


def test_without_tracking_there_is_no_id(graph: Graph) -> None:
    graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    graph.send_until(graph.camera(), lambda: graph.image(square(RED)), lambda: len(found) >= 3)
    assert {d.id for message in found for d in message.detections} == {""}


def test_without_the_library_configure_fails_and_says_so(graph: Graph) -> None:
    # An empty module shadows the library.
    (graph.folder / "trackers.py").write_text("")
    graph.environment["PYTHONPATH"] = f"{graph.folder}:{graph.environment.get('PYTHONPATH', '')}"
    process = graph.start("peoplenet_node", "tracking:=true")
    graph.spin_until(lambda: "configure failed: tracking needs the Python package trackers" in graph.log(process))
    assert "Traceback" not in graph.log(process)
