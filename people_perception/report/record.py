# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a run: each frame, what each model answered and when, what ran where. Becomes ``run.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PEOPLE, FACES, SHARE, PICTURE = "people", "faces", "share", "picture"
"""What the number of an answer counts: persons, faces, the share of the image that is person, or nothing."""


@dataclass(frozen=True)
class Output:
    """A topic on which answers come.

    Attributes:
        topic: relative name.
        model: the name that the user asked for; ``overlay`` for the drawing.
        camera: relative name of the camera topic that it is about.
        counts: `PEOPLE`, `FACES`, `SHARE` or `PICTURE`.
    """

    topic: str
    model: str
    camera: str
    counts: str


@dataclass(frozen=True)
class Answer:
    """What came for one frame on one topic.

    Attributes:
        latency: seconds from the stamp of the frame to the arrival of the answer.
        value: what the output counts.
    """

    latency: float
    value: float = 0.0


@dataclass
class Frame:
    """One image that a camera published.

    Attributes:
        index: counts the frames of one camera.
        camera: relative name of its topic.
        name: in the source.
        stamp: nanoseconds.
        time: seconds since the first frame of the run.
        answers: by topic.
        picture: where the annotated picture lies, relative to the folder of the run; empty if there is none.
    """

    index: int
    camera: str
    name: str
    stamp: int
    time: float
    answers: dict[str, Answer] = field(default_factory=dict)
    picture: str = ""


@dataclass(frozen=True)
class ModelRun:
    """What ran for one model.

    Attributes:
        requested: the name that the user asked for.
        model: the name of what ran, which may be a stand-in.
        title: of what ran.
        engine, device, weights, reason: which, on what, from which file, and why that.
        licence, licence_url: of the network.
        statistics: what the node says of itself at the end: frames received, dropped and failed, its own latencies.
    """

    requested: str
    model: str
    title: str
    engine: str
    device: str
    weights: str
    reason: str
    licence: str
    licence_url: str
    statistics: Mapping[str, str]

    @property
    def stands_in(self) -> bool:
        """Whether an open model replaces the one asked for."""
        return self.requested.partition(":")[0] != self.model.partition(":")[0]


@dataclass(frozen=True)
class Run:
    """Everything about one run.

    Attributes:
        source: one line about where the images came from.
        credits: who made them and under which terms.
        rate: frames a second that each camera was meant to give.
        command: what was typed.
        started: local time, ISO 8601.
        duration: seconds from the first frame to the last.
        models, outputs, frames: what ran, what it published, what it was shown.
        machine: name and value of what the machine is and which versions ran.
        notes: what a reader must know besides, such as an early end.
        live: images came at their own pace, whether or not a model was ready; otherwise every answer was waited for,
            and a latency is what computing took.
    """

    source: str
    credits: tuple[str, ...]
    rate: float
    command: str
    started: str
    duration: float
    models: tuple[ModelRun, ...]
    outputs: tuple[Output, ...]
    frames: tuple[Frame, ...]
    machine: Mapping[str, str]
    notes: tuple[str, ...] = ()
    live: bool = True

    def of_camera(self, camera: str) -> list[Frame]:
        """The frames of one camera, in order."""
        return [frame for frame in self.frames if frame.camera == camera]

    def to_json(self) -> str:
        """As text; numbers are finite."""
        return json.dumps(self._plain(), ensure_ascii=False, allow_nan=False, indent=1)

    def summary(self) -> dict[str, Any]:
        """All but the single frames, as plain data."""
        plain = self._plain()
        plain["frames"] = len(self.frames)
        return plain

    def _plain(self) -> dict[str, Any]:
        plain = asdict(self)
        for frame in plain["frames"]:
            frame["time"] = round(frame["time"], 4)
            for answer in frame["answers"].values():
                answer.update(latency=round(answer["latency"], 5), value=round(answer["value"], 5))
        return plain
