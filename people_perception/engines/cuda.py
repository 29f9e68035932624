# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One GPU as this process uses it, through pycuda: its context, buffers on it, and the kernels of ``kernels.cu``."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.engines.cuda_preprocess import SOURCE
from people_perception.engines.tensorrt_installation import gpu_name
from people_perception.errors import PerceptionError

_gpus: dict[int, Gpu] = {}
_lock = threading.Lock()


class Gpu:
    """A GPU and the primary context that everything in this process shares on it, TensorRT included.

    A context is current in one thread, so every use is inside ``with gpu.current()``, in whichever thread. The context
    itself stays until the process ends: pycuda cannot release it from another thread than that which asked for it.

    Attributes:
        users: what is to be closed before the context goes, at the latest when the process ends.
        index: counted from 0.
        name: with the compute capability.
        failure: the base of pycuda's exceptions.
    """

    @classmethod
    def get(cls, index: int) -> Gpu:
        """The one object for a GPU.

        Raises:
            PerceptionError: there is no such GPU, or CUDA fails.
        """
        with _lock:
            if index not in _gpus:
                _gpus[index] = cls(index)
                atexit.register(_gpus[index]._finish)
            return _gpus[index]

    def __init__(self, index: int) -> None:
        import pycuda.driver as cuda

        self.index = index
        self.name = gpu_name(index)
        self._cuda = cuda
        self.users: weakref.WeakSet[Any] = weakref.WeakSet()
        self.failure: type[Exception] = cuda.Error
        try:
            self._context = cuda.Device(index).retain_primary_context()
        except cuda.Error as error:
            raise PerceptionError(f"{self.name}: CUDA gives no context: {error}") from error
        self._kernels: dict[str, Any] | None = None
        self._kernel_lock = threading.Lock()

    def _finish(self) -> None:
        for user in list(self.users):
            user.close()
        # Left to its destructor, pycuda would release a primary context as if it were another kind, and complain.
        self._context.detach()

    @property
    def architecture(self) -> str:
        """For the compiler, such as ``sm_87``."""
        return self.name.rpartition(" ")[2]

    @contextmanager
    def current(self) -> Iterator[Any]:
        """``pycuda.driver`` with this GPU's context current in the calling thread."""
        self._context.push()
        try:
            yield self._cuda
        finally:
            self._context.pop()

    def kernel(self, name: str) -> Any:
        """A kernel of ``kernels.cu``, compiled for this GPU when the first one is asked for; needs the context.

        Raises:
            PerceptionError: the compiler is not installed, or does not know this GPU.
        """
        from people_perception.engines.nvrtc import Nvrtc

        with self._kernel_lock:
            if self._kernels is None:
                cubin = Nvrtc().compile(SOURCE.read_text(encoding="utf-8"), SOURCE.name, self.architecture)
                module = self._cuda.module_from_buffer(cubin)
                self._kernels = {n: module.get_function(n) for n in ("preprocess", "narrow_int32", "narrow_int64")}
            return self._kernels[name]


class Buffer:
    """Memory on the GPU and, page-locked so that copies need no detour, as much on the host; needs the context.

    Args:
        cuda: ``pycuda.driver``.
        size: in bytes.
        label: what it holds, for messages.
        host: whether there is a host side.

    Raises:
        PerceptionError: out of memory.
    """

    def __init__(self, cuda: Any, size: int, label: str, host: bool = True) -> None:
        self._cuda, self.size, self.label = cuda, size, label
        self._host: NDArray[np.uint8] | None = None
        try:
            self._device = cuda.mem_alloc(size)
            self.address = int(self._device)
            if host:
                self._host = cuda.pagelocked_empty(size, np.uint8)
        except cuda.Error as error:
            if hasattr(self, "address"):
                self._device.free()
            raise PerceptionError(f"{label}: cannot get {size} bytes of GPU memory: {error}") from error

    def host(self, shape: tuple[int, ...], dtype: str) -> NDArray:
        """The host side as an array of this shape."""
        assert self._host is not None
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return self._host[:count].view(dtype).reshape(shape)

    def upload(self, size: int, stream: Any) -> None:
        """Start copying the first ``size`` bytes to the GPU."""
        assert self._host is not None
        self._cuda.memcpy_htod_async(self.address, self._host[:size], stream)

    def download(self, size: int, stream: Any) -> None:
        """Start copying the first ``size`` bytes to the host."""
        assert self._host is not None
        self._cuda.memcpy_dtoh_async(self._host[:size], self.address, stream)

    def free(self) -> None:
        """Give the memory back; views of the host side must be gone."""
        self._device.free()
        if self._host is not None:
            allocation: Any = self._host.base
            self._host = None
            allocation.free()
