# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The settings without which images larger than Fast DDS's 512 KB segment arrive late or not at all.

They must be in the environment before Python starts. What each is worth is measured in docs/environment.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

ENVIRONMENT = {
    "FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA",
    "MALLOC_MMAP_THRESHOLD_": "536870912",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
}
"""Variables and values; one that the user has set is left alone."""


def missing(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The settings that are absent; an XML profile of the user's own replaces the choice of transports."""
    absent = {name: value for name, value in ENVIRONMENT.items() if name not in environment}
    if "FASTRTPS_DEFAULT_PROFILES_FILE" in environment or "FASTDDS_DEFAULT_PROFILES_FILE" in environment:
        absent.pop("FASTDDS_BUILTIN_TRANSPORTS", None)
    return absent


def restart_with_settings(arguments: Sequence[str]) -> None:
    """Replace this process by ``python -m people_perception ARGUMENTS`` with the settings, unless they are there."""
    absent = missing()
    if absent:
        command = [sys.executable, "-m", "people_perception", *arguments]
        os.execve(sys.executable, command, {**os.environ, **absent})
