# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Memory, streams and kernels on a real GPU through the real pycuda."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from people_perception.catalogue import InputSpec, get_spec
from people_perception.engines import cuda_preprocess
from people_perception.engines.cuda import Buffer, Gpu
from people_perception.engines.tensorrt_installation import gpu_problem
from people_perception.errors import PerceptionError
from people_perception.preprocess import tensor_shape, to_tensor


@pytest.fixture(scope="module")
def gpu() -> Gpu:
    problem = gpu_problem()
    if problem:
        pytest.skip(problem)
    return Gpu.get(0)


@pytest.fixture
def kernels(gpu: Gpu) -> Iterator[Gpu]:
    try:
        with gpu.current():
            gpu.kernel("preprocess")
    except PerceptionError as error:
        pytest.skip(str(error))
    yield gpu


def on_gpu(gpu: Gpu, image: np.ndarray, encoding: str, spec: InputSpec) -> np.ndarray:
    """The kernel's tensor."""
    geometry = spec.geometry(cuda_preprocess.source_size(image, encoding))
    plan = cuda_preprocess.kernel_plan(image, encoding, geometry, spec)
    shape = tensor_shape(spec)
    with gpu.current() as cuda:
        stream = cuda.Stream()
        source = Buffer(cuda, image.nbytes, "image")
        target = Buffer(cuda, int(np.prod(shape)) * np.dtype(spec.dtype).itemsize, "tensor")
        np.copyto(source.host(image.shape, image.dtype.name), image)
        source.upload(image.nbytes, stream)
        gpu.kernel("preprocess").prepare(["P", "P", f"{len(plan)}s"]).prepared_async_call(
            cuda_preprocess.grid(geometry.network_size),
            cuda_preprocess.BLOCK,
            stream,
            source.address,
            target.address,
            plan,
        )
        target.download(target.size, stream)
        stream.synchronize()
        result = target.host(shape, spec.dtype).copy()
        source.free()
        target.free()
    return result


@pytest.mark.parametrize("model", ["peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_kernel_equals_the_cpu_path(kernels: Gpu, model: str, dtype: str) -> None:
    spec = replace(get_spec(model).input, dtype=dtype)
    image = np.random.default_rng(0).integers(0, 256, (1080, 1920, 3), np.uint8)
    expected = to_tensor(image, replace(spec, dtype="float32"))
    # One step of an 8-bit pixel, and what float16 rounds away of values up to 2.7.
    allowed = max(spec.scale) + (2e-3 if dtype == "float16" else 1e-5)
    np.testing.assert_allclose(on_gpu(kernels, image, "bgr8", spec), expected, atol=allowed)


def test_copies_of_two_threads_do_not_mix(gpu: Gpu) -> None:
    failures = []

    def copy(seed: int) -> None:
        data = np.random.default_rng(seed).integers(0, 256, 1 << 20, np.uint8)
        with gpu.current() as cuda:
            stream, buffer = cuda.Stream(), Buffer(cuda, data.nbytes, "data")
            for _ in range(20):
                np.copyto(buffer.host(data.shape, "uint8"), data)
                buffer.upload(data.nbytes, stream)
                buffer.download(data.nbytes, stream)
                stream.synchronize()
                if not np.array_equal(buffer.host(data.shape, "uint8"), data):
                    failures.append(seed)
            buffer.free()
            del stream  # pycuda frees a thing only where its context is current

    threads = [threading.Thread(target=copy, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_memory_comes_back(gpu: Gpu) -> None:
    with gpu.current() as cuda:
        before = cuda.mem_get_info()[0]
        for _ in range(10):
            Buffer(cuda, 64 << 20, "data", host=False).free()
        # Other processes use the GPU too, so this is coarse: ten buffers would be 640 MB.
        assert cuda.mem_get_info()[0] > before - (128 << 20)
