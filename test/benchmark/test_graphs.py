# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Graphs of real processes are measured, and leave nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from networks import model_folder
from people_perception.benchmark import GRAPHS, graphs
from people_perception.benchmark.graphs import GraphSetting, measure_graph
from people_perception.benchmark.measurement import Measurement
from people_perception.benchmark.processes import Role
from people_perception.errors import PerceptionError

pytest.importorskip("rclpy")


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[Role]:
    """One short turn for each; the processes that were started."""
    roles: list[Role] = []

    class Noted(Role):
        def __init__(self, name: str, settings: dict[str, object]) -> None:
            super().__init__(name, settings)
            roles.append(self)

    monkeypatch.setattr(graphs, "_SEGMENTS", 1)
    monkeypatch.setattr(graphs, "_SETTLE", 0.2)
    monkeypatch.setattr(graphs, "Role", Noted)
    return roles


def found(name: str, seen: list[int] | None = None, model: str = "peoplenet") -> dict[str, Measurement]:
    progress = (seen if seen is not None else []).append
    setting = GraphSetting((320, 240), 30.0, 2, 10, [1, 2], model, 20, progress)
    lines = list(measure_graph(name, setting))
    assert all(line.where["size"] == "320x240" for line in lines)
    return {f"{line.case}, {line.where.get('cameras', line.against)}": line for line in lines}


def test_transport_with_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[Role]) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", str(model_folder(tmp_path)))
    lines = found("transport")
    total = lines["camera to result, through a graph's process, "]
    rest = lines["the same less what the node does between arrival and result, bare publisher and subscriber"]
    assert (
        0
        < rest.value
        < lines["the same less what the model does, bare publisher and subscriber"].value
        < total.value
        < 1000
    )
    assert total.count >= 8
    assert rest.other is not None
    assert rest.goal == 1.3
    assert lines["results lost, "].count >= 10
    assert lines["camera to result, all in one process, "].value > 0
    assert not any(Path(f"/proc/{role.pid}").exists() for role in started)


def test_composed_nodes_beside_separate_ones() -> None:
    lines = found("composed")
    cpu = lines["processor time a frame, 3 models, separate nodes"]
    assert cpu.value > 0
    assert cpu.other is not None
    assert cpu.other > 0
    assert cpu.goal == 0.85
    assert len(lines) == 7


def test_cameras_one_after_the_other() -> None:
    lines = found("cameras")
    assert {line.where["cameras"] for line in lines.values()} == {1, 2}
    assert lines["results lost, 2"].count >= 20


def test_memory_over_many_images() -> None:
    seen: list[int] = []
    lines = found("memory", seen)
    assert seen[-1] == 20
    assert lines["at the end, "].value > 10
    assert lines["growth after warm-up, "].met


def test_a_graph_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PerceptionError, match="unknown model 'nonsense'"):
        found("transport", model="nonsense")


def test_every_graph_is_known() -> None:
    assert tuple(graphs._GRAPHS) == GRAPHS
