# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated GPU: memory at addresses, streams whose work is done when somebody waits, contexts of threads."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np


class Error(Exception):
    """Base of the driver's failures, as pycuda has them."""


class LogicError(Error):
    pass


class LaunchError(Error):
    pass


class MemoryError(Error):
    pass


class Machine:
    """The state of the simulated machine.

    Attributes:
        violations: what the real libraries would crash, hang or leak on without an exception.
        freed: kinds of things in the order in which they were freed.
        launches: names of the kernels that ran.
        memory_limit: bytes of GPU memory.
    """

    def __init__(self) -> None:
        self.gpus = [("Orin", (8, 7))]
        self.memory_limit = 1 << 32
        self.violations: list[str] = []
        self.freed: list[str] = []
        self.launches: list[str] = []
        self.memory: dict[int, np.ndarray] = {}
        self.streams: weakref.WeakValueDictionary[int, Stream] = weakref.WeakValueDictionary()
        self.broken: str | None = None
        self.fail_next: dict[str, Exception] = {}
        self.kernels: dict[str, Callable[..., None]] = {}
        self._addresses = itertools.count(0x7F0000000000, 1 << 28)
        self._threads = threading.local()

    def stack(self) -> list[Any]:
        """The contexts of the calling thread, as pycuda keeps them."""
        if not hasattr(self._threads, "stack"):
            self._threads.stack = _Stack(self)
        return self._threads.stack.contexts

    def call(self, name: str) -> None:
        """Every driver call: needs a context, and fails for ever after a crash on the GPU."""
        if self.broken:
            raise LaunchError(f"{name} failed: {self.broken}")
        if not self.stack():
            raise LogicError(f"{name} failed: invalid device context")
        if name in self.fail_next:
            raise self.fail_next.pop(name)

    def need_context(self, what: str) -> None:
        """TensorRT makes a context of its own where none is current, which nobody frees."""
        if not self.stack():
            self.violations.append(f"{what} without a current context in {threading.current_thread().name}")

    def allocate(self, size: int) -> int:
        self.call("cuMemAlloc")
        if size <= 0:
            raise LogicError("cuMemAlloc failed: invalid argument")
        if sum(m.nbytes for m in self.memory.values()) + size > self.memory_limit:
            raise MemoryError("cuMemAlloc failed: out of memory")
        address = next(self._addresses)
        self.memory[address] = np.full(size, 0xCD, np.uint8)
        return address

    def bytes_at(self, address: int, size: int) -> np.ndarray:
        """Memory as the GPU sees it; an access outside ends the context for good, as on the real one."""
        for base, content in self.memory.items():
            if base <= address and address + size <= base + content.nbytes:
                return content[address - base : address - base + size]
        self.broken = "an illegal memory access was encountered"
        raise LaunchError(f"cuStreamSynchronize failed: {self.broken}")


class _Stack:
    """pycuda aborts the process when a thread ends with a context pushed."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.contexts, self.name = machine, [], threading.current_thread().name

    def __del__(self) -> None:
        if self.contexts:
            self.machine.violations.append(f"thread {self.name} ended with a context pushed: pycuda aborts")


machine = Machine()


def reset() -> Machine:
    """A new machine."""
    global machine
    machine = Machine()
    return machine


class Stream:
    """Work is done in order, when somebody waits for it, so that a forgotten wait shows."""

    def __init__(self, flags: int = 0) -> None:
        machine.call("cuStreamCreate")
        self._machine = machine
        self._context = machine.stack()[-1]
        self._work: list[Callable[[], None]] = []
        self.recording: list[Callable[[], None]] | None = None
        self.handle = id(self)
        machine.streams[self.handle] = self

    def put(self, work: Callable[[], None]) -> None:
        (self._work if self.recording is None else self.recording).append(work)

    def drain(self) -> None:
        if self.recording is not None:
            raise LogicError("cuStreamSynchronize failed: operation not permitted when stream is capturing")
        work, self._work = self._work, []
        for item in work:
            item()

    def synchronize(self) -> None:
        self._machine.call("cuStreamSynchronize")
        self.drain()

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            if self._work:
                self._machine.violations.append("a stream was destroyed with work on it")
            free_in(self._context, self._machine, "stream")


class Event:
    def __init__(self, flags: int = 0) -> None:
        machine.call("cuEventCreate")
        self._machine, self._context = machine, machine.stack()[-1]
        self._stream: Stream | None = None

    def record(self, stream: Stream) -> Event:
        self._machine.call("cuEventRecord")
        self._stream = stream
        return self

    def synchronize(self) -> Event:
        self._machine.call("cuEventSynchronize")
        if self._stream is not None:
            self._stream.drain()
        return self

    def __del__(self) -> None:
        if hasattr(self, "_context"):
            free_in(self._context, self._machine, "event")


def free_in(context: Any, of: Machine, kind: str) -> bool:
    """As pycuda does: in the thing's own context object, which only the thread that made that may push for it."""
    if not context.valid:
        return False  # went with its context
    current = of.stack()[-1] if of.stack() else None
    if current is not context and context.thread != threading.get_ident():
        of.violations.append(f"{kind} in out-of-thread context could not be cleaned up")
        return False
    of.freed.append(kind)
    return True
