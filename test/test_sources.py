# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where pictures come from: the bundled scene, files and bags, and what is said when there is nothing to read."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from people_perception.errors import PerceptionError
from people_perception.sources import open_source
from people_perception.sources.scene import SceneSource


def picture(width: int, height: int, colour: tuple[int, int, int] = (40, 80, 160)) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def write_bag(path: Path, topics: dict[str, list[np.ndarray]], mcap: bool = True, compressed: bool = False) -> Path:
    """Images at 10 Hz on each topic; the first of ``topics`` a nanosecond before the second, and so on."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    time_of, header_of = store.types["builtin_interfaces/msg/Time"], store.types["std_msgs/msg/Header"]
    kind = "sensor_msgs/msg/CompressedImage" if compressed else "sensor_msgs/msg/Image"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP if mcap else StoragePlugin.SQLITE3) as writer:
        connections = {topic: writer.add_connection(topic, kind, typestore=store) for topic in topics}
        for offset, (topic, images) in enumerate(topics.items()):
            for i, image in enumerate(images):
                header = header_of(time_of(i // 10, i % 10 * 100_000_000), "camera")
                if compressed:
                    data = cv2.imencode(".jpg", image)[1].reshape(-1)
                    message = store.types[kind](header, "jpeg", data)
                else:
                    height, width = image.shape[:2]
                    message = store.types[kind](header, height, width, "bgr8", 0, 3 * width, image.reshape(-1))
                writer.write(connections[topic], i * 100_000_000 + offset + 1, store.serialize_cdr(message, kind))
    return path


class TestScene:
    def test_is_what_plays_when_no_source_is_named(self) -> None:
        source = open_source()
        assert isinstance(source, SceneSource)
        assert (source.count, source.rate, source.infrared) == (None, 10.0, True)
        first = next(iter(source))
        assert first.image.shape == (720, 1280, 3)
        assert first.image.dtype == np.uint8
        assert first.infrared is not None
        assert first.infrared.shape == (480, 640)
        assert first.infrared.dtype == np.uint16

    def test_two_runs_see_the_same(self) -> None:
        a, b = (list(islice(open_source(rate=2.0, size=(320, 180)), 5)) for _ in range(2))
        for left, right in zip(a, b, strict=True):
            assert np.array_equal(left.image, right.image)
            assert left.time == right.time

    def test_the_camera_moves_smoothly(self) -> None:
        pictures = [p.image.astype(np.float32) for p in islice(open_source(size=(320, 180)), 20)]
        steps = [float(np.abs(b - a).mean()) for a, b in pairwise(pictures)]
        far = float(np.abs(pictures[0] - pictures[-1]).mean())
        assert min(steps) > 0
        assert max(steps) < far

    def test_its_size_and_rate_can_be_chosen(self) -> None:
        pictures = list(islice(open_source(rate=4.0, size=(640, 360)), 3))
        assert [p.time for p in pictures] == [0, 0.25, 0.5]
        assert pictures[0].image.shape == (360, 640, 3)
        # The same view, whatever its size.
        full = next(iter(open_source(size=(1280, 720)))).image
        small = cv2.resize(full, (640, 360), interpolation=cv2.INTER_AREA).astype(np.float32)
        assert np.abs(small - pictures[0].image).mean() < 6

    def test_its_pictures_have_known_licences(self) -> None:
        credits = " ".join(open_source().credits)
        assert "NASA" in credits
        assert "public domain" in credits
        assert credits.count("CC0") >= 4


class TestFiles:
    def test_images_come_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        for name, width in (("b.png", 60), ("a.jpg", 40), ("notes.txt", 0)):
            if width:
                cv2.imwrite(str(tmp_path / name), picture(width, 30))
            else:
                (tmp_path / name).write_text("no image")
        for name in (str(tmp_path), f"{tmp_path}/*.[jp][pn]g"):
            source = open_source(name, rate=5.0)
            pictures = list(source)
            assert source.count == 2
            assert [(p.name, p.image.shape[1], p.time) for p in pictures] == [("a.jpg", 40, 0), ("b.png", 60, 0.2)]

    def test_one_image(self, tmp_path: Path) -> None:
        cv2.imwrite(str(tmp_path / "one.png"), np.full((20, 30), 9, np.uint16))
        pictures = list(open_source(str(tmp_path / "one.png")))
        assert [p.image.dtype for p in pictures] == [np.uint16]

    @pytest.mark.parametrize(("width", "height", "expected"), [(400, 100, (25, 100)), (90, 40, (40, 90))])
    def test_only_what_is_larger_is_scaled(self, tmp_path: Path, width: int, height: int, expected: tuple) -> None:
        cv2.imwrite(str(tmp_path / "one.png"), picture(width, height))
        (only,) = open_source(str(tmp_path / "one.png"), size=(100, 50))
        assert only.image.shape[:2] == expected

    def test_a_video(self, tmp_path: Path) -> None:
        path = tmp_path / "video.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48))
        for i in range(4):
            writer.write(picture(64, 48, (60 * i, 60 * i, 60 * i)))
        writer.release()
        source = open_source(str(path))
        pictures = list(source)
        assert (source.count, source.rate) == (4, 5.0)
        assert [round(p.time, 3) for p in pictures] == [0, 0.2, 0.4, 0.6]
        assert [round(float(p.image.mean()) / 60) for p in pictures] == [0, 1, 2, 3]
        source.close()

    def test_a_real_video(self, assets: Path) -> None:
        source = open_source(str(assets / "video" / "one-by-one-person-detection.mp4"))
        assert (source.rate, source.count) == (10.0, 1394)
        assert next(iter(source)).image.shape == (432, 768, 3)
        source.close()


class TestBags:
    @pytest.mark.parametrize("mcap", [True, False])
    @pytest.mark.parametrize("compressed", [True, False])
    def test_images_at_the_times_of_their_recording(self, tmp_path: Path, mcap: bool, compressed: bool) -> None:
        images = [picture(32, 24, (i, i, i)) for i in (0, 100, 200)]
        path = write_bag(tmp_path / "bag", {"/camera/image_raw": images}, mcap, compressed)
        source = open_source(str(path))
        pictures = list(source)
        assert source.count == 3
        assert source.rate == pytest.approx(10.0)
        assert [p.time for p in pictures] == pytest.approx([0, 0.1, 0.2])
        assert [round(float(p.image.mean()), -1) for p in pictures] == [0, 100, 200]
        source.close()

    def test_one_of_its_files_alone(self, tmp_path: Path) -> None:
        path = write_bag(tmp_path / "bag", {"/image": [picture(8, 8)]})
        (path / "metadata.yaml").unlink()
        for name in (path, next(path.glob("*.mcap"))):
            assert len(list(open_source(str(name)))) == 1

    def test_several_cameras_need_a_choice(self, tmp_path: Path) -> None:
        topics = {"/left": [picture(8, 8)], "/right": [picture(16, 8)] * 2}
        path = write_bag(tmp_path / "bag", topics)
        with pytest.raises(PerceptionError, match=r"several cameras; choose one with --topic: /left \(Image\), /right"):
            open_source(str(path))
        assert [p.image.shape[1] for p in open_source(str(path), topic="/right")] == [16, 16]
        with pytest.raises(PerceptionError, match=r"no images on /top; there are /left \(Image\)"):
            open_source(str(path), topic="/top")

    def test_depth_is_no_choice(self, tmp_path: Path) -> None:
        path = write_bag(tmp_path / "bag", {"/color/image": [picture(8, 8)], "/depth/image": [picture(16, 8)]})
        assert [p.image.shape[1] for p in open_source(str(path))] == [8]

    def test_a_rate_of_ones_own(self, tmp_path: Path) -> None:
        path = write_bag(tmp_path / "bag", {"/image": [picture(8, 8)] * 3})
        assert [p.time for p in open_source(str(path), rate=2.0)] == [0, 0.5, 1.0]

    def test_a_bag_without_images(self, tmp_path: Path) -> None:
        from rosbags.rosbag2 import Writer
        from rosbags.typesys import Stores, get_typestore

        with Writer(tmp_path / "bag", version=9) as writer:
            writer.add_connection("/chatter", "std_msgs/msg/String", typestore=get_typestore(Stores.ROS2_JAZZY))
        with pytest.raises(PerceptionError, match="no topic of type sensor_msgs/Image"):
            open_source(str(tmp_path / "bag"))

    def test_a_truncated_bag(self, tmp_path: Path) -> None:
        path = write_bag(tmp_path / "bag", {"/image": [picture(64, 64)] * 3})
        file = next(path.glob("*.mcap"))
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        with pytest.raises(PerceptionError, match=str(tmp_path)):
            list(open_source(str(path)))

    def test_what_a_recording_says_of_its_types_is_not_believed(self, tmp_path: Path) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.typesys import Stores, get_typestore

        store = get_typestore(Stores.ROS2_HUMBLE)
        kind = "sensor_msgs/msg/Image"
        time, header = (store.types[name] for name in ("builtin_interfaces/msg/Time", "std_msgs/msg/Header"))
        message = store.types[kind](header(time(1, 0), "camera"), 4, 8, "mono8", 0, 8, np.full(32, 7, np.uint8))
        with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            # rosbags would make code of a thousand million lines from it.
            lie = {"msgdef": "string[1000000000] x\n", "rihs01": "RIHS01_" + "0" * 64}
            writer.write(writer.add_connection("/image", kind, **lie), 1, store.serialize_cdr(message, kind))
        (shown,) = open_source(str(tmp_path / "bag"))
        assert shown.image.shape == (4, 8) and (shown.image == 7).all()

    def test_a_damaged_message_is_left_out(self, tmp_path: Path) -> None:
        images = [picture(16, 8), picture(16, 8)]
        path = write_bag(tmp_path / "bag", {"/image": images}, mcap=False, compressed=True)
        import sqlite3

        with sqlite3.connect(next(path.glob("*.db3"))) as database:
            database.execute("UPDATE messages SET data = substr(data, 1, 60) WHERE timestamp < 100")
        assert [p.name for p in open_source(str(path))] == ["message 1"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.mp4", "nothing.mp4: no such source; give a video, images, a rosbag2"),
        ("empty", "empty: no image there"),
        ("*.png", r"\*.png: no image there"),
        ("text.txt", "not a video that OpenCV can read, nor an image or a bag"),
        ("text.jpg", "text.jpg: not an image that OpenCV can read"),
        ("gone.mcap", "gone.mcap: there is no such recording"),
        ("text.db3", "text.db3: not a rosbag2 that can be read"),
        ("/dev/video77", "/dev/video77: no such file or directory; this machine has"),
        ("/dev/null", "/dev/null: no picture comes from it"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    for text in ("text.txt", "text.jpg", "text.db3"):
        (tmp_path / text).write_text("this is text")
    with pytest.raises(PerceptionError, match=message) as error:
        open_source(name)
    assert "\n" not in str(error.value)
    # Libraries of C++ must not add lines of their own.
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 0.0}, "rate=0: expected"),
        ({"rate": 2000.0}, "rate=2000: expected"),
        ({"size": (8, 8)}, "size=8x8: expected"),
        ({"topic": "/image"}, "only a bag has topics"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(**arguments)
