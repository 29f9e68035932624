# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings replayed on the machines of a Ray cluster."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from people_perception.bags.batch import Job, Runner, run_job
from people_perception.bags.reader import one_line
from people_perception.errors import PerceptionError

_POLL = 0.5
_REACH = 5.0
"""Seconds to reach a cluster's head; Ray itself tries for minutes."""


@contextmanager
def cluster_runner(address: str, cpus: int) -> Iterator[tuple[Runner, int]]:
    """Connect to a running cluster; how to run a job there, and how many fit at once.

    Recordings, outputs and the model folder must lie under the same paths on every machine, and this package must be
    installed there.

    Args:
        address: of the cluster's head, such as ``10.0.0.1:6379``, or ``auto`` on one of its machines.
        cpus: that one job takes.

    Raises:
        PerceptionError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray
        from ray.exceptions import RayTaskError
    except ImportError as error:
        raise PerceptionError(f"a cluster needs Ray ({error}); pip install ray, or leave --cluster out") from error
    _check_reachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # ConnectionError, ValueError, RuntimeError, and Ray's own
        raise PerceptionError(f"no Ray cluster at {address}: {one_line(error)}") from error
    # Ray's own retries know nothing of --resume.
    task = ray.remote(num_cpus=cpus, max_retries=0)(run_job)

    def run(job: Job, stop: threading.Event) -> dict[str, Any]:
        reference = task.remote(job)
        asked_to_stop = False
        while not ray.wait([reference], timeout=_POLL)[0]:
            if stop.is_set() and not asked_to_stop:
                asked_to_stop = True
                ray.cancel(reference, force=False)
        try:
            return ray.get(reference)
        except RayTaskError as error:
            # Ray's error is of the original's class and carries a traceback as its text; the cause has only its own.
            raise error.cause from error

    try:
        total = int(ray.cluster_resources().get("CPU", 1))
        yield run, max(1, total // cpus)
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    found = re.fullmatch(r"(?:ray://)?\[?([^\[\]]+?)\]?:(\d+)", address)
    if found is None:  # auto, local
        return
    try:
        socket.create_connection((found[1], int(found[2])), _REACH).close()
    except (OSError, OverflowError) as error:
        raise PerceptionError(f"no Ray cluster at {address}: {one_line(error)}") from error
