# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a file is what it is said to be: the right network for a model, a calibration cache, a list of labels."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from people_perception.errors import PerceptionError

if TYPE_CHECKING:
    from people_perception.catalogue import ModelSpec
    from people_perception.engines import Engine

NETWORKS = {".onnx": "onnx", ".tflite": "tflite", ".etlt": "etlt", ".plan": "plan", ".engine": "plan"}
_RUNTIMES = {"onnx": "onnxruntime", "tflite": "ai_edge_litert", "plan": "tensorrt"}


def file_kind(path: Path, name: str | None = None) -> str:
    """``onnx``, ``tflite``, ``etlt``, ``plan``, ``int8_cache`` or ``labels``.

    Args:
        path: read to tell a calibration cache from labels.
        name: what the file is called, when ``path`` is a copy with another name.

    Raises:
        PerceptionError: none of them.
    """
    suffix = Path(name or path.name).suffix.lower()
    if suffix in NETWORKS:
        return NETWORKS[suffix]
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"TRT-"):
        return "int8_cache"
    if suffix == ".txt":
        return "labels"
    raise PerceptionError(
        f"{name or path}: unknown kind of file; expected {', '.join(NETWORKS)}, a calibration cache or labels (.txt)"
    )


def check_content(spec: ModelSpec, path: Path, name: str, must_open: bool) -> None:
    """Refuse a file that does not fit the model.

    Args:
        spec: the model.
        path: the file, perhaps a copy under a temporary name.
        name: what it is called, for its kind and for messages.
        must_open: refuse a network whose runtime is not installed here. Otherwise only its first bytes are checked
            then: a robot that fetches a network for TensorRT needs no ONNX Runtime.

    Raises:
        PerceptionError: says what was found and what the model expects.
    """
    kind = file_kind(path, name)
    if kind == "etlt":
        _check_etlt(spec, path, name)
    elif kind == "int8_cache":
        _check_cache(path)
    elif kind == "labels":
        _check_labels(spec, path, name)
    elif find_spec(_RUNTIMES[kind]) is not None:
        _check_network(spec, path, name, kind)
    elif must_open:
        raise PerceptionError(
            f"{name}: cannot be checked here because {_RUNTIMES[kind]} is not installed; install it first"
        )
    else:
        _check_magic(path, name, kind)


def _check_network(spec: ModelSpec, path: Path, name: str, kind: str) -> None:
    engine = _open(path, kind)
    try:
        inputs = [t.name for t in engine.inputs]
        if len(inputs) != 1 or not _listed(inputs[0], spec.input.names):
            raise PerceptionError(
                f"{name}: its inputs are {_list(inputs)}; {spec.title} has {_list(spec.input.names)}; is it that?"
            )
        shape = engine.inputs[0].shape
        if len(shape) != 4 or 3 not in (shape[1], shape[3]):
            raise PerceptionError(f"{name}: its input is {shape}; expected a batch of images with 3 channels")
        outputs = [t.name for t in engine.outputs]
        for role, accepted in spec.outputs.items():
            if not any(_listed(output, accepted) for output in outputs):
                raise PerceptionError(
                    f"{name}: no output {' or '.join(accepted)} ({role}) among {_list(outputs)}; is it {spec.title}?"
                )
    finally:
        engine.close()


def _open(path: Path, kind: str) -> Engine:
    if kind == "onnx":
        from people_perception.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(path, threads=1)
    if kind == "tflite":
        from people_perception.engines.litert import LiteRtEngine

        return LiteRtEngine(path, threads=1)
    from people_perception.engines.tensorrt import TensorRtEngine

    return TensorRtEngine(path)


def _check_magic(path: Path, name: str, kind: str) -> None:
    """Catches what a server sends instead of a file, such as a page that asks to log in."""
    with path.open("rb") as file:
        head = file.read(8)
    # ONNX starts with field 1 (ir_version) of the protobuf; LiteRT's flatbuffer has its name at byte 4.
    right = head[:1] == b"\x08" if kind == "onnx" else head[4:] == b"TFL3" if kind == "tflite" else len(head) == 8
    if not right:
        raise PerceptionError(f"{name}: not an {kind} file; it starts with {head!r}")


def _check_etlt(spec: ModelSpec, path: Path, name: str) -> None:
    """An etlt starts with a length and the input's name: UFF inside; length 0: ONNX inside. The rest is encrypted."""
    with path.open("rb") as file:
        head = file.read(4)
        length = struct.unpack("<i", head)[0] if len(head) == 4 else -1
        tensor = file.read(length) if 0 <= length <= 256 else b""
        more = file.read(1)
    if not 0 <= length <= 256 or len(tensor) != length or not more:
        raise PerceptionError(f"{name}: not an etlt file; it starts with {head!r}")
    text = tensor.decode("utf-8", "replace")
    if text and not _listed(text, spec.input.names):
        raise PerceptionError(f"{name}: its input is {text!r}; {spec.title} has {_list(spec.input.names)}; is it that?")


def _check_cache(path: Path) -> None:
    from people_perception.engines.builder.calibration import CalibrationCache

    if not CalibrationCache.read(path).scales:
        raise PerceptionError(f"{path}: a calibration cache without a single tensor")


def _check_labels(spec: ModelSpec, path: Path, name: str) -> None:
    try:
        found = [line.strip().lower() for line in path.read_text(encoding="utf-8").replace(";", "\n").splitlines()]
    except ValueError as error:
        raise PerceptionError(f"{name}: labels are UTF-8 text; this is not") from error
    backgrounds = ("", "background", "bg")  # some of the vendor's files list it and some do not
    found = [label for label in found if label not in backgrounds]
    accepted = [label.lower() for label in spec.labels if label not in backgrounds]
    if found != accepted:
        raise PerceptionError(f"{name}: its labels are {_list(found[:9])}; {spec.title}'s are {_list(accepted)}")


def _listed(name: str, accepted: tuple[str, ...]) -> bool:
    return name.removesuffix(":0") in (a.removesuffix(":0") for a in accepted)


def _list(names: object) -> str:
    return ", ".join(map(str, names)) or "none"  # type: ignore[call-overload]
