# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Real graphs: a camera, perception nodes and a listener in processes of their own, Fast DDS between them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from people_perception.benchmark.measurement import Measurement, from_times
from people_perception.benchmark.processes import Role, cpu_seconds, resident_megabytes
from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.geometry import Size

COMPOSED = ("peoplenet", "peoplesemsegnet", "peoplesegnet")
"""Three models on one camera."""

_SEGMENTS = 8
"""Turns that the compared graphs take."""

_SETTLE = 1.0
"""Seconds of each turn before it counts."""

_STARTING = 90.0
"""Seconds that a graph may take until it answers."""

Topic = tuple[str, str, bool]
"""Kind (``image`` or ``detections``), name, and whether to ask for reliable delivery."""


@dataclass(frozen=True)
class GraphSetting:
    """What the graphs are measured on.

    Attributes:
        size, rate: (width, height) and Hz of every camera.
        people: how many of them the networks' outputs show.
        frames: images that each figure rests on.
        cameras: how many cameras, one after the other.
        model: the network of ``transport``.
        endurance: images of ``memory``.
        progress: called with the images that ``memory`` has seen.
    """

    size: Size
    rate: float
    people: int
    frames: int
    cameras: Sequence[int]
    model: str
    endurance: int
    progress: Callable[[int], None]

    def where(self, **more: Any) -> dict[str, Any]:
        """What was varied, for the answer."""
        return {"size": f"{self.size[0]}x{self.size[1]}", "Hz": self.rate, **more}


def measure_graph(name: str, setting: GraphSetting) -> Iterator[Measurement]:
    """One of `people_perception.benchmark.GRAPHS`.

    Raises:
        PerceptionError: ROS 2 is not there, or a process of the graph failed.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise PerceptionError(f"{name}: ROS 2 is not there; source its setup file, or tools/env.sh")
    with ExitStack() as stack:
        yield from _GRAPHS[name](_Bench(setting, stack))


@dataclass(frozen=True)
class _Heard:
    """What one turn brought.

    Attributes:
        numbers, latencies: of what came on each topic: (N,) images' numbers and milliseconds since their stamp.
        status: key-value pairs of each diagnostic status.
        cpu: seconds of processor time that the observed processes spent.
    """

    numbers: dict[str, np.ndarray]
    latencies: dict[str, np.ndarray]
    status: dict[str, dict[str, str]]
    cpu: float

    @property
    def received(self) -> float:
        """Images that were answered, on average over the topics."""
        return float(np.mean([len(n) for n in self.numbers.values()]))

    @property
    def lost(self) -> int:
        """Images between the first and the last answered one that were not, on all topics."""
        return sum(int(np.ptp(n)) + 1 - len(np.unique(n)) for n in self.numbers.values())


class _Bench:
    """Starts the processes and lets the listener listen."""

    def __init__(self, setting: GraphSetting, stack: ExitStack) -> None:
        self.setting = setting
        self._stack = stack
        # Of its own: a robot's graph may be in the same ROS domain.
        self.base = f"/people_bench_{os.getpid()}"

    def role(self, name: str, **settings: Any) -> Role:
        return self._stack.enter_context(Role(name, settings))

    def camera(self, topics: Sequence[str]) -> Role:
        return self.role("camera", topics=topics, size=self.setting.size, rate=self.setting.rate)

    def graph(
        self, name: str, models: Sequence[str], image: str, networks: bool = False
    ) -> tuple[Role, dict[str, Topic]]:
        """A perception node in a process, and the first topic of each of its models."""
        namespace = f"{self.base}/{name}"
        people = {} if networks else {"people": self.setting.people}
        graph = self.role("graph", models=models, namespace=namespace, image=image, **people)
        return graph, {model: _topic(model, namespace) for model in models}

    def hear(
        self,
        listener: Role,
        topics: dict[str, Topic],
        observed: Sequence[Role] = (),
        frames: int | None = None,
        diagnostics: str = "",
    ) -> _Heard:
        frames = frames or self.setting.frames // _SEGMENTS
        limit = 10 + 2 * frames / self.setting.rate
        command = {"topics": topics, "frames": frames, "settle": _SETTLE, "limit": limit, "diagnostics": diagnostics}
        listener.tell(command)
        return self.follow(listener, observed, limit)

    def follow(self, listener: Role, observed: Sequence[Role], limit: float) -> _Heard:
        pids = [role.pid for role in observed]
        for role in observed:
            role.check()
        listener.hear(_STARTING)
        before = cpu_seconds(pids)
        listener.hear(limit + 10)
        cpu = cpu_seconds(pids) - before
        answer = listener.hear(10)
        columns = {name: np.array(rows, np.float64).reshape(-1, 2).T for name, rows in answer["heard"].items()}
        numbers = {name: column[0].astype(np.int64) for name, column in columns.items()}
        silent = [name for name, found in numbers.items() if len(found) == 0]
        if silent:
            raise PerceptionError(f"nothing came any more on {', '.join(silent)}")
        return _Heard(numbers, {name: column[1] for name, column in columns.items()}, answer["status"], cpu)


def _topic(model: str, namespace: str) -> Topic:
    spec = get_spec(model)
    if spec.task == "semantic":
        return "image", f"{namespace}/{spec.output_topic}/mask", True
    return "detections", f"{namespace}/{spec.output_topic}", True


def _transport(bench: _Bench) -> Iterator[Measurement]:
    """Camera process to listener process through a graph with a network, beside what transport alone takes."""
    setting, image, relayed = bench.setting, f"{bench.base}/image", f"{bench.base}/relayed"
    bench.camera([image])
    graph, results = bench.graph("graph", [setting.model], image, networks=True)
    relay = bench.role("relay", image=image, result=relayed)
    listener = bench.role("listen")
    diagnostics = f"{bench.base}/graph/diagnostics"
    ours: list[_Heard] = []
    others: dict[str, tuple[Topic, list[_Heard]]] = {
        "bare publisher and subscriber": (("image", image, False), []),
        "bare publishers and subscribers by way of a node": (("detections", relayed, True), []),
    }
    for _ in range(_SEGMENTS):
        ours.append(bench.hear(listener, results, [graph], diagnostics=diagnostics))
        for topic, heard in others.values():
            heard.append(bench.hear(listener, {"bare": topic}))
    for role in (listener, relay, graph):
        role.end()
    where = setting.where(model=setting.model)
    total = np.concatenate([h.latencies[setting.model] for h in ours])
    rest = np.concatenate([h.latencies[setting.model] - _spent(h.status, "wait", "convert", "inference") for h in ours])
    without_model = np.concatenate([h.latencies[setting.model] - _spent(h.status, "inference") for h in ours])
    yield from_times("transport", "camera to result, through a graph's process", total, where=where)
    one_hop, two_hops = (
        float(np.median(np.concatenate([h.latencies["bare"] for h in heard]))) for _, heard in others.values()
    )
    case = "the same less what the node does between arrival and result"
    against = list(others)
    yield from_times("transport", case, rest, against=against[0], other=one_hop, goal=1.3, where=where)
    yield from_times("transport", case, rest, against=against[1], other=two_hops, where=where)
    case = "the same less what the model does"
    yield from_times("transport", case, without_model, against=against[0], other=one_hop, where=where)
    lost = sum(h.lost for h in ours)
    yield Measurement("transport", "results lost", lost, "frames", count=len(total) + lost, goal=0, where=where)
    for name, (_, heard) in others.items():
        count, lost = sum(len(h.numbers["bare"]) for h in heard), sum(h.lost for h in heard)
        yield Measurement("transport", f"lost by {name}", lost, "frames", count=count + lost, where=where)
    cpu = sum(h.cpu for h in ours) / len(total) * 1e3
    yield Measurement("transport", "the graph's processor time a frame", cpu, count=len(total), where=where)
    yield _one_process(bench, where)


def _one_process(bench: _Bench, where: dict[str, Any]) -> Measurement:
    setting, namespace = bench.setting, f"{bench.base}/together"
    limit = 10 + 2 * setting.frames / setting.rate
    together = bench.role(
        "together",
        models=[setting.model],
        namespace=namespace,
        image=f"{namespace}/image",
        size=setting.size,
        rate=setting.rate,
        topics={setting.model: _topic(setting.model, namespace)},
        frames=setting.frames // _SEGMENTS,
        settle=_SETTLE,
        limit=limit,
    )
    heard = bench.follow(together, [together], limit)
    together.end()
    return from_times("transport", "camera to result, all in one process", heard.latencies[setting.model], where=where)


def _spent(status: dict[str, dict[str, str]], *stages: str) -> float:
    """Milliseconds of stages in the graph's diagnostics; `inference` is all that the model does with a frame."""
    for values in status.values():
        if "inference_p50_ms" in values:
            return sum(float(values[f"{stage}_p50_ms"]) for stage in stages)
    raise PerceptionError("transport: the graph published no diagnostics of its model")


def _composed(bench: _Bench) -> Iterator[Measurement]:
    """Three models in one process, in turn with one process each."""
    image = f"{bench.base}/image"
    bench.camera([image])
    whole, whole_topics = bench.graph("composed", COMPOSED, image)
    parts = [bench.graph(f"separate_{model}", [model], image) for model in COMPOSED]
    listener = bench.role("listen")
    composed: list[_Heard] = []
    separate: list[_Heard] = []
    part_topics = {model: topic for _, topics in parts for model, topic in topics.items()}
    for _ in range(_SEGMENTS):
        composed.append(bench.hear(listener, whole_topics, [whole]))
        separate.append(bench.hear(listener, part_topics, [role for role, _ in parts]))
    yield Measurement(
        "composed",
        f"processor time a frame, {len(COMPOSED)} models",
        _cpu_per_frame(composed),
        count=round(sum(h.received for h in composed)),
        against="separate nodes",
        other=_cpu_per_frame(separate),
        goal=0.85,
        where=bench.setting.where(models=len(COMPOSED)),
    )
    for name, heard in (("composed", composed), ("separate nodes", separate)):
        for model in COMPOSED:
            latencies = np.concatenate([h.latencies[model] for h in heard])
            yield from_times("composed", f"camera to {model}, {name}", latencies, where=bench.setting.where())


def _cpu_per_frame(heard: Sequence[_Heard]) -> float:
    """Milliseconds; the median of the turns."""
    return median(h.cpu / h.received for h in heard) * 1e3


def _models(bench: _Bench) -> Iterator[Measurement]:
    """One model, two, three and four on one camera, in one process."""
    image = f"{bench.base}/image"
    bench.camera([image])
    chosen = (*COMPOSED, "facedetect_ir")
    graphs = [bench.graph(f"models_{n}", chosen[:n], image) for n in range(1, len(chosen) + 1)]
    listener = bench.role("listen")
    turns: list[list[_Heard]] = [[] for _ in graphs]
    for _ in range(_SEGMENTS):
        for turn, (role, topics) in zip(turns, graphs, strict=True):
            turn.append(bench.hear(listener, topics, [role]))
    for n, turn in enumerate(turns, 1):
        count = round(sum(h.received for h in turn))
        case = f"processor time a frame, {', '.join(chosen[:n])}"
        yield Measurement("models", case, _cpu_per_frame(turn), count=count, where=bench.setting.where(models=n))


def _cameras(bench: _Bench) -> Iterator[Measurement]:
    """PeopleNet on each of some cameras, a process a camera."""
    most = max(bench.setting.cameras)
    images = [f"{bench.base}/camera_{i}/image" for i in range(most)]
    listener = bench.role("listen")
    graphs = [bench.graph(f"camera_{i}", ["peoplenet"], image) for i, image in enumerate(images)]
    for n in bench.setting.cameras:
        camera = bench.camera(images[:n])
        used = graphs[:n]
        topics = {f"camera {i}": topics["peoplenet"] for i, (_, topics) in enumerate(used)}
        turn = [bench.hear(listener, topics, [role for role, _ in used]) for _ in range(2)]
        camera.end()
        where = bench.setting.where(cameras=n)
        received = sum(h.received * n for h in turn)
        cpu = sum(h.cpu for h in turn) / sum(h.received for h in turn) * 1e3
        yield Measurement("cameras", "processor time for a frame of each", cpu, count=round(received), where=where)
        latencies = np.concatenate([x for h in turn for x in h.latencies.values()])
        yield from_times("cameras", "camera to result", latencies, where=where)
        lost = sum(h.lost for h in turn)
        yield Measurement("cameras", "results lost", lost, "frames", count=round(received) + lost, where=where)


def _memory(bench: _Bench) -> Iterator[Measurement]:
    """Three models on one camera, each image as soon as the last one is answered."""
    setting, image = bench.setting, f"{bench.base}/image"
    graph, topics = bench.graph("memory", COMPOSED, image)
    # The driver only counts: the names of the kinds and topics are enough.
    wanted = {model: (kind, topic) for model, (kind, topic, _) in topics.items()}
    driver = bench.role("drive", image=image, size=setting.size, frames=setting.endurance, topics=wanted)
    seen: list[tuple[int, float]] = []
    while not seen or seen[-1][0] < setting.endurance:
        frames = driver.hear(_STARTING)["frames"]
        graph.check()
        seen.append((frames, resident_megabytes(graph.pid)))
        setting.progress(frames)
    warm = [memory for frames, memory in seen if frames > setting.endurance * 0.05] or [seen[-1][1]]
    where = setting.where(models=len(COMPOSED))
    yield Measurement(
        "memory", "growth after warm-up", max(warm) - warm[0], "MB", count=setting.endurance, goal=20, where=where
    )
    yield Measurement("memory", "at the end", seen[-1][1], "MB", count=setting.endurance, where=where)


_GRAPHS: dict[str, Callable[[_Bench], Iterator[Measurement]]] = {
    "transport": _transport,
    "composed": _composed,
    "models": _models,
    "cameras": _cameras,
    "memory": _memory,
}
