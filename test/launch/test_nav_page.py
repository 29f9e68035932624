# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/nav.md can be read and name topics and arguments that there are."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "nav.md").read_text(encoding="utf-8")
PUBLISHED = {"/people/segmentation/mask", "/people/segmentation/mask/label_info"}


def block(language: str) -> str:
    (found,) = re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    return found


def test_the_launch_example_compiles_and_names_what_exists() -> None:
    code = block("python")
    compile(code, "nvblox_people.launch.py", "exec")
    assert set(re.findall(r'"(/people/[^"]*)"', code)) <= PUBLISHED
    (launch,) = re.findall(r'"/(launch/[^"]*)"', code)
    assert (ROOT / launch).is_file()
    arguments = re.search(r"arguments = {(.*?)}", code)
    assert arguments
    declared = (ROOT / "people_perception" / "ros" / "launch_graph.py").read_text(encoding="utf-8")
    for name in re.findall(r'"(\w+)":', arguments[1]):
        assert f'("{name}", ' in declared


def test_the_costmap_example_is_yaml_and_names_what_exists() -> None:
    camera = yaml.safe_load(block("yaml"))["semantic_segmentation_layer"]["camera"]
    assert {camera["segmentation_topic"], camera["labels_topic"]} == PUBLISHED
    labels = {name for kind in camera["class_types"] for name in camera[kind]["classes"]}
    assert labels == set(yaml.safe_load((ROOT / "models" / "peoplesemsegnet.yaml").read_text())["labels"])
