# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The page about a replay, where its frames come from anywhere."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from people_perception.bags.models import ModelSettings
from people_perception.bags.replay import ReplaySettings, replay
from people_perception.bags.run_report import write_report
from recordings import record, squares


@pytest.mark.parametrize("camera", ["/..", "/camera/image", "/a\nb", "/" + "x" * 300])
def test_the_name_of_a_camera_leads_nowhere(
    camera: str, tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = record(tmp_path / "bag", {camera: squares(2)})
    replay(bag, tmp_path / "out", ReplaySettings(ModelSettings(("peoplenet",))))
    scratch = tmp_path / "scratch" / "inner"
    scratch.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    page = write_report(tmp_path / "out", tmp_path / "report.html", bag)
    assert page.read_text().count("<img") >= 2
    assert list((tmp_path / "scratch").rglob("*")) == [scratch]
