# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Plans for the simulated TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from standin.tensorrt_runtime import plan_bytes

DETECTOR = [
    {"name": "input_1:0", "mode": "input", "dtype": "FLOAT", "shape": [1, 3, 32, 48]},
    {"name": "output_cov/Sigmoid:0", "mode": "output", "dtype": "FLOAT", "shape": [1, 3, 2, 3]},
    {"name": "output_bbox/BiasAdd:0", "mode": "output", "dtype": "FLOAT", "shape": [1, 12, 2, 3]},
]


def detector(**changes: Any) -> list[dict[str, Any]]:
    """A detector's tensors with the input's entries changed."""
    return [{**DETECTOR[0], **changes}, *DETECTOR[1:]]


def free_batch(most: int = 4) -> list[dict[str, Any]]:
    """A detector for 1 to ``most`` images."""
    tensors = [{**t, "shape": [-1, *t["shape"][1:]]} for t in DETECTOR]
    tensors[0]["profile"] = [[n, 3, 32, 48] for n in (1, 2, most)]
    return tensors


def segmenter(dtype: str = "INT64") -> list[dict[str, Any]]:
    """A semantic network."""
    return [
        {"name": "input_2:0", "mode": "input", "dtype": "FLOAT", "shape": [1, 3, 32, 48]},
        {"name": "argmax_1", "mode": "output", "dtype": dtype, "shape": [1, 32, 48, 1]},
    ]


def implicit(most: int = 2) -> dict[str, Any]:
    """What tao-converter makes of UFF: an implicit batch."""
    return {"implicit": True, "max_batch": most, "tensors": [{**t, "shape": t["shape"][1:]} for t in DETECTOR]}


def write(path: Path, version: str, tensors: list[dict[str, Any]] | None = None, **more: Any) -> Path:
    """A plan of TensorRT ``version``."""
    path.write_bytes(plan_bytes({"version": version, "tensors": tensors or DETECTOR, **more}))
    return path
