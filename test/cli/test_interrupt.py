# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C once and twice, at any moment."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from people_perception.cli.interrupt import stop_on_signals

_HEAD = """
import os, signal, sys, time
from people_perception.cli.interrupt import stop_on_signals

with stop_on_signals() as stop:
"""


def run(body: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _HEAD + body]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_the_first_one_only_sets_the_event(number: str) -> None:
    done = run(f"    os.kill(os.getpid(), signal.{number})\n    assert stop.wait(10)\nprint('in order')\n")
    assert (done.returncode, done.stdout) == (0, "in order\n")
    assert "stopping; once more to stop at once" in done.stderr


def test_a_second_one_ends_the_program() -> None:
    done = run(
        "    os.kill(os.getpid(), signal.SIGTERM)\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(20)\n"
    )
    assert done.returncode == -15


def test_it_may_come_while_the_event_is_looked_at_or_the_terminal_written_to() -> None:
    """A handler that took the event's lock, or wrote a line itself, would wait for the thread that it interrupted."""
    body = """
    import threading
    def later():
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=later).start()
    end = time.monotonic() + 10
    while not stop.wait(0) and time.monotonic() < end:
        sys.stderr.write(".")
    assert stop.is_set()
"""
    for _ in range(5):
        done = run(body)
        assert done.returncode == 0, done.stderr[-500:]


def test_nothing_is_left() -> None:
    before = threading.active_count()
    with stop_on_signals() as stop:
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert not stop.is_set()
