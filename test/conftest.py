# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of every folder share."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _reserve_domain() -> int:
    """A ROS domain that no other test run on this machine uses, reserved until this process ends."""
    for domain in range(1, 101):  # The ports of higher domains may be taken by the system.
        path = Path(tempfile.gettempdir()) / f"people_perception_test_domain_{domain}"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue
        return domain
    raise RuntimeError("all ROS domains from 1 to 100 are reserved by other test runs")


# Never the user's own domain, where a robot may listen. Set before anything imports rclpy.
os.environ["ROS_DOMAIN_ID"] = str(_reserve_domain())

# A shell that runs them in the background tells them to ignore Ctrl-C, which the programs that they start inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def own_domain() -> Iterator[None]:
    """A ROS domain for the tests of one file: what other files killed stays in the graph of theirs for 20 seconds."""
    before = os.environ["ROS_DOMAIN_ID"]
    os.environ["ROS_DOMAIN_ID"] = str(_reserve_domain())
    yield
    os.environ["ROS_DOMAIN_ID"] = before


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real weights, recorded tensors and images, which is not part of the repository."""
    folder = Path(os.environ.get("PP_ASSETS", ROOT.parent / "shared" / "assets"))
    if not folder.is_dir():
        pytest.skip(f"no assets in {folder}; PP_ASSETS names their folder")
    return folder
