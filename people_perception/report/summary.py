# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Figures of a run: how many people, how late, what was lost and where, which frames are worth a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from people_perception.report.record import FACES, PEOPLE, PICTURE, SHARE, Frame, ModelRun, Output, Run


@dataclass(frozen=True)
class Latency:
    """Percentiles in milliseconds, from capture to arrival."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float


@dataclass(frozen=True)
class Flow:
    """Where the images of one output went; the parts add up to ``sent``.

    Attributes:
        sent: images that the camera published.
        answered: of these, with an answer that arrived.
        busy: left out by the node, because a newer image came while the model worked.
        limited: left out by the node to keep to its ``max_rate``.
        failed: malformed, or the engine failed on them.
        lost: on the way to the node or back, or too late; what no counter accounts for.
    """

    sent: int
    answered: int
    busy: int
    limited: int
    failed: int
    lost: int


def latencies(run: Run, output: Output) -> list[float]:
    """Milliseconds of every answer of an output, in the order of the frames."""
    return [f.answers[output.topic].latency * 1e3 for f in run.frames if output.topic in f.answers]


def latency(values: Sequence[float]) -> Latency | None:
    """Percentiles of values in milliseconds; None of nothing."""
    if not values:
        return None
    p50, p95, p99, worst = (float(v) for v in np.percentile(values, (50, 95, 99, 100)))
    return Latency(len(values), p50, p95, p99, worst)


def flow(run: Run, output: Output) -> Flow:
    """Where the images of an output went, by the recorder's and by the node's own counts."""
    frames = run.of_camera(output.camera)
    sent = len(frames)
    answered = sum(output.topic in frame.answers for frame in frames)
    model = next((m for m in run.models if m.requested == output.model), None)
    rest = sent - answered
    parts = []
    for names in (("dropped_busy",), ("dropped_max_rate",), ("malformed", "failed")):
        # The node counts from its start, so it may have counted more than what is missing here.
        part = min(rest, sum(_count(model, name) for name in names))
        parts.append(part)
        rest -= part
    busy, limited, failed = parts
    return Flow(sent, answered, busy, limited, failed, lost=rest)


def people(run: Run, frame: Frame) -> int:
    """The most persons or faces that any output found in a frame; 1 where only a mask shows somebody."""
    found = 0
    for output in run.outputs:
        answer = frame.answers.get(output.topic)
        if answer is not None and output.counts in (PEOPLE, FACES):
            found = max(found, round(answer.value))
        elif answer is not None and output.counts == SHARE:
            found = max(found, int(answer.value > 0))
    return found


def main_camera(run: Run) -> str:
    """The camera to show first: the colour camera, if any model reads it, else one in which people are looked for."""
    cameras = {output.camera for output in run.outputs if output.counts != PICTURE}
    if "image" in cameras or not cameras:
        return "image"
    return min({output.camera for output in run.outputs if output.counts in (PEOPLE, SHARE)} or cameras)


def slowest_answer(run: Run, frame: Frame) -> float:
    """Milliseconds of a frame's slowest answer; the drawing is no answer."""
    topics = [output.topic for output in run.outputs if output.counts != PICTURE]
    return max((frame.answers[t].latency * 1e3 for t in topics if t in frame.answers), default=0.0)


def pictured(run: Run, camera: str) -> list[Frame]:
    """The frames of a camera that have a picture."""
    return [frame for frame in run.of_camera(camera) if frame.picture]


def notable(run: Run, camera: str) -> dict[str, Frame]:
    """The busiest, the emptiest and the slowest frame of a camera with a picture; fewer where they are the same."""
    frames = pictured(run, camera)
    if not frames:
        return {}
    # A frame that a model skipped looks emptier than it is.
    most = max(len(frame.answers) for frame in frames)
    full = [frame for frame in frames if len(frame.answers) == most]

    def crowd(frame: Frame) -> tuple[int, float]:
        share = sum(frame.answers[o.topic].value for o in run.outputs if o.counts == SHARE and o.topic in frame.answers)
        return people(run, frame), share

    chosen = {
        "busiest": max(full, key=crowd),
        "emptiest": min(full, key=crowd),
        "slowest": max(frames, key=lambda frame: slowest_answer(run, frame)),
    }
    unique: dict[str, Frame] = {}
    for title, frame in chosen.items():
        if frame not in unique.values():
            unique[title] = frame
    return unique


def evenly(frames: Sequence[Frame], count: int) -> list[Frame]:
    """At most ``count`` frames: the one with most answers of each of ``count`` equal stretches."""
    if len(frames) <= count:
        return list(frames)
    edges = np.linspace(0, len(frames), count + 1).round().astype(int)
    return [max(frames[i:j], key=lambda f: len(f.answers)) for i, j in pairwise(edges)]


def _count(model: ModelRun | None, name: str) -> int:
    text = "" if model is None else model.statistics.get(name, "")
    return int(text) if text.isdecimal() else 0
