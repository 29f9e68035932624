# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A new recording, written as ``ros2 bag`` would: mcap with compressed chunks, or sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from people_perception.bags.messages import missing_rosbags, typestore
from people_perception.bags.reader import Topic
from people_perception.errors import PerceptionError

STORAGES = ("mcap", "sqlite3")


class OutputBag:
    """A recording that is being written.

    It is valid once it is closed, whatever was written until then.

    Args:
        path: its folder, which must not exist.
        storage: one of `STORAGES`.

    Raises:
        PerceptionError: the folder exists or cannot be made, or rosbags is not installed.
    """

    def __init__(self, path: Path, storage: str = "mcap") -> None:
        try:
            from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError
        except ImportError as error:
            raise missing_rosbags(error) from error
        self.path = path
        try:
            # Version 9 says the quality of service in words that Humble does not know.
            self._writer = Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()])
            if storage == "mcap":
                # A mask of 2 MB becomes a few KB. Chunks stay what every reader of mcap opens.
                self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise PerceptionError(f"{path}: cannot be written: {error}") from error
        self._connections: dict[str, Any] = {}

    def add(self, topic: str, kind: str, latched: bool = False) -> None:
        """Declare a topic that a node of this package would publish."""
        self._add(topic, kind, [_qos(latched)], typestore())

    def add_copy(self, topic: Topic) -> bool:
        """Declare a topic as another recording has it; False where nobody knows its type."""
        store = _store_with(topic)
        if store is None:
            return False
        self._add(topic.name, topic.kind, list(topic.qos), store)
        return True

    def write(self, topic: str, time: int, data: bytes | memoryview) -> None:
        """Append a message of a declared topic; time is in nanoseconds.

        Raises:
            PerceptionError: the disk does not take it.
        """
        with self._named():
            self._writer.write(self._connections[topic], time, data)

    def close(self) -> None:
        """Write the index and the metadata; raises as `write` does."""
        with self._named():
            self._writer.close()

    def abort(self) -> None:
        """Leave it as it is, without index and metadata; for an error while writing."""
        self._writer.abort()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise PerceptionError(f"{self.path}: cannot be written: {reason}") from error

    def _add(self, topic: str, kind: str, qos: list[Any], store: Any) -> None:
        self._connections[topic] = self._writer.add_connection(topic, kind, typestore=store, offered_qos_profiles=qos)


def _qos(latched: bool) -> Any:
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime

    forever = QosTime(9223372036, 854775807)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )


def _store_with(topic: Topic) -> Any:
    """A type store that knows the type of a topic: ours, or one made from the text in the recording."""
    own = typestore()
    if topic.kind in own.types:
        return own
    if not topic.definition:
        return None
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    try:
        store = get_typestore(Stores.EMPTY)
        if topic.definition.startswith("=" * 80 + "\nIDL: "):
            for part in topic.definition.split("=" * 80 + "\n")[1:]:
                store.register(get_types_from_idl(part.partition("\n")[2]))
        else:
            store.register(get_types_from_msg(topic.definition, topic.kind))
        store.generate_msgdef(topic.kind, ros_version=2)
        store.hash_rihs01(topic.kind)
    except Exception:  # a vendor's own definition that rosbags does not understand
        return None
    return store
