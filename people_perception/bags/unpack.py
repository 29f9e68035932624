# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Compressed chunks, messages and files of recordings, unpacked as far as memory and disk are to bear it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from people_perception.errors import PerceptionError

MAX_UNPACKED = 256 << 20
"""Bytes of a chunk or a message; the largest image that is read, 8K in colour, has 106 MB."""
_MAX_FILE = 1 << 30
_MAX_FILE_RATIO = 100
"""A file may have the one, or so many times what it has packed; camera images rarely shrink to a tenth."""
_PIECE = 1 << 20


class UnpackError(PerceptionError):
    """Compressed data that is damaged, or that unpacks to more than it may."""


def zstd() -> Any:
    """The module that decompresses zstd: Python's own since 3.14, before that the one that rosbags needs."""
    try:
        from compression import zstd as module
    except ImportError:
        from backports import zstd as module
    return module


def unzstd(data: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """Decompressed zstd, of any number of frames.

    Raises:
        UnpackError: it is damaged, or has more than ``limit`` bytes, of which hardly more are unpacked.
    """
    module = zstd()
    parts: list[bytes] = []
    left = limit
    while data:
        decompressor = module.ZstdDecompressor()
        try:
            parts.append(decompressor.decompress(data, left + 1))
        except module.ZstdError as error:
            raise UnpackError(f"damaged zstd: {error}") from error
        left -= len(parts[-1])
        _check(left, limit, decompressor.eof)
        data = decompressor.unused_data
    return b"".join(parts)


def unlz4(data: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """Decompressed lz4; see `unzstd`."""
    import lz4.frame

    decompressor = lz4.frame.LZ4FrameDecompressor()
    try:
        unpacked: bytes = decompressor.decompress(data, max_length=limit + 1)
    except RuntimeError as error:
        raise UnpackError(f"damaged lz4: {error}") from error
    _check(limit - len(unpacked), limit, decompressor.eof)
    return unpacked


def _check(left: int, limit: int, whole: bool) -> None:
    if left < 0:
        raise UnpackError(f"it unpacks to more than {limit} bytes, which it should not have")
    if not whole:
        raise UnpackError("compressed data is cut off")


def unpack_chunk(compression: str, data: bytes, size: int) -> bytes:
    """The content of a chunk of an mcap file, which says that it has ``size`` bytes.

    Raises:
        UnpackError: it has not, or its compression is unknown.
    """
    if compression not in _UNPACKERS:
        raise UnpackError(f"compression {compression[:20]!r} is not known")
    if size > MAX_UNPACKED and compression:
        raise UnpackError(f"it says that it unpacks to {size} bytes; expected {MAX_UNPACKED} at most")
    return _UNPACKERS[compression](data, size)


_UNPACKERS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "": lambda data, size: data,
    "zstd": unzstd,
    "lz4": unlz4,
}


def bound_rosbags() -> None:
    """Have rosbags unpack chunks with the limits of this module; by itself it has none."""
    from rosbags.rosbag2 import storage_mcap

    for compression in _UNPACKERS:
        storage_mcap.DECOMPRESSORS[compression] = partial(unpack_chunk, compression)


def unpack_file(packed: Path, target: Path) -> None:
    """Write the content of a file that was compressed as a whole.

    Raises:
        UnpackError: it is damaged, or unpacks to far more than recordings do; what came before that is written.
        OSError: the disk does not take it.
    """
    left = limit = max(_MAX_FILE, _MAX_FILE_RATIO * packed.stat().st_size)
    module = zstd()
    with module.open(packed, "rb") as source, target.open("wb") as unpacked:
        try:
            while piece := source.read(_PIECE):
                left -= len(piece)
                _check(left, limit, whole=True)
                unpacked.write(piece)
        except (module.ZstdError, EOFError) as error:
            raise UnpackError(f"damaged zstd: {error}") from error
