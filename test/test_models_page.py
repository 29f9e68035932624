# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""docs/models.md: its figures are those of its commands, and it leaves no model and no option out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from people_perception import cli
from people_perception.catalogue import get_spec, load_catalogue
from people_perception.decoders import decoder_class
from people_perception.engines import tensorrt_installation
from people_perception.store.paths import find_weights

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "models.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    \$evaluate (.*)$", PAGE, re.MULTILINE)
COLUMNS = {
    "peoplenet": [("peoplenet", ("AP", "AP50", "precision", "recall", "accuracy"))],
    "open_person": [("open_person", ("AP", "AP50", "precision", "recall", "accuracy"))],
    "open_instances": [
        ("open_instances`, boxes", ("AP", "AP50", "precision", "recall", "accuracy")),
        ("open_instances`, masks", ("mask_AP", "mask_AP50")),
    ],
    "peoplesemsegnet": [("peoplesemsegnet:shuffleseg", ("person_iou", "mIoU"))],
    "open_segmentation": [("open_segmentation", ("person_iou", "mIoU"))],
}


def row(name: str) -> list[str]:
    """The cells after the name in the first table that has it with figures."""
    found = re.search(rf"^\| `{re.escape(name)}`? \|((?: \.\d{{3}} \|)+)", PAGE, re.MULTILINE)
    assert found, name
    return [cell.strip() for cell in found[1].strip("|").split("|")]


def test_there_is_a_command_for_every_figure() -> None:
    assert [re.findall(r"--model (\w+)", command)[0] for command in COMMANDS] == list(COLUMNS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_figures_are_those_of_the_command(
    assets: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: "not in this test")
    model = command.split()[1]
    if "--weights" not in command and not find_weights(get_spec(model)):
        pytest.skip("the open models are not there: python -m people_perception models fetch open")
    images = assets / "images"
    arguments = command.replace("$PP_ASSETS", str(assets)).replace('"', "").split()
    common = ["--annotations", str(images / "person_annotations.json"), "--images", str(images), "--json"]
    assert cli.main(["evaluate", *arguments, *common]) == 0
    figures = json.loads(capsys.readouterr().out)
    for name, columns in COLUMNS[model]:
        shown = [float(cell) for cell in row(name)]
        # Kernels of another processor may flip a detection or two, of which each is .014 of a recall.
        assert shown == pytest.approx([figures[column] for column in columns], abs=0.03), name


@pytest.mark.parametrize("name", [name for name, spec in load_catalogue().items() if spec.path.parent.name == "models"])
def test_every_model_and_option_is_on_the_page(name: str) -> None:
    spec = get_spec(name)
    assert f"| `{name}` |" in PAGE
    for option in decoder_class(spec.decoder).OPTIONS:
        assert f"`{option.name}`" in PAGE or f"`{option.name}=" in PAGE, option.name
    for weights in spec.weights:
        if version := weights.source.get("version"):
            assert "npm" in weights.source or f"`{version}`" in PAGE, version
