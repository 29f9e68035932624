# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the demo says before it starts anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from people_perception.cli.demo import _arguments, _make_room
from people_perception.transports import missing


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "people_perception", "demo", *arguments]
    environment = {**os.environ, **missing(), "PP_MODEL_DIR": str(folder / "models")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.mp4"], "nothing.mp4: no such source"),
        (["--models", ""], "--models names no model"),
        (["--models", "open_face,open_face"], "--models names a model twice"),
        (["--models", "nonsense"], "unknown model 'nonsense'"),
        (["--frames", "0"], "--frames: 0: expected 1 or more"),
        (["--frames", "many"], "--frames: invalid"),
        (["--rate", "-3"], "--rate: -3: expected a number above 0"),
        (["--seconds", "inf"], "--seconds: inf: expected a number above 0"),
        (["--size", "wide"], "--size: wide: expected WIDTHxHEIGHT"),
        (["--ros-args", "-r", "a:=b"], "demo takes no --ros-args"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    import re

    result = run_demo(tmp_path, *arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert "error: " in last
    assert re.search(message, last)
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_loses_only_what_an_earlier_run_left(tmp_path: Path) -> None:
    kept = ["notes.txt", "frames/mine.jpg", "frames/000001.png"]
    gone = ["report.html", "run.json", "contact_sheet.jpg", "graph.log", "frames/000001.jpg", "infrared/000002.jpg"]
    for name in (*kept, *gone):
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    _make_room(tmp_path / "out")
    left = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert left == sorted(kept)


def test_the_command_in_the_report_is_the_one_that_was_typed() -> None:
    import argparse

    from people_perception.cli import demo

    subparsers = argparse.ArgumentParser().add_subparsers()
    demo.add_parser(subparsers)
    parser = subparsers.choices["demo"]
    typed = ["a video.mp4", "--models=peoplenet", "--frames=5", "--rate=2.5", "--size=640x360", "--output=there"]
    assert _arguments(parser.parse_args([*typed, "--json"], argparse.Namespace(debug=False))) == [*typed, "--json"]
    assert _arguments(parser.parse_args([], argparse.Namespace(debug=False))) == []
