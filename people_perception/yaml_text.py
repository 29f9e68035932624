# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""YAML that may come from anywhere: plain data, and never more of it than was written."""

from __future__ import annotations

from typing import Any

import yaml


class _SafeLoaderWithoutReferences(yaml.SafeLoader):
    """Without references, which nobody needs here: a few that hold each other many times over fill the memory.

    Not yaml's loader in C, which ends the process on deeply nested data.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise yaml.MarkedYAMLError(None, None, f"the reference *{event.anchor} is not taken", event.start_mark)
        return super().compose_node(parent, index)


def load_yaml(text: str) -> Any:
    """The data of one document.

    Raises:
        yaml.YAMLError: not YAML, or with references.
        ValueError: a date or number that is none.
        RecursionError: nested too deep.
    """
    return yaml.load(text, _SafeLoaderWithoutReferences)
