# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Reading INT8 calibration caches."""

from __future__ import annotations

from pathlib import Path

import networks_for_builds as nets
import numpy as np
import pytest

from people_perception.engines.builder.calibration import CalibrationCache, make_calibrator
from people_perception.errors import PerceptionError


def test_a_real_cache(assets: Path) -> None:
    cache = CalibrationCache.read(assets / "weights" / "peoplesemsegnet_shuffleseg_int8.txt")
    assert cache.algorithm == "EntropyCalibration2"
    assert len(cache.scales) == 390
    assert cache.scales["input_2:0"] * 127 == pytest.approx(1.0, rel=0.01)  # amax of a tensor in -1..1
    cache.check({"input_2:0", "another"})


def test_names_may_hold_colons(tmp_path: Path) -> None:
    cache = CalibrationCache.read(nets.calibration(tmp_path / "a.txt", "input_1:0", "a/b:0"))
    assert cache.scales == {"input_1:0": np.float32(1 / 127), "a/b:0": np.float32(1 / 127)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a TensorRT calibration cache"),
        ("hello\n", "its first line is not TRT-<version>-<algorithm>"),
        ("TRT-8503-EntropyCalibration2\nx: 3c01\n", "line 2: expected <tensor>: <8 hexadecimal digits>"),
        ("TRT-8503-EntropyCalibration2\nx: 3c010a14\n\ny zz\n", "line 4"),
    ],
)
def test_what_is_no_cache(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(PerceptionError, match=message):
        CalibrationCache.read(path)


def test_an_absent_cache(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match=r"a\.txt: no such file"):
        CalibrationCache.read(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("header", "base"),
    [
        ("TRT-8503-EntropyCalibration2", "IInt8EntropyCalibrator2"),
        ("TRT-100300-MinMaxCalibration", "IInt8MinMaxCalibrator"),
    ],
)
def test_the_calibrator_is_the_one_that_made_the_cache(tensorrt, tmp_path: Path, header: str, base: str) -> None:
    trt = tensorrt("10.3")
    cache = CalibrationCache.read(nets.calibration(tmp_path / "a.txt", "x", header=header))
    calibrator = make_calibrator(trt, cache)
    assert isinstance(calibrator, getattr(trt, base))
    assert calibrator.read_calibration_cache() == cache.path.read_bytes()
    assert calibrator.get_batch_size() == 1
    assert calibrator.get_batch(["x"]) is None
    calibrator.write_calibration_cache(b"")
