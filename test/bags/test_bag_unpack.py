# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is packed tightly on purpose fills neither the memory nor the disk."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lz4.frame
import pytest
from mcap.writer import CompressionType, Writer

from people_perception.bags import unpack
from people_perception.bags.reader import Bag
from people_perception.bags.unpack import MAX_UNPACKED, UnpackError, unlz4, unpack_chunk, unpack_file, unzstd, zstd
from people_perception.errors import PerceptionError

MB = 1 << 20
HUGE = MAX_UNPACKED + 64 * MB


@contextmanager
def within(limit: int) -> Iterator[None]:
    """Whoever takes more memory than this at once fails the test."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak / MB:.0f} MB"


def zstd_bomb(size: int) -> bytes:
    """Zeros, without a word in its head of how many."""
    compressor, zeros = zstd().ZstdCompressor(), bytes(MB)
    return b"".join(compressor.compress(zeros) for _ in range(size // MB)) + compressor.flush()


def lz4_bomb(size: int) -> bytes:
    with lz4.frame.LZ4FrameCompressor() as compressor:
        parts = [compressor.begin(), *(compressor.compress(bytes(MB)) for _ in range(size // MB)), compressor.flush()]
    return b"".join(parts)


@pytest.mark.parametrize(("pack", "bomb", "unpacked"), [
    (lambda data: zstd().compress(data), zstd_bomb, unzstd), (lz4.frame.compress, lz4_bomb, unlz4),
])  # fmt: skip
class TestData:
    def test_comes_out_whole(
        self, pack: Callable[[bytes], bytes], bomb: Callable[[int], bytes], unpacked: Callable[..., bytes]
    ) -> None:
        data = bytes(range(256)) * 1000
        assert unpacked(pack(data), len(data)) == data
        assert unpacked(bomb(3 * MB), 3 * MB) == bytes(3 * MB)
        assert unpacked(pack(b"")) == b""

    def test_is_refused_from_one_byte_too_many_on(
        self, pack: Callable[[bytes], bytes], bomb: Callable[[int], bytes], unpacked: Callable[..., bytes]
    ) -> None:
        data = bytes(range(256)) * 1000
        with pytest.raises(UnpackError, match="unpacks to more than 255999 bytes"):
            unpacked(pack(data), len(data) - 1)
        packed = bomb(1024 * MB)
        with within(40 * MB), pytest.raises(UnpackError, match="unpacks to more than 1048576 bytes"):
            unpacked(packed, MB)

    def test_that_is_damaged_or_cut_off_is_named(
        self, pack: Callable[[bytes], bytes], bomb: Callable[[int], bytes], unpacked: Callable[..., bytes]
    ) -> None:
        packed = pack(bytes(range(256)) * 1000)
        with pytest.raises(UnpackError, match="cut off"):
            unpacked(packed[:-20])
        with pytest.raises(UnpackError, match="damaged"):
            unpacked(packed[:4] + b"\xff" * 40 + packed[44:])


def test_many_frames_count_together() -> None:
    packed = zstd().compress(bytes(MB)) * 200
    assert len(unzstd(packed)) == 200 * MB
    with within(40 * MB), pytest.raises(UnpackError, match="more than 10485760 bytes"):
        unzstd(packed, 10 * MB)


def test_a_chunk_of_an_unknown_compression_is_named() -> None:
    with pytest.raises(UnpackError, match="compression 'brotli' is not known"):
        unpack_chunk("brotli", b"", 0)


def recording(path: Path, compression: CompressionType, *messages: bytes, indexed: bool = True) -> Path:
    """An mcap file with a chunk for each message."""
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=1, compression=compression, use_chunking=True)
        writer.start("ros2", "test")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
        channel = writer.register_channel("/text", "cdr", schema)
        for time, data in enumerate(messages, 1):
            writer.add_message(channel, time, data, time)
        writer.finish()
    if not indexed:
        data = bytearray(path.read_bytes())
        data[-28:-12] = bytes(16)
        path.write_bytes(data)
    return path


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("lying", [True, False])
@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4])
def test_a_chunk_that_unpacks_to_too_much_ends_the_file(
    tmp_path: Path, compression: CompressionType, lying: bool, indexed: bool
) -> None:
    text = b"\x00\x01\x00\x00\x05\x00\x00\x00good\x00"
    path = recording(tmp_path / "bomb.mcap", compression, text, bytes(HUGE), indexed=indexed)
    assert path.stat().st_size < 4 * MB
    if lying:
        size = struct.pack("<Q", HUGE + 9 + 22)
        data = bytearray(path.read_bytes())
        for at in (data.find(size), data.rfind(size)):  # in the chunk and in its index; between them is lz4's own word
            data[at : at + 8] = struct.pack("<Q", 100_000)
        path.write_bytes(data)
    with within(60 * MB), Bag(path) as bag:
        assert [m.data for m in bag.messages()] == [text]
        assert len(bag.problems) == 1
        expected = (
            "more than 100000 bytes" if lying else f"unpacks to {HUGE + 31} bytes; expected {MAX_UNPACKED} at most"
        )
        assert expected in bag.problems[0]


def test_so_does_a_message(tmp_path: Path) -> None:
    text = b"\x00\x01\x00\x00\x05\x00\x00\x00good\x00"
    packed = [zstd().compress(text), zstd_bomb(HUGE), zstd().compress(text)]
    path = recording(tmp_path / "bomb.mcap", CompressionType.NONE, *packed)
    with within(2 * MAX_UNPACKED + 60 * MB), Bag(path) as bag:
        assert [m.data for m in bag.messages()] == [text]
        assert "cannot be read on after 2 messages: it unpacks to more than" in bag.problems[0]


class TestFiles:
    """The limits are made small: a disk is slow."""

    @pytest.fixture(autouse=True)
    def _limits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(unpack, "_MAX_FILE", 30 * MB)

    def test_unpack_to_so_much_and_no_more(self, tmp_path: Path) -> None:
        packed, target = tmp_path / "a.mcap.zstd", tmp_path / "a.mcap"
        packed.write_bytes(zstd_bomb(29 * MB))
        unpack_file(packed, target)
        assert target.stat().st_size == 29 * MB
        packed.write_bytes(zstd_bomb(1024 * MB))
        assert packed.stat().st_size * 100 < 30 * MB
        with within(20 * MB), pytest.raises(UnpackError, match="more than 31457280 bytes"):
            unpack_file(packed, target)
        assert target.stat().st_size <= 30 * MB

    def test_a_large_file_may_have_a_hundred_times_as_much(self, tmp_path: Path) -> None:
        packed, target = tmp_path / "a.mcap.zstd", tmp_path / "a.mcap"
        noise = random.Random(0).randbytes(2 * MB)
        packed.write_bytes(zstd().compress(noise) + zstd_bomb(100 * MB))
        unpack_file(packed, target)
        assert target.stat().st_size == 102 * MB

    def test_what_fits_of_a_recording_is_read(self, tmp_path: Path) -> None:
        text = b"\x00\x01\x00\x00\x05\x00\x00\x00good\x00"
        whole = recording(tmp_path / "whole.mcap", CompressionType.NONE, *[text] * 100)
        path = tmp_path / "bag.mcap.zstd"
        path.write_bytes(zstd().compress(whole.read_bytes()) + zstd_bomb(64 * MB))
        with Bag(path) as bag:
            assert [m.data for m in bag.messages()] == [text] * 100
            assert "bag.mcap.zstd: only a part can be decompressed: it unpacks to more than" in bag.problems[0]
        path.write_bytes(zstd_bomb(64 * MB))
        with pytest.raises(PerceptionError, match="not an mcap file"):
            Bag(path)
