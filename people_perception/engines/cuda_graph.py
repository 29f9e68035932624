# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recorded sequence of GPU work that is launched at once. pycuda has no graphs, so this calls the driver itself."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from people_perception.errors import PerceptionError

# Only this thread's calls are watched while recording: other engines go on in theirs.
_CAPTURE_THREAD_LOCAL = 1


class CudaGraph:
    """What ``work`` puts on a stream, as a graph; needs the context, also to launch and to close it.

    Args:
        stream: handle of the stream.
        work: enqueues on the stream and does nothing else that CUDA would have to do at once.

    Raises:
        PerceptionError: the work cannot be recorded. The stream is usable afterwards.
    """

    def __init__(self, stream: int, work: Callable[[], None]) -> None:
        self._driver = _driver()
        self._stream = ctypes.c_void_p(stream)
        self._executable = ctypes.c_void_p()
        graph = ctypes.c_void_p()
        self._call("cuStreamBeginCapture_v2", self._stream, _CAPTURE_THREAD_LOCAL)
        try:
            work()
        finally:
            # Ends the recording whatever happened; a failed one gives no graph.
            status = self._driver.cuStreamEndCapture(self._stream, ctypes.byref(graph))
        if status or not graph:
            raise PerceptionError(f"CUDA graph: cuStreamEndCapture failed with {status}")
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(self._executable), graph, ctypes.c_ulonglong(0))
        finally:
            self._driver.cuGraphDestroy(graph)

    def launch(self) -> None:
        """Put the whole of it on its stream."""
        self._call("cuGraphLaunch", self._executable, self._stream)

    def close(self) -> None:
        """Free it; may be called twice."""
        if self._executable:
            self._driver.cuGraphExecDestroy(self._executable)
            self._executable = ctypes.c_void_p()

    def _call(self, name: str, *arguments: object) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status:
            raise PerceptionError(f"CUDA graph: {name} failed with {status}")


def _driver() -> ctypes.CDLL:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        driver.cuGraphInstantiateWithFlags  # noqa: B018  CUDA 11.4, that of JetPack 5, is the first that has it
    except (OSError, AttributeError) as error:
        raise PerceptionError(f"CUDA graph: {error}") from error
    return driver
