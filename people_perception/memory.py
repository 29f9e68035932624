# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How a process takes memory from the system."""

from __future__ import annotations

import ctypes
import os

_M_ARENA_MAX = -8
"""Of mallopt(3)."""


def use_one_heap() -> None:
    """Have the C library serve all threads of this process from one heap, before any of them has begun.

    By itself it gives each thread one of its own. A frame is received in one thread and decoded in another, so each
    heap comes to hold the largest frames, and each thread that the lifecycle starts may add one: tens of MB more, and
    no frame sooner (docs/benchmarks.md). Best called before numpy is imported: it begins threads, and they keep theirs.
    """
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc's own
        mallopt(_M_ARENA_MAX, 1)
