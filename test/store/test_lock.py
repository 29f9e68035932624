# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The lock of a model's folder."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from people_perception.errors import PerceptionError
from people_perception.store.lock import folder_lock


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
