# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What tests of every folder share."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import TextIO

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _reserve_domain() -> tuple[int, TextIO]:
    """A ROS domain that no other test run on this machine uses, and the open file that reserves it."""
    for domain in range(1, 101):  # The ports of higher domains may be taken by the system.
        file = open(Path(tempfile.gettempdir()) / f"people_perception_test_domain_{domain}", "w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        return domain, file
    raise RuntimeError("all ROS domains from 1 to 100 are reserved by other test runs")


# Never the user's own domain, where a robot may listen. Set before anything imports rclpy.
_domain, _reservation = _reserve_domain()
os.environ["ROS_DOMAIN_ID"] = str(_domain)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real weights, recorded tensors and images, which is not part of the repository."""
    folder = Path(os.environ.get("PP_ASSETS", ROOT.parent / "shared" / "assets"))
    if not folder.is_dir():
        pytest.skip(f"no assets in {folder}; PP_ASSETS names their folder")
    return folder
