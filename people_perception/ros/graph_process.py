# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The real nodes in a process of their own, which ends with the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from people_perception.transports import missing, own_command

_PR_SET_PDEATHSIG = 1
_PATIENCE = 10.0
"""Seconds that the process has to end after each signal."""


class GraphProcess:
    """``people_perception run`` with some arguments.

    Must be made in the main thread: the kernel ends the process when the thread that started it ends.

    Args:
        arguments: of ``run``.
        log: a file for everything that it prints.
    """

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._log = log
        libc = ctypes.CDLL(None)  # loaded here, because little is allowed between fork and exec
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                own_command(["run", *arguments]),
                env={**os.environ, **missing(), "PYTHONUNBUFFERED": "1", "RCUTILS_COLORIZED_OUTPUT": "0"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches every process of a terminal's group; the nodes are to stop after the camera.
                start_new_session=True,
                preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative after a signal; None while it runs."""
        return self._process.poll()

    def last_words(self, lines: int = 1) -> str:
        """The last lines that it printed which are not empty."""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return "\n".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])

    def end(self) -> int:
        """Stop it as Ctrl-C does, and by force if it does not obey; its exit status."""
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(wanted)
            try:
                return self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                continue
        return self._process.wait()
