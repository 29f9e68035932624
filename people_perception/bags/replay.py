# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recording through models into another recording: every frame, at its own stamp, always with the same result."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from people_perception.bags.anonymize import RecordedAnonymizer, finders
from people_perception.bags.cameras import Stream, plan_streams
from people_perception.bags.models import ModelSettings, close_models, counted, describe
from people_perception.bags.output import ReplayOutput
from people_perception.bags.pipeline import Pipeline
from people_perception.bags.reader import Bag
from people_perception.bags.resume import Earlier, find_earlier
from people_perception.bags.summary import Summary
from people_perception.errors import PerceptionError
from people_perception.model import Perceiver
from people_perception.report.machine import describe_machine

_NAMED_ERRORS = 5


@dataclass(frozen=True)
class ReplaySettings:
    """How to replay.

    Attributes:
        models: what to run.
        topics: of cameras, see `plan_streams`; none for every camera.
        namespace: of the results.
        storage: ``mcap`` or ``sqlite3``.
        include_input: write everything that the input has, too.
        anonymize: what is covered in the images, some of ``face`` and ``person``. If anything is, the images of the
            cameras are written covered, and everything else that the input has, unless it may show them.
    """

    models: ModelSettings
    topics: tuple[str, ...] = ()
    namespace: str = "/people"
    storage: str = "mcap"
    include_input: bool = False
    anonymize: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listener:
    """Who is told how far a replay is.

    Attributes:
        begin: called with the models' descriptions, how many frames are done already, and how many there are.
        frame: called after each frame.
    """

    begin: Callable[[list[dict[str, Any]], int, int], None] = lambda described, done, total: None
    frame: Callable[[], None] = lambda: None


def replay(
    path: Path,
    output: Path,
    settings: ReplaySettings,
    resume: bool = False,
    stop: threading.Event | None = None,
    listener: Listener | None = None,
    command: str = "",
) -> Summary:
    """Run models over every image of a recording and write what they find, at the times and stamps of the images.

    Args:
        path: the folder of a rosbag2, or one of its files.
        output: the folder to write, another rosbag2.
        settings: what to run and how.
        resume: go on where an earlier run into the same folder ended.
        stop: set it to end early; the output is valid, and the next run can go on with it.
        listener: is told how far it is.
        command: what the user typed, for the report.

    Raises:
        PerceptionError: the recording cannot be read at all, nothing can run a model here, the output exists already
            or cannot be written, or a network fails on one frame after the other.
        ValueError: an option is unknown or out of range.
    """
    stop = stop or threading.Event()
    listener = listener or Listener()
    with Bag(path) as bag:
        covering = finders(settings.models.select(), settings.anonymize) if settings.anonymize else ()
        streams = plan_streams(bag, settings.models.models, settings.topics, settings.namespace, covering)
        cameras = tuple(dict.fromkeys(stream.camera for stream in streams))
        identity = _identity(bag, cameras, settings)
        earlier = find_earlier(output, identity) if resume else Earlier()
        if earlier.summary is not None:
            return earlier.summary
        if earlier.folder is None and output.exists():
            raise PerceptionError(f"{output} exists; give another --output, or --resume to go on with it")
        models = settings.models.load()
        try:
            described = [describe(name, model) for name, model in models.items()]
            run = {
                "input": str(path.absolute()),
                "command": command,
                "started": datetime.now().astimezone().isoformat(timespec="seconds"),
                "models": described,
                "streams": [_plain(stream, models[stream.model]) for stream in streams],
                "machine": describe_machine(),
                "identity": identity,
            }
            summary = Summary(str(path), str(output), expected=bag.count(cameras))
            anonymizer = None
            if settings.anonymize:
                anonymizer = RecordedAnonymizer(settings.anonymize, [s for s in streams if s.model in covering])
            copied = list(bag.topics.values()) if settings.include_input or anonymizer is not None else []
            listener.begin(described, earlier.frames, summary.expected)
            with ReplayOutput(
                output, settings.storage, streams, models, copied, run, earlier, summary, anonymizer
            ) as written:
                wanted = set(cameras) | written.copied
                cover = None if anonymizer is None else anonymizer.cover
                pipeline = Pipeline(bag.messages(wanted), streams, models, earlier.read, stop, cover)
                begin = time.monotonic()
                for job in pipeline:
                    if job.skipped:
                        written.pass_over(job)
                    else:
                        written.add(job)
                        if job.answers:
                            summary.computed += 1
                            summary.seconds = time.monotonic() - begin
                            listener.frame()
                    del job  # or its messages would live until the next one is done
                _conclude(summary, bag, written, stopped=stop.is_set())
            return summary
        finally:
            close_models(models)


def _conclude(summary: Summary, bag: Bag, written: ReplayOutput, stopped: bool) -> None:
    summary.problems += bag.problems
    errors = written.errors.most_common(_NAMED_ERRORS)
    summary.problems += [f"{count} times no result: {text}" for text, count in errors]
    summary.problems += [
        f"{written.withheld[camera]} images of {camera} are left out, because what to cover in them is not known"
        for camera in sorted(written.covered)
        if written.withheld[camera]
    ]
    summary.finished = not stopped or summary.frames >= summary.expected
    missing = summary.frames < summary.expected
    if not summary.finished:
        summary.problems.append(f"stopped after {summary.frames} of {summary.expected} images; --resume goes on")
    elif missing:
        summary.problems.append(f"only {summary.frames} of {summary.expected} images could be read")


def _identity(bag: Bag, cameras: Sequence[str], settings: ReplaySettings) -> dict[str, Any]:
    """What the output depends on: two runs in which it is the same write the same."""
    return {
        "input": {"name": bag.path.absolute().name, "images": {camera: bag.topics[camera].count for camera in cameras}},
        "models": settings.models.identity(),
        "namespace": settings.namespace,
        "storage": settings.storage,
        "include_input": settings.include_input,
        "anonymize": list(settings.anonymize),
    }


def _plain(stream: Stream, model: Perceiver) -> dict[str, Any]:
    return {
        "camera": stream.camera,
        "model": stream.model,
        "topics": list(stream.topics),
        "counts": counted(model.spec),
    }
