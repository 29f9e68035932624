# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a graph is told that replays a recording, and what no graph can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from networks import model_folder
from people_perception.bags.cameras import COLOUR_INPUT, INFRARED_INPUT, Stream
from people_perception.bags.models import ModelSettings
from people_perception.bags.reader import Bag
from people_perception.errors import PerceptionError
from people_perception.ros.graph_arguments import graph_arguments, graph_inputs
from recordings import record, squares


def people(camera: str) -> Stream:
    return Stream(camera, "peoplenet", "/people/detections")


def faces(camera: str) -> Stream:
    return Stream(camera, "facedetect_ir", "/people/faces")


def test_settings_become_parameters_with_their_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", str(model_folder(tmp_path / "models")))
    weights = tmp_path / "models" / "peoplenet" / "resnet34_peoplenet.onnx"
    settings = ModelSettings(
        ("peoplenet",),
        engine="onnxruntime",
        weights={"peoplenet": str(weights)},
        options={"peoplenet": {"min_height": 20, "confidence_threshold": {"person": 0.5, "face": 1.0}}},
        precision="fp32",
    )
    assert graph_arguments(settings, {"/front": COLOUR_INPUT}, "/people", compressed=True) == [
        "--models", "peoplenet", "--namespace", "/people", "--ros-args",
        "-p", "use_sim_time:=true",
        "-p", "engine:=onnxruntime",
        "-p", "precision:=fp32",
        "-p", f"weights:={weights}",
        "-p", "peoplenet.min_height:=20",
        "-p", "peoplenet.confidence_threshold.person:=0.5",
        "-p", "peoplenet.confidence_threshold.face:=1.0",
        "-p", "image_transport:=compressed",
        "-r", f"{INFRARED_INPUT}:={COLOUR_INPUT}",
    ]  # fmt: skip


def test_weights_of_one_of_several_models() -> None:
    settings = ModelSettings(("peoplenet", "facedetect_ir"), weights={"peoplenet": "mine.onnx"})
    with pytest.raises(PerceptionError, match="--weights with --live is for a single model"):
        graph_arguments(settings, {}, "/people", compressed=False)


def test_the_cameras_of_a_graph(tmp_path: Path) -> None:
    topics = {"/front": squares(1), "/rear": squares(1), "/thermal": squares(1)}
    with Bag(record(tmp_path / "bag", topics, compressed=["/thermal"])) as bag:
        assert graph_inputs(bag, [people("/front"), faces("/rear")]) == {
            "/front": COLOUR_INPUT,
            "/rear": INFRARED_INPUT,
        }
        assert graph_inputs(bag, [people("/front"), faces("/front")]) == {"/front": COLOUR_INPUT}
        assert graph_inputs(bag, [faces("/thermal")]) == {"/thermal": COLOUR_INPUT}
        with pytest.raises(PerceptionError, match="one camera of a kind; choose with --topics: /front, /rear"):
            graph_inputs(bag, [people("/front"), people("/rear")])
        with pytest.raises(PerceptionError, match="either raw or compressed images; choose with --topics"):
            graph_inputs(bag, [people("/front"), faces("/thermal")])
