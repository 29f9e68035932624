# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``detect`` as people and programs use it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import networks
from people_perception import cli
from people_perception.catalogue import get_spec
from people_perception.engines import tensorrt_installation
from people_perception.store.paths import find_weights


@pytest.fixture(autouse=True)
def _no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: "not in this test")


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return networks.detectnet(tmp_path_factory.mktemp("detect") / "net.onnx")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two images of twice PeopleNet's size, with a sure person and a doubtful one in the first, and a file of text."""
    folder = tmp_path / "photos"
    folder.mkdir()
    image = np.zeros((1088, 1920, 3), np.uint8)
    cv2.imwrite(str(folder / "b.png"), image)
    image[320:352, 640:672, 2] = 255
    image[640:672, 1280:1312, 2] = 100
    cv2.imwrite(str(folder / "a.png"), image)
    (folder / "notes.txt").write_text("not an image")
    return folder


def run(*arguments: object) -> int:
    return cli.main(["detect", *map(str, arguments)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_json_is_one_object_an_image_in_source_pixels(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, "--model", "peoplenet", "--weights", weights, "--json") == 0
    first, second = lines(capsys)
    assert first["image"] == str(photos / "a.png")
    assert (first["width"], first["height"]) == (1920, 1088)
    (person,) = first["detections"]
    assert person["label"] == "person"
    assert person["score"] == pytest.approx(1.0, abs=1e-3)
    reach = 2 * networks.HALF_BOX
    assert person["box"] == pytest.approx([641 - reach, 321 - reach, 641 + reach, 321 + reach], abs=0.1)
    assert second == {"image": str(photos / "b.png"), "width": 1920, "height": 1088, "detections": []}


def test_json_also_lists_what_is_below_the_models_threshold(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (photos / "a.png", "--model", "peoplenet", "--weights", weights, "--option", "clustering=nms")
    assert run(*common, "--json") == 0
    assert [d["score"] for d in lines(capsys)[0]["detections"]] == pytest.approx([1.0, 100 / 255], abs=1e-3)
    assert run(*common, "--json", "--option", "confidence_threshold=0.5") == 0
    assert len(lines(capsys)[0]["detections"]) == 1
    # The table shows what the model itself reports.
    assert run(*common) == 0
    assert capsys.readouterr().out.count("person") == 1


def test_options_by_label(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = (photos / "a.png", "--model", "peoplenet", "--weights", weights, "--option", "clustering=nms")
    assert run(*common, "--option", "confidence_threshold=0.9", "--option", "confidence_threshold.person=0.3") == 0
    assert capsys.readouterr().out.count("person") == 2


def test_a_table_for_people(photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photos, "--model", "peoplenet", "--weights", weights) == 0
    out, err = capsys.readouterr()
    header, first, second = out.splitlines()
    assert header.split() == ["image", "label", "score", "box", "or", "share", "of", "the", "image"]
    assert first.split()[:3] == ["a.png", "person", "1.00"]
    assert second.split() == ["b.png", "-"]
    assert "PeopleNet on CPUExecutionProvider: onnxruntime runs net.onnx" in err


@pytest.mark.parametrize("pattern", ["*.png", "[ab].png"])
def test_a_quoted_pattern_is_resolved(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    assert run(photos / pattern, "--model", "peoplenet", "--weights", weights, "--json") == 0
    assert [Path(line["image"]).name for line in lines(capsys)] == ["a.png", "b.png"]


def test_annotated_pictures_are_written_and_the_images_left_alone(photos: Path, weights: Path) -> None:
    before = (photos / "a.png").read_bytes()
    assert run(photos, "--model", "peoplenet", "--weights", weights, "--output", photos / "out" / "deep") == 0
    assert sorted(p.name for p in (photos / "out" / "deep").iterdir()) == ["a_annotated.jpg", "b_annotated.jpg"]
    assert (photos / "a.png").read_bytes() == before
    a, b = (cv2.imread(str(photos / "out" / "deep" / f"{name}_annotated.jpg")) for name in "ab")
    assert a.shape == (1088, 1920, 3)
    reach = 2 * networks.HALF_BOX
    assert a[321, int(641 - reach)].max() > 100
    assert b.max() < 10


def test_images_of_one_name_do_not_overwrite_each_other(photos: Path, weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("a.png", "a_2.png"):
        cv2.imwrite(str(other / name), np.zeros((40, 60, 3), np.uint8))
    out = tmp_path / "out"
    images = (photos / "a.png", other / "a.png", other / "a_2.png")
    assert run(*images, "--model", "peoplenet", "--weights", weights, "--output", out) == 0
    assert len(list(out.iterdir())) == 3
    assert cv2.imread(str(out / "a_annotated.jpg")).shape == (1088, 1920, 3)


def test_a_class_mask_is_a_png_of_class_ids_at_source_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.zeros((300, 500, 3), np.uint8)
    image[:, 250:] = 255
    cv2.imwrite(str(tmp_path / "half.png"), image)
    net = networks.semantic(tmp_path / "net.onnx")
    arguments = (tmp_path / "half.png", "--model", "peoplesemsegnet", "--weights", net)
    assert run(*arguments, "--json", "--output", tmp_path / "out") == 0
    (line,) = lines(capsys)
    assert line["detections"] == []
    mask = cv2.imread(line["mask"], cv2.IMREAD_UNCHANGED)
    assert (mask.dtype, mask.shape) == (np.uint8, (300, 500))
    assert (mask[:, :248] == 0).all()
    assert (mask[:, 252:] == 1).all()
    assert run(*arguments) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["half.png", "person", "50.0%"]
    assert "peoplesemsegnet makes masks; --output DIR keeps them" in err


def test_an_instance_mask_is_a_png_of_the_ids_of_the_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((576, 960, 3), np.uint8))
    net = networks.mask_rcnn(tmp_path / "net.onnx")
    common = ("--model", "peoplesegnet", "--weights", net, "--json", "--output", tmp_path)
    assert run(tmp_path / "one.png", *common) == 0
    (line,) = lines(capsys)
    (person,) = line["detections"]
    assert (person["label"], person["id"]) == ("person", 1)
    mask = cv2.imread(line["mask"], cv2.IMREAD_UNCHANGED)
    assert (mask.dtype, mask.shape) == (np.uint16, (576, 960))
    assert set(np.unique(mask)) == {0, 1}
    x1, y1, x2, y2 = map(round, person["box"])
    assert mask[(y1 + y2) // 2, (x1 + x2) // 2] == 1


def test_every_kind_of_image_is_read(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    colour = np.full((64, 96, 3), 200, np.uint8)
    kinds = {
        "grey.png": colour[:, :, 0],
        "infrared.png": colour[:, :, 0].astype(np.uint16) * 30,
        "deep.png": colour.astype(np.uint16) * 256,
        "alpha.png": np.dstack([colour, colour[:, :, :1]]),
        "photo.JPG": colour,
        "scan.tiff": colour,
        "bild mit ä.webp": colour,
    }
    for name, pixels in kinds.items():
        (tmp_path / name).write_bytes(cv2.imencode(Path(name).suffix, pixels)[1].tobytes())
    assert run(tmp_path, "--model", "peoplenet", "--weights", weights, "--json") == 0
    found = lines(capsys)
    assert {Path(line["image"]).name for line in found} == set(kinds)
    assert {(line["width"], line["height"]) for line in found} == {(96, 64)}


def test_one_unreadable_image_does_not_stop_the_others(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "empty.png").touch()
    images = (photos / "missing.png", photos / "notes.txt", photos / "empty.png", photos / "a.png")
    assert run(*images, "--model", "peoplenet", "--weights", weights, "--json") == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["image"] == str(photos / "a.png")
    error = err.splitlines()[-1]
    assert error.startswith("people_perception detect: error: 3 of 4 images could not be read: ")
    assert f"{photos / 'missing.png'}: no such file or directory; " in error
    assert f"{photos / 'notes.txt'}: not an image that OpenCV can read; " in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--option", "confidence_threshold"),
            "--option 'confidence_threshold': expected NAME=VALUE or NAME.LABEL=VALUE",
        ),
        (("--option", "confidence=0.5"), "peoplenet has no option 'confidence'; it has clustering, "),
        (("--option", "nms_iou=2"), "nms_iou=2: expected a number from 0.0 to 1.0"),
        (("--option", "top_k=many"), "top_k='many': expected an integer from 1 to "),
        (("--option", "confidence_threshold.dog=1"), "unknown label 'dog'; the labels are person, bag, face"),
        (("--engine", "litert"), "net.onnx: a .onnx file does not run in litert; it runs in tensorrt or onnxruntime"),
    ],
)
def test_a_mistake_is_one_line_and_2(
    photos: Path, weights: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(photos, "--model", "peoplenet", "--weights", weights, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_a_folder_without_images_is_a_mistake(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "*.jpg", "--model", "peoplenet", "--weights", weights) == 2
    assert "*.jpg: no image there; expected a file, a folder or a pattern" in capsys.readouterr().err


def test_an_unknown_model_lists_the_models(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photos, "--model", "yolo") == 2
    assert "unknown model 'yolo'; the models are " in capsys.readouterr().err


def test_progress_is_on_the_terminal_and_json_alone_on_stdout(photos: Path, weights: Path) -> None:
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    command = [
        sys.executable,
        "-m",
        "people_perception",
        "detect",
        photos,
        "--model",
        "peoplenet",
        "--weights",
        weights,
    ]
    result = subprocess.run([*map(str, command), "--json"], stdout=subprocess.PIPE, stderr=child, text=True, timeout=60)
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal that nobody writes to
        while chunk := os.read(parent, 10_000):
            shown += chunk
    os.close(parent)
    assert result.returncode == 0
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 2
    assert b"detect:" in shown and b"/2 [" in shown


def average_precision_50(capsys: pytest.CaptureFixture[str], assets: Path) -> float:
    """The persons that ``detect`` printed, ranked by pycocotools itself."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    found = lines(capsys)
    truth = COCO(str(assets / "images" / "person_annotations.json"))
    ids = {image["file_name"]: image["id"] for image in truth.dataset["images"]}
    rows = [
        {
            "image_id": ids[Path(line["image"]).name],
            "category_id": 1,
            "bbox": [d["box"][0], d["box"][1], d["box"][2] - d["box"][0], d["box"][3] - d["box"][1]],
            "score": d["score"],
        }
        for line in found
        for d in line["detections"]
        if d["label"] == "person"
    ]
    evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[1])


def test_real_people_with_peoplenet(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = assets / "weights" / "peoplenet.onnx"
    assert run(assets / "images", "--model", "peoplenet", "--weights", weights, "--json") == 0
    # TAO's formulas written down plainly, with scikit-learn's DBSCAN, give .505.
    assert average_precision_50(capsys, assets) == pytest.approx(0.505, abs=0.02)


def test_real_people_with_the_open_model(assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not find_weights(get_spec("open_person")):
        pytest.skip("the open models are not there: python -m people_perception models fetch open")
    assert run(assets / "images", "--model", "open_person", "--json") == 0
    # The anchors and the suppression written down plainly give .507.
    assert average_precision_50(capsys, assets) == pytest.approx(0.507, abs=0.02)
