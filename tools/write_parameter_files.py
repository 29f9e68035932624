#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Writes what is derived from the parameter tables: config/*.yaml, their JSON Schema and docs/parameters.md.

Usage: . tools/env.sh && python tools/write_parameter_files.py    (a test compares the files with what this writes)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from people_perception.catalogue import load_catalogue
from people_perception.decoders import decoder_class, make_decoder
from people_perception.ros.parameters import (
    ANONYMIZE,
    OVERLAY,
    PEOPLE,
    PEOPLE_3D,
    PERCEPTION,
    Parameter,
    option_parameters,
)

ROOT = Path(__file__).resolve().parent.parent
LICENCE = "# Copyright 2026 The people_perception authors\n# SPDX-License-Identifier: Apache-2.0\n"
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
HEADERS = {
    "perception": "Parameters of the perception nodes, with defaults. Those of models that do not run are ignored.",
    "overlay": "Parameters of the overlay node, with their defaults.",
    "anonymize": "Parameters of the anonymize node, with their defaults.",
    "people": "Parameters of the people node, with their defaults.",
    "people_3d": "Parameters of the node for positions in space, with their defaults.",
}


def tables() -> dict[str, list[Parameter]]:
    """The parameters by configuration file."""
    # `models` differs from executable to executable, so the shared file leaves it to them.
    perception = [p for p in PERCEPTION if p.name != "models"]
    for spec in load_catalogue().values():
        perception += option_parameters(spec.name, decoder_class(spec.decoder).OPTIONS, make_decoder(spec).options)
    return {
        "perception": perception,
        "overlay": list(OVERLAY),
        "anonymize": list(ANONYMIZE),
        "people": list(PEOPLE),
        "people_3d": list(PEOPLE_3D),
    }


def yaml_text(name: str, parameters: Iterable[Parameter]) -> str:
    """A ROS parameter file with a comment above each parameter."""
    lines = [LICENCE + "# yaml-language-server: $schema=parameters.schema.json", f"# {HEADERS[name]}", "/**:"]
    lines.append("  ros__parameters:")
    open_groups: list[str] = []
    for parameter in parameters:
        *groups, leaf = parameter.name.split(".")
        shared = 0
        while shared < min(len(groups), len(open_groups)) and groups[shared] == open_groups[shared]:
            shared += 1
        for depth in range(shared, len(groups)):
            lines.append("    " + "  " * depth + f"{groups[depth]}:")
        open_groups = groups
        indent = "    " + "  " * len(groups)
        lines.append(f"{indent}# {parameter.description}{accepted(parameter)}")
        lines.append(f"{indent}{leaf}: {json.dumps(parameter.default)}")
    return "\n".join(lines) + "\n"


def accepted(parameter: Parameter) -> str:
    """What a value may be, for a comment."""
    if parameter.choices:
        return f" One of: {', '.join(parameter.choices)}."
    if parameter.minimum is not None:
        return f" From {parameter.minimum:g} to {parameter.maximum:g}."
    return ""


def schema(parameters: dict[str, list[Parameter]]) -> dict[str, Any]:
    """The JSON Schema of all files."""
    properties: dict[str, Any] = {}
    for parameter in chain(*parameters.values()):
        *groups, leaf = parameter.name.split(".")
        level = properties
        for group in groups:
            level = level.setdefault(group, {"type": "object", "additionalProperties": False, "properties": {}})[
                "properties"
            ]
        entry: dict[str, Any] = {"type": JSON_TYPES[parameter.kind], "description": parameter.description}
        entry["default"] = parameter.default
        if parameter.choices:
            entry["enum"] = list(parameter.choices)
        if parameter.minimum is not None:
            entry |= {"minimum": parameter.minimum, "maximum": parameter.maximum}
        if parameter.kind is list:
            entry["items"] = {"type": "string"}
        level[leaf] = entry
    properties["models"] = {"type": "array", "items": {"type": "string"}, "description": "Models to run."}
    node = {"type": "object", "additionalProperties": False, "required": ["ros__parameters"], "properties": {}}
    node["properties"]["ros__parameters"] = {"type": "object", "additionalProperties": False, "properties": properties}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Parameters of people_perception's nodes",
        "type": "object",
        "additionalProperties": node,
    }


def markdown(parameters: dict[str, list[Parameter]]) -> str:
    """docs/parameters.md."""
    lines = [
        "# Parameters",
        "",
        "Written by `tools/write_parameter_files.py` from the tables in `people_perception/ros/parameters.py` and the",
        "decoders' options; `ros2 param describe` shows the same. *Live* parameters can change while the node runs and",
        "take effect with the next image; the others are read when the node is configured: change them while it is",
        "unconfigured (`ros2 lifecycle set NODE deactivate`, then `cleanup`). A value that is out of range is refused",
        "with the reason. Every topic's QoS can also be set by ROS's own `qos_overrides` parameters.",
        "",
    ]
    titles = {
        "perception": "Perception nodes",
        "overlay": "Overlay node",
        "anonymize": "Anonymize node",
        "people": "People node",
        "people_3d": "Positions in space",
    }
    for name, table in parameters.items():
        lines += [f"## {titles[name]} (`config/{name}.yaml`)", ""]
        lines += ["| parameter | default | live | meaning |", "|---|---|---|---|"]
        for p in table:
            live = "" if p.fixed else "yes"
            lines.append(f"| `{p.name}` | `{json.dumps(p.default)}` | {live} | {p.description}{accepted(p)} |")
        if name == "perception":
            models = next(p for p in PERCEPTION if p.name == "models")
            lines.append(f"| `models` | by executable | | {models.description} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def files() -> dict[Path, str]:
    """Every derived file and its text."""
    parameters = tables()
    written = {ROOT / "config" / f"{name}.yaml": yaml_text(name, table) for name, table in parameters.items()}
    for text in written.values():
        yaml.safe_load(text)
    written[ROOT / "config" / "parameters.schema.json"] = json.dumps(schema(parameters), indent=1) + "\n"
    written[ROOT / "docs" / "parameters.md"] = markdown(parameters)
    return written


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
