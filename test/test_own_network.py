# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""docs/own_network.md, done as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import networks
from people_perception import cli
from people_perception.catalogue import get_spec
from people_perception.engines import tensorrt_installation

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "own_network.md").read_text(encoding="utf-8")
SIZE = (640, 384)

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command of the page with the example's description in PP_MODEL_PATH and gives its stdout."""
    monkeypatch.setattr(tensorrt_installation, "tensorrt_problem", lambda: "not in this test")
    monkeypatch.setenv("PP_MODEL_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("PP_MODEL_PATH", str(tmp_path / "our_models"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "our_models").mkdir()
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    (tmp_path / "our_models" / "warehouse.yaml").write_text(example[1])

    def command(start: str, *more: str) -> str:
        lines = re.findall(rf"^    python -m people_perception ({start}.*)$", PAGE, re.MULTILINE)
        assert lines, f"the page has no command {start}"
        assert cli.main([*lines[0].split(), *more]) == 0
        return capsys.readouterr().out

    return command


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """What TAO exported: red is a person, green a forklift."""
    path = tmp_path / "exported" / "resnet34_detector.onnx"
    path.parent.mkdir()
    return networks.detectnet(path, classes=2, size=SIZE)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A person at cell (10, 10) and two cells of a forklift at (30, 10)."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[160:176, 160:176, 2] = 255
    image[160:176, 480:512, 1] = 255
    path = tmp_path / "photos" / "hall.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), image)
    return path


def test_the_worked_example(run: Run, exported: Path, photo: Path, tmp_path: Path) -> None:
    assert "warehouse" in run("models list")
    run("models import")
    assert (tmp_path / "store" / "warehouse").is_dir()

    (line,) = run("detect", "--json").splitlines()
    found = {entry["label"]: entry for entry in json.loads(line)["detections"]}
    assert set(found) == {"person", "forklift"}
    reach = networks.HALF_BOX
    person = [160.5 - reach, 160.5 - reach, 160.5 + reach, 160.5 + reach]
    assert found["person"]["box"] == pytest.approx(person, abs=0.5)
    assert found["forklift"]["score"] == pytest.approx(2.0, abs=0.01)  # DBSCAN sums the coverage of two cells
    assert (tmp_path / "found" / "hall_annotated.jpg").is_file()

    # The threshold that is tried is above the forklift's score.
    table = run("detect photos --model warehouse --option")
    assert "person" in table and "forklift" not in table

    photo.parent.rename(tmp_path / "val")
    x1, y1, x2, y2 = found["forklift"]["box"]
    annotations = {
        "images": [{"id": 1, "file_name": "hall.png", "width": SIZE[0], "height": SIZE[1]}],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "forklift"}],
        "annotations": [
            {"image_id": 1, "category_id": 2, "bbox": [x1, y1, x2 - x1, y2 - y1]},
            {"image_id": 1, "category_id": 1, "bbox": [0, 0, 20, 20]},
        ],
    }
    (tmp_path / "val.json").write_text(json.dumps(annotations))
    figures = json.loads(run("evaluate", "--json"))
    assert figures["by_label"]["forklift"]["AP50"] == pytest.approx(1.0)
    assert figures["by_label"]["person"]["AP50"] == 0.0
    assert (figures["precision"], figures["recall"], figures["accuracy"]) == (0.5, 0.5, pytest.approx(1 / 3))
    assert (tmp_path / "errors" / "index.html").is_file()


@pytest.mark.usefixtures("run")
def test_the_mistake_on_the_page_is_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "our_models" / "warehouse.yaml"
    path.write_text(path.read_text().replace("layout: nchw", "layout: NCHW"))
    message = re.search(r"^`(warehouse.yaml: .*?)`", PAGE, re.MULTILINE)
    assert message
    with pytest.raises(Exception, match=re.escape(message[1])):
        get_spec("warehouse")


def test_every_field_of_the_schema_is_on_the_page() -> None:
    properties = json.loads((ROOT / "models" / "schema.json").read_text())["properties"]
    table = PAGE[PAGE.index("## The fields") :]
    for field in [*properties, *(f"input.{name}" for name in properties["input"]["properties"])]:
        assert field == "input" or f"`{field}`" in table, field
