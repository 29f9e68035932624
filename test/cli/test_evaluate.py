# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``evaluate`` as people and programs use it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import networks
from people_perception import cli
from people_perception.engines import tensorrt_installation


@pytest.fixture(autouse=True)
def _no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: "not in this test")


@pytest.fixture
def images(assets: Path) -> tuple[object, ...]:
    folder = assets / "images"
    return ("--format", "coco", "--annotations", folder / "person_annotations.json", "--images", folder)


def run(*arguments: object) -> int:
    return cli.main(["evaluate", *map(str, arguments)])


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    value: dict[str, Any] = json.loads(out)
    return value


def test_the_real_peoplenet(images: tuple[object, ...], assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = assets / "weights" / "peoplenet.onnx"
    assert run(*images, "--model", "peoplenet", "--weights", weights, "--json") == 0
    figures = answer(capsys)
    # docs/models.md has these figures.
    assert figures["AP50"] == pytest.approx(0.505, abs=0.002)
    assert figures["AP"] == pytest.approx(0.319, abs=0.002)
    assert figures["precision"] == pytest.approx(0.896, abs=0.02)
    assert figures["recall"] == pytest.approx(0.589, abs=0.02)
    assert figures["accuracy"] == pytest.approx(0.551, abs=0.02)
    assert figures["frames"] == 16
    assert figures["ms_per_frame"] > 0
    assert figures["true_positives"] + figures["false_negatives"] == 73  # 75 boxes, of which two are crowds


def test_the_real_shuffleseg(images: tuple[object, ...], assets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = assets / "weights" / "peoplesemsegnet_shuffleseg.onnx"
    assert run(*images, "--model", "peoplesemsegnet", "--weights", weights, "--json") == 0
    figures = answer(capsys)
    assert 0.2 < figures["person_iou"] < 0.8
    assert figures["mIoU"] == pytest.approx((figures["person_iou"] + figures["background_iou"]) / 2)


def test_a_table_and_the_worst_frames(
    images: tuple[object, ...], assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = assets / "weights" / "peoplenet.onnx"
    output = tmp_path / "errors"
    assert run(*images, "--model", "peoplenet", "--weights", weights, "--output", output) == 0
    out, err = capsys.readouterr()
    table = dict(line.split(None, 1) for line in out.splitlines())
    assert table["AP50"] == "0.5051"
    assert table["frames"] == "16"
    assert f"the worst frames: {output / 'index.html'}" in err
    page = (output / "index.html").read_text()
    assert "PeopleNet on person_annotations.json" in page
    assert "0.5051" in page
    assert (output / "contact_sheet.jpg").is_file()
    assert len(list(output.glob("[0-9][0-9]_*.jpg"))) == page.count("<figure>") > 5


def test_images_that_are_absent_are_reported(assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "000000000165.jpg"
    (tmp_path / name).symlink_to(assets / "images" / name)
    annotations = assets / "images" / "person_annotations.json"
    weights = networks.detectnet(tmp_path / "net.onnx")
    common = ("--annotations", annotations, "--images", tmp_path, "--model", "peoplenet", "--weights", weights)
    assert run(*common, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["frames"] == 1
    assert f"15 annotated images are not in {tmp_path}; the other 1 are evaluated" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--annotations", "nowhere.json", "--images", "."), "nowhere.json: no such file or directory"),
        (("--annotations", "{annotations}", "--images", "nowhere"), "nowhere: none of the 16 images of person_annot"),
        (("--annotations", "{annotations}", "--images", ".", "--option", "top_k=0"), "top_k=0: expected an integer"),
        (("--annotations", "{annotations}", "--images", ".", "--model", "facedetect_ir"), "no category is called face"),
    ],
)
def test_a_mistake_is_one_line_and_2(
    assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    file = str(assets / "images" / "person_annotations.json")
    model = ("--model", "peoplenet", "--weights", networks.detectnet(tmp_path / "net.onnx"))
    assert run(*model, *(a.replace("{annotations}", file) for a in arguments), "--json") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err.splitlines()[-1]


@pytest.fixture
def walk(tmp_path: Path) -> tuple[object, ...]:
    """Ten images of a person who walks, and from the sixth on is suddenly far away."""
    pytest.importorskip("trackers")
    folder = tmp_path / "walk"
    for name in ("img1", "gt"):
        (folder / name).mkdir(parents=True)
    rows = []
    for number in range(1, 11):
        x = 96 + 16 * number + (480 if number > 5 else 0)
        image = np.zeros((544, 960, 3), np.uint8)
        image[240:256, x : x + 16, 2] = 255
        cv2.imwrite(str(folder / "img1" / f"{number:06}.png"), image)
        # The network's box around the cell; pixels of MOTChallenge count from 1.
        rows.append(f"{number},1,{x + 0.5 - 80 + 1},{240.5 - 80 + 1},160,160,1,1,1")
    (folder / "gt" / "gt.txt").write_text("\n".join(rows))
    weights = networks.detectnet(tmp_path / "net.onnx")
    return ("--format", "mot", "--model", "peoplenet", "--weights", weights, "--option", "clustering=nms")


def test_a_sequence_of_motchallenge(
    walk: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "walk"
    assert run(*walk, "--annotations", folder / "gt" / "gt.txt", "--images", folder / "img1", "--json") == 0
    figures = answer(capsys)
    # Without an id in the first image of each half; then one person has two ids.
    assert (figures["true_positives"], figures["false_negatives"], figures["false_positives"]) == (8, 2, 0)
    assert figures["id_switches"] == 1
    assert figures["MOTA"] == pytest.approx((8 - 1) / 10)
    assert figures["MOTP"] == pytest.approx(1, abs=0.001)
    assert figures["IDF1"] == pytest.approx(2 * 4 / (8 + 10))
    assert {"HOTA", "model", "device", "frames", "ms_per_frame"} <= figures.keys()
    assert run(*walk, "--annotations", folder) == 0
    out, err = capsys.readouterr()
    assert dict(line.split() for line in out.splitlines())["MOTA"] == "0.7000"
    assert "walk: 10 images at 30 Hz" in err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--output", "errors"), "--output shows single images; it does not go with --format mot"),
        (("--truth", "/t"), "--truth and --camera are topics of a recording; they need --format bag"),
        (("--images", "nowhere"), "nowhere: no image of frame 1 of gt.txt; expected one like 000001.jpg"),
    ],
)
def test_a_mistake_with_a_sequence_is_one_line_and_2(
    walk: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], message: str
) -> None:
    assert run(*walk, "--annotations", tmp_path / "walk", *more) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err.splitlines()[-1]


def test_masks_cannot_be_tracked(walk: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = networks.semantic(tmp_path / "semantic.onnx")
    common = ("--format", "mot", "--annotations", tmp_path / "walk")
    assert run(*common, "--model", "peoplesemsegnet", "--weights", weights) == 2
    assert "peoplesemsegnet gives no boxes of persons, so there is nothing to track" in capsys.readouterr().err


def test_without_the_library_of_tracking_it_is_one_line(
    walk: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackers", None)
    assert run(*walk, "--annotations", tmp_path / "walk") == 2
    assert "tracking needs the Python package trackers" in capsys.readouterr().err.splitlines()[-1]
