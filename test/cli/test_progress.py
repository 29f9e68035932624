# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The progress bar: on terminals of every kind, and nowhere else."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from people_perception.cli import progress as progress_module

CODE = """
import time
from people_perception.cli.progress import progress
with progress(4, "working") as bar:
    for _ in range(4):
        time.sleep(0.15)
        bar.update(1)
print("answer")
"""


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (0, 0)])
def test_a_terminal_shows_it_and_is_left_clean(rows: int, columns: int) -> None:
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.run(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=side, text=True, timeout=30, check=True
    )
    os.close(side)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert "working:  50%" in shown
    assert shown.rpartition("\r")[0].rstrip("\r").endswith(" ")  # blanked at the end
    assert process.stdout == "answer\n"


def test_a_file_gets_none_of_it() -> None:
    process = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=30, check=True)
    assert (process.stdout, process.stderr) == ("answer\n", "")


def test_long_work_says_in_lines_how_far_it_is_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now)
    with progress_module.FrameProgress("replay") as shown:
        shown.start(total=1000, done=400)
        for seconds, frames in ((5, 50), (5, 50), (5, 50), (20, 150)):
            now += seconds
            shown.update(frames)
    # 100 frames in 10 s, then 300 in 35 s; what was done before took no time.
    assert capsys.readouterr().err.splitlines() == [
        "replay: 500 of 1000 frames, 10.0 a second, 50 s left",
        "replay: 700 of 1000 frames, 8.6 a second, 35 s left",
    ]
