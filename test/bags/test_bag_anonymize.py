# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recording is written anew with faces covered, and nothing in it shows them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from test_bag_replay import Stopper, kill, partly, rewritten
from tflite_networks import real_weights

import networks
from people_perception.bags.journal import read_frames
from people_perception.bags.messages import (
    COMPRESSED,
    DETECTIONS,
    IMAGE,
    POINTS,
    decode,
    encode,
    header,
    image_from,
    image_message,
    jpeg_message,
    stamp_ns,
    typestore,
)
from people_perception.bags.models import ModelSettings
from people_perception.bags.pictures import find_source
from people_perception.bags.reader import Bag, Message
from people_perception.bags.replay import Listener, ReplaySettings, replay
from people_perception.errors import PerceptionError
from people_perception.loading import load_model
from people_perception.share import share_folder
from recordings import START, record, stamps

CAMERA = "/camera/image_raw"
INFO = "sensor_msgs/msg/CameraInfo"
FACE = np.s_[192:384, 320:512]
"""Where the faces of `faces` are."""


def faces(count: int, missed: tuple[int, ...] = (), shape: tuple[int, int] = (544, 960)) -> list[np.ndarray]:
    """Images with a blue pattern, a face to the networks of networks.py, on a grey one; too dark in some to be seen."""
    rng = np.random.default_rng(7)
    images = []
    for i in range(count):
        image = np.zeros((*shape, 3), np.uint8)
        image[400:, :, 1] = rng.integers(0, 3, (shape[0] - 400, shape[1]))
        image[FACE] = rng.integers(0, 3, (192, 192, 3))
        if i not in missed:
            image[FACE][..., 0] = rng.integers(180, 256, (192, 192))
        images.append(image)
    return images


def settings(*models: str, labels: tuple[str, ...] = ("face",), **more: Any) -> ReplaySettings:
    return ReplaySettings(ModelSettings(models or ("peoplenet",)), anonymize=labels, **more)


def messages(path: Path, topic: str | None = None) -> list[Message]:
    with Bag(path) as bag:
        return list(bag.messages(None if topic is None else [topic]))


def images(path: Path, topic: str = CAMERA) -> list[np.ndarray]:
    return [image_from(decode(m.data, m.kind), m.kind) for m in messages(path, topic)]


def is_covered(image: np.ndarray) -> bool:
    region = image[FACE]
    return len(np.unique(region.reshape(region.shape[0] * region.shape[1], -1), axis=0)) <= 3 * 3


def roughness(image: np.ndarray) -> float:
    """How much neighbours in the face differ."""
    return float(np.abs(np.diff(image[FACE].max(axis=2).astype(int), axis=1)).mean())


def info(stamp: int) -> Any:
    kind = typestore().types[INFO]
    region = typestore().types["sensor_msgs/msg/RegionOfInterest"]
    roi = region(x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    zeros = {"d": np.zeros(5), "k": np.arange(9.0), "r": np.zeros(9), "p": np.zeros(12)}
    head = header(stamp, "camera_image_raw")
    return kind(head, 544, 960, "plumb_bob", *zeros.values(), 1, 1, roi)


def cloud(stamp: int, *fields: str) -> Any:
    field = typestore().types["sensor_msgs/msg/PointField"]
    parts = [field(name, 4 * i, 7, 1) for i, name in enumerate(fields)]
    size = 4 * len(fields)
    return typestore().types[POINTS](
        header(stamp, "lidar"), 1, 1, parts, False, size, size, np.zeros(size, np.uint8), True
    )


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_the_image_is_replaced_and_the_rest_is_copied(tmp_path: Path, storage: str) -> None:
    taken = faces(4)
    infos = [("/camera/camera_info", INFO, stamp, info(stamp)) for stamp in stamps(4)]
    clouds = [("/lidar", POINTS, stamp, cloud(stamp, "x", "y", "z")) for stamp in stamps(4)]
    path = record(tmp_path / "bag", {CAMERA: taken}, storage, extra=[*infos, *clouds])
    summary = replay(path, tmp_path / "out", settings(storage=storage))
    assert summary.complete and summary.withheld == {}

    before, after = messages(path, CAMERA), messages(tmp_path / "out", CAMERA)
    assert [(m.kind, m.time) for m in after] == [(m.kind, m.time) for m in before]
    for image, message in zip(taken, after, strict=True):
        decoded = decode(message.data, message.kind)
        assert decoded.header.frame_id == "camera_image_raw"
        pixels = image_from(decoded, IMAGE)
        assert pixels.shape == image.shape and is_covered(pixels)
        assert np.array_equal(pixels[500:], image[500:]), "nothing else is covered"
    assert [stamp_ns(decode(m.data, m.kind).header) for m in after] == stamps(4)
    for topic in ("/camera/camera_info", "/lidar"):
        assert messages(tmp_path / "out", topic) == messages(path, topic)
    with Bag(path) as one, Bag(tmp_path / "out") as other:
        assert other.topics[CAMERA] == one.topics[CAMERA]


@pytest.mark.parametrize("compressed", [False, True])
def test_nothing_of_the_original_is_in_the_output(tmp_path: Path, compressed: bool) -> None:
    path = record(tmp_path / "bag", {CAMERA: faces(3, missed=(1,))}, compressed=[CAMERA] if compressed else [])
    replay(path, tmp_path / "out", settings(storage="sqlite3"))
    # The files as they are, not what a reader makes of them: pages that sqlite has given up count, too.
    written = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file())
    for message, image in zip(messages(path), images(path), strict=True):
        assert bytes(message.data) not in written
        if compressed:
            data = bytes(decode(message.data, COMPRESSED).data)
            parts = [data[i : i + 64] for i in range(1000, len(data) - 64, 97)]
            parts = [part for part in parts if len(set(part)) > 40]  # plain areas look the same in every JPEG
            assert len(parts) > 20 and not any(part in written for part in parts)
        else:
            rows = image[FACE].reshape(192, -1)
            assert not any(row[i : i + 60].tobytes() in written for row in rows[::7] for i in (0, 150, 300, 500))
    found = [m.data for m in messages(tmp_path / "out", CAMERA)]
    assert len(found) == 3


@pytest.mark.parametrize("text", ["jpeg", "bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed rgb8"])
def test_a_jpeg_stays_a_jpeg(tmp_path: Path, text: str) -> None:
    (image,) = faces(1)
    message = jpeg_message(cv2.imencode(".jpg", image)[1].tobytes(), header(START, "c"))
    message.format = text
    path = record(tmp_path / "bag", {}, extra=[("/c/compressed", COMPRESSED, START, message)])
    label = "person" if text.startswith("rgb") else "face"  # red where the file's channels are in another order
    replay(path, tmp_path / "out", settings(labels=(label,)))
    (after,) = (decode(m.data, m.kind) for m in messages(tmp_path / "out", "/c/compressed"))
    assert bytes(after.data[:2]) == b"\xff\xd8"
    assert after.format == (text if text == "jpeg" else "bgr8; jpeg compressed bgr8")
    shown, original = image_from(after, COMPRESSED), image_from(message, COMPRESSED)
    assert np.abs(shown[400:].astype(int) - original[400:]).mean() < 2, "the colours are those that were shown"
    assert roughness(shown) < 2 < 5 < roughness(original)


def test_a_png_of_16_bits_stays_one(tmp_path: Path) -> None:
    image = np.full((240, 384), 7000, np.uint16)
    image[80:160, 100:180] = np.random.default_rng(0).integers(50000, 60000, (80, 80))
    message = jpeg_message(cv2.imencode(".png", image)[1].tobytes(), header(START, "c"))
    message.format = "mono16; png compressed mono16"
    path = record(tmp_path / "bag", {}, extra=[("/ir/compressed", COMPRESSED, START, message)])
    replay(path, tmp_path / "out", settings("facedetect_ir"))
    (after,) = (decode(m.data, m.kind) for m in messages(tmp_path / "out", "/ir/compressed"))
    assert after.format == "mono16; png compressed mono16" and bytes(after.data[:4]) == b"\x89PNG"
    shown = image_from(after, COMPRESSED)
    assert shown.dtype == np.uint16 and shown.shape == image.shape
    assert len(np.unique(shown[80:160, 100:180])) <= 9


class TestMemory:
    def test_a_face_that_is_missed_stays_covered_for_a_moment(self, tmp_path: Path) -> None:
        missed = tuple(range(3, 12))
        path = record(tmp_path / "bag", {CAMERA: faces(12, missed)})
        replay(path, tmp_path / "out", settings())
        with Bag(tmp_path / "out") as bag:
            counts = [len(decode(m.data, DETECTIONS).detections) for m in bag.messages(["/people/detections"])]
        assert counts == [1] * 3 + [0] * 9, "these images must be hard for the test to mean anything"
        # At 10 Hz half a second are five images.
        assert [is_covered(image) for image in images(tmp_path / "out")] == [True] * 8 + [False] * 4

    def test_each_camera_has_its_own(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {"/a/image": faces(4, (2,)), "/b/image": faces(4, (0, 1, 2, 3))})
        replay(path, tmp_path / "out", settings())
        assert [is_covered(image) for image in images(tmp_path / "out", "/a/image")] == [True] * 4
        assert [is_covered(image) for image in images(tmp_path / "out", "/b/image")] == [False] * 4

    def test_images_without_a_stamp_count_from_when_they_were_recorded(self, tmp_path: Path) -> None:
        plain = [(CAMERA, IMAGE, time, image_message(i, "bgr8", header(0, "c"))) for i, time in zip(
            faces(9, tuple(range(1, 9))), stamps(9), strict=True)]  # fmt: skip
        path = record(tmp_path / "bag", {}, extra=plain)
        replay(path, tmp_path / "out", settings())
        assert [is_covered(image) for image in images(tmp_path / "out")] == [True] * 6 + [False] * 3


class TestFailsClosed:
    def test_an_image_that_cannot_be_read_is_left_out_and_counted(self, tmp_path: Path) -> None:
        whole = record(tmp_path / "whole", {CAMERA: faces(5)})
        path = rewritten(whole, tmp_path / "bag", lambda i, data: data[:-500] if i == 2 else data)
        summary = replay(path, tmp_path / "out", settings())
        assert len(images(tmp_path / "out")) == 4
        assert (summary.finished, summary.complete, summary.withheld) == (True, False, {CAMERA: 1})
        assert f"1 images of {CAMERA} are left out, because what to cover in them is not known" in summary.problems
        assert [sorted(f.errors) for f in read_frames(tmp_path / "out")][2] == [CAMERA, "/people/detections"]

    @pytest.mark.parametrize("models", [("peoplenet",), ("facedetect_ir", "peoplenet")])
    def test_so_is_one_in_which_a_detector_fails(
        self, tmp_path: Path, models_with_fragile: None, models: tuple[str, ...]
    ) -> None:
        taken = faces(5)
        taken[3][:] = 0  # where the network's answer is not a number
        path = record(tmp_path / "bag", {CAMERA: taken})
        summary = replay(path, tmp_path / "out", settings(*models))
        assert summary.withheld == {CAMERA: 1}, summary.problems
        found = [stamp_ns(decode(m.data, m.kind).header) for m in messages(tmp_path / "out", CAMERA)]
        assert found == [stamp for i, stamp in enumerate(stamps(5)) if i != 3]

    @pytest.fixture
    def models_with_fragile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = networks.model_folder(tmp_path / "models")
        networks.fragile(folder / "peoplenet" / "resnet34_peoplenet.onnx")
        monkeypatch.setenv("PP_MODEL_DIR", str(folder))

    def test_what_else_may_show_a_face_is_left_out(self, tmp_path: Path) -> None:
        (image,) = faces(1)
        depth = np.full((48, 64), 1500, np.uint16)
        jpeg = jpeg_message(cv2.imencode(".jpg", image)[1].tobytes(), header(START, "c"))
        packed = jpeg_message(b"x", header(START, "c"))
        packed.format = "16UC1; compressedDepth png"

        def raw(pixels: np.ndarray, encoding: str) -> Any:
            message = image_message(pixels, "mono16" if pixels.ndim == 2 else "bgr8", header(START, "c"))
            message.encoding = encoding
            return message

        extra = [
            (f"{CAMERA}/compressed", COMPRESSED, START, jpeg),
            ("/people/overlay", IMAGE, START, raw(image, "bgr8")),
            ("/depth/registered_colour", IMAGE, START, raw(image, "bgr8")),
            ("/depth/ir/image_raw", IMAGE, START, raw(depth, "16UC1")),
            ("/points", POINTS, START, cloud(START, "x", "y", "z", "rgb")),
            ("/depth/image_rect_raw", IMAGE, START, raw(depth, "16UC1")),
            ("/depth/image_rect_raw/compressedDepth", COMPRESSED, START, packed),
        ]
        path = record(tmp_path / "bag", {CAMERA: [image]}, extra=extra)
        summary = replay(path, tmp_path / "out", settings(topics=(CAMERA,)))
        assert summary.withheld == {topic: 1 for topic, _, _, _ in extra[:5]}
        assert summary.complete, "that is as it should be"
        for topic, _, _, message in extra[5:]:
            assert [m.data for m in messages(tmp_path / "out", topic)] == [bytes(encode(message))]
        assert not {topic for topic, _, _, _ in extra[:5]} & {m.topic for m in messages(tmp_path / "out")}

    def test_without_a_detector_of_it_nothing_begins(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: faces(1)})
        with pytest.raises(PerceptionError, match="--anonymize face: of what runs .peoplesegnet. nothing gives boxes"):
            replay(path, tmp_path / "out", settings("peoplesegnet"))
        with pytest.raises(PerceptionError, match="--anonymize person: .* add peoplenet to --models"):
            replay(path, tmp_path / "out", settings("facedetect_ir", "peoplesemsegnet", labels=("person",)))
        assert not (tmp_path / "out").exists()

    def test_every_camera_is_looked_at_whatever_its_kind(self, tmp_path: Path) -> None:
        grey = [np.ascontiguousarray(image[..., 0]) for image in faces(2)]
        path = record(tmp_path / "bag", {CAMERA: faces(2), "/ir/image": grey})
        replay(path, tmp_path / "out", settings("peoplenet"))
        assert all(is_covered(image) for image in images(tmp_path / "out"))
        # In grey, a face to this network is a person and a bag, too.
        assert all(is_covered(image) for image in images(tmp_path / "out", "/ir/image"))


class TestResume:
    MISSED = tuple(i for i in range(18) if i % 6)

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        coloured = [("/points", POINTS, time, cloud(time, "x", "rgb")) for time in stamps(18)]
        return record(tmp_path / "bag", {CAMERA: faces(18, self.MISSED)}, extra=coloured)

    @pytest.mark.parametrize("frames", [3, 5])
    def test_goes_on_with_the_memory_of_what_ctrl_c_left(self, tmp_path: Path, path: Path, frames: int) -> None:
        whole = replay(path, tmp_path / "whole/out", settings())
        assert all(is_covered(image) for image in images(tmp_path / "whole/out"))
        part = partly(path, tmp_path / "part/out", settings(), frames)
        assert not part.finished and part.frames not in (6, 12), "or it does not depend on what came before"
        rest = replay(path, tmp_path / "part/out", settings(), resume=True)
        assert (rest.complete, rest.topics, rest.withheld) == (True, whole.topics, {"/points": 18})
        assert (tmp_path / "part/out/out.mcap").read_bytes() == (tmp_path / "whole/out/out.mcap").read_bytes()

    def test_goes_on_with_what_a_crash_left(self, tmp_path: Path, path: Path) -> None:
        replay(path, tmp_path / "whole", settings())
        partly(path, tmp_path / "out", settings(), 8)
        kill(tmp_path / "out")
        assert replay(path, tmp_path / "out", settings(), resume=True).complete
        assert messages(tmp_path / "out") == messages(tmp_path / "whole")

    def test_counts_what_was_left_out_before(self, tmp_path: Path, path: Path) -> None:
        bad = rewritten_image(path, tmp_path / "bad", 1)
        stopper = Stopper(4)
        replay(bad, tmp_path / "out", settings(), stop=stopper.stop, listener=Listener(frame=stopper.frame))
        rest = replay(bad, tmp_path / "out", settings(), resume=True)
        assert rest.withheld == {CAMERA: 1, "/points": 18}
        assert len(images(tmp_path / "out")) == 17

    def test_does_not_go_on_with_what_was_not_covered(self, tmp_path: Path, path: Path) -> None:
        partly(path, tmp_path / "out", settings(labels=(), include_input=True), 3)
        with pytest.raises(PerceptionError, match="written with include_input True, now False|anonymize"):
            replay(path, tmp_path / "out", settings(), resume=True)


def rewritten_image(path: Path, output: Path, index: int) -> Path:
    """A copy of a recording in which one image is cut off."""
    from people_perception.bags.writer import OutputBag

    copy = OutputBag(output)
    copy.add(CAMERA, IMAGE)
    copy.add("/points", POINTS)
    seen = 0
    for message in messages(path):
        cut = message.topic == CAMERA and seen == index
        seen += message.topic == CAMERA
        copy.write(message.topic, message.time, message.data[:-99] if cut else message.data)
    copy.close()
    return output


def test_pictures_of_it_are_made_from_what_is_covered(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {CAMERA: faces(2)})
    replay(path, tmp_path / "out", settings())
    replay(path, tmp_path / "plain", settings(labels=()))
    assert find_source(tmp_path / "out") == tmp_path / "out"
    assert find_source(tmp_path / "plain") == path


LABELLED = {
    "000000000165": [(133, 72, 200, 126), (443, 172, 490, 222)],
    "000000000294": [(122, 108, 176, 156)],
    "000000000370": [(145, 125, 290, 232)],
    "000000000389": [(272, 132, 344, 206)],
    "000000000459": [(138, 155, 230, 230)],
}
"""From the brows to the mouth, drawn by hand on the photographs."""


@pytest.mark.parametrize("compressed", [False, True])
def test_no_labelled_face_survives(
    assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", str(share_folder("models")))
    for name in ("open_face", "open_face:short"):
        real_weights(name)
    photographs = {name: cv2.imread(str(assets / "images" / f"{name}.jpg")) for name in LABELLED}
    # Moved a little from image to image, as a camera would.
    cameras = {f"/c{name}/image": [np.roll(p, 3 * i, axis=1) for i in range(3)] for name, p in photographs.items()}
    path = record(tmp_path / "bag", cameras, compressed=cameras if compressed else ())
    summary = replay(path, tmp_path / "out", settings("open_face"))
    assert summary.complete and summary.frames == 15
    with closing(load_model("open_face")) as full, closing(load_model("open_face:short")) as short:
        for name, boxes in LABELLED.items():
            written = images(tmp_path / "out", f"/c{name}/image")
            for i, (before, after) in enumerate(zip(images(path, f"/c{name}/image"), written, strict=True)):
                for x1, y1, x2, y2 in boxes:
                    region = np.s_[y1:y2, x1 + 3 * i : x2 + 3 * i]
                    assert (after[region] != before[region]).any(axis=2).mean() > 0.95, name
                    # What is finer than a block is gone: eyes, nose and mouth.
                    assert abs(likeness(before[region], after[region])) < 0.35, name
                    # (In the whole picture a head with one grey block for a face is a face to them all the same.)
                    assert not any(len(detector(after[region])) for detector in (full, short)), name


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two images' details."""
    details = []
    for image in (one, other):
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        details.append((grey - cv2.GaussianBlur(grey, (0, 0), len(grey) / 12)).ravel())
    return float(np.corrcoef(details)[0, 1])
