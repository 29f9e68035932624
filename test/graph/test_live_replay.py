# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``replay --live``: a recording through the real nodes, over DDS and with /clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import model_folder
from people_perception.bags.compare import compare
from people_perception.bags.comparison import Limits
from people_perception.bags.journal import read_frames, read_run
from people_perception.bags.messages import decode, stamp_ns
from people_perception.bags.models import ModelSettings
from people_perception.bags.reader import Bag
from people_perception.bags.replay import ReplaySettings, replay
from people_perception.cli import main
from people_perception.transports import missing
from recordings import record, squares, stamps

CAMERA, INFRARED = "/camera/image_raw", "/ir/image_raw"
COUNT = 12


@pytest.fixture(scope="module")
def network_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def models(network_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", str(network_files))


def live(path: Path, output: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The exit status, what ``--json`` printed, and what stood on stderr."""
    command = [sys.executable, "-m", "people_perception", "replay", str(path), "--output", str(output), "--live"]
    environment = {**os.environ, **missing()}
    done = subprocess.run(
        [*command, "--json", *arguments], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_the_nodes_find_what_a_replay_finds(tmp_path: Path) -> None:
    heat = [np.full((240, 384), 7000 + 50 * i, np.uint16) for i in range(COUNT)]
    path = record(tmp_path / "bag", {CAMERA: squares(COUNT), INFRARED: heat})
    status, summary, errors = live(path, tmp_path / "live", "--models", "peoplenet,peoplesegnet,facedetect_ir")
    assert status == 0, errors
    assert summary["frames"] == summary["expected"] == 2 * COUNT
    assert summary["topics"]["/people/detections/label_info"] == 1
    assert summary["topics"]["/people/faces"] > 0 and summary["topics"]["/diagnostics"] > 0
    with Bag(tmp_path / "live") as bag:
        found = [(m.time, stamp_ns(decode(m.data, m.kind).header)) for m in bag.messages(["/people/detections"])]
    assert {stamp for _, stamp in found} <= set(stamps(COUNT))
    # Recorded when they came, in the recording's time.
    assert all(0 < time - stamp < 2_000_000_000 for time, stamp in found)
    replay(path, tmp_path / "still", ReplaySettings(ModelSettings(("peoplenet", "peoplesegnet", "facedetect_ir"))))
    # How many frames a busy machine answers is its own affair; what it answers is not.
    comparison = compare(tmp_path / "still", tmp_path / "live", Limits(max_missing=None))
    assert comparison.failures == []
    assert all(topic.frames > COUNT // 3 for topic in comparison.topics)
    run = read_run(tmp_path / "live")
    assert run["live"] and {"dropped_busy", "published"} <= run["models"][0]["statistics"].keys()
    assert len(list(read_frames(tmp_path / "live"))) == 2 * COUNT
    assert main(["report", str(tmp_path / "live")]) == 0


def test_compressed_images_at_another_speed_with_an_option(tmp_path: Path) -> None:
    topic = f"{CAMERA}/compressed"
    path = record(tmp_path / "bag", {topic: squares(COUNT)}, compressed=[topic])
    options = ("--models", "peoplenet", "--rate", "4", "--option", "confidence_threshold.person=500")
    status, summary, errors = live(path, tmp_path / "live", *options)
    assert status == 0, errors
    assert summary["topics"]["/people/detections"] > COUNT // 3
    assert 0.15 < summary["seconds"] < 1.5  # 1.1 s at its own speed
    assert {sum(f.values.values()) for f in read_frames(tmp_path / "live")} == {0.0}
    assert main(["report", str(tmp_path / "live")]) == 0
    assert "Played at 4 times the recorded speed" in (tmp_path / "live" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--live plays one recording"),
        (
            ["--models", "peoplenet", "--topics", "/a", "/b"],
            "a graph has one camera of a kind; choose with --topics: /a, /b",
        ),
        (["--models", "nonsense"], "unknown model 'nonsense'"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    path = record(tmp_path / "bag", {"/a": squares(1), "/b": squares(1)})
    status, summary, errors = live(path, tmp_path / "live", *arguments)
    assert (status, summary) == (2, {})
    assert message in errors.strip().splitlines()[-1]
    assert not (tmp_path / "live").exists()
