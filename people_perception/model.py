# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A model: what the catalogue says of it, an engine that runs it and a decoder of its outputs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from people_perception.catalogue import InputSpec, ModelSpec, get_spec
from people_perception.decoders import decoder_class, make_decoder
from people_perception.decoders.base import Decoder
from people_perception.decoders.tensors import same_name
from people_perception.engines import Engine, TensorInfo
from people_perception.errors import PerceptionError
from people_perception.options import Option, Value, check_options
from people_perception.preprocess import Frame
from people_perception.results import Result
from people_perception.selection import Selection, select

Stages = dict[str, float]
"""Seconds by stage: preprocess, inference, decode."""


class Perceiver(Protocol):
    """Anything that finds people in a frame: a `Model`, or a `CropModel` of two networks.

    Attributes:
        spec: the model that runs, which may be the stand-in for the one asked for.
        selection: which engine and weights, and why.
        device: what computes.
    """

    spec: ModelSpec
    selection: Selection

    @property
    def device(self) -> str: ...

    @property
    def declared_options(self) -> tuple[Option, ...]: ...

    @property
    def options(self) -> Mapping[str, Value]: ...

    def configure(self, **changes: Any) -> None: ...

    def __call__(self, image: NDArray) -> Result: ...

    def infer(self, frame: Frame, stages: Stages | None = None) -> Result: ...

    def close(self) -> None: ...


class Model:
    """One network on whole images.

    Raises:
        PerceptionError: the engine's tensors are not those of the model.
    """

    def __init__(self, selection: Selection, engine: Engine, decoder: Decoder) -> None:
        self.selection = selection
        self.spec = selection.spec
        self.engine = engine
        self.decoder = decoder
        self._check_outputs()
        self._input_name = engine.inputs[0].name
        # What the network itself declares holds for preprocessing and decoding alike.
        decoder.spec = self.spec = replace(self.spec, input=network_input(self.spec.input, engine.inputs[0]))
        self.input = self._coloured_input()
        self._run_image = getattr(engine, "run_image", None)

    @property
    def device(self) -> str:
        """What computes."""
        return self.engine.device

    @property
    def declared_options(self) -> tuple[Option, ...]:
        """What can be set, with ranges."""
        return self.decoder.OPTIONS

    @property
    def options(self) -> Mapping[str, Value]:
        """The decoder's current options."""
        return self.decoder.options

    def configure(self, **changes: Any) -> None:
        """Change options of the decoder, all or none; takes effect with the next image.

        Raises:
            ValueError: an option is unknown or out of range.
        """
        self.decoder.configure(**changes)
        self.input = self._coloured_input()

    def __call__(self, image: NDArray) -> Result:
        """What is in one image.

        Args:
            image: (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 mono.

        Raises:
            ValueError: the image has another type or shape.
            PerceptionError: the engine failed.
        """
        return self.infer(Frame(image))

    def infer(self, frame: Frame, stages: Stages | None = None) -> Result:
        """As ``__call__``, sharing the frame's work with other models; writes what each stage took into ``stages``.

        Models with equal weights and options (the person detector of two segmentations) share the whole result.
        """
        key = ("result", str(self.selection.weights), self.selection.engine, repr(self.options))
        return frame.once(key, lambda: self._infer(frame, {} if stages is None else stages))

    def _infer(self, frame: Frame, stages: Stages) -> Result:
        start = time.perf_counter()
        if self._run_image is not None:
            outputs = self._run_image(frame.image, self.input.geometry(frame.size), self.input)
            tensor_ready = start
        else:
            tensor = frame.tensor(self.input)
            tensor_ready = time.perf_counter()
            outputs = self.engine.run({self._input_name: tensor})
        ran = time.perf_counter()
        result = self.decoder(outputs, image_size=frame.size)
        stages["preprocess"] = tensor_ready - start
        stages["inference"] = ran - tensor_ready
        stages["decode"] = time.perf_counter() - ran
        return result

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()

    def _coloured_input(self) -> InputSpec:
        """The input with the colour order that the option ``colour_order`` asks for, where there is one."""
        return replace(self.spec.input, colour=str(self.options.get("colour_order", self.spec.input.colour)))

    def _check_outputs(self) -> None:
        found = [t.name for t in self.engine.outputs]
        for role, names in self.spec.outputs.items():
            if not any(same_name(a, b) for a in found for b in names):
                raise PerceptionError(
                    f"{self.selection.weights}: no output {' or '.join(map(repr, names))} ({role}) among "
                    f"{', '.join(map(repr, found))}; is this {self.spec.title}?"
                )


def network_input(spec: InputSpec, tensor: TensorInfo) -> InputSpec:
    """The catalogue's input with the layout, size and type that the network itself declares.

    Raises:
        PerceptionError: it is no image tensor with three channels.
    """
    shape = tensor.shape
    if len(shape) != 4 or tensor.dtype not in ("float32", "float16") or shape[0] > 1:
        raise PerceptionError(
            f"input {tensor.name!r} is {tensor.dtype} {shape}; expected float32 or float16 with 4 axes and a batch of 1"
        )
    layout = spec.layout
    if shape[1] == 3 and shape[3] != 3:
        layout = "nchw"
    elif shape[3] == 3 and shape[1] != 3:
        layout = "nhwc"
    height, width = shape[2:] if layout == "nchw" else shape[1:3]
    channels = shape[1] if layout == "nchw" else shape[3]
    if channels not in (3, -1):
        raise PerceptionError(f"input {tensor.name!r} is {shape}: {channels} channels; expected 3")
    size = (width if width > 0 else spec.size[0], height if height > 0 else spec.size[1])
    return replace(spec, layout=layout, size=size, dtype=tensor.dtype)


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
        from people_perception.two_stage import CropModel

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
    from people_perception.catalogue import load_catalogue

    order = ("peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet")
    names = load_catalogue()
    return [*(n for n in order if n in names), *(n for n in names if n not in order)]


def decoder(name: str, **options: Any) -> Decoder:
    """The decoder of a model, for network outputs that come from elsewhere; needs no weights.

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
