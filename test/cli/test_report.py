# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``report``: a page about a replay that needs nothing besides itself."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from networks import model_folder
from people_perception.cli import main
from recordings import record, squares

CAMERA = "/camera/image_raw"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What replay wrote of two cameras, eight images each."""
    folder = tmp_path_factory.mktemp("report")
    heat = [np.full((240, 384), 7000 + 100 * i, np.uint16) for i in range(8)]
    path = record(folder / "bag", {CAMERA: squares(8), "/ir/image": heat})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PP_MODEL_DIR", str(model_folder(folder / "models")))
        arguments = ["replay", str(path), "--output", str(folder / "out")]
        assert main([*arguments, "--models", "peoplenet,peoplesemsegnet,facedetect_ir"]) == 0
    return folder / "out"


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR) for text in found]


def test_the_page_has_figures_plots_and_pictures(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(output)]) == 0
    page = Path(capsys.readouterr().out.strip())
    assert page == output / "report.html"
    text = page.read_text()
    for expected in ("bag: 16 recorded images of 2 cameras", "3 models answered all 24 images", "PeopleNet", "p95"):
        assert expected in text
    assert text.count("<svg") >= 6
    for topic in ("/people/detections", "/people/segmentation/mask", "/people/faces"):
        assert topic in text
    assert "Busiest" in text and "Emptiest" in text
    assert text.count("<figure>") >= 3
    red = [p for p in pictures(text) if p.shape[:2] == (544, 960) and (p[..., 2] > 200).any()]
    assert red and any(not p.any() for p in pictures(text))


def test_nothing_is_fetched_and_both_schemes_are_served(output: Path, tmp_path: Path) -> None:
    assert main(["report", str(output), "--output", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    assert "default-src 'none'" in text and "prefers-color-scheme: dark" in text
    assert not re.search(r'(src|href)="(?!data:)(?!https://developer\.nvidia)', text)
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]


def test_without_the_images_there_is_a_page_all_the_same(output: Path, tmp_path: Path) -> None:
    copy = tmp_path / "out"
    shutil.copytree(output, copy)
    run = json.loads((copy / "replay.json").read_text())
    source, run["input"] = run["input"], str(tmp_path / "gone")
    (copy / "replay.json").write_text(json.dumps(run))
    assert main(["report", str(copy)]) == 0
    assert "<figure>" not in (copy / "report.html").read_text()
    assert main(["report", str(copy), "--input", source]) == 0
    assert "<figure>" in (copy / "report.html").read_text()


def test_json_is_alone_on_stdout(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(output), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["frames"] == 16 and summary["live"] is False
    assert summary["page"].endswith("report.html")


def test_other_recordings_are_refused_in_one_line(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(output.parent / "bag")]) == 2
    assert "no output of replay: there is no replay.json in it" in capsys.readouterr().err
