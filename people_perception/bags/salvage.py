# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What can still be read of a recording that was killed, cut off or never indexed."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from people_perception.bags.unpack import UnpackError, unpack_chunk
from people_perception.errors import PerceptionError

_MAGIC = b"\x89MCAP0\r\n"
_SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _DATA_END = 0x03, 0x04, 0x05, 0x06, 0x0F


class Channel(NamedTuple):
    """A topic of a damaged file."""

    topic: str
    kind: str


class Found(NamedTuple):
    """A message of a damaged file; time is in nanoseconds."""

    channel: Channel
    time: int
    data: bytes


class DamageError(PerceptionError):
    """Where reading ended."""


def has_index(path: Path) -> bool:
    """Whether an mcap file ends as it should and says where its summary is."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < len(_MAGIC) * 2 + 29:
            return False
        file.seek(-37, 2)
        tail = file.read()
    return tail.endswith(_MAGIC) and tail[0] == 0x02 and struct.unpack_from("<Q", tail, 9)[0] > 0


def scan_mcap(path: Path) -> Iterator[Found]:
    """The messages of an mcap file from its beginning on, those of one chunk by time.

    https://mcap.dev/spec has the format of the records.

    Raises:
        DamageError: the file is cut off or damaged here; what came before is good.
    """
    kinds: dict[int, str] = {}
    channels: dict[int, Channel] = {}
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DamageError(f"{path.name} is not an mcap file")
        for opcode, content in _records(file):
            if opcode == _CHUNK:
                found: list[Found] = []
                for inner, record in _records_of(_unpacked(content)):
                    found += _read(inner, record, kinds, channels)
                yield from sorted(found, key=lambda message: message.time)
            elif opcode == _DATA_END:
                return
            else:
                yield from _read(opcode, content, kinds, channels)
    raise DamageError(f"{path.name} has no end")


def _read(opcode: int, record: bytes, kinds: dict[int, str], channels: dict[int, Channel]) -> Iterator[Found]:
    """Remember a schema or a channel, or give a message."""
    if opcode == _MESSAGE:
        number, _, time, _ = struct.unpack_from("<HIQQ", record)
        if number not in channels:
            raise DamageError(f"a message of a channel {number} that was never declared")
        yield Found(channels[number], time, record[22:])
    elif opcode == _SCHEMA:
        kinds[struct.unpack_from("<H", record)[0]] = _text(record, 2)
    elif opcode == _CHANNEL:
        number, schema = struct.unpack_from("<HH", record)
        channels[number] = Channel(_text(record, 4), kinds.get(schema, ""))


def _records(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    while head := file.read(9):
        at = file.tell() - len(head)
        if len(head) < 9:
            raise DamageError(f"cut off at byte {at}")
        opcode, size = head[0], struct.unpack_from("<Q", head, 1)[0]
        # A damaged length must not make Python reserve what it claims.
        remaining = file.seek(0, 2) - at - 9
        file.seek(at + 9)
        if size > remaining:
            raise DamageError(f"cut off or damaged at byte {at}")
        yield opcode, file.read(size)


def _records_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 9 <= len(data):
        opcode, size = data[at], struct.unpack_from("<Q", data, at + 1)[0]
        if at + 9 + size > len(data):
            raise DamageError("a record is longer than its chunk")
        yield opcode, data[at + 9 : at + 9 + size]
        at += 9 + size


def _unpacked(chunk: bytes) -> bytes:
    """The records of a chunk."""
    if len(chunk) < 40:
        raise DamageError("a chunk without a head")
    size, checksum = struct.unpack_from("<QI", chunk, 16)
    compression = _text(chunk, 28)
    data = chunk[28 + 4 + len(compression) + 8 :]
    try:
        unpacked = unpack_chunk(compression, data, size)
    except UnpackError as error:
        raise DamageError(f"a chunk is damaged: {error}") from error
    if len(unpacked) != size or (checksum and zlib.crc32(unpacked) != checksum):
        raise DamageError("a chunk is damaged: its checksum is wrong")
    return unpacked


def _text(record: bytes, at: int) -> str:
    (size,) = struct.unpack_from("<I", record, at)
    return record[at + 4 : at + 4 + size].decode("utf-8", "replace")


def scan_sqlite(path: Path) -> Iterator[Found]:
    """The messages of a sqlite3 file in the order in which they were recorded, as far as its pages can be read.

    Raises:
        DamageError: the database is damaged here; what came before is good.
    """
    # Opened and read in the same thread, but perhaps closed in another.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, check_same_thread=False)
    try:
        # Otherwise sqlite refuses a file that is shorter than its head says. Nothing can be written: it is immutable.
        connection.execute("PRAGMA writable_schema = ON")
        topics = {n: Channel(name, kind) for n, name, kind in connection.execute("SELECT id, name, type FROM topics")}
        # By rowid, so that neither an index nor a page behind the damage is needed.
        for number, time, data in connection.execute("SELECT topic_id, timestamp, data FROM messages ORDER BY id"):
            if number in topics:
                yield Found(topics[number], time, data)
    except sqlite3.Error as error:
        raise DamageError(f"{path.name}: {error}") from error
    finally:
        connection.close()
