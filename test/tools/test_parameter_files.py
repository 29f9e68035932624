# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The files that are derived from the parameter tables are up to date, valid, and what a node takes."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = runpy.run_path(str(ROOT / "tools" / "write_parameter_files.py"))
FILES = SCRIPT["files"]()
SCHEMA = json.loads((ROOT / "config" / "parameters.schema.json").read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_a_derived_file_is_up_to_date(path: Path) -> None:
    assert path.read_text() == FILES[path], f"run tools/write_parameter_files.py: {path.name} is not up to date"


@pytest.mark.parametrize("name", ["perception", "overlay", "anonymize", "people", "people_3d"])
def test_a_configuration_fits_the_schema(name: str) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_rate": "fast"},
        {"max_rat": 5},
        {"engine": "cuda"},
        {"peoplenet": {"confidence_threshold": {"person": -1}}},
        {"peoplenet": {"confidence_threshold": {"dog": 0.5}}},
    ],
)
def test_the_schema_refuses_what_a_node_refuses(wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate({"/**": {"ros__parameters": wrong}})


def test_every_parameter_has_a_description() -> None:
    for table in SCRIPT["tables"]().values():
        for parameter in table:
            assert len(parameter.description) > 15, parameter.name
            assert parameter.description.endswith("."), parameter.name
