# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 recording, read as far as it can be: sqlite3 and mcap, compressed, split, and damaged ones too."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from people_perception.bags import salvage
from people_perception.bags.messages import missing_rosbags, typestore
from people_perception.bags.unpack import UnpackError, bound_rosbags, unpack_file, unzstd
from people_perception.errors import PerceptionError, one_line

_SUFFIXES = (".mcap", ".db3")
_ZSTD = b"\x28\xb5\x2f\xfd"


class Message(NamedTuple):
    """One recorded message; ``time`` is when it was recorded, in nanoseconds."""

    topic: str
    kind: str
    time: int
    data: bytes


@dataclass(frozen=True)
class Topic:
    """A recorded topic.

    Attributes:
        name: of the topic.
        kind: its type, such as ``sensor_msgs/msg/Image``.
        count: messages in the recording, as the recording says.
        qos: the publishers' offered quality of service, as rosbags knows it.
        definition: text of the type as the recording has it; empty if it has none.
    """

    name: str
    kind: str
    count: int
    qos: tuple[Any, ...] = ()
    definition: str = ""


class Bag:
    """An open recording; a context manager.

    Args:
        path: the folder of a rosbag2, or one of its files.

    Attributes:
        path: as given.
        topics: by name.
        problems: what could not be read and why, one line each; grows while messages are read.

    Raises:
        PerceptionError: nothing can be read, or rosbags is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.topics: dict[str, Topic] = {}
        self._parts: list[_Part] = []
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        typestore()  # damaged files are read without rosbags; but then nobody could decode the messages
        if not path.exists():
            raise PerceptionError(f"{path}: there is no such recording")
        if path.suffix == ".bag":
            raise PerceptionError(f"{path}: a ROS 1 recording; convert it with rosbags-convert (pip install rosbags)")
        try:
            files = self._files()
            for file in files:
                self._add(file)
            if not self._parts:
                why = "; ".join(self.problems) or "no .mcap and no .db3 file in it"
                raise PerceptionError(f"{path}: not a rosbag2 that can be read: {why}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def count(self, topics: Collection[str]) -> int:
        """How many messages the recording says it has on these topics."""
        return sum(self.topics[topic].count for topic in topics)

    def messages(self, topics: Collection[str] | None = None, start: int | None = None) -> Iterator[Message]:
        """Messages by time, one file after the other.

        What is damaged ends its file, and is noted in `problems`.

        Args:
            topics: their names; None for all.
            start: nanoseconds; earlier messages are left out.
        """
        wanted = self.topics.keys() if topics is None else set(topics)
        for part in self._parts:
            given = 0
            try:
                for message in part.messages(wanted, start):
                    given += 1
                    # Bags compressed message by message say so in their metadata, which may be lost.
                    if message.data[:4] == _ZSTD:
                        message = message._replace(data=unzstd(message.data))
                    yield message
            except Exception as error:  # sqlite3, zstd, struct and rosbags each have their own
                self._problem(f"{part.name}: cannot be read on after {given} messages: {one_line(error)}")

    def close(self) -> None:
        """Close the files."""
        for part in self._parts:
            part.close()
        self._parts.clear()
        if self._scratch is not None:
            self._scratch.cleanup()

    def _files(self) -> list[Path]:
        """The files in the order of recording."""
        if not self.path.is_dir():
            return [self.path]
        found = [p for p in self.path.iterdir() if p.suffix in _SUFFIXES or p.name.endswith(tuple(_PACKED))]
        found.sort(key=lambda p: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", p.name)])
        from people_perception.bags.metadata import listed_files

        try:
            listed = listed_files(self.path)
        except FileNotFoundError:
            if found:
                self._problem("metadata.yaml is missing; the files are read in the order of their names")
            return found
        except Exception as error:  # whatever a damaged file makes of the parser
            self._problem(
                f"metadata.yaml is damaged, the files are read in the order of their names: {one_line(error)}"
            )
            return found
        for path in listed:
            if not path.exists():
                self._problem(f"{path.name} is missing")
        return [path for path in listed if path.exists()]

    def _add(self, file: Path) -> None:
        name = file.name
        try:
            if file.stat().st_size == 0:
                raise PerceptionError("empty")
            if name.endswith(tuple(_PACKED)):
                file = self._unpack(file)
            part = _open_part(file)
        except PerceptionError as error:
            self._problem(f"{name}: {error}")
            return
        self._parts.append(part)
        if isinstance(part, _Salvaged) and part.damage:
            self._problem(f"{name}: {part.damage}; {part.count} messages before that are read")
        log = file.with_name(f"{file.name}-wal")
        if log.exists() and log.stat().st_size:
            self._problem(
                f"{name}: newer messages are in {log.name}, which is not read; open the file with sqlite3 once"
            )
        for topic in part.topics:
            before = self.topics.get(topic.name)
            total = topic.count + (before.count if before else 0)
            self.topics[topic.name] = replace(topic if before is None else before, count=total)

    def _unpack(self, file: Path) -> Path:
        """The content of a file that was compressed as a whole, on disk."""
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="people_perception_bag_")
        target = Path(self._scratch.name) / file.stem
        try:
            unpack_file(file, target)
        except (UnpackError, OSError) as error:
            if not target.exists() or target.stat().st_size == 0:
                raise PerceptionError(f"cannot be decompressed: {one_line(error)}") from error
            self._problem(f"{file.name}: only a part can be decompressed: {one_line(error)}")
        return target

    def _problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)


_PACKED = tuple(f"{suffix}.zstd" for suffix in _SUFFIXES)


class _Part:
    """One file that rosbags reads."""

    def __init__(self, file: Path) -> None:
        try:
            from rosbags.rosbag2 import Reader
        except ImportError as error:
            raise missing_rosbags(error) from error
        bound_rosbags()
        self.name = file.name
        self._reader = Reader(file)
        self._reader.open()
        self.topics = [
            Topic(c.topic, c.msgtype, c.msgcount, tuple(c.ext.offered_qos_profiles), c.msgdef.data)  # type: ignore[union-attr]
            for c in self._reader.connections
        ]

    def messages(self, wanted: Collection[str], start: int | None) -> Iterator[Message]:
        connections = [c for c in self._reader.connections if c.topic in wanted]
        if connections:  # rosbags takes none for all
            for connection, time, data in self._reader.messages(connections, start):
                yield Message(connection.topic, connection.msgtype, time, data)

    def close(self) -> None:
        self._reader.close()


class _Salvaged(_Part):
    """One file that rosbags refuses, read up to its damage."""

    def __init__(self, file: Path, scan: Callable[[Path], Iterator[salvage.Found]]) -> None:
        self.name = file.name
        self._file = file
        self._scan = scan
        self.damage = ""
        counts: dict[salvage.Channel, int] = {}
        try:
            for found in scan(file):
                counts[found.channel] = counts.get(found.channel, 0) + 1
        except Exception as error:  # a damaged byte may be anywhere
            self.damage = one_line(error)
        self.count = sum(counts.values())
        self.topics = [Topic(channel.topic, channel.kind, count) for channel, count in counts.items()]

    def messages(self, wanted: Collection[str], start: int | None) -> Iterator[Message]:
        left = self.count  # what comes then was reported when the file was opened
        for channel, time, data in self._scan(self._file):
            if channel.topic in wanted and (start is None or time >= start):
                yield Message(channel.topic, channel.kind, time, data)
            left -= 1
            if left <= 0:
                return

    def close(self) -> None:
        """The scan opens and closes the file itself."""


_SCANS: Mapping[str, Callable[[Path], Iterator[salvage.Found]]] = {
    ".mcap": salvage.scan_mcap,
    ".db3": salvage.scan_sqlite,
}


def _open_part(file: Path) -> _Part:
    """A file, by rosbags if that can read it.

    Raises:
        PerceptionError: not even one message can be read.
    """
    if file.suffix not in _SCANS:
        raise PerceptionError(f"expected a folder with metadata.yaml, or a file {' or '.join(_SUFFIXES)}")
    refusal = "it has no index"
    # rosbags gives up on an unindexed file whose messages are not quite in order.
    if file.suffix != ".mcap" or salvage.has_index(file):
        try:
            return _Part(file)
        except PerceptionError:
            raise
        except Exception as error:  # sqlite3, struct and rosbags each have their own
            refusal = one_line(error)
    part = _Salvaged(file, _SCANS[file.suffix])
    if not part.count and part.damage:
        raise PerceptionError(f"{refusal}; {part.damage}" if part.damage not in refusal else refusal)
    return part
