# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Builder, network, parser and config. The network is read with the onnx package; nothing is compiled."""

from __future__ import annotations

import json
import os
from typing import Any

import onnx

from standin import gpu
from standin.tensorrt_runtime import plan_bytes

_ELEMENT = {1: "FLOAT", 10: "HALF", 6: "INT32", 7: "INT64", 9: "BOOL", 3: "INT8"}


def builder_classes(version: str, found: dict[str, Any]) -> dict[str, type]:
    """The classes of one version; ``found`` has its enumerations."""
    major = int(version.split(".")[0])
    error = lambda logger, text: logger.log(type(logger).Severity.ERROR, text)  # noqa: E731

    class Tensor:
        def __init__(self, name: str, shape: tuple[int, ...], dtype: str) -> None:
            self.name, self.shape = name, shape
            # 8.x has no INT64: it computes such tensors as INT32.
            self.dtype = found["DataType"]["INT32" if dtype == "INT64" and major < 10 else dtype]

    class Layer:
        def __init__(self, node: Any) -> None:
            kinds = {"QuantizeLinear": "QUANTIZE", "DequantizeLinear": "DEQUANTIZE"}
            self.type = found["LayerType"][kinds.get(node.op_type, "CONVOLUTION")]
            self.num_outputs, self._names = len(node.output), list(node.output)

        def get_output(self, index: int) -> Tensor:
            return Tensor(self._names[index], (), "FLOAT")

    class INetworkDefinition:
        def __init__(self, flags: int) -> None:
            explicit = getattr(found["NetworkDefinitionCreationFlag"], "EXPLICIT_BATCH", None)
            self._explicit = major >= 10 or bool(explicit and flags >> int(explicit) & 1)
            self._inputs: list[Tensor] = []
            self._outputs: list[Tensor] = []
            self._layers: list[Layer] = []
            self._half = False

        num_inputs = property(lambda self: len(self._inputs))
        num_outputs = property(lambda self: len(self._outputs))
        num_layers = property(lambda self: len(self._layers))

        def get_input(self, index: int) -> Tensor:
            return self._inputs[index]

        def get_output(self, index: int) -> Tensor:
            tensor = self._outputs[index]
            fixed = self._inputs[0].shape[0]
            if tensor.shape and tensor.shape[0] == -1 and fixed != -1:
                tensor.shape = (fixed, *tensor.shape[1:])
            return tensor

        def get_layer(self, index: int) -> Layer:
            return self._layers[index]

    class ParserError:
        def __init__(self, text: str) -> None:
            self._text = text

        def desc(self) -> str:
            return self._text

    class OnnxParser:
        def __init__(self, network: INetworkDefinition, logger: Any) -> None:
            self._network, self._logger, self._errors = network, logger, []

        num_errors = property(lambda self: len(self._errors))

        def get_error(self, index: int) -> ParserError:
            return self._errors[index]

        def parse(self, model: bytes, path: str | None = None) -> bool:
            if not self._network._explicit:
                self._errors.append(
                    ParserError("This version of the ONNX parser only supports EXPLICIT_BATCH networks")
                )
                return False
            try:
                graph = onnx.load_from_string(model).graph
            except Exception:
                self._errors.append(ParserError("Failed to parse the ONNX model"))
                return False
            weights = {w.name for w in graph.initializer}
            self._network._inputs = [_tensor(Tensor, v) for v in graph.input if v.name not in weights]
            self._network._outputs = [_tensor(Tensor, v) for v in graph.output]
            self._network._layers = [Layer(n) for n in graph.node]
            self._network._half = any(w.data_type == 10 for w in graph.initializer)
            return True

    class IOptimizationProfile:
        def __init__(self) -> None:
            self._shapes: dict[str, tuple[Any, Any, Any]] = {}

        def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
            self._shapes[input] = (tuple(min), tuple(opt), tuple(max))

    class ITimingCache:
        def __init__(self, content: bytes) -> None:
            self._content = content

        def serialize(self) -> bytes:
            return self._content

    class IBuilderConfig:
        progress_monitor = None
        int8_calibrator = None
        default_device_type = None
        DLA_core = -1
        hardware_compatibility_level = None

        def __init__(self) -> None:
            self._flags: set[str] = set()
            self._profiles: list[IOptimizationProfile] = []
            self._pools: dict[str, int] = {}
            self._calibration_profile: Any = None
            self._timing: ITimingCache | None = None

        def set_flag(self, flag: Any) -> None:
            self._flags.add(flag.name)

        def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
            self._pools[pool.name] = pool_size

        def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
            self._profiles.append(profile)
            return len(self._profiles) - 1

        def set_calibration_profile(self, profile: IOptimizationProfile) -> bool:
            self._calibration_profile = profile
            return True

        def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache | None:
            good = not serialized_timing_cache or serialized_timing_cache.startswith(b"ptrt")
            return ITimingCache(serialized_timing_cache or b"ptrt empty") if good else None

        def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
            self._timing = cache
            return b"other gpu" not in cache._content

        def get_timing_cache(self) -> ITimingCache:
            assert self._timing is not None
            return ITimingCache(self._timing._content + b" measured")

    class Builder:
        def __init__(self, logger: Any) -> None:
            if not getattr(logger, "ready", False):
                raise TypeError("pybind11: the ILogger was not constructed")
            if not gpu.machine.gpus:
                error(logger, "CUDA initialization failure with error: 100")
                raise TypeError("pybind11::init(): factory function returned nullptr")
            self._logger = logger

        num_DLA_cores = property(lambda self: 2)  # noqa: N815

        def create_network(self, flags: int = 0) -> INetworkDefinition:
            return INetworkDefinition(flags)

        def create_builder_config(self) -> IBuilderConfig:
            return IBuilderConfig()

        def create_optimization_profile(self) -> IOptimizationProfile:
            return IOptimizationProfile()

        def build_serialized_network(self, network: INetworkDefinition, config: IBuilderConfig) -> bytes | None:
            exec(os.environ.get("STANDIN_BUILD", ""))  # a test's accident
            problem = _problem(network, config)
            if problem:
                error(self._logger, problem)
                return None
            monitor = getattr(config, "progress_monitor", None)
            if monitor is not None and not _monitored(monitor):
                error(self._logger, "Build canceled by user")
                return None
            profile = config._profiles[0]._shapes if config._profiles else {}
            tensors = [
                {
                    "name": t.name,
                    "mode": mode,
                    "dtype": t.dtype.name,
                    "shape": list(t.shape),
                    **({"profile": [list(s) for s in profile[t.name]]} if t.name in profile else {}),
                }
                for mode, count, get in (
                    ("input", network.num_inputs, network.get_input),
                    ("output", network.num_outputs, network.get_output),
                )
                for t in (get(i) for i in range(count))
            ]
            dla = config.DLA_core if config.default_device_type is not None else None
            calibrator = getattr(config, "int8_calibrator", None)
            cache = calibrator.read_calibration_cache() if calibrator else b""
            asked = {
                "flags": sorted(config._flags),
                "pools": config._pools,
                "half": network._half,
                "calibration": len(cache),
                "compatible": getattr(getattr(config, "hardware_compatibility_level", None), "name", ""),
            }
            return plan_bytes({"version": version, "tensors": tensors, "dla": dla, "asked": asked})

    def _problem(network: INetworkDefinition, config: IBuilderConfig) -> str:
        dynamic = [t.name for t in network._inputs if -1 in t.shape]
        profiled = config._profiles[0]._shapes if config._profiles else {}
        if any(name not in profiled for name in dynamic):
            return f"Network has dynamic or shape inputs, but no optimization profile has been defined: {dynamic}"
        quantised = any(layer.type.name == "QUANTIZE" for layer in network._layers)
        if "INT8" in config._flags and not quantised:
            calibrator = config.int8_calibrator
            if calibrator is None:
                return "Calibration failure occurred with no scaling factors detected"
            if not getattr(calibrator, "ready", False) or calibrator.get_batch_size() < 1:
                return "The calibrator was not constructed"
            if dynamic and config._calibration_profile is None:
                return "Calibration profile is not set for a network with dynamic inputs"
        if config.default_device_type is not None and config.default_device_type.name == "DLA":
            if "GPU_FALLBACK" not in config._flags:
                return "DLA validation failed and GPU fallback is off"
            if major < 11 and not {"FP16", "INT8"} & config._flags:
                return "Layers running on DLA must be FP16 or INT8"
        return ""

    class IProgressMonitor:
        def __init__(self) -> None:
            self.ready = True

    class Calibrator:
        def __init__(self) -> None:
            self.ready = True

    calibrators = ("IInt8EntropyCalibrator", "IInt8EntropyCalibrator2", "IInt8MinMaxCalibrator")
    return {
        "Builder": Builder,
        "INetworkDefinition": INetworkDefinition,
        "OnnxParser": OnnxParser,
        "IOptimizationProfile": IOptimizationProfile,
        "ITimingCache": ITimingCache,
        "IBuilderConfig": IBuilderConfig,
        "IProgressMonitor": IProgressMonitor,
        **{name: type(name, (Calibrator,), {}) for name in calibrators},
    }


def _tensor(kind: Any, value: Any) -> Any:
    kind_of = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind_of.shape.dim)
    return kind(value.name, shape, _ELEMENT[kind_of.elem_type])


def _monitored(monitor: Any) -> bool:
    assert monitor.ready
    monitor.phase_start("Building engine", None, 2)
    going = monitor.step_complete("Building engine", 0)
    monitor.phase_start("Timing tactics", "Building engine", 3)
    for step in range(3):
        going = going and monitor.step_complete("Timing tactics", step)
    monitor.phase_finish("Timing tactics")
    monitor.phase_finish("Building engine")
    return bool(going)


def read_plan(plan: bytes) -> dict[str, Any]:
    """What the builder was asked for."""
    data: dict[str, Any] = json.loads(plan[28:])
    return data
