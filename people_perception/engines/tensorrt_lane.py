# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One lane of a TensorRT engine: a stream, an execution context and buffers, for one call at a time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.catalogue import InputSpec
from people_perception.engines import cuda_preprocess
from people_perception.engines.base import TensorInfo
from people_perception.engines.cuda import Buffer, Gpu
from people_perception.engines.cuda_graph import CudaGraph
from people_perception.engines.tensorrt_tensors import Calls, Shape, Tensors
from people_perception.errors import PerceptionError
from people_perception.geometry import Geometry

_log = logging.getLogger(__name__)

_NARROW_BLOCK = 256


class Lane:
    """Everything that one call uses; two lanes overlap their copies and their computing.

    Args:
        gpu: where it lives.
        engine: TensorRT's engine.
        tensors: of the plan.
        byte_outputs: integer outputs that come back as bytes.
        graph: replay the network as a CUDA graph; only where every shape is fixed.

    Raises:
        PerceptionError: out of memory, or TensorRT refuses.
    """

    def __init__(self, gpu: Gpu, engine: Any, tensors: Tensors, byte_outputs: frozenset[str], graph: bool) -> None:
        self._gpu, self._tensors, self._bytes = gpu, tensors, byte_outputs
        self._buffers: dict[str, Buffer] = {}
        self._narrow: dict[str, Buffer] = {}
        self._image: Buffer | None = None
        self._graph: CudaGraph | None = None
        self._wants_graph = graph
        self._runs = 0
        self._calls: Calls | None = None
        with gpu.current() as cuda:
            self._cuda = cuda
            self._stream = cuda.Stream()
            # Waits asleep; waiting on the stream spins on a core that the robot needs.
            self._done = cuda.Event(cuda.event_flags.BLOCKING_SYNC)
            try:
                self._calls = _open_context(engine, tensors)
                self._shapes: dict[str, Shape] = dict(tensors.largest)
                self._found = self._calls.set_shapes(self._shapes)
                self._allocate()
                self._calls.bind({name: buffer.address for name, buffer in self._buffers.items()})
            except BaseException:
                self._free()
                raise

    def _allocate(self) -> None:
        for tensor in self._tensors.inputs:
            size = _bytes(self._shapes[tensor.name], tensor.dtype)
            self._buffers[tensor.name] = Buffer(self._cuda, size, f"input {tensor.name!r}")
        for tensor in self._tensors.outputs:
            shape = self._found[tensor.name]
            narrow = tensor.name in self._bytes
            label, size = f"output {tensor.name!r}", _bytes(shape, tensor.dtype)
            self._buffers[tensor.name] = Buffer(self._cuda, size, label, host=not narrow)
            if narrow:
                self._narrow[tensor.name] = Buffer(self._cuda, _bytes(shape, "uint8"), label)

    def run(self, inputs: Mapping[str, NDArray]) -> dict[str, NDArray]:
        """All outputs for checked inputs; the arrays are the caller's."""
        with self._gpu.current():
            self._set_shapes({name: array.shape for name, array in inputs.items()})
            for tensor in self._tensors.inputs:
                array, buffer = inputs[tensor.name], self._buffers[tensor.name]
                np.copyto(buffer.host(array.shape, tensor.dtype), array)
                buffer.upload(array.nbytes, self._stream)
            return self._infer()

    def run_image(
        self, image: NDArray, encoding: str, geometry: Geometry, spec: InputSpec, value_range: tuple[float, float]
    ) -> dict[str, NDArray]:
        """All outputs for one camera image, which the GPU brings to the input's form."""
        plan = cuda_preprocess.kernel_plan(image, encoding, geometry, spec, value_range)
        tensor = self._tensors.inputs[0]
        with self._gpu.current():
            self._set_shapes({tensor.name: (1, *self._tensors.largest[tensor.name][1:])})
            buffer = self._image_buffer(image.nbytes)
            np.copyto(buffer.host(image.shape, image.dtype.name), image)
            buffer.upload(image.nbytes, self._stream)
            kernel = self._gpu.kernel("preprocess").prepare(["P", "P", f"{len(plan)}s"])
            kernel.prepared_async_call(
                cuda_preprocess.grid(geometry.network_size),
                cuda_preprocess.BLOCK,
                self._stream,
                buffer.address,
                self._buffers[tensor.name].address,
                plan,
            )
            return self._infer()

    def _image_buffer(self, size: int) -> Buffer:
        """Grows with the largest image, so a camera's frames allocate once."""
        if self._image is None or self._image.size < size:
            if self._image is not None:
                self._image.free()
                self._image = None
            self._image = Buffer(self._cuda, size, "camera image")
        return self._image

    def _set_shapes(self, shapes: dict[str, Shape]) -> None:
        if shapes != self._shapes:
            assert self._calls is not None
            self._found = self._calls.set_shapes(shapes)
            self._shapes = shapes

    def _infer(self) -> dict[str, NDArray]:
        self._enqueue()
        for tensor in self._tensors.outputs:
            count = int(np.prod(self._found[tensor.name]))
            if tensor.name in self._narrow:
                self._narrow_output(tensor, count)
                self._narrow[tensor.name].download(count, self._stream)
            else:
                self._buffers[tensor.name].download(count * np.dtype(tensor.dtype).itemsize, self._stream)
        self._done.record(self._stream)
        self._done.synchronize()
        outputs = {}
        for tensor in self._tensors.outputs:
            shape = self._found[tensor.name]
            if tensor.name in self._narrow:
                outputs[tensor.name] = self._narrow[tensor.name].host(shape, "uint8").copy()
            else:
                outputs[tensor.name] = self._buffers[tensor.name].host(shape, tensor.dtype).copy()
        return outputs

    def _narrow_output(self, tensor: TensorInfo, count: int) -> None:
        kernel = self._gpu.kernel(f"narrow_{tensor.dtype}").prepare(["P", "P", "i"])
        kernel.prepared_async_call(
            (-(-count // _NARROW_BLOCK), 1),
            (_NARROW_BLOCK, 1, 1),
            self._stream,
            self._buffers[tensor.name].address,
            self._narrow[tensor.name].address,
            count,
        )

    def _enqueue(self) -> None:
        if self._graph is not None:
            self._graph.launch()
            return
        # The first run lets TensorRT finish what it puts off, which cannot be recorded.
        if self._wants_graph and self._runs == 1:
            self._wants_graph = False
            try:
                self._graph = CudaGraph(self._stream.handle, self._enqueue_network)
            except PerceptionError as error:
                _log.info("runs without a CUDA graph: %s", error)
            else:
                self._graph.launch()
                return
        self._runs += 1
        self._enqueue_network()

    def _enqueue_network(self) -> None:
        assert self._calls is not None
        if not self._calls.enqueue(self._stream.handle):
            raise PerceptionError("TensorRT does not run the network")

    def close(self) -> None:
        """Free it in the order in which one thing uses the other."""
        with self._gpu.current():
            self._stream.synchronize()
            self._free()

    def _free(self) -> None:
        if self._graph is not None:
            self._graph.close()
            self._graph = None
        if self._calls is not None:
            self._calls.release()
        for buffer in (*self._buffers.values(), *self._narrow.values(), *([self._image] if self._image else [])):
            buffer.free()
        self._buffers, self._narrow, self._image = {}, {}, None
        self._done = None
        self._stream = None


def _open_context(engine: Any, tensors: Tensors) -> Calls:
    context = engine.create_execution_context()
    if context is None:
        raise PerceptionError("TensorRT makes no execution context; the GPU may be out of memory")
    return tensors.calls(context)


def _bytes(shape: Shape, dtype: str) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize
