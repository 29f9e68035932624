# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Images straight to the GPU: the real kernels, compiled for the CPU, on the simulated machine's memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import plans
import pytest
from standin import gpu
from standin.tensorrt_runtime import expected_output

from people_perception.catalogue import InputSpec, get_spec
from people_perception.engines.tensorrt import TensorRtEngine
from people_perception.preprocess import to_tensor

Install = Callable[[str], ModuleType]
SPEC = replace(get_spec("peoplenet").input, size=(48, 32))


def outputs_of(x: np.ndarray) -> dict[str, np.ndarray]:
    shapes = {"output_cov/Sigmoid:0": (1, 3, 2, 3), "output_bbox/BiasAdd:0": (1, 12, 2, 3)}
    return {n: expected_output([x], i, s, "float32") for i, (n, s) in enumerate(shapes.items())}


def photo(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


def check(found: dict[str, np.ndarray], image: np.ndarray, spec: InputSpec) -> None:
    for name, value in outputs_of(to_tensor(image, spec)).items():
        np.testing.assert_allclose(found[name], value, atol=1.001 * max(spec.scale) * 2)


def test_an_image_gives_what_its_tensor_gives(compiled: gpu.Machine, trt: ModuleType, tmp_path: Path) -> None:
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__))
    for seed, size in enumerate(((96, 64), (640, 480), (48, 32), (641, 479))):
        image = photo(size, seed)
        check(engine.run_image(image, SPEC.geometry(size), SPEC), image, SPEC)
    assert compiled.launches.count("preprocess") == 4
    engine.close()
    assert compiled.memory == {}


def test_only_the_bytes_of_the_image_are_uploaded(compiled: gpu.Machine, tensorrt: Install, tmp_path: Path) -> None:
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", tensorrt("10.3").__version__))
    before = sum(m.nbytes for m in compiled.memory.values())
    image = photo((640, 480))
    engine.run_image(image, SPEC.geometry((640, 480)), SPEC)
    assert sum(m.nbytes for m in compiled.memory.values()) - before == image.nbytes
    engine.run_image(photo((320, 240)), SPEC.geometry((320, 240)), SPEC)
    assert sum(m.nbytes for m in compiled.memory.values()) - before == image.nbytes
    engine.close()


def test_a_strided_image_and_other_encodings(compiled: gpu.Machine, tensorrt: Install, tmp_path: Path) -> None:
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", tensorrt("10.3").__version__))
    wide = photo((700, 480))
    image = wide[:, 20:660]
    geometry = SPEC.geometry((640, 480))
    check(engine.run_image(image, geometry, SPEC), image, SPEC)
    check(engine.run_image(image[:, :, ::-1], geometry, SPEC, encoding="rgb8"), image, SPEC)
    mono = image[:, :, 0]
    check(engine.run_image(mono, geometry, SPEC), mono, SPEC)
    with pytest.raises(ValueError, match="that is not nv12"):
        engine.run_image(image, geometry, SPEC, encoding="nv12")
    check(engine.run_image(image, geometry, SPEC), image, SPEC)
    engine.close()


def test_nhwc_half_input(compiled: gpu.Machine, tensorrt: Install, tmp_path: Path) -> None:
    tensors = plans.detector(shape=[1, 32, 48, 3], dtype="HALF")
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", tensorrt("11.1").__version__, tensors))
    spec = replace(SPEC, layout="nhwc", dtype="float16")
    image = photo((640, 480))
    check(engine.run_image(image, spec.geometry((640, 480)), spec), image, spec)
    engine.close()


def test_class_ids_come_back_as_bytes(compiled: gpu.Machine, tensorrt: Install, tmp_path: Path) -> None:
    trt = tensorrt("10.3")
    x = np.random.default_rng(0).random((1, 3, 32, 48), np.float32)
    for dtype, name in (("INT64", "int64"), ("INT32", "int32")):
        plan = plans.write(tmp_path / "a.plan", trt.__version__, plans.segmenter(dtype))
        engine = TensorRtEngine(plan, byte_outputs=frozenset({"argmax_1:0", "softmax_1"}))
        assert engine.outputs[0].dtype == "uint8"
        for _ in range(3):
            mask = engine.run({"input_2:0": x})["argmax_1"]
            assert mask.dtype == np.uint8
            np.testing.assert_array_equal(mask, expected_output([x], 0, (1, 32, 48, 1), name))
        engine.close()
    assert compiled.memory == {}


def test_without_a_compiler_there_is_no_run_image(machine: gpu.Machine, tensorrt: Install, tmp_path: Path) -> None:
    trt = tensorrt("10.3")
    plan = plans.write(tmp_path / "a.plan", trt.__version__, plans.segmenter())
    engine = TensorRtEngine(plan, byte_outputs=frozenset({"argmax_1"}))
    assert getattr(engine, "run_image", None) is None
    assert engine.outputs[0].dtype == "int64"
    x = np.zeros((1, 3, 32, 48), np.float32)
    assert engine.run({"input_2:0": x})["argmax_1"].dtype == np.int64
    engine.close()


def test_a_plan_for_several_images_takes_tensors_only(compiled: gpu.Machine, tensorrt: Install, tmp_path: Path) -> None:
    trt = tensorrt("10.3")
    fixed = plans.detector(shape=[4, 3, 32, 48])
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__, fixed))
    assert getattr(engine, "run_image", None) is None
    engine.close()
    engine = TensorRtEngine(plans.write(tmp_path / "b.plan", trt.__version__, plans.free_batch()))
    image = photo((640, 480))
    engine.run({"input_1:0": np.zeros((4, 3, 32, 48), np.float32)})
    check(engine.run_image(image, SPEC.geometry((640, 480)), SPEC), image, SPEC)
    engine.close()
