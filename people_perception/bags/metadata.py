# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What ``metadata.yaml`` says of a recording's files; it may come from anywhere."""

from __future__ import annotations

from pathlib import Path

from people_perception.yaml_text import load_yaml


def listed_files(folder: Path) -> list[Path]:
    """The files of a recording in their order, all of them in its folder; they may be absent.

    Raises:
        FileNotFoundError: there is no metadata.
        Exception: whatever a damaged file makes of the parser.
    """
    information = load_yaml((folder / "metadata.yaml").read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
    # Relative to the bag's folder, or, in the first versions of the format, to the one around it.
    return [folder / Path(name).name for name in information["relative_file_paths"]]
