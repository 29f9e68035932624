# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Zip and tar archives, unpacked without trusting them."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from people_perception.errors import PerceptionError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")

_BLOCK = 1 << 20
_MAX_MEMBERS = 10_000
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def is_archive(path: Path) -> bool:
    """Whether a file's name says that it is an archive that `unpack` reads."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, folder: Path, limit: int = 4 << 30) -> list[Path]:
    """Unpack every regular file of an archive below ``folder``.

    Bytes are counted as they come out, because the sizes that an archive declares may be lies.

    Args:
        archive: zip or tar, told by its content.
        folder: where to; should be new and empty.
        limit: bytes of all files together.

    Returns:
        The files, in the archive's order.

    Raises:
        PerceptionError: damaged; a path outside the folder; a link or device; twice the same path; too much.
    """
    files: list[Path] = []
    written = 0
    try:
        for name, stream in _members(archive):
            target = folder / _safe(archive, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with stream, target.open("xb") as out:
                while block := stream.read(_BLOCK):
                    written += len(block)
                    if written > limit:
                        raise PerceptionError(f"{archive}: unpacks to more than {limit} bytes; refused")
                    out.write(block)
            files.append(target)
    except _DAMAGED as error:
        raise PerceptionError(f"{archive}: damaged or unsupported archive: {error}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise PerceptionError(f"{archive}: two members share the path {error.filename}; refused") from error
    except OSError as error:
        raise PerceptionError(f"{archive}: cannot unpack to {folder}: {error.strerror or error}") from error
    return files


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with archive.open("rb") as file:
        zip_file = file.read(2) == b"PK"
    if zip_file:
        with zipfile.ZipFile(archive) as zipped:
            _check_count(archive, len(zipped.infolist()))
            for info in zipped.infolist():
                kind = (info.external_attr >> 16) & 0o170000
                if kind not in (0, 0o100000, 0o040000):
                    raise PerceptionError(f"{archive}: {info.filename!r} is a link or a device; refused")
                if info.is_dir():
                    _safe(archive, info.filename)
                else:
                    yield info.filename, zipped.open(info)
        return
    with tarfile.open(archive) as tar:
        for count, member in enumerate(tar, 1):
            _check_count(archive, count)
            if member.isdir():
                _safe(archive, member.name)
                continue
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is None:
                raise PerceptionError(f"{archive}: {member.name!r} is a link or a device; refused")
            yield member.name, stream


def _check_count(archive: Path, count: int) -> None:
    if count > _MAX_MEMBERS:
        raise PerceptionError(f"{archive}: more than {_MAX_MEMBERS} members; refused")


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise PerceptionError(f"{archive}: the path {name!r} leads outside; refused")
    return path
