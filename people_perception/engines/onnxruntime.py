# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: any ONNX network, on the CPU or on whichever execution provider is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from people_perception.engines.base import TensorInfo
from people_perception.errors import PerceptionError

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}


class OnnxRuntimeEngine:
    """One ONNX Runtime session.

    Args:
        path: the ONNX file.
        providers: execution providers in the order of preference; ONNX Runtime silently skips one that fails, so
            ``device`` tells what really runs.
        threads: CPU threads of one network; 0 lets ONNX Runtime take every core.

    Raises:
        PerceptionError: not installed, no such provider, or not a network that it can load.
    """

    name = "onnxruntime"

    def __init__(self, path: Path, providers: Sequence[str] = ("CPUExecutionProvider",), threads: int = 0) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise PerceptionError("ONNX Runtime is not installed; install it with: pip install onnxruntime") from error
        available = onnxruntime.get_available_providers()
        missing = [p for p in providers if p not in available]
        if missing:
            raise PerceptionError(f"this ONNX Runtime has no {missing[0]}; it has {', '.join(available)}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Spinning threads keep the cores busy between two frames; a robot needs them for other nodes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:  # ONNX Runtime raises its own types, one a failure
            raise PerceptionError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error
        self.device = self._session.get_providers()[0]
        self.inputs = tuple(_info(x) for x in self._session.get_inputs())
        self.outputs = tuple(_info(x) for x in self._session.get_outputs())
        self._names = [x.name for x in self.outputs]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Engine.run`."""
        if self._session is None:
            raise PerceptionError("this engine is closed; load the model again")
        try:
            values = self._session.run(self._names, dict(inputs))
        except Exception as error:  # as above
            raise PerceptionError(f"ONNX Runtime failed: {_first_line(error)}") from error
        return dict(zip(self._names, values, strict=True))

    def close(self) -> None:
        """See `Engine.close`."""
        self._session = None


def _info(node: Any) -> TensorInfo:
    shape = tuple(x if isinstance(x, int) else -1 for x in node.shape)
    return TensorInfo(node.name, shape, _DTYPES.get(node.type, node.type))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
