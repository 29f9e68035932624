# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The real networks on a real GPU against ONNX Runtime on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from people_perception.catalogue import InputSpec, get_spec
from people_perception.engines.onnxruntime import OnnxRuntimeEngine
from people_perception.engines.tensorrt import TensorRtEngine, open_tensorrt, tensorrt_problem
from people_perception.images import find_images, read_image
from people_perception.preprocess import to_tensor

Open = Callable[..., TensorRtEngine]


@pytest.fixture
def open_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Open:
    """Builds an engine of real weights with the installed TensorRT."""
    problem = tensorrt_problem()
    if problem:
        pytest.skip(problem)
    monkeypatch.setenv("PP_ENGINE_DIR", str(tmp_path))
    return lambda model, weights, **settings: open_tensorrt(get_spec(model), weights, settings)


@pytest.fixture
def photo(assets: Path) -> np.ndarray:
    images = [read_image(path) for path in find_images([str(assets / "images")])]
    return next(image for image in images if image.ndim == 3)


def on_cpu(weights: Path, tensor: np.ndarray) -> dict[str, np.ndarray]:
    engine = OnnxRuntimeEngine(weights)
    return engine.run({engine.inputs[0].name: tensor})


def tensor_of(model: str, photo: np.ndarray) -> tuple[InputSpec, np.ndarray]:
    spec = get_spec(model).input
    return spec, to_tensor(photo, spec)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 2e-3), ("fp16", 3e-2)])
def test_peoplenet_in_tensorrt(
    open_engine: Open, assets: Path, photo: np.ndarray, precision: str, tolerance: float
) -> None:
    weights = assets / "weights" / "peoplenet.onnx"
    spec, tensor = tensor_of("peoplenet", photo)
    engine = open_engine("peoplenet", weights, precision=precision)
    expected = on_cpu(weights, tensor)
    # The first run is plain, the second records the graph, the third replays it.
    for _ in range(3):
        found = engine.run({engine.inputs[0].name: tensor})
        # Coverage is a probability. TensorRT picks its kernels by measuring, so the last digits differ by machine.
        np.testing.assert_allclose(found["output_cov/Sigmoid:0"], expected["output_cov/Sigmoid:0"], atol=tolerance)
    if hasattr(engine, "run_image"):
        found = engine.run_image(photo, spec.geometry((photo.shape[1], photo.shape[0])), spec)
        np.testing.assert_allclose(found["output_cov/Sigmoid:0"], expected["output_cov/Sigmoid:0"], atol=2 * tolerance)
    engine.close()


def test_shuffleseg_in_tensorrt(open_engine: Open, assets: Path, photo: np.ndarray) -> None:
    weights = assets / "weights" / "peoplesemsegnet_shuffleseg.onnx"
    spec, tensor = tensor_of("peoplesemsegnet", photo)
    engine = open_engine("peoplesemsegnet", weights, precision="fp16")
    expected = on_cpu(weights, tensor)["argmax_1"]
    found = engine.run({engine.inputs[0].name: tensor})["argmax_1"]
    # Pixels on a border may go either way in float16.
    assert (found == expected).mean() > 0.995
    if hasattr(engine, "run_image"):
        assert found.dtype == np.uint8
        found = engine.run_image(photo, spec.geometry((photo.shape[1], photo.shape[0])), spec)["argmax_1"]
        assert (found == expected).mean() > 0.99
    engine.close()


def test_threads_and_batches_in_tensorrt(open_engine: Open, assets: Path, photo: np.ndarray) -> None:
    weights = assets / "weights" / "peoplenet.onnx"
    _, tensor = tensor_of("peoplenet", photo)
    engine = open_engine("peoplenet", weights, precision="fp32", batch=(1, 2, 4))
    name = engine.inputs[0].name
    expected = engine.run({name: tensor})["output_cov/Sigmoid:0"]
    batch = engine.run({name: np.repeat(tensor, 4, axis=0)})["output_cov/Sigmoid:0"]
    np.testing.assert_allclose(batch, np.repeat(expected, 4, axis=0), atol=2e-3)
    failures: list[float] = []

    def use() -> None:
        for _ in range(20):
            worst = float(np.abs(engine.run({name: tensor})["output_cov/Sigmoid:0"] - expected).max())
            if worst > 1e-5:
                failures.append(worst)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    engine.close()


@pytest.mark.parametrize("model", ["peoplenet", "peoplesemsegnet"])
def test_the_cuda_provider_of_onnx_runtime(assets: Path, photo: np.ndarray, model: str) -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no CUDA provider; onnxruntime-gpu has")
    file = {"peoplenet": "peoplenet.onnx", "peoplesemsegnet": "peoplesemsegnet_shuffleseg.onnx"}[model]
    weights = assets / "weights" / file
    _, tensor = tensor_of(model, photo)
    engine = OnnxRuntimeEngine(weights, providers=["cuda"])
    assert engine.device.startswith("CUDAExecutionProvider")
    found, expected = engine.run({engine.inputs[0].name: tensor}), on_cpu(weights, tensor)
    for name, value in expected.items():
        if value.dtype == np.float32:
            # TF32 is on by default on Ampere and later.
            np.testing.assert_allclose(found[name], value, atol=5e-2, rtol=5e-2)
        else:
            assert (found[name] == value).mean() > 0.99
