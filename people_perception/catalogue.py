# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What ``models/*.yaml`` say: one `ModelSpec` per network, schema-checked."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any

from people_perception.errors import PerceptionError
from people_perception.geometry import Geometry, Size, letterbox, stretch
from people_perception.share import share_folder

TASKS = ("detection", "semantic", "instance")


@dataclass(frozen=True)
class InputSpec:
    """How an image becomes the network's input tensor: ``(pixel - mean) * scale``.

    Attributes:
        names: accepted tensor names; a trailing ``:0`` does not matter.
        size: (width, height).
        layout: ``nchw`` or ``nhwc``.
        colour: order of the channels, ``rgb``, ``bgr``, or ``grey`` (luminance on every channel).
        scale, mean: one number per channel, in the network's channel order.
        resize: ``stretch``, ``letterbox`` (top left) or ``letterbox_centred``.
        pad: the padding's pixel, in the network's channel order.
        dtype: ``float32`` or ``float16``; read from the network when it is loaded.
    """

    names: tuple[str, ...]
    size: Size
    layout: str
    colour: str
    scale: tuple[float, float, float]
    mean: tuple[float, float, float]
    resize: str
    pad: tuple[int, int, int] = (0, 0, 0)
    dtype: str = "float32"

    def geometry(self, image_size: Size) -> Geometry:
        """The one geometry of this input for images of (width, height)."""
        return _geometry(self.resize, image_size, self.size)


@lru_cache(maxsize=256)
def _geometry(resize: str, image_size: Size, network_size: Size) -> Geometry:
    if resize == "stretch":
        return stretch(image_size, network_size)
    return letterbox(image_size, network_size, centred=resize == "letterbox_centred")


@dataclass(frozen=True)
class Weights:
    """A file that holds a network, and where it comes from.

    Attributes:
        file: its name in the model's folder.
        format: ``onnx``, ``tflite`` or ``etlt``.
        variant: which variant of the model it is; empty where there is one only.
        source: how to obtain it, as in the YAML; read by the model store.
        int8_cache: the name of the INT8 calibration cache beside it, if there is one.
    """

    file: str
    format: str
    variant: str = ""
    source: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    int8_cache: str | None = None


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """A network as the catalogue describes it.

    Attributes:
        name: as users write it, with ``:variant`` where they asked for one.
        outputs: the accepted tensor names by their role in the decoder.
        decoder: the name of the decoder.
        options: the decoder's defaults.
        nms_options: of a DetectNet_v2, the defaults that differ where its clustering is ``nms``.
        weights: files that can serve it, in order of preference.
        fallback: the open model that stands in on a machine without these weights.
        detector: the model that finds the crops which this network runs on; None for the whole image.
        engine: hints for the builder of engines.
        licence: ``name`` and ``url``.
        path: the YAML file.
        class_columns: of an SSD, where each label's scores are among the classes that it was trained on.
        input_topic: the camera that it reads in a ROS graph, ``image`` or ``ir_image``.
        output_topic: the base of the topics that it publishes.
    """

    name: str
    title: str
    summary: str
    task: str
    labels: tuple[str, ...]
    input: InputSpec
    outputs: Mapping[str, tuple[str, ...]]
    decoder: str
    options: Mapping[str, Any]
    weights: tuple[Weights, ...]
    licence: Mapping[str, str]
    path: Path
    fallback: str | None = None
    detector: str | None = None
    engine: Mapping[str, Any] = field(default_factory=dict)
    class_columns: tuple[int, ...] = ()
    nms_options: Mapping[str, Any] = field(default_factory=dict)
    input_topic: str = "image"
    output_topic: str = ""

    @property
    def folder(self) -> str:
        """The name without a variant: the model's folder in the store."""
        return self.name.partition(":")[0]

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants that there are weights for, in order of preference."""
        return tuple(dict.fromkeys(w.variant for w in self.weights if w.variant))


def model_folders() -> list[Path]:
    """Where model descriptions are read from: the folders of ``PP_MODEL_PATH``, then the package's own."""
    own = [Path(p).expanduser() for p in os.environ.get("PP_MODEL_PATH", "").split(os.pathsep) if p]
    for folder in own:
        if not folder.is_dir():
            raise PerceptionError(
                f"PP_MODEL_PATH names {folder}, which is not a folder; make it or correct the variable"
            )
    return [*own, share_folder("models")]


def load_catalogue() -> dict[str, ModelSpec]:
    """Every model by name; a description in an earlier folder wins over one of the same name later.

    Raises:
        PerceptionError: a description is not valid.
    """
    specs: dict[str, ModelSpec] = {}
    for folder in model_folders():
        for path in sorted(folder.glob("*.yaml")):
            spec = read_spec(path)
            specs.setdefault(spec.name, spec)
    return specs


def get_spec(name: str) -> ModelSpec:
    """The model called ``name``, or one variant of it with ``name:variant``.

    Raises:
        PerceptionError: unknown name or variant.
    """
    specs = load_catalogue()
    base, _, variant = name.partition(":")
    if base not in specs:
        raise PerceptionError(f"unknown model {name!r}; the models are {', '.join(specs)}")
    spec = specs[base]
    if not variant:
        return spec
    if variant not in spec.variants:
        raise PerceptionError(f"{base} has no variant {variant!r}; it has {', '.join(spec.variants) or 'none'}")
    return replace(spec, name=name, weights=tuple(w for w in spec.weights if w.variant == variant))


def output_bases(names: Iterable[str]) -> dict[str, str]:
    """The topic that each model's results hang from: its own, or its name where an earlier model has that topic.

    Raises:
        PerceptionError: unknown name or variant.
    """
    bases: dict[str, str] = {}
    for name in names:
        spec = get_spec(name)
        bases[name] = spec.output_topic if spec.output_topic not in bases.values() else name.replace(":", "_")
    return bases


def read_spec(path: Path) -> ModelSpec:
    """One description, checked against ``models/schema.json``.

    Raises:
        PerceptionError: not YAML, or a field that the schema refuses; names the file and the field.
    """
    return _read_spec(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read_spec(path: Path, _mtime_ns: int) -> ModelSpec:
    import jsonschema
    import yaml

    from people_perception.yaml_text import load_yaml

    try:
        data = load_yaml(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # dates and numbers that are none; too deep
        raise PerceptionError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    errors = sorted(jsonschema.Draft7Validator(_schema()).iter_errors(data), key=lambda e: list(map(str, e.path)))
    if errors:
        where = ".".join(map(str, errors[0].absolute_path)) or "the file"
        raise PerceptionError(f"{path}: {where}: {errors[0].message}")
    if data["name"] != path.stem:
        raise PerceptionError(f"{path}: name is {data['name']!r}; it must be the file's name, {path.stem!r}")
    columns = data.get("class_columns", range(len(data["labels"])))
    if len(columns) != len(data["labels"]):
        raise PerceptionError(
            f"{path}: class_columns: {len(columns)} given; expected one for each of the {len(data['labels'])} labels"
        )
    entry = data["input"]
    return ModelSpec(
        name=data["name"],
        title=data["title"],
        summary=data["summary"],
        task=data["task"],
        labels=tuple(data["labels"]),
        input=InputSpec(
            names=tuple(entry["names"]),
            size=(entry["size"][0], entry["size"][1]),
            layout=entry["layout"],
            colour=entry["colour"],
            scale=_three(entry["scale"], f"{path}: input.scale"),
            mean=_three(entry["mean"], f"{path}: input.mean"),
            resize=entry["resize"],
            pad=tuple(entry.get("pad", (0, 0, 0))),
        ),
        outputs={role: tuple(names) for role, names in data["outputs"].items()},
        decoder=data["decoder"],
        options=data.get("options", {}),
        weights=tuple(Weights(**w) for w in data["weights"]),
        licence=data["licence"],
        path=path,
        fallback=data.get("fallback"),
        detector=data.get("detector"),
        engine=data.get("engine", {}),
        nms_options=data.get("nms_options", {}),
        class_columns=tuple(columns),
        input_topic=data.get("topics", {}).get("input", "image"),
        output_topic=data.get("topics", {}).get("output", data["name"]),
    )


def _three(value: float | list[float], where: str) -> tuple[float, float, float]:
    first, second, third = value if isinstance(value, list) else [value] * 3
    if not (isfinite(first) and isfinite(second) and isfinite(third)):  # YAML has them, JSON Schema does not
        raise PerceptionError(f"{where}: {value}; expected finite numbers")
    return first, second, third


@lru_cache(maxsize=1)
def _schema() -> dict[str, Any]:
    return json.loads((share_folder("models") / "schema.json").read_text(encoding="utf-8"))
