# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The driver's functions for graphs, called as ctypes calls them."""

from __future__ import annotations

import itertools
from typing import Any

from standin import gpu

_PERMITTED, _INVALID = 0, 1


class Driver:
    """Stands in for ``libcuda.so.1``."""

    def __init__(self) -> None:
        self._handles = itertools.count(1)
        self.graphs: dict[int, list[Any]] = {}
        self.executables: dict[int, list[Any]] = {}

    def cuStreamBeginCapture_v2(self, stream: Any, mode: int) -> int:  # noqa: N802
        found = gpu.machine.streams.get(stream.value)
        if found is None or found.recording is not None or mode not in (0, 1, 2):
            return _INVALID
        found.recording = []
        return _PERMITTED

    def cuStreamEndCapture(self, stream: Any, graph: Any) -> int:  # noqa: N802
        found = gpu.machine.streams[stream.value]
        if found.recording is None:
            return _INVALID
        work, found.recording = found.recording, None
        if not work:
            return _INVALID
        graph._obj.value = next(self._handles)
        self.graphs[graph._obj.value] = work
        return _PERMITTED

    def cuGraphInstantiateWithFlags(self, executable: Any, graph: Any, flags: Any) -> int:  # noqa: N802
        executable._obj.value = next(self._handles)
        self.executables[executable._obj.value] = self.graphs[graph.value]
        return _PERMITTED

    def cuGraphDestroy(self, graph: Any) -> int:  # noqa: N802
        del self.graphs[graph.value]
        return _PERMITTED

    def cuGraphLaunch(self, executable: Any, stream: Any) -> int:  # noqa: N802
        for work in self.executables[executable.value]:
            gpu.machine.streams[stream.value].put(work)
        gpu.machine.launches.append("graph")
        return _PERMITTED

    def cuGraphExecDestroy(self, executable: Any) -> int:  # noqa: N802
        gpu.machine.need_context("cuGraphExecDestroy")
        del self.executables[executable.value]
        gpu.machine.freed.append("graph")
        return _PERMITTED
