# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``compare``: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from networks import model_folder
from people_perception.cli import main
from recordings import record, squares


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two outputs of replay, ``a`` and ``worse``."""
    folder = tmp_path_factory.mktemp("compare")
    path = record(folder / "bag", {"/camera/image_raw": squares(5)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PP_MODEL_DIR", str(model_folder(folder / "models")))
        for name, options in (("a", []), ("worse", ["--option", "confidence_threshold=500"])):
            arguments = ["replay", str(path), "--output", str(folder / name), "--models", "peoplenet", *options]
            assert main(arguments) == 0
    return folder


def test_exits_with_0_and_says_that_they_are_identical(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(outputs / "a"), str(outputs / "a")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("topic ") and "/people/detections" in out
    assert out.endswith("identical\n")


def test_exits_with_1_and_names_the_frames(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(outputs / "a"), str(outputs / "worse")]) == 1
    out = capsys.readouterr().out
    assert "FAILED /people/detections: 4 boxes lost, 100.0% of 4; at most 1.0% may be" in out
    assert "  /people/detections frame 4 at 0.40 s, stamp 1700000000.400000000: 1 lost\n" in out


def test_limits_are_options(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(outputs / "a"), str(outputs / "worse"), "--max-lost", "1"]) == 0
    assert capsys.readouterr().out.endswith("within the limits\n")


def test_json_is_alone_on_stdout(outputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", str(outputs / "a"), str(outputs / "worse"), "--json", "--output", str(tmp_path / "gallery")]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    figures = json.loads(out)
    assert figures["passed"] is False
    assert figures["topics"][0]["worst"][0]["stamp"] == 1_700_000_000_000_000_000
    assert "gallery/index.html" in err and (tmp_path / "gallery" / "index.html").is_file()


def test_recordings_that_cannot_be_read_are_one_line(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(outputs / "a"), str(outputs / "nothing")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "there is no such recording" in err
