# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The process that builds one engine: a request on stdin, what happens as JSON lines on stdout.

A process of its own, because a builder cannot be interrupted from Python, takes gigabytes that come back only with its
end, and may crash or be killed for memory without taking a node along. It ends when its parent ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from people_perception.engines.builder.etlt import CONVERTER, Etlt, Running, converter_for, run_converter
from people_perception.engines.builder.plan import Report, Request, build_plan
from people_perception.engines.builder.settings import BuildSettings
from people_perception.engines.tensorrt_installation import import_tensorrt
from people_perception.errors import PerceptionError


class _Lines(Report):
    """Reports as JSON lines, from any thread."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._lock = out, threading.Lock()

    def send(self, **message: Any) -> None:
        with self._lock:
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def stage(self, name: str, step: int | None = None, steps: int | None = None) -> None:
        self.send(stage=name, step=step, steps=steps)

    def log(self, level: str, text: str) -> None:
        self.send(log=level, text=text)


def main() -> int:
    """Build what stdin asks for; 0 when the plan is written."""
    # Libraries print to stdout too; only this copy of it is the parent's.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent as well, which ends this process
    order = json.loads(sys.stdin.readline())
    target = Path(order["target"])
    converter = Running()
    threading.Thread(target=_end_with_parent, args=(target, converter), daemon=True).start()
    lines = _Lines(out)
    try:
        lines.send(done=_build(order, target, lines, converter))
    except PerceptionError as error:
        lines.send(error=str(error))
        return 1
    except OSError as error:
        lines.send(error=f"{error.filename or target}: {(error.strerror or str(error)).lower()}")
        return 1
    return 0


def _build(order: dict[str, Any], target: Path, lines: _Lines, converter: Running) -> dict[str, Any]:
    path, settings = Path(order["network"]), BuildSettings.from_json(order["settings"])
    request = Request(
        network=path.read_bytes(),
        path=path,
        settings=settings,
        size=(order["size"][0], order["size"][1]),
        layout=order["layout"],
        input_name=order["input_name"],
        outputs=tuple(order["outputs"]),
    )
    if hashlib.sha256(request.network).hexdigest() != order["sha256"]:
        raise PerceptionError(f"{path}: changed while the engine was being built; try again")
    if path.suffix != ".etlt":
        return _from_onnx(request, order, target, lines)
    etlt = Etlt(path, request.network)
    if settings.key is None:
        raise PerceptionError(f"{path}: an etlt needs its key; give it (key, --key)")
    tool = converter_for(etlt, order["version"])
    if tool is None:
        decoded = replace(request, network=etlt.to_onnx(settings.key))
        try:
            return _from_onnx(decoded, order, target, lines)
        except PerceptionError as error:
            raise PerceptionError(f"{error} (decoded from an etlt: is the key right?)") from error
    lines.stage(f"{CONVERTER} is building")
    start = time.perf_counter()
    run_converter(tool, etlt, request, target, lines, converter.start)
    return {"tensors": [], "timings": {"build_s": round(time.perf_counter() - start, 3)}}


def _from_onnx(request: Request, order: dict[str, Any], target: Path, lines: _Lines) -> dict[str, Any]:
    trt = import_tensorrt(request.settings.builder)
    if request.settings.device:
        _use_gpu(request.settings.device)
    timing_cache = None if order["timing_cache"] is None else Path(order["timing_cache"])
    built = build_plan(trt, request, lines, timing_cache)
    lines.stage("writing the engine")
    with target.open("wb") as file:
        file.write(built.plan)
    return {"tensors": built.tensors, "timings": built.timings}


def _use_gpu(device: int) -> None:
    """TensorRT builds for the GPU whose context is current."""
    import pycuda.driver as cuda

    cuda.init()
    cuda.Device(device).retain_primary_context().push()


def _end_with_parent(target: Path, converter: Running) -> None:
    """Wait for the end of stdin, which comes when the parent ends however it ends, and leave nothing behind."""
    sys.stdin.read()
    converter.kill()
    target.unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
