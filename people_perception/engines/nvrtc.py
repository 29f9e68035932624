# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""CUDA C++ to a cubin with NVRTC, the compiler in CUDA's libraries; needs no nvcc, no host compiler and no GPU."""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from people_perception.errors import PerceptionError

_SONAMES = ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so")


class Nvrtc:
    """The library.

    Raises:
        PerceptionError: it is not installed.
    """

    def __init__(self) -> None:
        for name in _candidates():
            try:
                self._library = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise PerceptionError(
                "NVRTC (libnvrtc) is not installed; it is in the CUDA toolkit and in apt's cuda-nvrtc-<version>"
            )
        self._library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def version(self) -> tuple[int, int]:
        """Major and minor."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._check(self._library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        return major.value, minor.value

    def compile(self, source: str, name: str, architecture: str) -> bytes:
        """The cubin of a source.

        Args:
            source: CUDA C++.
            name: for its messages.
            architecture: of the GPU, such as ``sm_87``.

        Raises:
            PerceptionError: it does not compile; holds the first line of the compiler's log.
        """
        library, program = self._library, ctypes.c_void_p()
        text = source.encode()
        self._check(library.nvrtcCreateProgram(ctypes.byref(program), text, name.encode(), 0, None, None))
        try:
            options = (ctypes.c_char_p * 2)(f"--gpu-architecture={architecture}".encode(), b"--std=c++14")
            if library.nvrtcCompileProgram(program, 2, options):
                log = self._bytes("ProgramLog", program).decode("utf-8", "replace").strip("\0 \n")
                first = log.splitlines()[0] if log else "it does not say why"
                raise PerceptionError(f"{name}: NVRTC cannot compile it for {architecture}: {first}")
            return self._bytes("CUBIN", program)
        finally:
            library.nvrtcDestroyProgram(ctypes.byref(program))

    def _bytes(self, what: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._check(getattr(self._library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        self._check(getattr(self._library, f"nvrtcGet{what}")(program, buffer))
        return buffer.raw

    def _check(self, status: int) -> None:
        if status:
            raise PerceptionError(f"NVRTC: {self._library.nvrtcGetErrorString(status).decode()}")


def _candidates() -> Iterator[str]:
    yield from _SONAMES
    found = ctypes.util.find_library("nvrtc")
    if found:
        yield found
    toolkit = Path("/usr/local/cuda/lib64/libnvrtc.so")
    if toolkit.exists():
        yield str(toolkit)
    # The wheels of pip are on no library path.
    wheels = importlib.util.find_spec("nvidia")
    for folder in wheels.submodule_search_locations or () if wheels else ():
        yield from map(str, sorted(Path(folder).glob("*/lib/libnvrtc.so.*"), reverse=True))
