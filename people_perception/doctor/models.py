# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Models: which files are there and right, what would run each model, and which built engines fit this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from people_perception.catalogue import ModelSpec, load_catalogue
from people_perception.doctor.findings import Finding, error, ok, warning
from people_perception.engines import cache
from people_perception.engines.tensorrt_installation import gpu_name, gpu_problem, tensorrt_version
from people_perception.errors import PerceptionError
from people_perception.selection import select
from people_perception.store.inventory import verify
from people_perception.store.paths import find_weights, model_dir


def check_files() -> Iterator[Finding]:
    """Every model file is the one that was accepted."""
    count = 0
    for spec in load_catalogue().values():
        for verdict in verify(spec):
            name = f"{verdict.path.parent.name}/{verdict.path.name}"
            count += verdict.state == "ok"
            if verdict.state == "changed":
                yield error("model files", f"{name}: {_first(verdict.note)}", _rest(verdict.note))
            elif verdict.state == "missing":
                yield warning("model files", f"{name}: recorded, but not there", verdict.note)
            elif verdict.state == "unrecorded":
                yield warning("model files", f"{name}: {_first(verdict.note)}", _rest(verdict.note))
    yield ok("model files", f"{count} verified in {model_dir()}")


def check_selection() -> Iterator[Finding]:
    """Each model has something that runs it; says what and why."""
    for spec in load_catalogue().values():
        yield _select(spec)


def _select(spec: ModelSpec) -> Finding:
    check = f"model {spec.name}"
    try:
        chosen = select(spec.name)
    except PerceptionError as problem:
        # An open model is needed by somebody only as a stand-in; then the other model's own finding is the error.
        level = error if spec.fallback else warning
        return level(
            check,
            f"cannot run: {_first(str(problem)).removeprefix(f'{spec.name}: ')}",
            f"people_perception models fetch {_fetchable(spec)}",
        )
    if chosen.spec.name == spec.folder:
        return ok(check, chosen.reason)
    fix = f"people_perception models fetch {spec.name}"
    if find_weights(spec):  # they are there, but not for this machine
        fix = f"mend that, or bring a network that runs here: people_perception models import {spec.name} FILE"
    return warning(check, chosen.reason.partition(" (run ")[0], fix)


def _fetchable(spec: ModelSpec) -> str:
    return "open" if spec.fallback or all("npm" in w.source for w in spec.weights) else spec.name


def check_engines() -> Iterator[Finding]:
    """Every engine in the cache is whole, and built for this TensorRT and this GPU."""
    folder = cache.engine_folder()
    plans = sorted(path for path in folder.glob("*") if path.suffix in cache.PLAN_SUFFIXES) if folder.is_dir() else []
    if not plans:
        yield ok("engines", f"none built yet in {folder}")
        return
    versions = {module: tensorrt_version(module) for module in ("tensorrt", "tensorrt_rtx")}
    device = gpu_name(0) if gpu_problem() is None else None
    for plan in plans:
        check = f"engine {plan.name}"
        try:
            record = cache.read_sidecar(plan)
            key = record["key"] if record else {}
            runtime = key.get("runtime", "tensorrt")
            cache.check_plan(plan, runtime)
        except PerceptionError as problem:
            yield error(check, str(problem), f"rm {plan}; it is built again when it is needed")
            continue
        again = f"people_perception build {key.get('model', 'MODEL')}"
        if not record:
            yield warning(check, "no record of what it was built from, so it is never used", f"rm {plan}")
        elif versions.get(runtime) != key.get("version") and not key.get("options", {}).get("version_compatible"):
            here = versions.get(runtime) or "not installed"
            yield warning(check, f"built with {runtime} {key.get('version')}, which is {here} here: not used", again)
        elif device and not _fits(key, device):
            yield warning(check, f"built for {key.get('device')}, this GPU is {device}: not used", again)
        else:
            yield ok(
                check,
                f"{key.get('model')}, {key.get('precision')}, {runtime} {key.get('version')}, {key.get('device')}",
            )


def _fits(key: Mapping[str, Any], device: str) -> bool:
    """Whether an engine was built for this GPU, or for others too. Those of TensorRT-RTX fit many by design."""
    portable = key.get("options", {}).get("hardware_compatible") or key.get("runtime") == "tensorrt_rtx"
    return bool(portable) or str(key.get("device", "")).partition(" DLA ")[0] == device


def _first(text: str) -> str:
    return text.partition("; ")[0]


def _rest(text: str) -> str:
    return text.partition("; ")[2]
