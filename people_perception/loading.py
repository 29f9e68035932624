# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""From a name to a model that runs: selection, engine, decoder."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from people_perception.catalogue import ModelSpec, get_spec, load_catalogue
from people_perception.decoders import decoder_class, make_decoder
from people_perception.decoders.base import Decoder
from people_perception.engines import Engine
from people_perception.model import Model, Perceiver
from people_perception.options import check_options
from people_perception.selection import Selection, select
from people_perception.two_stage import CropModel


def load_model(
    name: str,
    engine: str = "auto",
    weights: str | Path | None = None,
    engine_settings: Mapping[str, Any] | None = None,
    **options: Any,
) -> Perceiver:
    """A model that is ready to run.

    Args:
        name: a model of the catalogue, with or without ``:variant``.
        engine: ``auto`` (the best that works here), ``tensorrt``, ``onnxruntime`` or ``litert``.
        weights: a file to use instead of what the model store holds.
        engine_settings: what the engine is opened with: ``providers`` and ``threads`` of ONNX Runtime, ``threads`` of
            LiteRT, the fields of `BuildSettings`, ``allow_build`` and ``device`` of TensorRT.
        options: of the decoder. Where an open model stands in, those that it does not know are checked and left out.

    Raises:
        PerceptionError: nothing can run it here; says what is missing and how to get it.
        ValueError: an option is unknown or out of range.
    """
    wanted = get_spec(name)
    check_options(decoder_class(wanted.decoder).OPTIONS, options, wanted.labels, wanted.name)
    selection = select(name, engine, weights)
    if selection.spec.name != wanted.name:
        options = _known_options(selection.spec, options)
    return open_model(selection, engine_settings or {}, **options)


def open_model(selection: Selection, engine_settings: Mapping[str, Any], **options: Any) -> Perceiver:
    """The model of a selection; see `load_model`."""
    decoder = make_decoder(selection.spec, **options)
    if selection.spec.detector:
        detector = open_model(select(selection.spec.detector), engine_settings)
        assert isinstance(detector, Model)
        return CropModel(selection, open_engine(selection, engine_settings), decoder, detector)
    return Model(selection, open_engine(selection, engine_settings), decoder)


def open_engine(selection: Selection, settings: Mapping[str, Any]) -> Engine:
    """The engine of a selection, with the settings that concern it."""
    if selection.engine == "tensorrt":
        from people_perception.engines.tensorrt import open_tensorrt

        return open_tensorrt(selection.spec, selection.weights, settings)
    wanted = {"onnxruntime": ("providers", "threads"), "litert": ("threads",)}[selection.engine]
    arguments = {name: settings[name] for name in wanted if name in settings}
    if selection.engine == "onnxruntime":
        from people_perception.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(selection.weights, **arguments)
    from people_perception.engines.litert import LiteRtEngine

    return LiteRtEngine(selection.weights, **arguments)


def available_models() -> list[str]:
    """The names of the catalogue: NVIDIA's networks, the open ones, and the user's own from ``PP_MODEL_PATH``."""
    order = ("peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet")
    names = load_catalogue()
    return [*(n for n in order if n in names), *(n for n in names if n not in order)]


def decoder(name: str, **options: Any) -> Decoder:
    """The decoder of a model, for network outputs that come from elsewhere; needs no weights.

    >>> import numpy as np
    >>> decode = decoder("peoplenet", clustering="nms", confidence_threshold={"person": 0.4})
    >>> empty = {"output_cov/Sigmoid": np.zeros((3, 34, 60)), "output_bbox/BiasAdd": np.zeros((12, 34, 60))}
    >>> len(decode(empty, image_size=(1920, 1080)))
    0

    Raises:
        PerceptionError: unknown model.
        ValueError: an option is unknown or out of range.
    """
    return make_decoder(get_spec(name), **options)


def _known_options(spec: ModelSpec, options: Mapping[str, Any]) -> dict[str, Any]:
    """The part of another model's options that this one knows, with its own labels and in its own range only.

    What a robot's configuration says of PeopleNet, whose scores may exceed 1, must not keep a laptop from starting.
    """
    known = {option.name: option for option in decoder_class(spec.decoder).OPTIONS}
    kept = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            value = {label: number for label, number in value.items() if label in spec.labels}
        if name in known:
            with contextlib.suppress(ValueError):
                kept[name] = known[name].check(value, spec.labels)
    return kept
