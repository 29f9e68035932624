# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The processes of a measured graph, and what the kernel says of them."""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from people_perception.errors import PerceptionError
from people_perception.transports import missing

_PR_SET_PDEATHSIG = 1
_NODES = ("graph", "together")
_ONE_HEAP = {"MALLOC_ARENA_MAX": "1"}
"""What the executables see to by themselves, before they import anything; the other processes are plain."""


class Role:
    """One process of ``people_perception.ros.bench_graph``; a context manager that ends it.

    Args:
        name: what it does there.
        settings: of that.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name = name
        libc = ctypes.CDLL(None)  # loaded here, because little is allowed between fork and exec
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "people_perception.ros.bench_graph", name, json.dumps(settings)],
            env={**os.environ, **missing(), **(_ONE_HEAP if name in _NODES else {}), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the others
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM),
        )
        self._buffer = b""

    def __enter__(self) -> Role:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def check(self) -> None:
        """Raises PerceptionError with its last words when the process has ended."""
        if self._process.poll() is not None:
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise PerceptionError(f"the {self.name} process of the measurement ended: {lines[-1]}")

    def tell(self, command: Mapping[str, Any]) -> None:
        """Send it one line of JSON."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self._process.wait()
            self.check()

    def hear(self, limit: float) -> dict[str, Any]:
        """The next line of JSON that it prints; Fast DDS writes its complaints there too.

        Raises:
            PerceptionError: it ended, or said nothing for ``limit`` seconds.
        """
        assert self._process.stdout is not None
        end = time.monotonic() + limit
        while not (line := self._next_line()).startswith(b"{"):
            if line:
                continue
            ready, _, _ = select.select([self._process.stdout], [], [], 0.2)
            read = os.read(self._process.stdout.fileno(), 1 << 16) if ready else b""
            self._buffer += read
            if ready and not read:
                self._process.wait(5.0)
            if not read:
                self.check()
            if time.monotonic() > end:
                raise PerceptionError(f"the {self.name} process of the measurement says nothing for {limit:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise PerceptionError(answer["error"])
        return answer

    def _next_line(self) -> bytes:
        """The next line that has come whole, empty if there is none."""
        line, separator, rest = self._buffer.partition(b"\n")
        if not separator:
            return b""
        self._buffer = rest
        return line + separator

    def end(self) -> None:
        """Stop it as Ctrl-C does, and by force if it does not obey."""
        for wanted in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(wanted)
            try:
                self._process.wait(5.0)
                break
            except subprocess.TimeoutExpired:
                continue
        for file in (self._process.stdin, self._process.stdout, self._log):
            assert file is not None
            file.close()


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that processes have spent so far, in the kernel and outside."""
    ticks = 0
    for pid in pids:
        # After the command's name, which may hold spaces and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Memory of a process that is in RAM and its own: shared memory, such as Fast DDS's segments, does not count."""
    resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 2**20
