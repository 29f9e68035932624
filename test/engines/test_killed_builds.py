# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Builds that are killed or interrupted, by the real builder where it is installed: nothing is left behind."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from people_perception.engines.cache import check_plan, folder_lock

ROOT = Path(__file__).resolve().parents[2]


def start_build(
    engines: Path, network: Path, builder: str, env: dict[str, str] | None = None, **more: Any
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "people_perception", "build", "peoplenet", "--weights", str(network)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    full = {**os.environ, "PP_ENGINE_DIR": str(engines), "PYTHONPATH": path, **(env or {})}
    return subprocess.Popen(
        [*command, "--builder", builder],
        **{"env": full, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **more},
    )


def workers(engines: Path) -> list[int]:
    """The processes that build into a folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"builder.worker" in command and f"PP_ENGINE_DIR={engines}\0".encode() in environment:
            found.append(int(folder.name))
    return found


def settled(engines: Path) -> None:
    """Wait for the builder to notice that its parent is gone."""
    end = time.monotonic() + 5
    while workers(engines):
        assert time.monotonic() < end, "the builder outlived its parent"
        time.sleep(0.02)


def nothing_but_whole_plans(engines: Path) -> int:
    """No lock, no unfinished file and no plan that is not whole; how many plans there are."""
    settled(engines)
    if not engines.is_dir():
        return 0
    start = time.monotonic()
    with folder_lock(engines):
        assert time.monotonic() - start < 5
    names = {p.name for p in engines.iterdir()}
    plans = [engines / name for name in names if name.endswith(".plan")]
    for plan in plans:
        check_plan(plan, "tensorrt_rtx")
    assert {n for n in names if not n.endswith((".plan", ".plan.json"))} == set()
    return len(plans)


def test_killing_at_any_moment_leaves_nothing(rtx: str, network: Path, tmp_path: Path) -> None:
    moments = random.Random(0)
    whole = 0
    for attempt in range(10):
        engines = tmp_path / f"engines{attempt}"
        build = start_build(engines, network, rtx)
        assert build.stderr
        if attempt % 2:
            build.stderr.readline()  # the builder has begun
        time.sleep(moments.uniform(0, 0.3))
        build.kill()
        build.wait()
        build.stderr.close()
        whole += nothing_but_whole_plans(engines)
    assert whole < 10
    build = start_build(engines, network, rtx)
    build.communicate(timeout=30)
    assert build.returncode == 0
    assert nothing_but_whole_plans(engines) == 1


@pytest.mark.parametrize(("how", "status"), [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, 130)])
def test_ending_a_build_in_the_middle(simulated, network: Path, engine_folder: Path, how: int, status: int) -> None:
    simulated("10.3")
    build = start_build(engine_folder, network, "tensorrt", {"STANDIN_BUILD": "__import__('time').sleep(60)"})
    end = time.monotonic() + 10
    while not any(p.name.startswith(".building") for p in engine_folder.glob("*")) and not workers(engine_folder):
        assert time.monotonic() < end
        time.sleep(0.02)
    time.sleep(0.1)
    build.send_signal(how)
    _, said = build.communicate(timeout=10)
    assert build.returncode == status
    assert b"Traceback" not in said
    settled(engine_folder)
    assert [p for p in engine_folder.iterdir() if ".plan" in p.name or p.name.startswith(".")] == []


def test_two_processes_that_want_one_engine_build_it_once(simulated, network: Path, engine_folder: Path) -> None:
    simulated("10.3")
    slow = {"STANDIN_BUILD": "__import__('time').sleep(0.5)"}
    builds = [start_build(engine_folder, network, "tensorrt", slow, stdout=subprocess.PIPE) for _ in range(2)]
    said = [build.communicate(timeout=30)[0].decode() for build in builds]
    assert [build.returncode for build in builds] == [0, 0]
    assert sorted(text.splitlines()[1].partition(" in ")[0] for text in said) == ["built", "found"]
    assert len(list(engine_folder.glob("*.plan"))) == 1


@pytest.mark.parametrize("room", [0, 150])
def test_a_disk_that_is_full_while_building(simulated, network: Path, engine_folder: Path, room: int) -> None:
    simulated("10.3")
    full = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
    build = start_build(engine_folder, network, "tensorrt", preexec_fn=full)
    _, said = build.communicate(timeout=30)
    assert build.returncode == 2
    assert said.splitlines()[-1].endswith((b"file too large", b"file too large while storing the engine")), said
    assert b"Traceback" not in said
    assert [path for path in engine_folder.iterdir() if path.suffix != ".timing"] == []
