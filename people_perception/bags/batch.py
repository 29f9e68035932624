# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Many recordings: each replayed in a process of its own, several at once, again where a process dies."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event as ProcessEvent
from pathlib import Path
from typing import Any

from people_perception.bags.reader import one_line
from people_perception.bags.replay import ReplaySettings, replay
from people_perception.errors import PerceptionError
from people_perception.memory import use_one_heap

Runner = Callable[["Job", threading.Event], dict[str, Any]]
"""Runs a job somewhere until it is done or the event is set; gives the plain `Summary`."""

_POLL = 0.2
_SUFFIXES = (".mcap", ".db3")


@dataclass(frozen=True)
class Job:
    """One recording to replay; can be sent to another process or machine.

    Attributes:
        input, output: paths, which mean the same wherever the job runs.
        settings: how.
        resume: go on with what an earlier run left.
        command: what the user typed.
    """

    input: str
    output: str
    settings: ReplaySettings
    resume: bool
    command: str = ""


def find_bags(paths: Iterable[Path]) -> list[Path]:
    """The recordings that are meant.

    Args:
        paths: recordings, folders that have some at any depth, and ``.txt`` files with a path a line.

    Raises:
        PerceptionError: there is none at one of them.
    """
    found: list[Path] = []
    for path in paths:
        if path.suffix == ".txt" and path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
            # Relative to the list, so that it can be kept beside the recordings.
            found += find_bags(path.parent / line for line in listed)
        elif is_bag(path) or not path.is_dir():
            found.append(path)
        else:
            inside = sorted(folder for folder in path.rglob("*") if folder.is_dir() and is_bag(folder))
            if not inside:
                raise PerceptionError(f"{path}: no recording in this folder")
            found += inside
    return list(dict.fromkeys(found))


def is_bag(path: Path) -> bool:
    """Whether a path is a recording itself: a file, or a folder with metadata or files of one."""
    if not path.is_dir():
        return path.suffix in _SUFFIXES
    return (path / "metadata.yaml").is_file() or any(child.suffix in _SUFFIXES for child in path.iterdir())


def output_names(bags: Sequence[Path]) -> dict[Path, str]:
    """A name for the output of each recording: its own, with that of its folder where two have the same."""
    names: dict[Path, str] = {}
    for path in bags:
        parts = [*path.absolute().parent.parts[1:], path.stem if path.suffix in _SUFFIXES else path.name]
        name = next(
            (n for n in ("_".join(parts[-k:]) for k in range(1, len(parts) + 1)) if n not in names.values()), None
        )
        if name is None:
            raise PerceptionError(f"{path}: another recording would be written under the same name")
        names[path] = name
    return names


def replay_many(
    jobs: Sequence[Job],
    runner: Runner,
    workers: int,
    retries: int,
    stop: threading.Event,
    on_done: Callable[[dict[str, Any]], None] = lambda result: None,
) -> list[dict[str, Any]]:
    """Run every job, ``workers`` at once.

    A recording that cannot be read is an error at once. What ends in any other way, such as by a process that is killed
    for its memory, is tried again, and goes on where it ended.

    Args:
        jobs: recordings with different outputs.
        runner: where they run.
        workers: how many at once.
        retries: how often a job may be tried again.
        stop: set it to end early.
        on_done: called after each job with its result.

    Returns:
        In the order of the jobs, what `Summary.plain` says, with ``attempts`` and, if there is none, ``error``.
    """
    results: dict[int, dict[str, Any]] = {}
    with ThreadPoolExecutor(max(1, workers), "bag") as pool:
        pending = {pool.submit(_attempts, job, runner, retries, stop): i for i, job in enumerate(jobs)}
        while pending:
            done, _ = wait(pending, timeout=_POLL, return_when=FIRST_COMPLETED)
            for future in done:
                result = results[pending.pop(future)] = future.result()
                on_done(result)
    return [results[i] for i in range(len(jobs))]


def _attempts(job: Job, runner: Runner, retries: int, stop: threading.Event) -> dict[str, Any]:
    error = "stopped before it began; --resume goes on"
    attempt = 0
    while not stop.is_set() and attempt <= retries:
        attempt += 1
        try:
            return {**runner(job, stop), "attempts": attempt}
        except (PerceptionError, ValueError) as problem:
            error = one_line(problem)
            break
        except Exception as problem:  # a process that was killed, a machine that went away
            error = f"its process ended: {one_line(problem)}"
            job = replace(job, resume=True)
    return {
        "input": job.input, "output": job.output, "frames": 0, "expected": 0, "computed": 0, "seconds": 0.0,
        "complete": False, "finished": False, "problems": [error], "error": error, "attempts": attempt,
    }  # fmt: skip


def run_job(job: Job, stop: Any = None) -> dict[str, Any]:
    """Replay one recording here."""
    summary = replay(Path(job.input), Path(job.output), job.settings, job.resume, stop, command=job.command)
    return summary.plain()


def local_runner(job: Job, stop: threading.Event) -> dict[str, Any]:
    """Runs a job in a process of its own on this machine, so that what crashes takes nothing else with it."""
    context = multiprocessing.get_context("spawn")
    stop_there = context.Event()
    with ProcessPoolExecutor(1, context, _begin, (stop_there,)) as pool:
        future = pool.submit(_run_in_process, job)
        while not future.done():
            if stop.is_set():
                stop_there.set()
            wait([future], timeout=_POLL)
        return future.result()


_stop_here: ProcessEvent | None = None


def _begin(stop: ProcessEvent) -> None:
    global _stop_here
    _stop_here = stop
    # Ctrl-C reaches every process of a terminal; the first of them decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_heap()


def _run_in_process(job: Job) -> dict[str, Any]:
    return run_job(job, _stop_here)
