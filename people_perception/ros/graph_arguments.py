# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How a graph is started so that it runs what a replay asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from people_perception.bags.cameras import COLOUR_INPUT, INFRARED_INPUT, Stream
from people_perception.bags.models import ModelSettings
from people_perception.bags.reader import Bag
from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.selection import select


def graph_arguments(models: ModelSettings, inputs: Mapping[str, str], namespace: str, compressed: bool) -> list[str]:
    """Arguments of ``run`` for a graph in the recording's time.

    Args:
        models: what to run, and how.
        inputs: of `graph_inputs`.
        namespace: of the nodes.
        compressed: the images are JPEG or PNG.

    Raises:
        PerceptionError: weights for one of several models, which nodes know no parameter for.
    """
    arguments = ["--models", ",".join(models.models), "--namespace", namespace]
    arguments += ["--ros-args", "-p", "use_sim_time:=true", *_parameters(models)]
    if compressed:
        arguments += ["-p", "image_transport:=compressed"]
    if len(inputs) == 1:
        # Models of both kinds look at the only camera.
        arguments += ["-r", f"{INFRARED_INPUT}:={COLOUR_INPUT}"]
    return arguments


def graph_inputs(bag: Bag, streams: Sequence[Stream]) -> dict[str, str]:
    """The topic of the graph that each camera is for.

    Raises:
        PerceptionError: more cameras than one graph reads, or of two kinds.
    """
    inputs: dict[str, str] = {}
    for stream in streams:
        inputs.setdefault(stream.camera, get_spec(stream.model).input_topic)
    if len(inputs) == 1:
        inputs = dict.fromkeys(inputs, COLOUR_INPUT)
    if len(set(inputs.values())) < len(inputs):
        raise PerceptionError(f"a graph has one camera of a kind; choose with --topics: {', '.join(inputs)}")
    if len({bag.topics[camera].kind for camera in inputs}) > 1:
        raise PerceptionError(
            f"a graph reads either raw or compressed images; choose with --topics: {', '.join(inputs)}"
        )
    return inputs


def _parameters(models: ModelSettings) -> list[str]:
    """The settings of models as parameters of the node."""
    values: dict[str, Any] = {"engine": models.engine}
    if models.precision is not None:
        values["precision"] = models.precision
    if models.weights:
        if len(models.models) > 1:
            raise PerceptionError("--weights with --live is for a single model; put the files into the model folder")
        values["weights"] = next(iter(models.weights.values()))
    for name, options in models.options.items():
        # Options carry the name of what runs, which may be a stand-in.
        folder = select(name, models.engine, models.weights.get(name)).spec.folder
        for option, value in options.items():
            parts = value.items() if isinstance(value, dict) else [("", value)]
            for label, number in parts:
                values[".".join(filter(None, (folder, option, label)))] = number
    return [text for name, value in values.items() for text in ("-p", f"{name}:={_yaml(value)}")]


def _yaml(value: Any) -> str:
    """A number with its type, as ROS reads it: 1.0 is a double, 1 is not."""
    return f"{value!r}" if isinstance(value, (int, float)) else str(value)
