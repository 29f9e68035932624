# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How an engine is to be built: one immutable value, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from people_perception.catalogue import ModelSpec

BUILDERS = ("tensorrt", "tensorrt_rtx")
PRECISIONS = ("fp32", "fp16", "int8")
LOG_LEVELS = ("error", "warning", "info", "verbose")


@dataclass(frozen=True)
class BuildSettings:
    """What the builder is asked for.

    Attributes:
        builder: the Python module that builds and later runs the engine, ``tensorrt`` or ``tensorrt_rtx``.
        precision: ``fp32``, ``fp16`` or ``int8``.
        dla_core: the DLA core that runs what it can, the GPU the rest; None for the GPU alone.
        batch: (minimum, optimum, maximum) images in one call.
        workspace_mib: scratch memory that a layer may use, MiB; None leaves TensorRT's own limit.
        calibration_cache: the INT8 calibration cache.
        timing_cache: where the builder keeps its measurements; None keeps them in the engine folder.
        version_compatible: the engine also runs on later versions of TensorRT, a little slower.
        hardware_compatible: the engine also runs on other GPUs from Ampere on, a little slower.
        log_level: how much of the builder's log is passed on.
        device: index of the GPU.
        key: the key of an etlt file; None takes the one in the catalogue.

    Raises:
        ValueError: a value is out of range; names it and what is accepted.
    """

    builder: str = "tensorrt"
    precision: str = "fp16"
    dla_core: int | None = None
    batch: tuple[int, int, int] = (1, 1, 1)
    workspace_mib: int | None = None
    calibration_cache: Path | None = None
    timing_cache: Path | None = None
    version_compatible: bool = False
    hardware_compatible: bool = False
    log_level: str = "warning"
    device: int = 0
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, choices in (("builder", BUILDERS), ("precision", PRECISIONS), ("log_level", LOG_LEVELS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r}: expected one of {', '.join(choices)}")
        if len(self.batch) != 3 or not 1 <= self.batch[0] <= self.batch[1] <= self.batch[2] <= 256:
            raise ValueError(f"batch={self.batch!r}: expected minimum <= optimum <= maximum, each from 1 to 256")
        if self.workspace_mib is not None and not 1 <= self.workspace_mib <= 1 << 20:
            raise ValueError(f"workspace_mib={self.workspace_mib!r}: expected 1 to {1 << 20}")
        if self.dla_core is not None and not 0 <= self.dla_core <= 15:
            raise ValueError(f"dla_core={self.dla_core!r}: expected 0 to 15")
        if self.dla_core is not None and self.precision == "fp32":
            raise ValueError("dla_core: a DLA computes in fp16 or int8; choose precision fp16 or int8")
        if self.device < 0:
            raise ValueError(f"device={self.device!r}: expected the index of a GPU, 0 or more")

    @classmethod
    def of(cls, spec: ModelSpec, weights: Path, **changes: Any) -> BuildSettings:
        """The defaults, then the hints in the model's description, then ``changes``.

        Args:
            spec: the model.
            weights: its network; int8 takes the calibration cache beside it unless ``changes`` name one.
            changes: fields; None means no change. Paths may be text, ``batch`` a list, and ``dla_core`` -1 for the GPU,
                as in ROS parameters, which know no None.

        Raises:
            ValueError: a value is out of range.
        """
        values = {**spec.engine, **{name: value for name, value in changes.items() if value is not None}}
        if values.get("dla_core") == -1:
            del values["dla_core"]
        for name in ("calibration_cache", "timing_cache"):
            if name in values:
                values[name] = Path(values[name]).expanduser()
        if "batch" in values:
            values["batch"] = tuple(values["batch"])
        settings = cls(**values)
        if settings.precision == "int8" and settings.calibration_cache is None:
            return replace(settings, calibration_cache=_cache_beside(spec, weights))
        return settings

    def to_json(self) -> dict[str, Any]:
        """A value that JSON can hold, good in any working directory; `from_json` turns it back."""
        return {n: str(value.absolute()) if isinstance(value, Path) else value for n, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BuildSettings:
        """The settings that `to_json` wrote."""
        values = {f.name: data[f.name] for f in fields(cls)}
        for name in ("calibration_cache", "timing_cache"):
            values[name] = None if values[name] is None else Path(values[name])
        values["batch"] = tuple(values["batch"])
        return cls(**values)


def _cache_beside(spec: ModelSpec, weights: Path) -> Path | None:
    """The calibration cache that the catalogue names for a file, or the one that is named after it, if it is there."""
    named = [w.int8_cache for w in spec.weights if w.file == weights.name and w.int8_cache]
    for name in (*named, f"{weights.stem}_int8.txt"):
        path = weights.with_name(name)
        if path.is_file():
            return path
    return None
