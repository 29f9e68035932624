# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX to a TensorRT plan, on every TensorRT from 8.5 on and on TensorRT for RTX.

What a version offers is asked of its module, not of its number: precision flags left in 11, explicit batch became the
only kind in 10, progress came in 10.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from people_perception.engines.builder.calibration import CalibrationCache, make_calibrator
from people_perception.engines.builder.half import to_half
from people_perception.engines.builder.settings import BuildSettings
from people_perception.engines.cache import temporary_path
from people_perception.engines.tensorrt_log import last_error, make_logger
from people_perception.errors import PerceptionError


@dataclass(frozen=True)
class Request:
    """What to build.

    Attributes:
        network: the bytes of the ONNX file.
        path: where they came from, for messages and for weights in a file beside it.
        settings: how.
        size: (width, height) for an input whose size the network leaves open.
        layout: ``nchw`` or ``nhwc``, for the same.
        input_name, outputs: the tensors, for tools that do not find them in the file.
    """

    network: bytes
    path: Path
    settings: BuildSettings
    size: tuple[int, int]
    layout: str
    input_name: str = ""
    outputs: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The axes of one image's tensor."""
        width, height = self.size
        return (3, height, width) if self.layout == "nchw" else (height, width, 3)


class Report:
    """Where a build tells what it does; override what is wanted."""

    def stage(self, name: str, step: int | None = None, steps: int | None = None) -> None:
        """A stage began, or has done ``step`` of ``steps``."""

    def log(self, level: str, text: str) -> None:
        """A line of the builder's log."""


@dataclass(frozen=True)
class Built:
    """A plan and what is worth recording of it."""

    plan: Any
    tensors: list[dict[str, Any]]
    timings: dict[str, float]


def strongly_typed(trt: Any) -> bool:
    """Whether the network alone decides the precision: TensorRT 11 and TensorRT for RTX."""
    return not hasattr(trt.BuilderFlag, "FP16")


def build_plan(trt: Any, request: Request, report: Report, timing_cache: Path | None = None) -> Built:
    """Build the plan of a network.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        request: the network and how to build it.
        report: told of stages and log lines.
        timing_cache: file of the builder's measurements, read if it is there and written back.

    Raises:
        PerceptionError: TensorRT cannot start, read the network or build it, or the version lacks what was asked for.
    """
    settings, start = request.settings, time.perf_counter()
    logger = make_logger(trt, settings.log_level, report.log)
    calibration = CalibrationCache.read(settings.calibration_cache) if settings.calibration_cache else None
    content = request.network
    report.stage("reading the network")
    if strongly_typed(trt) and settings.precision == "fp16":
        content = to_half(content, request.path)
    try:
        builder = trt.Builder(logger)
    except TypeError as error:  # pybind11's word for a factory that returned nothing
        raise PerceptionError(f"TensorRT does not start: {last_error(logger, str(error))}") from error
    network = builder.create_network(_network_flags(trt))
    trt.init_libnvinfer_plugins(logger, "")
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content, str(request.path)):
        raise PerceptionError(f"{request.path}: TensorRT cannot read it: {_parse_error(parser, logger)}")
    config = builder.create_builder_config()
    profile = _set_shapes(builder, config, network, request)
    _set_precision(trt, config, network, settings, calibration, profile)
    _set_device(trt, builder, config, settings)
    _set_options(trt, config, settings)
    cache = _load_timing_cache(config, timing_cache) if timing_cache else None
    parsed = time.perf_counter()
    report.stage("building")
    if hasattr(trt, "IProgressMonitor"):
        config.progress_monitor = _make_monitor(trt, report.stage)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise PerceptionError(f"{request.path}: TensorRT cannot build it: {last_error(logger, 'it does not say why')}")
    if cache is not None and timing_cache:
        try:
            _save_timing_cache(config, timing_cache)
        except OSError as error:  # the plan is what counts
            report.log(
                "warning", f"{timing_cache}: {(error.strerror or str(error)).lower()}; the next build measures again"
            )
    end = time.perf_counter()
    return Built(plan, _tensors(network), {"parse_s": round(parsed - start, 3), "build_s": round(end - parsed, 3)})


def _network_flags(trt: Any) -> int:
    # 8.x makes networks with an implicit batch unless told otherwise, and its ONNX parser refuses those.
    explicit = getattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH", None)
    return 0 if explicit is None else 1 << int(explicit)


def _parse_error(parser: Any, logger: Any) -> str:
    if not parser.num_errors:
        return last_error(logger, "it does not say why")
    error = parser.get_error(parser.num_errors - 1)
    return " ".join(error.desc().split())


def _set_shapes(builder: Any, config: Any, network: Any, request: Request) -> Any:
    """Fix what can be fixed, and give the rest a profile, which is returned; None where every shape is fixed."""
    low, best, high = request.settings.batch
    profile = builder.create_optimization_profile()
    ranged = False
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        shape = tuple(tensor.shape)
        if len(shape) > 1 and shape[0] > 0 and not low == best == high == shape[0]:
            raise PerceptionError(
                f"{request.path}: input {tensor.name!r} is {shape}, its batch is fixed; asked for {low} to {high}"
            )
        fixed = _with_size(shape, request)
        if -1 in fixed[1:]:
            raise PerceptionError(
                f"{request.path}: input {tensor.name!r} is {shape}; only batch, height and width may be open"
            )
        if fixed[0] == -1 and low == high:
            # A fixed shape needs no profile, lets TensorRT choose kernels for it, and can run as a CUDA graph.
            fixed = (low, *fixed[1:])
        if fixed[0] == -1:
            profile.set_shape(tensor.name, (low, *fixed[1:]), (best, *fixed[1:]), (high, *fixed[1:]))
            fixed, ranged = shape[:1] + fixed[1:], True
        if fixed != shape:
            tensor.shape = fixed
    if not ranged:
        return None
    config.add_optimization_profile(profile)
    return profile


def _with_size(shape: tuple[int, ...], request: Request) -> tuple[int, ...]:
    """The shape of an image tensor with its open height and width filled in."""
    if len(shape) != 4:
        return shape
    return (
        shape[0],
        *(want if have == -1 else have for have, want in zip(shape[1:], request.image_shape, strict=True)),
    )


def _set_precision(
    trt: Any, config: Any, network: Any, settings: BuildSettings, calibration: CalibrationCache | None, profile: Any
) -> None:
    quantised = any(network.get_layer(i).type == trt.LayerType.QUANTIZE for i in range(network.num_layers))
    if settings.precision == "int8" and not quantised:
        if strongly_typed(trt):
            raise PerceptionError(
                f"precision int8: {settings.builder} {trt.__version__} quantises only networks with QuantizeLinear "
                "nodes, and this one has none; use fp16, or a quantised network"
            )
        if calibration is None:
            raise PerceptionError(
                "precision int8: needs a calibration cache (calibration_cache, --calibration-cache) or a network with "
                "QuantizeLinear nodes; use fp16 without"
            )
    if strongly_typed(trt):
        return
    if settings.precision in ("fp16", "int8"):
        # int8 as well: layers that have no int8 kernel then run in fp16 instead of fp32.
        config.set_flag(trt.BuilderFlag.FP16)
    if settings.precision == "int8":
        config.set_flag(trt.BuilderFlag.INT8)
        if not quantised and calibration is not None:
            calibration.check(_tensor_names(network))
            config.int8_calibrator = make_calibrator(trt, calibration)
            if profile is not None:
                config.set_calibration_profile(profile)


def _set_device(trt: Any, builder: Any, config: Any, settings: BuildSettings) -> None:
    if settings.dla_core is None:
        return
    if settings.dla_core >= builder.num_DLA_cores:
        raise PerceptionError(
            f"dla_core={settings.dla_core}: this machine has {builder.num_DLA_cores} DLA cores, counted from 0"
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = settings.dla_core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)


def _set_options(trt: Any, config: Any, settings: BuildSettings) -> None:
    if settings.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_mib << 20)
    if settings.version_compatible:
        flag = getattr(trt.BuilderFlag, "VERSION_COMPATIBLE", None)
        if flag is None:
            raise PerceptionError(f"version_compatible: TensorRT {trt.__version__} cannot; 8.6 is the first that can")
        config.set_flag(flag)
    if settings.hardware_compatible:
        if not hasattr(trt, "HardwareCompatibilityLevel"):
            raise PerceptionError(f"hardware_compatible: TensorRT {trt.__version__} cannot; 8.6 is the first that can")
        config.hardware_compatibility_level = trt.HardwareCompatibilityLevel.AMPERE_PLUS


def _make_monitor(trt: Any, stage: Callable[[str, int | None, int | None], None]) -> Any:
    """Steps of the outermost phases; TensorRT calls from several threads."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self._lock = threading.Lock()
            self._phases: dict[str, tuple[int, int]] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            with self._lock:
                depth = self._phases[parent_phase][0] + 1 if parent_phase in self._phases else 0
                self._phases[phase_name] = (depth, num_steps)
            if depth <= 1:
                stage(phase_name, 0, num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            with self._lock:
                depth, steps = self._phases.get(phase_name, (9, 0))
            if depth <= 1:
                stage(phase_name, step + 1, steps)
            return True

        def phase_finish(self, phase_name: str) -> None:
            with self._lock:
                self._phases.pop(phase_name, None)

    return Monitor()


def _load_timing_cache(config: Any, path: Path) -> Any:
    cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    # One from another GPU or version is refused here; the build then measures anew.
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _save_timing_cache(config: Any, path: Path) -> None:
    draft = temporary_path(path.parent, "-timing")
    try:
        draft.write_bytes(bytes(config.get_timing_cache().serialize()))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _tensor_names(network: Any) -> set[str]:
    names = {network.get_input(i).name for i in range(network.num_inputs)}
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        names.update(layer.get_output(i).name for i in range(layer.num_outputs))
    return names


def _tensors(network: Any) -> list[dict[str, Any]]:
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    return [
        {"name": t.name, "mode": mode, "shape": list(t.shape), "dtype": t.dtype.name}
        for mode, tensors in (("input", inputs), ("output", outputs))
        for t in tensors
    ]
