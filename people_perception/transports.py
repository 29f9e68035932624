# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The settings without which images larger than Fast DDS's 512 KB segment arrive late or not at all.

They must be in the environment before Python starts. What each is worth is measured in docs/environment.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from people_perception.share import share_folder

MALLOC = {"MALLOC_MMAP_THRESHOLD_": "536870912", "MALLOC_TRIM_THRESHOLD_": "1073741824"}
"""Keeps the memory of one image for the next."""

PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""What Fast DDS 2 (Humble, Jazzy) and Fast DDS 3 (Kilted) read the name of an XML profile from; each knows its own."""


def missing(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings that are absent, by variable; transports that the user has chosen in any way are left alone."""
    absent = {name: value for name, value in MALLOC.items() if name not in environment}
    if not any(environment.get(name) for name in (*PROFILES, "FASTDDS_BUILTIN_TRANSPORTS")):
        profile = str(share_folder("config") / "fastdds_large_images.xml")
        absent[PROFILES[0 if environment.get("ROS_DISTRO") in ("humble", "jazzy") else 1]] = profile
    return absent


def own_command(arguments: Sequence[str]) -> list[str]:
    """What runs ``people_perception ARGUMENTS`` in another process.

    Not ``python -m``, which looks for every module in the working directory first: that may be a folder of others.
    """
    root = str(Path(__file__).resolve().parents[1])
    code = (
        f"import sys; sys.path[:] = [p for p in sys.path if p]; {root!r} in sys.path or sys.path.insert(0, {root!r}); "
        "from people_perception.cli import main; sys.exit(main())"
    )
    return [sys.executable, "-c", code, *arguments]


def restart_with_settings(arguments: Sequence[str]) -> None:
    """Replace this process by ``people_perception ARGUMENTS`` with the settings, unless they are there."""
    absent = missing()
    if absent:
        os.execve(sys.executable, own_command(arguments), {**os.environ, **absent})
