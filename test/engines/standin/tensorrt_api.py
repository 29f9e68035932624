# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The ``tensorrt`` module of one version: what ``surface.txt`` gives that version, and nothing else."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

from standin.tensorrt_builder import builder_classes
from standin.tensorrt_runtime import runtime_classes

VERSIONS = ("8.5", "8.6", "10.3", "10.13", "11.1")


def surface(version: str) -> dict[str, set[str]]:
    """The names of each class in a version."""
    found: dict[str, set[str]] = {}
    owner = ""
    for line in (Path(__file__).parent / "surface.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            head, _, line = line.partition(": ")
            name, first, last = head.split()
            inside = VERSIONS.index(first) <= VERSIONS.index(version) <= VERSIONS.index(last)
            owner = name if inside else ""
        if owner:
            found.setdefault(owner, set()).update(line.split())
    return found


def module(full_version: str) -> dict[str, Any]:
    """The contents of ``tensorrt/__init__.py`` of a version such as ``10.3.0``."""
    version = ".".join(full_version.split(".")[:2])
    names = surface(version)
    enums = {
        name: enum.Enum(name, {member: index for index, member in enumerate(sorted(names[name]))}, type=_Pybind)
        for name in (
            "BuilderFlag",
            "NetworkDefinitionCreationFlag",
            "MemoryPoolType",
            "HardwareCompatibilityLevel",
            "DataType",
            "TensorIOMode",
        )
        if name in names
    }
    enums["TensorFormat"] = enum.Enum("TensorFormat", {"LINEAR": 0, "CHW4": 3}, type=_Pybind)
    enums["DeviceType"] = enum.Enum("DeviceType", {"GPU": 0, "DLA": 1}, type=_Pybind)
    enums["LayerType"] = enum.Enum("LayerType", {"CONVOLUTION": 0, "QUANTIZE": 1, "DEQUANTIZE": 2}, type=_Pybind)
    found: dict[str, Any] = dict(enums)
    found["ILogger"] = ILogger
    found["init_libnvinfer_plugins"] = lambda logger, namespace: True
    for classes in (runtime_classes(full_version, found), builder_classes(full_version, found)):
        found.update({name: _cut(cls, names.get(name)) for name, cls in classes.items()})
    kept = names["module"] | set(enums) | {"ILogger", "init_libnvinfer_plugins"}
    return {name: value for name, value in found.items() if name in kept}


class _Pybind:
    """pybind11's enumerations convert to int."""

    def __int__(self) -> int:
        return self.value  # type: ignore[attr-defined]


class ILogger:
    """Subclasses must call this constructor, or pybind11 refuses them."""

    Severity = enum.Enum("Severity", "INTERNAL_ERROR ERROR WARNING INFO VERBOSE")

    def __init__(self) -> None:
        self.ready = True


def _cut(cls: type, names: set[str] | None) -> type:
    """The class without what the version does not have; unknown attributes cannot be set."""
    if names is None:
        return cls
    for name in [n for n in vars(cls) if not n.startswith("_") and n not in names]:
        delattr(cls, name)

    def setter(self: Any, name: str, value: Any) -> None:
        if type(self) is cls and not name.startswith("_") and name not in names:
            raise AttributeError(f"'{cls.__name__}' object has no attribute {name!r}")
        object.__setattr__(self, name, value)

    cls.__setattr__ = setter  # type: ignore[assignment, method-assign]
    return cls
