# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An engine for a network: from the cache, or built now."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from people_perception.catalogue import ModelSpec
from people_perception.engines.builder.settings import BuildSettings
from people_perception.engines.cache import (
    PLAN_SUFFIXES,
    EngineKey,
    check_plan,
    engine_folder,
    file_sha256,
    find_plan,
    folder_lock,
    read_sidecar,
    store_plan,
    temporary_path,
)
from people_perception.engines.tensorrt_installation import builder_problem, gpu_name, tensorrt_version
from people_perception.errors import PerceptionError


@dataclass(frozen=True)
class Progress:
    """What a build is doing.

    Attributes:
        stage: in words, for people.
        seconds: since the build began.
        step, steps: of the stage; None where TensorRT does not tell.
        log: a line of the builder's log instead of a stage, with its level in ``stage``.
    """

    stage: str
    seconds: float
    step: int | None = None
    steps: int | None = None
    log: str | None = None


@dataclass(frozen=True)
class Obtained:
    """An engine.

    Attributes:
        plan: the file.
        built: now, rather than found in the cache.
        reason: why it had to be built; empty for a cache hit.
        record: its sidecar.
    """

    plan: Path
    built: bool
    reason: str
    record: dict[str, Any]


Listener = Callable[[Progress], None]


def obtain_plan(
    spec: ModelSpec, weights: Path, settings: BuildSettings, allow_build: bool, progress: Listener | None = None
) -> Path:
    """The plan that `obtain` gives."""
    return obtain(spec, weights, settings, allow_build, progress).plan


def obtain(
    spec: ModelSpec, weights: Path, settings: BuildSettings, allow_build: bool, progress: Listener | None = None
) -> Obtained:
    """The engine of a network: the cached one if it fits, else a new one.

    Args:
        spec: the model.
        weights: an ONNX or etlt file, or a finished plan, which is only checked.
        settings: how to build it.
        allow_build: False refuses to build, for a robot that must start at once.
        progress: told what happens, from the calling thread.

    Raises:
        PerceptionError: it cannot be built here, or would have to be built and may not.
        KeyboardInterrupt: as it comes; the build is ended and leaves nothing behind.
    """
    if weights.suffix in PLAN_SUFFIXES:
        return Obtained(weights, False, "", check_plan(weights, settings.builder) or {})
    problem = builder_problem(settings.builder)
    if problem:
        raise PerceptionError(problem)
    weights = weights.absolute()
    key = engine_key(spec, weights, settings)
    folder = engine_folder()
    plan, reason = find_plan(folder, key)
    if plan is None and not allow_build:
        raise PerceptionError(
            f"{spec.name}: no engine for {key.runtime} {key.version} on {key.device} in {folder} ({reason}), and "
            f'building is not allowed; run "python -m people_perception build {spec.name} --weights {weights}"'
        )
    if plan is not None:
        return Obtained(plan, False, "", read_sidecar(plan) or {})
    tell = _Told(progress or (lambda _: None))
    with folder_lock(folder, lambda: tell.stage("waiting for another build")):
        plan, reason = find_plan(folder, key)
        if plan is None:
            tell.stage(f"has to be built: {reason}")
            plan = _build_and_store(spec, weights, settings, key, folder, tell)
            return Obtained(plan, True, reason, read_sidecar(plan) or {})
    return Obtained(plan, False, "", read_sidecar(plan) or {})


def engine_key(spec: ModelSpec, weights: Path, settings: BuildSettings) -> EngineKey:
    """What the engine of a network depends on, on this machine."""
    beside = weights.with_name(weights.name + ".data")
    version = tensorrt_version(settings.builder)
    assert version is not None  # the caller asked for problems first
    return EngineKey(
        model=spec.name,
        network=file_sha256(weights),
        weights=file_sha256(beside) if beside.is_file() else "",
        calibration=file_sha256(settings.calibration_cache) if settings.calibration_cache else "",
        runtime=settings.builder,
        version=version,
        device=_device(settings),
        precision=settings.precision,
        batch=settings.batch,
        size=spec.input.size,
        options={
            "workspace_mib": settings.workspace_mib,
            "version_compatible": settings.version_compatible,
            "hardware_compatible": settings.hardware_compatible,
        },
    )


def _device(settings: BuildSettings) -> str:
    if settings.builder == "tensorrt_rtx":
        return "any RTX GPU"  # it compiles for the GPU when it loads the plan
    dla = "" if settings.dla_core is None else f" DLA {settings.dla_core}"
    if settings.hardware_compatible:
        return f"Ampere or later{dla}"
    return gpu_name(settings.device) + dla


class _Told:
    """A listener and the clock."""

    def __init__(self, listener: Listener) -> None:
        self._listener, self._start = listener, time.monotonic()
        self._last: tuple[str, int | None, int | None] = ("", None, None)

    def stage(self, name: str, step: int | None = None, steps: int | None = None) -> None:
        self._last = (name, step, steps)
        self.again()

    def again(self) -> None:
        """The last stage is still going on."""
        stage, step, steps = self._last
        self._listener(Progress(stage, self.seconds, step, steps))

    def log(self, level: str, text: str) -> None:
        self._listener(Progress(level, self.seconds, log=text))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start


def _build_and_store(
    spec: ModelSpec, weights: Path, settings: BuildSettings, key: EngineKey, folder: Path, tell: _Told
) -> Path:
    """Build under the lock."""
    target = temporary_path(folder)
    timing = settings.timing_cache or folder / f"{key.runtime}-{key.version}-{key.device.replace(' ', '_')}.timing"
    order = {
        "network": str(weights),
        "sha256": key.network,
        "target": str(target),
        # TensorRT for RTX measures nothing while it builds.
        "timing_cache": None if settings.builder == "tensorrt_rtx" else str(timing.absolute()),
        "settings": replace(settings, key=settings.key or _catalogue_key(spec, weights)).to_json(),
        "version": key.version,
        "size": spec.input.size,
        "layout": spec.input.layout,
        "input_name": spec.input.names[0],
        "outputs": [names[0] for names in spec.outputs.values()],
    }
    try:
        details = _in_worker(order, tell)
        details["timings"]["total_s"] = round(tell.seconds, 3)
        return store_plan(folder, key, target, details)
    except OSError as error:
        raise PerceptionError(f"{folder}: {(error.strerror or str(error)).lower()} while storing the engine") from error
    finally:
        target.unlink(missing_ok=True)


def _catalogue_key(spec: ModelSpec, weights: Path) -> str | None:
    """The key of an etlt: that of its entry in the catalogue, else of the model's only one."""
    keys = {w.file: w.source["key"] for w in spec.weights if "key" in w.source}
    return keys.get(weights.name) or next(iter(keys.values()), None)


def _in_worker(order: dict[str, Any], tell: _Told) -> dict[str, Any]:
    package = Path(__file__).resolve().parents[2]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    worker = subprocess.Popen(
        [sys.executable, "-m", "people_perception.engines.builder.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Python looks for modules in the working directory first, and a user's may hold anything.
        cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    try:
        assert worker.stdin and worker.stdout
        worker.stdin.write(json.dumps(order).encode() + b"\n")
        worker.stdin.flush()
        result = _follow(worker.stdout, tell)
        status = worker.wait()
    except BrokenPipeError:
        result, status = {}, worker.wait()
    finally:
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe and not pipe.closed:
                pipe.close()
    if "done" in result:
        return dict(result["done"])
    raise PerceptionError(result.get("error") or f"{order['network']}: the builder {_end(status)}")


def _end(status: int) -> str:
    if status == -signal.SIGKILL:
        return "was killed, most likely for want of memory; close other programs, add swap, or lower workspace_mib"
    if status < 0:
        return f"crashed ({signal.Signals(-status).name}); its last lines on stderr say where"
    return f"ended with status {status}; its last lines on stderr say why"


def _follow(stdout: Any, tell: _Told) -> dict[str, Any]:
    """Pass on what the worker says; its last word."""
    result: dict[str, Any] = {}
    for line in _lines(stdout, tell.again):
        message = json.loads(line)
        if "stage" in message:
            tell.stage(message["stage"], message["step"], message["steps"])
        elif "log" in message:
            tell.log(message["log"], message["text"])
        else:
            result = message
    return result


def _lines(stdout: Any, idle: Callable[[], None]) -> Iterator[bytes]:
    """Complete lines of a pipe as they come; calls ``idle`` twice a second between them."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=0.5):
                idle()
                continue
            chunk = os.read(stdout.fileno(), 1 << 16)
            if not chunk:
                return
            *complete, rest = (rest + chunk).split(b"\n")
            yield from complete
