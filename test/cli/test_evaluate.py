# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``evaluate`` as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
