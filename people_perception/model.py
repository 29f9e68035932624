# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A model: what the catalogue says of it, an engine that runs it and a decoder of its outputs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from people_perception.catalogue import InputSpec
from people_perception.decoders.base import Decoder
from people_perception.decoders.tensors import same_name
from people_perception.engines import Engine, TensorInfo
from people_perception.errors import PerceptionError
from people_perception.options import Option, Value
from people_perception.preprocess import Frame
from people_perception.results import Result
from people_perception.selection import Selection

Stages = dict[str, float]
"""Seconds by stage: preprocess, inference, decode."""


class Perceiver(ABC):
    """Finds people in a frame with a network: a `Model`, or a `CropModel` of two networks.

    Attributes:
        spec: the model that runs, which may be the stand-in for the one asked for.
        selection: which engine and weights, and why.
    """

    def __init__(self, selection: Selection, engine: Engine, decoder: Decoder) -> None:
        self.selection = selection
        self.spec = selection.spec
        self.engine = engine
        self.decoder = decoder
        self._input_name = engine.inputs[0].name

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
        """The current options."""
        return self.decoder.options

    def configure(self, **changes: Any) -> None:
        """Change options, all or none; takes effect with the next image.

        Raises:
            ValueError: an option is unknown or out of range.
        """
        self.decoder.configure(**changes)

    def __call__(self, image: NDArray) -> Result:
        """What is in one image.

        Args:
            image: (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 mono.

        Raises:
            ValueError: the image has another type or shape.
            PerceptionError: the engine failed.
        """
        return self.infer(Frame(image))

    @abstractmethod
    def infer(self, frame: Frame, stages: Stages | None = None) -> Result:
        """As ``__call__``, sharing the frame's work with other models; writes what each stage took into ``stages``."""

    def close(self) -> None:
        """Free the engine."""
        self.engine.close()


class Model(Perceiver):
    """One network on whole images.

    Raises:
        PerceptionError: the engine's tensors are not those of the model.
    """

    def __init__(self, selection: Selection, engine: Engine, decoder: Decoder) -> None:
        super().__init__(selection, engine, decoder)
        self._check_outputs()
        # What the network itself declares holds for preprocessing and decoding alike.
        decoder.spec = self.spec = replace(self.spec, input=network_input(self.spec.input, engine.inputs[0]))
        self.input, self._key = self._coloured_input(), self._result_key()
        self._run_image = getattr(engine, "run_image", None)

    def configure(self, **changes: Any) -> None:
        """See `Perceiver.configure`."""
        super().configure(**changes)
        self.input, self._key = self._coloured_input(), self._result_key()

    def infer(self, frame: Frame, stages: Stages | None = None) -> Result:
        """See `Perceiver.infer`.

        Models with equal weights and options (the person detector of two segmentations) share the whole result.
        """
        return frame.once(self._key, lambda: self._infer(frame, {} if stages is None else stages))

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

    def _coloured_input(self) -> InputSpec:
        """The input with the colour order that the option ``colour_order`` asks for, where there is one."""
        return replace(self.spec.input, colour=str(self.options.get("colour_order", self.spec.input.colour)))

    def _result_key(self) -> tuple[str, ...]:
        return ("result", str(self.selection.weights), self.selection.engine, repr(self.options))

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
