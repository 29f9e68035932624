# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What an earlier run left, so that the next one goes on where it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from people_perception.bags.journal import FrameRecord, read_frames, read_run
from people_perception.bags.reader import Bag, Message
from people_perception.bags.summary import Summary
from people_perception.errors import PerceptionError


@dataclass(frozen=True)
class Earlier:
    """What of an earlier run can be kept.

    Attributes:
        folder: where it lies; None where there is nothing.
        frames: images that are done.
        read: messages of the input that are done.
        written: messages of the output that belong to them.
        summary: how it went, if it reached the end; then there is nothing left to do.
    """

    folder: Path | None = None
    frames: int = 0
    read: int = 0
    written: int = 0
    summary: Summary | None = None

    def messages(self) -> Iterator[Message]:
        """What was written of the frames that are done."""
        if self.folder is None or not self.written:
            return
        with Bag(self.folder) as bag:
            yield from islice(bag.messages(), self.written)

    def records(self) -> Iterator[FrameRecord]:
        """The frames that are done."""
        if self.folder is not None:
            yield from islice(read_frames(self.folder), self.frames)


def set_aside(output: Path) -> Path:
    """Where an output waits until what is good of it has been copied."""
    return output.with_name(f".{output.name}.earlier")


def find_earlier(output: Path, identity: Mapping[str, Any]) -> Earlier:
    """What can be kept of an earlier run into ``output``.

    Raises:
        PerceptionError: the folder is not a replay's, or one of something else.
    """
    # A run that ended while it copied has left both; what it copied from has everything.
    folder = next((f for f in (set_aside(output), output) if f.exists()), None)
    if folder is None:
        return Earlier()
    run = read_run(folder)
    _check_same(output, run["identity"], json.loads(json.dumps(identity)))
    finished = run["finished"]
    if finished is not None and finished["finished"]:
        return Earlier(folder, summary=replace(Summary.from_plain(finished), computed=0, seconds=0.0))
    last, count = None, 0
    available = _available(folder)
    for record in read_frames(folder):
        if record.written > available:
            break
        last, count = record, count + 1
    return Earlier(folder) if last is None else Earlier(folder, count, last.read, last.written)


def _available(folder: Path) -> int:
    """How many messages can be read there."""
    # sqlite keeps what it has not committed; the database itself may be in the middle of a change.
    if any(path.stat().st_size for path in folder.glob("*.db3-journal")):
        return 0
    try:
        with Bag(folder) as bag:
            return bag.count(bag.topics)
    except PerceptionError:
        return 0


def _check_same(output: Path, before: Any, now: Any, where: str = "") -> None:
    """Raise an error that names the first thing in which two runs differ."""
    if before == now:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        if before.keys() == now.keys():
            for name in now:
                _check_same(output, before[name], now[name], f"{where} {name}".lstrip())
            return
        before, now = list(before), list(now)
    texts = [", ".join(map(str, value)) if isinstance(value, list) else str(value) for value in (before, now)]
    raise PerceptionError(
        f"{output}: written with {where} {texts[0]}, now {texts[1]}; replay as before, or give another --output"
    )
