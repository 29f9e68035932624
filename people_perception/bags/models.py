# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The models of a replay: which, with what, and their results as messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from people_perception.bags.cameras import Stream
from people_perception.bags.messages import detection_message, encode, image_message, label_message
from people_perception.catalogue import ModelSpec
from people_perception.loading import load_model
from people_perception.model import Perceiver
from people_perception.report.record import FACES, PEOPLE, SHARE
from people_perception.results import Instances, Result, Segmentation
from people_perception.selection import Selection, select
from people_perception.store.records import file_sha256


@dataclass(frozen=True)
class ModelSettings:
    """What to run; everything that the results depend on besides the images.

    Attributes:
        models: names of the catalogue.
        engine: one of `people_perception.selection.ENGINES`, for all of them.
        weights: files to use instead of the model store's, by model.
        options: of the decoders, by model.
        precision: of TensorRT engines; None for the model's own.
        threads: CPU threads of one network; 0 leaves it to the engine.
    """

    models: tuple[str, ...]
    engine: str = "auto"
    weights: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    precision: str | None = None
    threads: int = 0

    def select(self) -> dict[str, Selection]:
        """What would run here for each model.

        Raises:
            PerceptionError: nothing can.
        """
        return {name: select(name, self.engine, self.weights.get(name)) for name in self.models}

    def load(self) -> dict[str, Perceiver]:
        """The models, ready to run.

        Raises:
            PerceptionError: nothing can run one of them here.
            ValueError: an option is unknown or out of range.
        """
        engine_settings: dict[str, Any] = {"threads": self.threads} if self.threads else {}
        if self.precision is not None:
            engine_settings["precision"] = self.precision
        loaded: dict[str, Perceiver] = {}
        try:
            for name in self.models:
                options = self.options.get(name, {})
                loaded[name] = load_model(name, self.engine, self.weights.get(name), engine_settings, **options)
        except BaseException:
            close_models(loaded)
            raise
        return loaded

    def identity(self) -> dict[str, dict[str, Any]]:
        """What tells the results of two runs apart, by model and without loading anything."""
        return {
            name: {
                "network": selection.spec.name,
                "engine": selection.engine,
                "sha256": file_sha256(selection.weights),
                "precision": self.precision if selection.engine == "tensorrt" else None,
                "options": dict(self.options.get(name, {})),
            }
            for name, selection in self.select().items()
        }


def close_models(models: Mapping[str, Perceiver]) -> None:
    """Free every engine."""
    for model in models.values():
        model.close()


def describe(requested: str, model: Perceiver) -> dict[str, Any]:
    """What runs for a model that the user asked for, for people."""
    spec, selection = model.spec, model.selection
    return {
        "requested": requested,
        "model": spec.name,
        "title": spec.title,
        "engine": selection.engine,
        "device": model.device,
        "weights": selection.weights.name,
        "reason": selection.reason,
        "options": dict(model.options),
        "licence": spec.licence["name"],
        "licence_url": spec.licence["url"],
    }


def label_bytes(model: Perceiver, head: Any) -> memoryview:
    """The LabelInfo of a model."""
    threshold = model.options.get("confidence_threshold", 0.0)
    lowest = min(threshold.values()) if isinstance(threshold, dict) else float(threshold)
    return encode(label_message(model.spec.labels, lowest, head))


def result_bytes(stream: Stream, result: Result, head: Any) -> list[tuple[str, memoryview]]:
    """A result as the messages that a node would publish, by topic."""
    if isinstance(result, Segmentation):
        return [(stream.topics[0], encode(image_message(result.mask, "mono8", head)))]
    boxes = encode(detection_message(result, head))
    if isinstance(result, Instances):
        mask = encode(image_message(result.id_mask(), "mono16", head))
        return [(stream.topics[0], boxes), (stream.topics[1], mask)]
    return [(stream.topics[0], boxes)]


def counted(spec: ModelSpec) -> str:
    """What `result_value` is of a model, in the words of a report."""
    if spec.task == "semantic":
        return SHARE
    return PEOPLE if "person" in spec.labels else FACES


def result_value(result: Result) -> float:
    """How many persons a result holds, or faces where a model finds no persons; of a mask the share that is not 0."""
    if isinstance(result, Segmentation):
        return float(result.mask.astype(bool).mean())
    found = result.detections if isinstance(result, Instances) else result
    wanted = "person" if "person" in found.labels else "face"
    return float(found.names().count(wanted))
