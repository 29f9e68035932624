# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The part of pycuda.driver that the package uses."""

from __future__ import annotations

import struct
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np

from standin import gpu
from standin.gpu import Error, Event, LaunchError, LogicError, MemoryError, Stream

__all__ = ["Error", "Event", "LaunchError", "LogicError", "MemoryError", "Stream"]

event_flags = SimpleNamespace(DEFAULT=0, BLOCKING_SYNC=1, DISABLE_TIMING=2)

_initialised: list[object] = []


def init() -> None:
    if not gpu.machine.gpus:
        raise LogicError("cuInit failed: no CUDA-capable device is detected")
    _initialised[:] = [gpu.machine]


class Device:
    def __init__(self, index: int) -> None:
        if _initialised != [gpu.machine]:
            raise LogicError("cuDeviceGet failed: initialization error")
        if not 0 <= index < len(gpu.machine.gpus):
            raise LogicError("cuDeviceGet failed: invalid device ordinal")
        self._index = index

    @staticmethod
    def count() -> int:
        return len(gpu.machine.gpus)

    def name(self) -> str:
        return gpu.machine.gpus[self._index][0]

    def compute_capability(self) -> tuple[int, int]:
        return gpu.machine.gpus[self._index][1]

    def retain_primary_context(self) -> Context:
        return Context(self._index)


class Context:
    """Pushing is allowed in any thread; a thread has one stack of them."""

    def __init__(self, index: int) -> None:
        self.index, self.thread, self._machine = index, threading.get_ident(), gpu.machine
        self.valid = True

    def push(self) -> None:
        self._machine.stack().append(self)

    def detach(self) -> None:
        gpu.free_in(self, self._machine, "primary context")
        self.valid = False

    @staticmethod
    def pop() -> None:
        if not gpu.machine.stack():
            raise LogicError("context::pop failed: invalid device context - cannot pop non-current context")
        gpu.machine.stack().pop()


class DeviceAllocation:
    def __init__(self, size: int) -> None:
        self._machine = gpu.machine
        self._address = gpu.machine.allocate(size)
        self._context = gpu.machine.stack()[-1]
        self._valid = True

    def __int__(self) -> int:
        return self._address

    def free(self) -> None:
        if not self._valid:
            raise LogicError("device_allocation::free failed: invalid resource handle")
        if gpu.free_in(self._context, self._machine, "device memory"):
            del self._machine.memory[self._address]
        self._valid = False

    def __del__(self) -> None:
        if getattr(self, "_valid", False):
            self.free()


def mem_alloc(size: int) -> DeviceAllocation:
    return DeviceAllocation(size)


class PagelockedHostAllocation:
    def __init__(self, size: int) -> None:
        gpu.machine.call("cuMemHostAlloc")
        self._machine, self._context, self._valid = gpu.machine, gpu.machine.stack()[-1], True
        self._content = np.full(size, 0xCD, np.uint8)
        self.__array_interface__ = self._content.__array_interface__

    def free(self) -> None:
        if not self._valid:
            raise LogicError("pagelocked_host_allocation::free failed: invalid resource handle")
        self._valid = False
        gpu.free_in(self._context, self._machine, "host memory")
        self._content[:] = 0xDD  # whoever still reads it would crash

    def __del__(self) -> None:
        if getattr(self, "_valid", False):
            self.free()


def pagelocked_empty(shape: int, dtype: Any, order: str = "C", mem_flags: int = 0) -> np.ndarray:
    assert isinstance(shape, int) and np.dtype(dtype) == np.uint8, "the package asks for bytes"
    return np.asarray(PagelockedHostAllocation(shape))


def _contiguous(array: np.ndarray, writable: bool) -> None:
    view = memoryview(array)
    if not view.contiguous:
        raise ValueError("ndarray is not contiguous")
    if writable and view.readonly:
        raise ValueError("buffer source array is read-only")


def memcpy_htod_async(dest: int, src: np.ndarray, stream: Stream) -> None:
    _contiguous(src, False)
    gpu.machine.call("cuMemcpyHtoDAsync")
    machine = gpu.machine

    def copy() -> None:
        machine.bytes_at(dest, src.nbytes)[:] = src.view(np.uint8).reshape(-1)

    stream.put(copy)


def memcpy_dtoh_async(dest: np.ndarray, src: int, stream: Stream) -> None:
    _contiguous(dest, True)
    gpu.machine.call("cuMemcpyDtoHAsync")
    machine = gpu.machine

    def copy() -> None:
        dest.view(np.uint8).reshape(-1)[:] = machine.bytes_at(src, dest.nbytes)

    stream.put(copy)


class Module:
    def __init__(self, image: bytes) -> None:
        gpu.machine.call("cuModuleLoadDataEx")
        if not image.startswith(b"cubin"):
            raise LogicError("cuModuleLoadDataEx failed: device kernel image is invalid")

    def get_function(self, name: str) -> Function:
        if name not in gpu.machine.kernels:
            raise LogicError("cuModuleGetFunction failed: named symbol not found")
        return Function(name)


def module_from_buffer(image: bytes) -> Module:
    return Module(image)


class Function:
    """A kernel; the simulated machine says what it does."""

    def __init__(self, name: str) -> None:
        self._name, self._machine, self._format = name, gpu.machine, ""

    def prepare(self, arguments: list[str]) -> Function:
        self._format = "".join(arguments)
        return self

    def prepared_async_call(self, grid: Any, block: Any, stream: Stream, *arguments: Any, shared_size: int = 0) -> None:
        assert isinstance(grid, tuple) and len(grid) in (2, 3) and len(block) == 3
        struct.pack(self._format, *arguments)  # as pycuda does
        if block[0] * block[1] * block[2] > 1024:
            raise LogicError("cuLaunchKernel failed: invalid argument")
        self._machine.call("cuLaunchKernel")

        def run() -> None:
            self._machine.launches.append(self._name)
            self._machine.kernels[self._name](self._machine, grid, block, *arguments)

        stream.put(run)
