# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Zip and tar archives, unpacked without trusting them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from people_perception.errors import PerceptionError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")

_BLOCK = 1 << 20
_MAX_MEMBERS = 10_000
_MAX_HEADER = 1 << 16
"""Bytes of what a tar says before a member's content. tarfile reads them at once, whatever length they claim."""
_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
    struct.error,
)
"""What Python's readers of archives raise at damage."""


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
    except DAMAGED as error:
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
    with open_tar(archive) as (tar, content):
        for count, member in enumerate(tar, 1):
            _check_count(archive, count)
            if member.isdir():
                _safe(archive, member.name)
                continue
            stream = tar.extractfile(member) if member.isreg() else None
            if stream is None:
                raise PerceptionError(f"{archive}: {member.name!r} is a link or a device; refused")
            with content():
                yield member.name, stream


@contextmanager
def open_tar(archive: Path) -> Iterator[tuple[tarfile.TarFile, Callable[[], AbstractContextManager[None]]]]:
    """A tar archive, compressed or not, whose headers cannot claim the memory of the machine.

    Yields:
        The archive, and a context within which the content of its present member is read.

    Raises:
        tarfile.TarError: a header is too long, or the archive is damaged.
    """
    with archive.open("rb") as file:
        head = file.read(6)
    opener: Any = next((opener for magic, opener in _OPENERS if head.startswith(magic)), open)
    with opener(archive, "rb") as unpacked:
        bounded: Any = _Bounded(unpacked)
        with tarfile.open(fileobj=bounded, mode="r:") as tar:
            yield tar, bounded.content


class _Bounded:
    """The bytes of a tar: what is read between the contents of two members is limited."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left: float = _MAX_HEADER
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise tarfile.ReadError(f"a header of more than {_MAX_HEADER} bytes")
        return self._file.read(size)

    @contextmanager
    def content(self) -> Iterator[None]:
        """What is read now is a member's content, which the reader counts."""
        self._left = float("inf")
        try:
            yield
        finally:
            self._left = _MAX_HEADER


def _check_count(archive: Path, count: int) -> None:
    if count > _MAX_MEMBERS:
        raise PerceptionError(f"{archive}: more than {_MAX_MEMBERS} members; refused")


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise PerceptionError(f"{archive}: the path {name!r} leads outside; refused")
    return path
