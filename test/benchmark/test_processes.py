# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of processes, and processes that fail."""

from __future__ import annotations

import mmap
import os
import time

import pytest

from people_perception.benchmark.processes import Role, cpu_seconds, resident_megabytes
from people_perception.errors import PerceptionError


def test_processor_time_is_what_was_spent() -> None:
    before = cpu_seconds([os.getpid()])
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert 0.15 <= cpu_seconds([os.getpid()]) - before <= 2.0
    assert cpu_seconds([]) == 0


def test_memory_counts_when_it_is_used() -> None:
    before = resident_megabytes(os.getpid())
    # Pages of its own: malloc could have some from before.
    with mmap.mmap(-1, 64 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as used:
        assert resident_megabytes(os.getpid()) - before < 8
        for page in range(0, len(used), mmap.PAGESIZE):
            used[page] = 1
        assert 60 <= resident_megabytes(os.getpid()) - before <= 80


def test_the_last_words_of_a_process_that_ended() -> None:
    pytest.importorskip("rclpy")
    with Role("nonsense", {}) as role:
        with pytest.raises(
            PerceptionError, match="the nonsense process of the measurement ended: KeyError: 'nonsense'"
        ):
            role.hear(20.0)
        with pytest.raises(PerceptionError, match="ended"):
            role.check()


def test_what_a_library_prints_between_is_skipped() -> None:
    pytest.importorskip("rclpy")
    with Role("nonsense", {}) as role:
        role._buffer = b'[RTPS_TRANSPORT_SHM Error] Failed init_port\n\n{"frames": 3}\nhalf a li'
        assert role.hear(1.0) == {"frames": 3}
        assert role._next_line() == b""


def test_ending_a_process_that_works() -> None:
    pytest.importorskip("rclpy")
    role = Role("camera", {"topics": ["/bench_test/image"], "size": [64, 48], "rate": 30.0})
    pid = role.pid
    with role:
        role.check()
    assert not os.path.exists(f"/proc/{pid}")
