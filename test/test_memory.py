# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A process has one heap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_HEAPS = """
import ctypes, sys, threading
from people_perception.memory import use_one_heap
if sys.argv[2] == "one":
    use_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
gate = threading.Barrier(6)
def work():
    libc.malloc(ctypes.c_size_t(100_000))
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(file: Path, wanted: str, **environment: str) -> int:
    command = [sys.executable, "-c", _HEAPS, file, wanted]
    subprocess.run(command, check=True, env={**os.environ, **environment})
    return file.read_text().count("<heap nr=")


@pytest.mark.skipif("glibc" not in os.confstr("CS_GNU_LIBC_VERSION"), reason="another C library has other heaps")
def test_threads_share_one_heap_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    assert heaps(tmp_path / "own", "many") > 1
    assert heaps(tmp_path / "one", "one") == 1
    assert heaps(tmp_path / "said", "one", MALLOC_ARENA_MAX="4") > 1
