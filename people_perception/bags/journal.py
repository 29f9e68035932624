# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a replay did, beside the recording that it wrote: ``replay.json`` of the run, ``frames.jsonl`` of each frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from people_perception.errors import PerceptionError

RUN_FILE, FRAMES_FILE = "replay.json", "frames.jsonl"
_FORMAT = 1


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


_TEXT, _NUMBER, _MAPPING = {"type": "string"}, {"type": "number"}, {"type": "object"}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1}
_MODEL = ("requested", "model", "title", "engine", "device", "weights", "reason", "licence", "licence_url")
_COUNTS = ("frames", "expected", "failed", "computed", "seconds")
_SCHEMA = _object(
    input=_TEXT,
    command=_TEXT,
    started=_TEXT,
    machine={**_MAPPING, "additionalProperties": _TEXT},
    identity=_MAPPING,
    models={"type": "array", "items": _object(**dict.fromkeys(_MODEL, _TEXT))},
    streams={"type": "array", "items": _object(camera=_TEXT, model=_TEXT, counts=_TEXT, topics=_TEXTS)},
    finished={
        "oneOf": [
            {"type": "null"},
            _object(
                input=_TEXT,
                output=_TEXT,
                finished={"type": "boolean"},
                problems={"type": "array", "items": _TEXT},
                topics={**_MAPPING, "additionalProperties": _NUMBER},
                **dict.fromkeys(_COUNTS, _NUMBER),
            ),
        ]
    },
)
"""What is read of a run; a file may come from another machine, or an older version."""


@dataclass
class FrameRecord:
    """One image of the input and what became of it.

    Attributes:
        camera: topic.
        stamp: of its header, nanoseconds; None of an image that could not be read.
        time: when it was recorded, nanoseconds.
        read: messages of the input up to this one, itself included.
        written: messages of the output up to its last one.
        seconds: by topic, seconds until the result was there, by the clock.
        values: by topic, how many people or faces, or the share of the image that is a person.
        errors: by topic, why there is no result.
    """

    camera: str
    stamp: int | None
    time: int
    read: int
    written: int
    seconds: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def to_line(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


class Journal:
    """The two files, while they are written.

    Args:
        folder: of the output.
        run: what the run is, before it has begun.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any]) -> None:
        self._folder = folder
        self._run = {"format": _FORMAT, **run, "finished": None}
        write_json(folder / RUN_FILE, self._run)
        self._frames: IO[str] = (folder / FRAMES_FILE).open("w", encoding="utf-8", buffering=1)

    def add(self, record: FrameRecord) -> None:
        """Write one frame."""
        self._frames.write(record.to_line() + "\n")

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Say how the run ended."""
        self._frames.close()
        write_json(self._folder / RUN_FILE, {**self._run, "finished": dict(summary)})

    def close(self) -> None:
        """Close without saying how it ended."""
        self._frames.close()


def read_run(folder: Path) -> dict[str, Any]:
    """What ``replay.json`` says.

    Raises:
        PerceptionError: no replay wrote this folder, or the file is damaged.
    """
    import jsonschema

    path = folder / RUN_FILE
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
        if run["format"] != _FORMAT:
            raise PerceptionError(
                f"{path}: written in format {run['format']}; expected {_FORMAT}, replay the bag again"
            )
        problem = next(jsonschema.Draft7Validator(_SCHEMA).iter_errors(run), None)
        if problem is not None:
            where = ".".join(map(str, problem.absolute_path)) or "the file"
            raise PerceptionError(f"{path}: {where} is not what replay writes; replay the bag again")
        return run
    except FileNotFoundError as error:
        raise PerceptionError(f"{folder}: no output of replay: there is no {RUN_FILE} in it") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PerceptionError(f"{path}: cannot be read: {error}") from error


def read_frames(folder: Path) -> Iterator[FrameRecord]:
    """The frames in their order, up to a line that was cut off or damaged."""
    try:
        with (folder / FRAMES_FILE).open(encoding="utf-8") as file:
            for line in file:
                try:
                    record = FrameRecord(**json.loads(line))
                except (ValueError, TypeError, RecursionError):
                    return
                if not _is_whole(record):
                    return
                yield record
    except FileNotFoundError:
        return


def _is_whole(record: FrameRecord) -> bool:
    """Whether everything has its type, and each time its value."""
    numbers = (record.time, record.read, record.written, 0 if record.stamp is None else record.stamp)
    tables = ((record.seconds, (int, float)), (record.values, (int, float)), (record.errors, str))
    return (
        isinstance(record.camera, str)
        and all(type(number) is int for number in numbers)
        and all(isinstance(table, dict) and all(isinstance(v, kind) for v in table.values()) for table, kind in tables)
        and record.seconds.keys() == record.values.keys()
    )


def write_json(path: Path, value: Any) -> None:
    """Write a file that is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
