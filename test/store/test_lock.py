# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The lock of a model's folder."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from people_perception.errors import PerceptionError
from people_perception.store.lock import LOCK, folder_lock


def test_a_second_writer_is_told_that_it_waits_and_then_has_it(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with folder_lock(tmp_path / "model", lambda folder: (order.append(folder.name), waiting.set())):  # type: ignore[func-returns-value]
            order.append("second")

    thread = threading.Thread(target=second)
    with folder_lock(tmp_path / "model"):
        thread.start()
        assert waiting.wait(5)
        order.append("first is done")
    thread.join(5)
    assert order == ["model", "first is done", "second"]


def test_a_folder_that_cannot_be_made_names_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(PerceptionError, match="file/model: Not a directory; set PP_MODEL_DIR"),
        folder_lock(tmp_path / "file" / "model"),
    ):
        pass


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PerceptionError, match="set PP_MODEL_DIR"), folder_lock(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_others_cannot_write_to_a_folder_that_it_makes(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with folder_lock(tmp_path / "model"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "model").stat().st_mode & stat.S_IWOTH == 0
