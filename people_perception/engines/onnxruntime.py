# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime: any ONNX network, on the CPU or on whichever execution provider is asked for."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from people_perception.engines.base import TensorInfo
from people_perception.engines.cache import check_writers, engine_folder
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


PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Short names of execution providers; ONNX Runtime's own names are accepted too."""


class OnnxRuntimeEngine:
    """One ONNX Runtime session.

    Args:
        path: the ONNX file.
        providers: keys or values of `PROVIDERS` in the order of preference. Those that this ONNX Runtime lacks, or that
            fail to start, are passed over, and ``device`` tells what really runs how much of the network.
        threads: CPU threads of one network; 0 lets ONNX Runtime take every core.

    Raises:
        PerceptionError: not installed, none of the providers works, or not a network that it can load.
        ValueError: there is no provider of that name.
    """

    name = "onnxruntime"

    def __init__(self, path: Path, providers: Sequence[str] = ("cpu",), threads: int = 0) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise PerceptionError("ONNX Runtime is not installed; install it with: pip install onnxruntime") from error
        asked = [_provider(name) for name in providers]
        available = onnxruntime.get_available_providers()
        usable = [p for p in asked if p in available]
        if not usable:
            raise PerceptionError(f"this ONNX Runtime has no {' or '.join(asked)}; it has {', '.join(available)}")
        _prepare(onnxruntime, usable)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Spinning threads keep the cores busy between two frames; a robot needs them for other nodes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=[(p, _provider_options(p)) for p in usable]
            )
        except Exception as error:  # ONNX Runtime raises its own types, one a failure
            raise PerceptionError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error
        started = self._session.get_providers()
        if not set(usable) & set(started):
            # It goes on with the CPU when a GPU provider does not start, unasked.
            raise PerceptionError(
                f"{' and '.join(usable)} did not start, only {', '.join(started)}; check its libraries, or add cpu"
            )
        self.device = _what_runs(self._session)
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


def _provider(name: str) -> str:
    if name in PROVIDERS.values():
        return name
    if name not in PROVIDERS:
        raise ValueError(f"providers: unknown {name!r}; expected some of {', '.join(PROVIDERS)}")
    return PROVIDERS[name]


def _prepare(onnxruntime: ModuleType, providers: Sequence[str]) -> None:
    """Load CUDA's libraries from the wheels of pip, which are on no library path."""
    if {PROVIDERS["cuda"], PROVIDERS["tensorrt"]} & set(providers) and hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(sys.stderr):  # it prints what it misses
            onnxruntime.preload_dlls()


def _provider_options(provider: str) -> dict[str, str]:
    if provider != PROVIDERS["tensorrt"]:
        return {}
    # Without a cache it builds its engines, which takes minutes, each time.
    folder = engine_folder() / "onnxruntime"
    folder.mkdir(mode=0o775, parents=True, exist_ok=True)
    check_writers(folder)
    return {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(folder)}


def _what_runs(session: Any) -> str:
    """The provider that runs the network, or each one with the number of nodes that it runs."""
    try:
        assigned = session.get_provider_graph_assignment_info()
    except Exception:  # older than 1.24, which can only tell what started
        return str(session.get_providers()[0])
    nodes = Counter[str]()
    for part in assigned:
        nodes[part.ep_name] += len(part.get_nodes())
    if len(nodes) == 1:
        return next(iter(nodes))
    return ", ".join(f"{name} ({count} of {nodes.total()} nodes)" for name, count in nodes.most_common())


def _info(node: Any) -> TensorInfo:
    shape = tuple(x if isinstance(x, int) else -1 for x in node.shape)
    return TensorInfo(node.name, shape, _DTYPES.get(node.type, node.type))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
