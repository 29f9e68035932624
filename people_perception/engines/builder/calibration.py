# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""INT8 calibration caches: the scale of each tensor, as TensorRT and TAO write them.

Text: ``TRT-<version>-<algorithm>``, then ``tensor: <float32 in hexadecimal>`` a line, the scale being amax / 127.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from people_perception.errors import PerceptionError

_HEADER = re.compile(r"TRT-(\d+)-(EntropyCalibration2|MinMaxCalibration|EntropyCalibration)$")
_CALIBRATORS = {
    "EntropyCalibration2": "IInt8EntropyCalibrator2",
    "MinMaxCalibration": "IInt8MinMaxCalibrator",
    "EntropyCalibration": "IInt8EntropyCalibrator",
}


@dataclass(frozen=True)
class CalibrationCache:
    """A calibration cache.

    Attributes:
        path: the file.
        content: its bytes.
        algorithm: how it was made, as its header names it.
        scales: by tensor.
    """

    path: Path
    content: bytes
    algorithm: str
    scales: Mapping[str, float]

    @classmethod
    def read(cls, path: Path) -> CalibrationCache:
        """The cache in a file.

        Raises:
            PerceptionError: not readable, or no calibration cache.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise PerceptionError(f"{path}: {(error.strerror or str(error)).lower()}") from error
        lines = content.decode("utf-8", "replace").splitlines()
        header = _HEADER.match(lines[0].strip()) if lines else None
        if header is None:
            raise PerceptionError(
                f"{path}: not a TensorRT calibration cache; its first line is not TRT-<version>-<algorithm>"
            )
        scales = {}
        for number, line in enumerate(lines[1:], start=2):
            if not line.strip():
                continue
            name, _, value = line.rpartition(":")
            try:
                (scales[name.strip()],) = struct.unpack(">f", bytes.fromhex(value.strip()))
            except (ValueError, struct.error) as error:
                raise PerceptionError(f"{path}: line {number}: expected <tensor>: <8 hexadecimal digits>") from error
        return cls(path, content, header.group(2), scales)

    def check(self, tensors: set[str]) -> None:
        """Refuse a cache of another network: TensorRT takes it and computes nonsense.

        Raises:
            PerceptionError: it names none of ``tensors``.
        """
        if not tensors & set(self.scales):
            raise PerceptionError(f"{self.path}: names no tensor of this network; it belongs to another one")


def make_calibrator(trt: Any, cache: CalibrationCache) -> Any:
    """A calibrator that has a cache and no images; TensorRT up to 10 takes it."""
    base: Any = getattr(trt, _CALIBRATORS[cache.algorithm])

    class Calibrator(base):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            base.__init__(self)

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: list[str]) -> None:
            return None

        def read_calibration_cache(self) -> bytes:
            return cache.content

        def write_calibration_cache(self, content: bytes) -> None:
            """Nothing to write: nothing was measured."""

    return Calibrator()
