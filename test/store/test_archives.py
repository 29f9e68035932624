# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Archives that try to write where they should not, or too much."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from people_perception.errors import PerceptionError
from people_perception.store.archives import is_archive, unpack


def make_zip(path: Path, members: dict[str, bytes], link: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = 0o120777 << 16
            archive.writestr(info, "/etc/passwd")
    return path


def make_tar(path: Path, members: dict[str, bytes], *extra: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


MEMBERS = {"a.onnx": b"network", "sub/b.txt": b"labels" * 1000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("make", "name"), [(make_zip, "a.zip"), (make_tar, "a.tar.gz")])
def test_regular_files_come_out(tmp_path: Path, folder: Path, make, name: str) -> None:
    files = unpack(make(tmp_path / name, MEMBERS), folder)
    assert {str(path.relative_to(folder)): path.read_bytes() for path in files} == MEMBERS


def test_a_folder_entry_is_no_file(tmp_path: Path, folder: Path) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", {"sub/a": b"1"}, special("sub", tarfile.DIRTYPE))
    assert unpack(archive, folder) == [folder / "sub" / "a"]


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "a\\..\\outside", ".", ".."])
@pytest.mark.parametrize(("make", "file"), [(make_zip, "a.zip"), (make_tar, "a.tar.gz")])
def test_a_path_outside_is_refused(tmp_path: Path, folder: Path, make, file: str, name: str) -> None:
    with pytest.raises(PerceptionError, match=f"{file}: the path .* leads outside; refused"):
        unpack(make(tmp_path / file, {name: b"x"}), folder)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize(
    ("kind", "target"),
    [(tarfile.SYMTYPE, "/etc"), (tarfile.LNKTYPE, "a"), (tarfile.CHRTYPE, ""), (tarfile.FIFOTYPE, "")],
)
def test_a_tar_with_a_link_or_device_is_refused(tmp_path: Path, folder: Path, kind: bytes, target: str) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", {"a": b"1"}, special("b", kind, target))
    with pytest.raises(PerceptionError, match="'b' is a link or a device; refused"):
        unpack(archive, folder)
    assert not os.path.lexists(folder / "b")


def test_a_zip_with_a_link_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(PerceptionError, match="'b' is a link or a device; refused"):
        unpack(make_zip(tmp_path / "a.zip", {"a": b"1"}, link="b"), folder)
    assert not os.path.lexists(folder / "b")


def test_a_path_twice_is_refused(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        for content in (b"1", b"2"):
            info = tarfile.TarInfo("a")
            info.size = 1
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(PerceptionError, match="two members share the path"):
        unpack(archive, folder)


@pytest.mark.parametrize(("make", "name"), [(make_zip, "a.zip"), (make_tar, "a.tar.gz")])
def test_a_bomb_stops_at_the_limit(tmp_path: Path, folder: Path, make, name: str) -> None:
    archive = make(tmp_path / name, {"bomb": bytes(30 << 20)})
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(PerceptionError, match="unpacks to more than 4194304 bytes"):
        unpack(archive, folder, limit=4 << 20)
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 4 << 20


@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_damage_is_one_line(data: st.DataObject, tmp_path: Path) -> None:
    name = data.draw(st.sampled_from(["a.zip", "a.tar", "a.tar.gz"]))
    with tempfile.TemporaryDirectory(dir=tmp_path) as where:
        archive = Path(where) / name
        if name == "a.zip":
            make_zip(archive, MEMBERS)
        else:
            with tarfile.open(archive, "w:gz" if name.endswith("gz") else "w") as tar:
                for path, content in MEMBERS.items():
                    info = tarfile.TarInfo(path)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        content = bytearray(archive.read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        archive.write_bytes(content)
        try:
            for file in unpack(archive, Path(where) / "out"):
                assert file.is_relative_to(Path(where) / "out") and file.is_file()
        except PerceptionError as error:
            assert "\n" not in str(error)


def test_a_member_without_a_name(tmp_path: Path, folder: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"x": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"x", b"\0"))
    with pytest.raises(PerceptionError, match="a.zip: (damaged|the path)"):
        unpack(archive, folder)


def header_bomb(kind: bytes) -> bytes:
    """A header of 3 GiB before the first member, as tarfile would read it: at once."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, 3 << 30
    return info.tobuf(tarfile.USTAR_FORMAT)


def sparse_bomb(_: bytes) -> bytes:
    """A map of a sparse file with millions of entries."""
    records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n21 GNU.sparse.name=x\n"
    extended, member = tarfile.TarInfo("x"), tarfile.TarInfo("x")
    extended.type, extended.size, member.size = tarfile.XHDTYPE, len(records), 1 << 30
    blocks = [extended.tobuf(tarfile.USTAR_FORMAT), records.ljust(512, b"\0"), member.tobuf(tarfile.USTAR_FORMAT)]
    return b"".join(blocks) + b"90000000\n" + b"1\n" * (2 << 20)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(header_bomb, tarfile.XHDTYPE), (header_bomb, tarfile.XGLTYPE), (header_bomb, b"L"), (sparse_bomb, b"")],
)
def test_a_header_cannot_claim_memory(tmp_path: Path, folder: Path, make, kind: bytes) -> None:
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(make(kind))
        file.write(bytes(64 << 20))
    assert archive.stat().st_size < 2 << 20
    tracemalloc.start()
    try:
        with pytest.raises(PerceptionError, match="a header of more than 65536 bytes"):
            unpack(archive, folder)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_header_of_a_long_name_is_read(tmp_path: Path, folder: Path) -> None:
    name = "/".join(["folder" * 10] * 8)
    assert unpack(make_tar(tmp_path / "a.tar.gz", {name: b"1"}), folder) == [folder / name]


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_every_compression_of_a_tar(tmp_path: Path, folder: Path, suffix: str) -> None:
    archive = tmp_path / f"a.tar{suffix}"
    with tarfile.open(archive, f"w:{suffix[1:]}") as tar:
        for name, content in MEMBERS.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    files = unpack(archive, folder)
    assert {str(path.relative_to(folder)): path.read_bytes() for path in files} == MEMBERS


def test_too_many_members(tmp_path: Path, folder: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {f"{i}": b"" for i in range(10_001)})
    with pytest.raises(PerceptionError, match="more than 10000 members"):
        unpack(archive, folder)


@pytest.mark.parametrize("content", [b"", b"PK but no archive", os.urandom(5000), b"\x1f\x8b\x08 but no gzip"])
def test_no_archive_at_all(tmp_path: Path, folder: Path, content: bytes) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    with pytest.raises(PerceptionError, match="a.zip: (damaged|cannot unpack)"):
        unpack(archive, folder)


@pytest.mark.parametrize(
    ("make", "name", "damage"),
    [(make_zip, "a.zip", "cut"), (make_tar, "a.tar.gz", "cut"), (make_zip, "a.zip", "flip")],
)
def test_a_damaged_archive(tmp_path: Path, folder: Path, make, name: str, damage: str) -> None:
    archive = make(tmp_path / name, {"a": os.urandom(100_000)})
    content = bytearray(archive.read_bytes())
    if damage == "cut":
        del content[50_000:]
    else:
        content[50_000:50_100] = bytes(100)
    archive.write_bytes(content)
    with pytest.raises(PerceptionError, match=f"{name}: (damaged|cannot unpack)"):
        unpack(archive, folder)


def test_names_of_archives() -> None:
    assert all(is_archive(Path(name)) for name in ("a.ZIP", "a.tgz", "a.tar.xz"))
    assert not is_archive(Path("a.onnx"))
