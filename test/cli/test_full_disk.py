# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Commands that write when the disk does not take it: one line, and nothing half that looks whole.

The kernel refuses to let a file grow beyond a limit: as real as a full disk, and needs none.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from networks import model_folder
from people_perception.bags.reader import Bag
from people_perception.errors import PerceptionError
from recordings import record

LIMIT = 60_000


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command whose files cannot grow beyond `LIMIT`."""
    return subprocess.run(
        [sys.executable, "-m", "people_perception", *arguments],
        env={**os.environ, "PP_MODEL_DIR": str(folder / "models")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_replay_says_that_its_output_cannot_be_written(tmp_path: Path, storage: str) -> None:
    model_folder(tmp_path / "models")
    noise = list(np.random.default_rng(0).integers(0, 256, (6, 120, 160, 3), np.uint8))  # cannot be compressed
    bag = record(tmp_path / "bag", {"/camera": noise})
    out = tmp_path / "out"
    options = ["--models", "peoplenet", "--storage", storage, "--include-input"]
    done = run(tmp_path, "replay", str(bag), "--output", str(out), *options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{out}: cannot be written: " in done.stderr.strip().splitlines()[-1]
    try:
        with Bag(out) as opened:
            assert len([m for m in opened.messages() if m.topic == "/camera"]) < 6
    except PerceptionError as error:
        assert str(out) in str(error)


def test_detect_says_that_its_pictures_cannot_be_written(tmp_path: Path) -> None:
    model_folder(tmp_path / "models")
    picture = tmp_path / "picture.png"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8))
    done = run(
        tmp_path, "detect", str(picture), "--model", "peoplesemsegnet", "--output", str(tmp_path / "out"), "--json"
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "picture_annotated.jpg: cannot be written: file too large" in done.stderr.strip().splitlines()[-1]
