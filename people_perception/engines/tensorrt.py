# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT: plans on NVIDIA GPUs and DLAs, from TensorRT 8.5 on, through pycuda."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.catalogue import InputSpec, ModelSpec
from people_perception.engines.base import TensorInfo
from people_perception.engines.build import Progress, obtain_plan
from people_perception.engines.builder.settings import BuildSettings
from people_perception.engines.cache import check_plan
from people_perception.engines.cuda import Gpu
from people_perception.engines.cuda_preprocess import image_encoding
from people_perception.engines.tensorrt_installation import (
    gpu_problem,
    import_tensorrt,
    tensorrt_problem,
    tensorrt_version,
    version_numbers,
)
from people_perception.engines.tensorrt_lane import Lane
from people_perception.engines.tensorrt_log import last_error, make_logger
from people_perception.engines.tensorrt_tensors import plan_tensors
from people_perception.errors import PerceptionError
from people_perception.geometry import Geometry

__all__ = ["TensorRtEngine", "open_tensorrt", "tensorrt_problem"]

_log = logging.getLogger(__name__)

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "verbose": logging.DEBUG}


class TensorRtEngine:
    """A plan that is ready to run; thread-safe, and threads that call it at once overlap in two lanes.

    Args:
        plan: the file, from the engine cache or named by the user. It is checked before TensorRT sees it.
        device: index of the GPU.
        byte_outputs: names of integer outputs that hold class ids below 256: they come back as uint8, which the GPU
            makes of them, and cost a quarter or an eighth of the copying.
        cuda_graph: launch the network as one graph where its shapes are fixed.
        runtime: the module that built the plan, ``tensorrt`` or ``tensorrt_rtx``.

    Raises:
        PerceptionError: TensorRT, pycuda or the GPU is missing, or the plan is damaged or for another machine.
    """

    name = "tensorrt"
    device: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def __init__(
        self,
        plan: Path,
        device: int = 0,
        byte_outputs: frozenset[str] = frozenset(),
        cuda_graph: bool = True,
        runtime: str = "tensorrt",
    ) -> None:
        self._plan = plan
        self._condition = threading.Condition()
        self._closed = False
        self._lanes: list[Lane] = []
        self._made = 0
        problem = tensorrt_problem() if runtime == "tensorrt" else gpu_problem()
        if problem:
            raise PerceptionError(problem)
        self._gpu = Gpu.get(device)
        record = check_plan(plan, runtime)
        key = record["key"] if record else {}
        _check_machine(plan, key, self._gpu, runtime)
        self._trt = import_tensorrt(runtime)
        self._logger = make_logger(self._trt, "info", _emit)
        with self._errors():
            self._load(key)
        dla = str(key.get("device", "")).partition(" DLA ")[2]
        self.device = f"{self._gpu.name}{f' DLA {dla}' if dla else ''}"
        self.inputs = self._tensors.inputs
        fixed = all(-1 not in t.shape for t in self.inputs)
        narrow = self._narrowed(byte_outputs)
        self.outputs = tuple(replace(t, dtype="uint8") if t.name in narrow else t for t in self._tensors.outputs)
        explicit = not getattr(self._engine, "has_implicit_batch_dimension", False)
        graph = cuda_graph and fixed and explicit
        self._new_lane = partial(Lane, self._gpu, self._engine, self._tensors, narrow, graph)
        # Up to 8.6 two contexts cannot share a profile, and a plan of ours has one.
        self._most = 2 if fixed or version_numbers(self._trt.__version__) >= (10,) else 1
        with self._lane():
            pass  # the memory is taken now rather than with the first image
        self._images = self._takes_images()
        self._gpu.users.add(self)

    def _load(self, key: Mapping[str, Any]) -> None:
        problem = ""
        with self._gpu.current():
            self._trt.init_libnvinfer_plugins(self._logger, "")
            self._runtime = self._trt.Runtime(self._logger)
            dla = str(key.get("device", "")).partition(" DLA ")[2]
            if dla:
                self._runtime.DLA_core = int(dla)
            if key.get("options", {}).get("version_compatible"):
                # Such a plan carries code. This one is recorded in our own cache or was named by the user.
                self._runtime.engine_host_code_allowed = True
            self._engine = self._runtime.deserialize_cuda_engine(self._plan.read_bytes())
            if self._engine is None:
                said = last_error(self._logger, "it does not say why")
                problem = f"{self._plan}: TensorRT {self._trt.__version__} does not load it: {said}; build it again"
            else:
                try:
                    self._tensors = plan_tensors(self._trt, self._engine, self._plan)
                except PerceptionError as error:
                    problem = str(error)
            if problem:
                self._engine = self._runtime = None
        if problem:
            # Raised out here: a traceback from inside would keep TensorRT's objects beyond the no context.
            raise PerceptionError(problem)

    def _narrowed(self, wanted: frozenset[str]) -> frozenset[str]:
        names = {name.removesuffix(":0") for name in wanted}
        ids = [t for t in self._tensors.outputs if t.dtype in ("int32", "int64")]
        narrow = frozenset(t.name for t in ids if t.name.removesuffix(":0") in names)
        return narrow if narrow and self._has_kernels() else frozenset()

    def _takes_images(self) -> bool:
        shapes = list(self._tensors.largest.values())
        first = self.inputs[0]
        single = len(shapes) == 1 and len(shapes[0]) == 4 and first.shape[0] in (1, -1)
        return single and first.dtype in ("float32", "float16") and self._has_kernels()

    def _has_kernels(self) -> bool:
        try:
            with self._gpu.current():
                self._gpu.kernel("preprocess")
        except PerceptionError as error:
            _log.info("images are prepared on the CPU: %s", error)
            return False
        return True

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Engine.run`."""
        self._check(inputs)
        with self._lane() as lane, self._errors():
            return lane.run(inputs)

    @property
    def run_image(self) -> Callable[..., dict[str, NDArray]]:
        """`_run_image`, where the plan takes one image and the GPU's kernels compile; else no such attribute."""
        if not self._images:
            raise AttributeError(f"{self._plan.name} takes no images, only tensors")
        return self._run_image

    def _run_image(
        self,
        image: NDArray,
        geometry: Geometry,
        spec: InputSpec,
        encoding: str | None = None,
        value_range: tuple[float, float] = (0, 65535),
    ) -> dict[str, NDArray]:
        """All outputs for one camera image, resized, converted and scaled on the GPU: only its bytes are uploaded.

        Args:
            image: as `people_perception.engines.cuda_preprocess.source_size` describes it.
            geometry: where it lies in the input.
            spec: the input's layout, type, colour, scale, mean and padding.
            encoding: of the image; bgr8, mono8 or mono16 by its shape when None.
            value_range: of a mono16 image, what becomes 0 and 255.

        Raises:
            PerceptionError: the runtime failed.
            ValueError: the image does not fit the encoding or the geometry.
        """
        with self._lane() as lane, self._errors():
            return lane.run_image(image, encoding or image_encoding(image), geometry, spec, value_range)

    def close(self) -> None:
        """See `Engine.close`. Waits for calls that are under way in other threads."""
        with self._condition:
            if self._closed:
                return
            self._closed = True
            self._condition.notify_all()
            self._condition.wait_for(lambda: len(self._lanes) == self._made)
            lanes, self._lanes, self._made = self._lanes, [], 0
        with self._errors():
            for lane in lanes:
                lane.close()
            with self._gpu.current():
                # Outside a context TensorRT's destructors would make one of their own.
                self._new_lane = None  # type: ignore[assignment]
                self._engine = None
                self._runtime = None

    def __del__(self) -> None:
        if not sys.is_finalizing() and hasattr(self, "_new_lane"):
            with suppress(PerceptionError):
                self.close()

    def _check(self, inputs: Mapping[str, np.ndarray]) -> None:
        names = [t.name for t in self.inputs]
        for name in inputs:
            if name not in names:
                raise PerceptionError(f"{self._plan}: no input {name!r}; the inputs are {', '.join(map(repr, names))}")
        for tensor in self.inputs:
            if tensor.name not in inputs:
                raise PerceptionError(f"{self._plan}: input {tensor.name!r} is missing")
            array, largest = inputs[tensor.name], self._tensors.largest[tensor.name]
            if array.dtype != tensor.dtype:
                raise PerceptionError(f"{self._plan}: input {tensor.name!r} is {array.dtype}; it takes {tensor.dtype}")
            fits = len(array.shape) == len(tensor.shape) and all(
                1 <= have <= most if want == -1 else have == want
                for have, want, most in zip(array.shape, tensor.shape, largest, strict=True)
            )
            if not fits:
                free = f", up to {largest}" if -1 in tensor.shape else ""
                found = f"input {tensor.name!r} is {array.shape}"
                raise PerceptionError(f"{self._plan}: {found}; it takes {tensor.shape}{free}")

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        """A lane for one call: a free one, a new one while there are few, else the first that comes back."""
        lane = self._take_lane()
        try:
            yield lane
        finally:
            with self._condition:
                self._lanes.append(lane)
                self._condition.notify_all()

    def _take_lane(self) -> Lane:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._closed or self._lanes or self._made < self._most)
                if self._closed:
                    raise PerceptionError("this engine is closed; load the model again")
                if self._lanes:
                    return self._lanes.pop()
                self._made += 1
            lane = None
            try:
                with self._errors():
                    lane = self._new_lane()
                return lane
            except PerceptionError as error:
                if self._made == 1:
                    raise
                _log.warning("%s; one call at a time then", error)
                self._most = self._made - 1
            finally:
                if lane is None:
                    with self._condition:
                        self._made -= 1
                        self._condition.notify_all()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Failures of CUDA and TensorRT as one line that says where."""
        self._logger.errors.clear()
        try:
            yield
        except self._gpu.failure as error:
            said = " ".join(str(error).split())
            raise PerceptionError(f"{self._plan.name} on {self._gpu.name}: {said}; restart the process") from error
        except PerceptionError as error:
            said = last_error(self._logger, "")
            if said and said not in str(error):
                raise PerceptionError(f"{error}: {said}") from error
            raise


def _check_machine(plan: Path, key: Mapping[str, Any], gpu: Gpu, runtime: str) -> None:
    """Refuse a recorded plan of another TensorRT or GPU before TensorRT sees it.

    Raises:
        PerceptionError: it is one; says which.
    """
    options, here = key.get("options", {}), tensorrt_version(runtime)
    if key and key["version"] != here and not options.get("version_compatible"):
        raise PerceptionError(f"{plan}: built by TensorRT {key['version']}; this is {here}; build it again")
    built_for = str(key.get("device", "")).partition(" DLA ")[0]
    if key and runtime == "tensorrt" and not options.get("hardware_compatible") and built_for != gpu.name:
        raise PerceptionError(f"{plan}: built for {built_for}; this is {gpu.name}; build it again")


def open_tensorrt(spec: ModelSpec, weights: Path, settings: Mapping[str, Any]) -> TensorRtEngine:
    """The engine of a network, from the cache or built now.

    Args:
        spec: the model.
        weights: an ONNX or etlt file, or a finished plan.
        settings: fields of `BuildSettings`, and ``allow_build`` (default True); others are not TensorRT's.

    Raises:
        PerceptionError: it cannot be built or loaded here.
        ValueError: a setting is out of range.
    """
    known = {f.name for f in fields(BuildSettings)}
    wanted = BuildSettings.of(spec, weights, **{name: value for name, value in settings.items() if name in known})
    plan = obtain_plan(spec, weights, wanted, bool(settings.get("allow_build", True)), _Logged(spec.name))
    outputs = frozenset(name for names in spec.outputs.values() for name in names)
    # The integers of a semantic network are class ids; those of a detector may be counts.
    byte_outputs = outputs if spec.task == "semantic" else frozenset()
    return TensorRtEngine(plan, wanted.device, byte_outputs=byte_outputs, runtime=wanted.builder)


def _emit(level: str, text: str) -> None:
    _log.log(_LEVELS[level], "TensorRT: %s", text)


class _Logged:
    """What a build does, as lines of the log: each stage once, and every half minute that it still goes on."""

    def __init__(self, name: str) -> None:
        self._name, self._stage, self._next = name, "", 0.0

    def __call__(self, progress: Progress) -> None:
        if progress.log is not None:
            _emit(progress.stage, progress.log)
        elif progress.steps is None and progress.stage != self._stage:
            _log.info("building the engine of %s: %s", self._name, progress.stage)
            self._stage, self._next = progress.stage, progress.seconds + 30
        elif progress.seconds > self._next:
            _log.info("building the engine of %s: %.0f s so far", self._name, progress.seconds)
            self._next = progress.seconds + 30
