# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``models.lock.json``: what is known about the files of one model's folder, and enforced from then on.

NVIDIA publishes no checksums. The first good copy of a file is recorded; a later one that differs is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from people_perception.errors import PerceptionError

RECORD = "models.lock.json"
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class FileRecord:
    """One file as it was when it was accepted.

    Attributes:
        size: bytes.
        sha256: of the whole file, in hexadecimal.
        source: ``ngc``, ``npm`` or ``import``.
        origin: which version it was, or the path that it was imported from.
        variant: the variant of the model that an imported network was imported for.
        int8_cache: the calibration cache that was imported with a network.
    """

    size: int
    sha256: str
    source: str
    origin: str
    variant: str = ""
    int8_cache: str | None = None


@dataclass(frozen=True)
class Record:
    """The recorded files of one folder by their names."""

    files: Mapping[str, FileRecord] = field(default_factory=dict)


def read_record(folder: Path) -> Record:
    """The record of a model's folder; empty when there is none.

    Raises:
        PerceptionError: the file is damaged, or names a file outside its folder.
    """
    path = folder / RECORD
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = {name: _checked(name, FileRecord(**entry)) for name, entry in data["files"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return Record()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise PerceptionError(f"{path}: damaged ({why}); delete it and fetch or import the model again") from error
    return Record(files)


def _checked(name: str, entry: FileRecord) -> FileRecord:
    """The entry, whose names are those of files in its folder and whose values have their types."""
    for file in (name, entry.int8_cache):
        if file is not None and not (isinstance(file, str) and FILE_NAME.fullmatch(file)):
            raise ValueError(f"{file!r} is no plain file name")
    texts = (entry.sha256, entry.source, entry.origin, entry.variant)
    if not isinstance(entry.size, int) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the entry of {name} has a value of another type")
    return entry


def update_record(folder: Path, add: Mapping[str, FileRecord], remove: frozenset[str] = frozenset()) -> None:
    """Change some entries of a folder's record. The caller holds the folder's lock."""
    files = {name: entry for name, entry in read_record(folder).files.items() if name not in remove} | dict(add)
    if not files:
        (folder / RECORD).unlink(missing_ok=True)
        return
    data = {"files": {name: _compact(entry) for name, entry in sorted(files.items())}}
    write_atomically(folder / RECORD, json.dumps(data, indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write a small text file so that a reader sees the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private; other users of a shared folder read it too
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _compact(entry: FileRecord) -> dict[str, object]:
    return {key: value for key, value in asdict(entry).items() if value or key not in ("variant", "int8_cache")}
