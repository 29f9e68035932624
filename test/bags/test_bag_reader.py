# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings are read whole where they are whole, and as far as possible where they are not."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from people_perception.bags.messages import IMAGE, decode, image_from, stamp_ns
from people_perception.bags.reader import Bag
from people_perception.errors import PerceptionError
from recordings import record, squares, stamps

CAMERA = "/camera/image_raw"
COUNT = 8


def images_of(bag: Bag) -> list[int]:
    """The stamps of the images that can be read, whose pixels are looked at too."""
    found = []
    for message in bag.messages([CAMERA]):
        decoded = decode(message.data, message.kind)
        assert image_from(decoded, message.kind).shape == (544, 960, 3)
        found.append(stamp_ns(decoded.header))
    return found


def storage_file(path: Path) -> Path:
    return next(p for p in path.iterdir() if p.name != "metadata.yaml")


def cut(path: Path, part: float) -> None:
    """Keep the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])


@pytest.fixture(params=["mcap", "sqlite3"])
def storage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestWholeRecordings:
    @pytest.mark.parametrize(
        ("storage", "mode"),
        [(kind, mode) for kind in ("mcap", "sqlite3") for mode in ("NONE", "FILE", "MESSAGE")] + [("mcap", "STORAGE")],
    )
    def test_reads_every_message_however_it_is_compressed(self, tmp_path: Path, storage: str, mode: str) -> None:
        with Bag(record(tmp_path / "bag", {CAMERA: squares(COUNT)}, storage, mode=mode)) as bag:
            assert images_of(bag) == stamps(COUNT)
            assert bag.topics[CAMERA].count == COUNT
            assert bag.problems == []

    def test_reads_a_file_without_its_folder(self, tmp_path: Path, storage: str) -> None:
        path = storage_file(record(tmp_path / "bag", {CAMERA: squares(COUNT)}, storage))
        with Bag(path) as bag:
            assert images_of(bag) == stamps(COUNT)
            assert bag.problems == []

    def test_reads_split_recordings_one_file_after_the_other(self, tmp_path: Path, storage: str) -> None:
        with Bag(split(tmp_path, storage)) as bag:
            assert images_of(bag) == stamps(COUNT)
            assert bag.topics[CAMERA].count == COUNT

    def test_gives_only_wanted_topics_from_a_time_on(self, tmp_path: Path, storage: str) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(4), "/other": squares(4)}, storage)
        with Bag(path) as bag:
            later = [m.time for m in bag.messages(["/other"], start=stamps(4)[2])]
            assert len(later) == 2
            assert bag.count([CAMERA, "/other"]) == 8


class TestDamagedRecordings:
    def test_reads_what_there_is_of_a_truncated_file(self, tmp_path: Path, storage: str) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(COUNT)}, storage)
        cut(storage_file(path), 0.6)
        with Bag(path) as bag:
            found = images_of(bag)
            assert 2 <= len(found) < COUNT
            assert found == stamps(COUNT)[: len(found)]
            assert bag.topics[CAMERA].count == len(found)
            assert len(bag.problems) == 1
            assert f"{len(found)} messages before that are read" in bag.problems[0]

    def test_reads_a_recording_that_was_killed(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(COUNT)}, "mcap", mode="STORAGE")
        (path / "metadata.yaml").unlink()
        cut(storage_file(path), 0.5)
        with Bag(path) as bag:
            assert images_of(bag) == stamps(COUNT)[: bag.topics[CAMERA].count]
            assert "metadata.yaml is missing" in bag.problems[0]
            assert "cut off" in bag.problems[1]

    def test_reads_an_unindexed_mcap_whole(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(COUNT)}, "mcap")
        remove_summary(storage_file(path))
        with Bag(path) as bag:
            assert images_of(bag) == stamps(COUNT)
            assert bag.problems == []

    def test_reads_up_to_a_damaged_chunk(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(COUNT)}, "mcap", mode="STORAGE")
        data = bytearray(storage_file(path).read_bytes())
        at = data.find(b"\x28\xb5\x2f\xfd", len(data) // 2)
        data[at : at + 4] = b"\xff\xff\xff\xff"
        storage_file(path).write_bytes(data)
        with Bag(path) as bag:
            found = images_of(bag)
            assert 1 <= len(found) < COUNT
            assert "cannot be read on after" in bag.problems[0]

    def test_reads_the_other_files_of_a_split_recording(self, tmp_path: Path, storage: str) -> None:
        path = split(tmp_path, storage)
        first = sorted(p for p in path.iterdir() if p.suffix in (".mcap", ".db3"))[0]
        first.unlink()
        with Bag(path) as bag:
            assert images_of(bag) == stamps(COUNT)[COUNT // 2 :]
            assert bag.problems == [f"{first.name} is missing"]

    def test_reads_without_metadata(self, tmp_path: Path, storage: str) -> None:
        path = split(tmp_path, storage)
        (path / "metadata.yaml").write_text("not: [valid")
        with Bag(path) as bag:
            assert images_of(bag) == stamps(COUNT)
            assert "metadata.yaml is damaged" in bag.problems[0]

    def test_warns_of_messages_in_a_write_ahead_log(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(2)}, "sqlite3")
        log = storage_file(path).with_name("bag.db3-wal")
        log.write_bytes(b"x")
        with Bag(path) as bag:
            assert "newer messages are in bag.db3-wal" in bag.problems[0]

    @pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999])
    def test_never_raises_anything_else(self, tmp_path: Path, storage: str, part: float) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(3, (64, 48))}, storage)
        cut(storage_file(path), part)
        try:
            with Bag(path) as bag:
                assert len(list(bag.messages())) < 3 or bag.problems == []
        except PerceptionError as error:
            assert str(path) in str(error)


class TestRefusals:
    def test_says_how_to_get_rosbags(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(1)})
        code = (
            "import sys; sys.modules['rosbags'] = None; from people_perception.cli import main;"
            f"sys.exit(main(['replay', {str(path)!r}, '--output', 'out']))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 2
        assert re.search(r"recordings need rosbags \(.*\); pip install rosbags\n$", done.stderr)

    def test_names_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(PerceptionError, match="nowhere: there is no such recording"):
            Bag(tmp_path / "nowhere")

    def test_refuses_a_folder_without_recordings(self, tmp_path: Path) -> None:
        with pytest.raises(PerceptionError, match="no .mcap and no .db3 file in it"):
            Bag(tmp_path)

    def test_refuses_a_recording_of_ros_1(self, tmp_path: Path) -> None:
        (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
        with pytest.raises(PerceptionError, match="a ROS 1 recording; convert it with rosbags-convert"):
            Bag(tmp_path / "old.bag")

    def test_refuses_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("hello")
        with pytest.raises(PerceptionError, match=r"expected a folder with metadata.yaml, or a file .mcap or .db3"):
            Bag(tmp_path / "notes.txt")

    @pytest.mark.parametrize("suffix", [".mcap", ".db3"])
    @pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
    def test_refuses_files_without_a_single_message(self, tmp_path: Path, suffix: str, content: bytes) -> None:
        path = tmp_path / f"broken{suffix}"
        path.write_bytes(content)
        with pytest.raises(PerceptionError, match="not a rosbag2 that can be read: broken"):
            Bag(path)


def split(folder: Path, storage: str) -> Path:
    """A recording in two files, as ``ros2 bag record --max-bag-size`` leaves it."""
    whole = record(folder / "whole", {CAMERA: squares(COUNT)}, storage)
    information = yaml.safe_load((whole / "metadata.yaml").read_text())
    path = folder / "split"
    path.mkdir()
    names = []
    with Bag(whole) as bag:
        messages = list(bag.messages())
    for number in range(2):
        half = squares(COUNT)[number * COUNT // 2 : (number + 1) * COUNT // 2]
        one = record(folder / f"split_{number}", {CAMERA: half}, storage)
        file = storage_file(one)
        if number:
            move_in_time(folder, storage, file, messages[COUNT // 2 :])
        names.append(f"split_{number}{file.suffix}")
        file.rename(path / names[-1])
    information["rosbag2_bagfile_information"]["relative_file_paths"] = names
    (path / "metadata.yaml").write_text(yaml.safe_dump(information))
    return path


def move_in_time(folder: Path, storage: str, file: Path, messages: list) -> None:
    """Write the file anew with these messages."""
    from people_perception.bags.writer import OutputBag

    output = OutputBag(folder / f"late_{storage}", storage)
    output.add(CAMERA, IMAGE)
    for message in messages:
        output.write(CAMERA, message.time, message.data)
    output.close()
    storage_file(output.path).replace(file)


def remove_summary(path: Path) -> None:
    """What a recorder with no chunk index leaves: the footer says that there is no summary."""
    data = bytearray(path.read_bytes())
    data[-28:-12] = bytes(16)
    path.write_bytes(data)


def test_sqlite_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {CAMERA: squares(2)}, "sqlite3")
    database = sqlite3.connect(storage_file(path))
    database.executescript(
        "DROP TABLE schema; DROP TABLE message_definitions; DROP TABLE metadata;"
        "ALTER TABLE topics DROP COLUMN type_description_hash;"
    )
    database.close()
    with Bag(path) as bag:
        assert images_of(bag) == stamps(2)
