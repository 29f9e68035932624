# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which network runs in which engine on this machine, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from people_perception.catalogue import ModelSpec, get_spec
from people_perception.errors import PerceptionError
from people_perception.store.paths import find_weights, model_dir

ENGINES = ("auto", "tensorrt", "onnxruntime", "litert")

# What each engine can load; TensorRT builds its plan from the others.
_FORMATS = {
    ".plan": ("tensorrt",),
    ".engine": ("tensorrt",),
    ".onnx": ("tensorrt", "onnxruntime"),
    ".etlt": ("tensorrt",),
    ".tflite": ("litert",),
}


@dataclass(frozen=True)
class Selection:
    """What runs.

    Attributes:
        spec: the model, which is the fallback where the wanted one cannot run.
        engine: ``tensorrt``, ``onnxruntime`` or ``litert``.
        weights: the file that the engine loads or builds from.
        reason: one line: why this and nothing better.
    """

    spec: ModelSpec
    engine: str
    weights: Path
    reason: str


def select(name: str, engine: str = "auto", weights: str | Path | None = None) -> Selection:
    """The best that this machine can do for a model.

    With ``auto``: TensorRT where it works, else ONNX Runtime or LiteRT by the kind of file, else the open model that
    stands in for it.

    Args:
        name: a model of the catalogue, with or without ``:variant``.
        engine: one of `ENGINES`.
        weights: a file to use instead of what the model store holds.

    Raises:
        PerceptionError: nothing fits; says what is missing and how to get it.
        ValueError: ``engine`` is not one of `ENGINES`.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: expected one of {', '.join(ENGINES)}")
    spec = get_spec(name)
    if weights is not None:
        return _from_file(spec, engine, Path(weights).expanduser())
    present = [path for _, path in find_weights(spec)]
    refusals = []
    for path in present:
        chosen, reason = _engine_for(path, engine)
        if chosen:
            return Selection(spec, chosen, path, reason)
        refusals.append(f"{path.name}: {reason}")
    missing = "; ".join(refusals) or f"no weights in {model_dir() / spec.folder}"
    mend = f'run "python -m people_perception models fetch {name if spec.fallback else "open"}"'
    if engine == "auto" and spec.fallback:
        try:
            stand_in = select(spec.fallback)
        except PerceptionError as error:
            raise PerceptionError(f"{name}: {missing}; its stand-in {error}") from error
        why = f"{stand_in.spec.name} stands in for {name}: {missing} ({mend})"
        return Selection(stand_in.spec, stand_in.engine, stand_in.weights, why)
    raise PerceptionError(
        f"{name}: {missing}; {mend}" + (f" or use engine auto instead of {engine}" * (engine != "auto"))
    )


def _from_file(spec: ModelSpec, engine: str, path: Path) -> Selection:
    if not path.is_file():
        raise PerceptionError(f"{path}: no such file; give the weights of {spec.name}")
    if path.suffix not in _FORMATS:
        raise PerceptionError(f"{path}: unknown kind of weights; expected one of {', '.join(_FORMATS)}")
    chosen, reason = _engine_for(path, engine)
    if not chosen:
        raise PerceptionError(f"{path}: {reason}")
    return Selection(spec, chosen, path, reason)


def _engine_for(path: Path, engine: str) -> tuple[str | None, str]:
    """The engine that loads this file, or None, and why."""
    able = _FORMATS[path.suffix]
    if engine not in ("auto", *able):
        return None, f"a {path.suffix} file does not run in {engine}; it runs in {' or '.join(able)}"
    if "tensorrt" in able and engine in ("auto", "tensorrt"):
        from people_perception.engines.tensorrt_installation import tensorrt_problem

        problem = tensorrt_problem()
        if problem is None:
            return "tensorrt", f"TensorRT runs {path.name}"
        if engine == "tensorrt" or able == ("tensorrt",):
            return None, problem
        return able[1], f"{able[1]} runs {path.name}; TensorRT does not: {problem}"
    chosen = able[0] if engine == "auto" else engine
    return chosen, f"{chosen} runs {path.name}"
