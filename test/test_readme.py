# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The README and the documentation say what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from people_perception import cli
from people_perception.catalogue import load_catalogue

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_lists_every_command() -> None:
    table = README.partition("## Commands")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(cli.COMMANDS)


def test_the_readme_lists_every_topic() -> None:
    table = README.partition("## Topics")[2].partition("\n## ")[0]
    topics = {topic for spec in load_catalogue().values() for topic in (spec.input_topic, spec.output_topic)}
    for topic in topics:
        assert f"`{topic}`" in table or f"`{topic}/mask`" in table


def test_the_readme_names_every_licence() -> None:
    section = README.partition("## Licences")[2]
    for spec in load_catalogue().values():
        assert spec.licence["name"] in section


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "images").iterdir())
    assert pictures
    for path in pictures:
        assert path.stat().st_size < 200_000, path.name
