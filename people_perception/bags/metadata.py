# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What ``metadata.yaml`` says of a recording's files; it may come from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from people_perception.errors import PerceptionError


class _Loader(yaml.SafeLoader):
    """Without references, which nobody writes there: a few that hold each other many times over fill the memory.

    Not yaml's loader in C, which ends the process on deeply nested data.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise PerceptionError("it refers to itself")
        return super().compose_node(parent, index)


def listed_files(folder: Path) -> list[Path]:
    """The files of a recording in their order, all of them in its folder; they may be absent.

    Raises:
        FileNotFoundError: there is no metadata.
        Exception: whatever a damaged file makes of the parser.
    """
    loader = _Loader((folder / "metadata.yaml").read_text(encoding="utf-8"))
    information = loader.get_single_data()["rosbag2_bagfile_information"]
    # Relative to the bag's folder, or, in the first versions of the format, to the one around it.
    return [folder / Path(name).name for name in information["relative_file_paths"]]
