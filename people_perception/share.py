# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where the package's data folders lie: in a source checkout or in an install space."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from people_perception.errors import PerceptionError

PACKAGE = "people_perception"


def source_checkout() -> Path | None:
    """The root of the source checkout that this code runs from, or None when it is installed."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "models" / "schema.json").is_file() else None


def share_folder(kind: str) -> Path:
    """The folder ``models``, ``config``, ``launch`` or ``rviz`` that belongs to this code.

    A checkout comes first, so that an edit takes effect at once; then every prefix that ROS knows; then Python's own.

    Raises:
        PerceptionError: no such folder exists.
    """
    checkout = source_checkout()
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p] + [Path(sys.prefix)]
    candidates = ([checkout / kind] if checkout else []) + [p / "share" / PACKAGE / kind for p in prefixes]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise PerceptionError(
        f"the folder {kind}/ of {PACKAGE} is in none of {', '.join(map(str, candidates))}; "
        "source the workspace's setup file, or run from a checkout"
    )
