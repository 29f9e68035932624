# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Runtime, ICudaEngine and IExecutionContext. Failures are logged and returned as None or False, as TensorRT does."""

from __future__ import annotations

import json
import threading
from typing import Any

import numpy as np

from standin import gpu

HEADER = 28
_NUMPY = {
    "FLOAT": np.float32,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT32": np.int32,
    "INT64": np.int64,
    "BOOL": np.bool_,
}


def plan_bytes(description: dict[str, Any]) -> bytes:
    """A plan: the real header (magic, length at 16, version at 24), then what the network is."""
    body = json.dumps(description).encode()
    version = bytes(int(v) for v in (*description["version"].split("."), "0", "0", "0")[:4])
    return b"ftrt" + bytes(12) + (HEADER + len(body)).to_bytes(8, "little") + version + body


def expected_output(inputs: list[np.ndarray], index: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """What the simulated network computes."""
    values = np.concatenate([x.astype(np.float64).ravel() for x in inputs])
    count = int(np.prod(shape))
    result = np.resize(values, count) * (index + 1)
    if dtype.startswith("int"):
        result = np.abs(result * 1000) % 7
    return result.reshape(shape).astype(dtype)


def runtime_classes(version: str, found: dict[str, Any]) -> dict[str, type]:
    """The classes of one version; ``found`` has its enumerations."""
    severity = lambda logger, text: logger.log(type(logger).Severity.ERROR, text)  # noqa: E731

    class Runtime:
        DLA_core = -1
        engine_host_code_allowed = False

        def __init__(self, logger: Any) -> None:
            if not getattr(logger, "ready", False):
                raise TypeError("pybind11: the ILogger was not constructed")
            gpu.machine.need_context("Runtime()")
            self._logger, self._machine = logger, gpu.machine

        def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
            gpu.machine.need_context("deserialize_cuda_engine")
            content = bytes(serialized_engine)
            if not content.startswith(b"ftrt") or int.from_bytes(content[16:24], "little") != len(content):
                # The real one crashes on some of these.
                gpu.machine.violations.append("a damaged plan was given to TensorRT")
                return None
            data = json.loads(content[HEADER:])
            if data["version"] != version:
                severity(
                    self._logger, f"The engine plan file is not compatible with this version of TensorRT, {version}"
                )
                return None
            if data.get("dla") is not None and self.DLA_core != data["dla"]:
                severity(self._logger, "Cannot deserialize engine with DLA: DLA core is not set")
                return None
            return ICudaEngine(self, data)

        def __del__(self) -> None:
            if hasattr(self, "_machine"):
                gpu.machine.need_context("~Runtime")
                self._machine.freed.append("runtime")

    class ICudaEngine:
        def __init__(self, runtime: Runtime, data: dict[str, Any]) -> None:
            self._runtime, self._data, self._machine = runtime, data, gpu.machine
            self._logger = runtime._logger
            self._tensors = {t["name"]: t for t in data["tensors"]}
            self._profiles_used = 0

        def _known(self, name: str) -> dict[str, Any] | None:
            if name not in self._tensors:
                severity(
                    self._logger, f"Given invalid tensor name: {name}. Get valid tensor names with getIOTensorName()"
                )
            return self._tensors.get(name)

        @property
        def num_io_tensors(self) -> int:
            return len(self._tensors)

        num_bindings = num_io_tensors

        @property
        def has_implicit_batch_dimension(self) -> bool:
            return bool(self._data.get("implicit"))

        @property
        def max_batch_size(self) -> int:
            return int(self._data.get("max_batch", 1))

        def get_tensor_name(self, index: int) -> str:
            return list(self._tensors)[index]

        get_binding_name = get_tensor_name

        def get_tensor_shape(self, name: str) -> list[int]:
            tensor = self._known(name)
            return [-1] if tensor is None else list(tensor["shape"])

        def get_tensor_dtype(self, name: str) -> Any:
            tensor = self._known(name)
            return found["DataType"][tensor["dtype"] if tensor else "FLOAT"]

        def get_tensor_mode(self, name: str) -> Any:
            tensor = self._known(name)
            return found["TensorIOMode"][tensor["mode"].upper() if tensor else "NONE"]

        def get_tensor_format(self, name: str) -> Any:
            tensor = self._known(name)
            return found["TensorFormat"][(tensor or {}).get("format", "LINEAR")]

        def is_shape_inference_io(self, name: str) -> bool:
            return bool((self._known(name) or {}).get("shape_tensor"))

        def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[list[int]]:
            tensor = self._known(name)
            if tensor is None or profile_index != 0 or tensor["mode"] != "input":
                return [[-1]] * 3
            return [list(s) for s in tensor.get("profile", [tensor["shape"]] * 3)]

        def binding_is_input(self, index: int) -> bool:
            return self._data["tensors"][index]["mode"] == "input"

        def get_binding_dtype(self, index: int) -> Any:
            return found["DataType"][self._data["tensors"][index]["dtype"]]

        def get_binding_shape(self, index: int) -> list[int]:
            return list(self._data["tensors"][index]["shape"])

        def create_execution_context(self) -> Any:
            gpu.machine.need_context("create_execution_context")
            dynamic = any(-1 in t["shape"] for t in self._data["tensors"])
            if dynamic and self._profiles_used and version.startswith("8."):
                severity(self._logger, "Profile 0 has been chosen by another IExecutionContext")
                return None
            if self._machine.fail_next.pop("context", None):
                return None
            self._profiles_used += 1
            return IExecutionContext(self)

        def __del__(self) -> None:
            gpu.machine.need_context("~ICudaEngine")
            self._machine.freed.append("engine")

    class IExecutionContext:
        def __init__(self, engine: ICudaEngine) -> None:
            self._engine, self._machine = engine, gpu.machine
            self._addresses: dict[str, int] = {}
            self._shapes = {t["name"]: tuple(t["shape"]) for t in engine._data["tensors"]}
            self._busy = threading.Lock()
            self._ran = False

        def _error(self, text: str) -> bool:
            severity(self._engine._logger, text)
            return False

        def set_tensor_address(self, name: str, memory: int) -> bool:
            if self._engine._known(name) is None:
                return False
            self._addresses[name] = memory
            return True

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            tensor = self._engine._known(name)
            if tensor is None or tensor["mode"] != "input":
                return False
            low, _, high = self._engine.get_tensor_profile_shape(name, 0)
            inside = len(shape) == len(low) and all(a <= x <= b for a, x, b in zip(low, shape, high, strict=True))
            if not inside:
                return self._error(
                    f"Runtime dimension does not satisfy any optimization profile: {name} {tuple(shape)}"
                )
            self._shapes[name] = tuple(shape)
            for other in self._engine._data["tensors"]:
                if other["mode"] == "output" and other["shape"][0] == -1 and not other.get("data_dependent"):
                    self._shapes[other["name"]] = (shape[0], *other["shape"][1:])
            return True

        def get_tensor_shape(self, name: str) -> list[int]:
            return [-1] if self._engine._known(name) is None else list(self._shapes[name])

        def execute_async_v3(self, stream_handle: int) -> bool:
            if self._engine.has_implicit_batch_dimension if version.startswith("8.") else False:
                return self._error("enqueueV3 cannot run an engine with an implicit batch dimension")
            missing = [n for n in self._shapes if n not in self._addresses]
            if missing:
                return self._error(
                    f"Address is not set for tensor {missing[0]}. Call setTensorAddress before enqueueV3"
                )
            if any(-1 in s for s in self._shapes.values()):
                return self._error("Not all input shapes are specified")
            return self._enqueue(stream_handle, dict(self._addresses), dict(self._shapes))

        def execute_async(self, bindings: list[int], stream_handle: int, batch_size: int = 1) -> bool:
            if not self._engine.has_implicit_batch_dimension:
                return self._error("execute_async works only for engines with an implicit batch dimension")
            if not 1 <= batch_size <= self._engine.max_batch_size or len(bindings) != self._engine.num_bindings:
                return self._error(f"Batch size {batch_size} is larger than {self._engine.max_batch_size}")
            names = list(self._shapes)
            shapes = {n: (batch_size, *self._engine._tensors[n]["shape"]) for n in names}
            return self._enqueue(stream_handle, dict(zip(names, bindings, strict=True)), shapes)

        def _enqueue(self, stream_handle: int, addresses: dict[str, int], shapes: dict[str, Any]) -> bool:
            gpu.machine.need_context("enqueue")
            if not self._busy.acquire(blocking=False):
                gpu.machine.violations.append("an execution context was used by two threads at once")
                return False
            stream = self._machine.streams.get(stream_handle)
            try:
                if stream is None:
                    return self._error("Cuda error: invalid resource handle")
                if stream.recording is not None and not self._ran:
                    return self._error("the first enqueue cannot be captured")
                if self._machine.fail_next.pop("enqueue", None):
                    return self._error("Cuda error in enqueue")
                self._ran = True
                stream.put(lambda: self._compute(addresses, shapes))
                return True
            finally:
                self._busy.release()

        def _compute(self, addresses: dict[str, int], shapes: dict[str, Any]) -> None:
            inputs, outputs = [], []
            for tensor in self._engine._data["tensors"]:
                dtype, name = np.dtype(_NUMPY[tensor["dtype"]]), tensor["name"]
                size = int(np.prod(shapes[name])) * dtype.itemsize
                memory = self._machine.bytes_at(addresses[name], size).view(dtype).reshape(shapes[name])
                (inputs if tensor["mode"] == "input" else outputs).append(memory)
            for index, memory in enumerate(outputs):
                memory[...] = expected_output(inputs, index, memory.shape, memory.dtype.name)

        def __del__(self) -> None:
            gpu.machine.need_context("~IExecutionContext")
            self._machine.freed.append("context")

    return {"Runtime": Runtime, "ICudaEngine": ICudaEngine, "IExecutionContext": IExecutionContext}
