# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A plan's tensors and how an execution context is called, in TensorRT's two ways.

Tensors have names and their own shapes from 8.5 on. Plans with an implicit batch, which ``tao-converter`` makes from
UFF and TensorRT runs up to 8.6, take a list of addresses in the order of their bindings, and the batch apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from people_perception.engines.base import TensorInfo
from people_perception.errors import PerceptionError

_DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}

Shape = tuple[int, ...]


class Calls(Protocol):
    """One execution context and how it is called."""

    def bind(self, addresses: Mapping[str, int]) -> None:
        """Tell it, once, where its tensors are."""

    def set_shapes(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """Tell it the shapes of its inputs; the shapes of its outputs."""

    def enqueue(self, stream: int) -> bool:
        """Put the network on a stream; False when TensorRT refuses."""

    def release(self) -> None:
        """Let go of the context, which an exception's traceback would keep otherwise."""


class Tensors(Protocol):
    """The tensors of one plan.

    Attributes:
        inputs, outputs: with -1 where the batch is free.
        largest: the biggest shape of each input.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    largest: dict[str, Shape]

    def calls(self, context: Any) -> Calls:
        """How to call an execution context of this plan."""


def plan_tensors(trt: Any, engine: Any, plan: object) -> Tensors:
    """The tensors of an engine.

    Raises:
        PerceptionError: a tensor is of a kind that this package cannot use; names it.
    """
    # The attribute left in 11; from 10 on it is always False.
    if getattr(engine, "has_implicit_batch_dimension", False):
        return ImplicitBatch(engine, plan)
    return NamedTensors(trt, engine, plan)


class NamedTensors:
    """Tensors by name, TensorRT 8.5 and later; see `Tensors`."""

    def __init__(self, trt: Any, engine: Any, plan: object) -> None:
        inputs: list[TensorInfo] = []
        outputs: list[TensorInfo] = []
        self.plan = plan
        self.largest: dict[str, Shape] = {}
        for index in range(engine.num_io_tensors):
            name = engine.get_tensor_name(index)
            dtype = _dtype(engine.get_tensor_dtype(name), name, plan)
            info = TensorInfo(name, tuple(engine.get_tensor_shape(name)), dtype)
            layout = engine.get_tensor_format(name)
            if layout != trt.TensorFormat.LINEAR:
                raise PerceptionError(f"{plan}: tensor {name!r} has the format {layout.name}; build it linear")
            if engine.is_shape_inference_io(name):
                raise PerceptionError(f"{plan}: tensor {name!r} sets shapes; such networks are not supported")
            if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT:
                inputs.append(info)
                free = -1 in info.shape
                self.largest[name] = tuple(engine.get_tensor_profile_shape(name, 0)[2]) if free else info.shape
            else:
                outputs.append(info)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)

    def calls(self, context: Any) -> NamedCalls:
        """See `Tensors.calls`."""
        return NamedCalls(self, context)


class NamedCalls:
    """A context whose tensors have names; see `Calls`."""

    def __init__(self, tensors: NamedTensors, context: Any) -> None:
        self._tensors, self._context = tensors, context

    def bind(self, addresses: Mapping[str, int]) -> None:
        """See `Calls.bind`."""
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                raise PerceptionError(f"{self._tensors.plan}: TensorRT refuses the address of tensor {name!r}")

    def set_shapes(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """See `Calls.set_shapes`."""
        plan, largest = self._tensors.plan, self._tensors.largest
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, shape):
                raise PerceptionError(f"{plan}: input {name!r} cannot be {shape}; it takes up to {largest[name]}")
        found = {t.name: tuple(self._context.get_tensor_shape(t.name)) for t in self._tensors.outputs}
        for name, shape in found.items():
            if -1 in shape:
                raise PerceptionError(f"{plan}: the shape of output {name!r} depends on the data; not supported")
        return found

    def enqueue(self, stream: int) -> bool:
        """See `Calls.enqueue`."""
        return bool(self._context.execute_async_v3(stream_handle=stream))

    def release(self) -> None:
        """See `Calls.release`."""
        self._context = None


class ImplicitBatch:
    """Bindings in order and the batch apart, TensorRT 8.x only; see `Tensors`."""

    def __init__(self, engine: Any, plan: object) -> None:
        self.order = [engine.get_binding_name(i) for i in range(engine.num_bindings)]
        limit = engine.max_batch_size
        inputs: list[TensorInfo] = []
        outputs: list[TensorInfo] = []
        for index, name in enumerate(self.order):
            shape = (1 if limit == 1 else -1, *engine.get_binding_shape(index))
            info = TensorInfo(name, shape, _dtype(engine.get_binding_dtype(index), name, plan))
            (inputs if engine.binding_is_input(index) else outputs).append(info)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.largest: dict[str, Shape] = {t.name: (limit, *t.shape[1:]) for t in self.inputs}

    def calls(self, context: Any) -> BoundCalls:
        """See `Tensors.calls`."""
        return BoundCalls(self, context)


class BoundCalls:
    """A context of a plan with an implicit batch; see `Calls`."""

    def __init__(self, tensors: ImplicitBatch, context: Any) -> None:
        self._tensors, self._context = tensors, context
        self._bindings: list[int] = []
        self._batch = 1

    def bind(self, addresses: Mapping[str, int]) -> None:
        """See `Calls.bind`."""
        self._bindings = [addresses[name] for name in self._tensors.order]

    def set_shapes(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """See `Calls.set_shapes`."""
        self._batch = next(iter(shapes.values()))[0]
        return {t.name: (self._batch, *t.shape[1:]) for t in self._tensors.outputs}

    def enqueue(self, stream: int) -> bool:
        """See `Calls.enqueue`."""
        return bool(self._context.execute_async(batch_size=self._batch, bindings=self._bindings, stream_handle=stream))

    def release(self) -> None:
        """See `Calls.release`."""
        self._context = None


def _dtype(dtype: Any, name: str, plan: object) -> str:
    if dtype.name not in _DTYPES:
        raise PerceptionError(f"{plan}: tensor {name!r} is {dtype.name}; expected one of {', '.join(_DTYPES)}")
    return _DTYPES[dtype.name]
