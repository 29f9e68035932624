# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a replay: its journal as a `Run`, with pictures of the frames worth a look."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
from numpy.typing import NDArray

from people_perception.bags.journal import read_frames, read_run
from people_perception.bags.messages import DETECTIONS, decode, image_from, recorded_stamp
from people_perception.bags.pictures import find_images, find_source
from people_perception.bags.reader import Bag, Message
from people_perception.draw import draw_detections, draw_mask, to_colour
from people_perception.message_fields import detections_from_message
from people_perception.report.files import shown_frames, write_files
from people_perception.report.record import Answer, Frame, ModelRun, Output, Run

_JPEG_QUALITY = 88


def write_report(output: Path, page: Path, source: Path | None = None) -> Path:
    """Write a page about an output of replay that needs nothing besides itself.

    Args:
        output: the recording that replay wrote.
        page: the file to write.
        source: the recording with the images; None for the one that the journal names.

    Raises:
        PerceptionError: the output is not replay's, or it or the source cannot be read.
        OSError: the page cannot be written.
    """
    run = read_run_record(output)
    with tempfile.TemporaryDirectory(prefix="people_perception_report_") as name:
        folder = Path(name)
        source = find_source(output, source)
        if source is not None:
            _draw(run, output, source, folder)
        write_files(run, folder)
        page.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "report.html", page)
    return page


def read_run_record(output: Path) -> Run:
    """What the journal of a replay says, as a report wants it. No frame has a picture yet.

    Raises:
        PerceptionError: the output is not replay's.
    """
    journal = read_run(output)
    outputs = tuple(Output(s["topics"][0], s["model"], s["camera"], s["counts"]) for s in journal["streams"])
    frames: list[Frame] = []
    counts: dict[str, int] = {}
    for record in read_frames(output):
        index = counts.get(record.camera, 0)
        counts[record.camera] = index + 1
        # An image that could not be read has no stamp; its place in time is when it was recorded.
        stamp = record.time if record.stamp is None else record.stamp
        answers = {topic: Answer(seconds, record.values[topic]) for topic, seconds in record.seconds.items()}
        frames.append(Frame(index, record.camera, f"image {index}", stamp, 0.0, answers))
    frames.sort(key=lambda frame: frame.stamp)
    for frame in frames:
        frame.time = (frame.stamp - frames[0].stamp) * 1e-9
    duration = frames[-1].time if frames else 0.0
    per_camera = max(counts.values(), default=0)
    finished = journal["finished"] or {"problems": ["it has not ended; --resume goes on with it"]}
    notes = list(finished["problems"])
    if journal.get("rate", 1) != 1:
        notes.append(f"Played at {journal['rate']:g} times the recorded speed; nodes measure in the recording's time.")
    cameras = f" of {len(counts)} cameras" * (len(counts) > 1)
    return Run(
        source=f"{Path(journal['input']).name}: {len(frames)} recorded images{cameras}",
        credits=(),
        rate=(per_camera - 1) / duration if duration > 0 else 0.0,
        command=journal["command"],
        started=journal["started"],
        duration=duration,
        models=tuple(_model(model) for model in journal["models"]),
        outputs=outputs,
        frames=tuple(frames),
        machine=journal["machine"],
        notes=tuple(notes),
        live=journal.get("live", False),
    )


def _model(described: dict[str, Any]) -> ModelRun:
    names = ("requested", "model", "title", "engine", "device", "weights", "reason", "licence", "licence_url")
    return ModelRun(**{name: described[name] for name in names}, statistics=described.get("statistics", {}))


def _draw(run: Run, output: Path, source: Path, folder: Path) -> None:
    """Draw the frames that the report shows, and only them."""
    # Numbers, because a recorded topic may be called anything, such as "/..".
    folders = {camera: str(number) for number, camera in enumerate(dict.fromkeys(f.camera for f in run.frames))}
    for frame in run.frames:
        frame.picture = f"{folders[frame.camera]}/{frame.index:06}.jpg"
    shown = {id(frame) for frame in shown_frames(run)}
    wanted: dict[str, set[int]] = {}
    for frame in run.frames:
        if id(frame) in shown:
            wanted.setdefault(frame.camera, set()).add(frame.stamp)
        else:
            frame.picture = ""
    images = find_images(source, wanted)
    results = _results(run, output, {stamp for stamps in wanted.values() for stamp in stamps})
    topics = {o.camera: {p.topic for p in run.outputs if p.camera == o.camera} for o in run.outputs}
    for frame in run.frames:
        if not frame.picture:
            continue
        image = images.get((frame.camera, frame.stamp))
        if image is None:
            frame.picture = ""
            continue
        found = [m for m in results.get(frame.stamp, ()) if _belongs(m.topic, topics[frame.camera])]
        path = folder / frame.picture
        path.parent.mkdir(parents=True, exist_ok=True)
        jpeg = cv2.imencode(".jpg", drawn(image, found), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        path.write_bytes(jpeg.tobytes())


def _belongs(topic: str, bases: Iterable[str]) -> bool:
    return any(topic in (base, f"{base}/mask") for base in bases)


def _results(run: Run, output: Path, stamps: set[int]) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = {}
    with Bag(output) as bag:
        topics = {name for name in bag.topics if _belongs(name, (o.topic for o in run.outputs))}
        for message in bag.messages(topics):
            stamp = recorded_stamp(message.data)
            if stamp in stamps:
                found.setdefault(stamp, []).append(message)
    return found


def drawn(image: NDArray, messages: Iterable[Message]) -> NDArray:
    """A colour copy of an image with results on it, masks below boxes, as the overlay node draws them."""
    picture = to_colour(image)
    for message in sorted(messages, key=lambda m: m.kind == DETECTIONS):
        content = decode(message.data, message.kind)
        if message.kind == DETECTIONS:
            draw_detections(picture, detections_from_message(content))
        else:
            draw_mask(picture, image_from(content, message.kind))
    return picture
