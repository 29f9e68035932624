# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels: their arithmetic against the CPU path, and that they compile for the GPUs that matter."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from people_perception.catalogue import InputSpec, get_spec
from people_perception.engines.cuda_preprocess import SOURCE, image_encoding, kernel_plan, source_size
from people_perception.errors import PerceptionError
from people_perception.images import find_images, read_image
from people_perception.preprocess import scale_to_8bit, tensor_shape, to_tensor

MODELS = ("peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet", "open_face", "open_person")
SIZES = ((1920, 1080), (960, 544), (131, 97), (1, 1), (2, 3000))
ARCHITECTURES = ("sm_87", "sm_89", "sm_120")  # Orin, a laptop's Ada, Blackwell


def spec_of(model: str, **changes: object) -> InputSpec:
    return replace(get_spec(model).input, **changes)  # type: ignore[arg-type]


def on_kernel(
    kernels: ctypes.CDLL,
    image: np.ndarray,
    encoding: str,
    spec: InputSpec,
    value_range: tuple[float, float] = (0, 65535),
) -> np.ndarray:
    """What the kernel writes, on memory full of NaN."""
    image = np.ascontiguousarray(image)
    plan = kernel_plan(image, encoding, spec.geometry(source_size(image, encoding)), spec, value_range)
    tensor = np.full(tensor_shape(spec), np.nan, spec.dtype)
    kernels.run_preprocess(
        image.ctypes.data_as(ctypes.c_void_p), tensor.ctypes.data_as(ctypes.c_void_p), ctypes.c_char_p(plan)
    )
    return tensor


def steps(a: np.ndarray, b: np.ndarray, spec: InputSpec) -> np.ndarray:
    """How far apart, in steps of an 8-bit pixel; NaN shows as infinity."""
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64)) / max(spec.scale)
    return np.nan_to_num(difference, nan=np.inf)


def picture(size: tuple[int, int], channels: int = 3, seed: int = 0) -> np.ndarray:
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_equals_the_cpu_path_within_one_step(
    kernels: ctypes.CDLL, model: str, size: tuple[int, int], layout: str
) -> None:
    spec = spec_of(model, layout=layout)
    image = picture(size)
    apart = steps(on_kernel(kernels, image, "bgr8", spec), to_tensor(image, spec), spec)
    assert apart.max() <= 1.001
    # OpenCV places its taps in double, the kernel in float: now and then a weight rounds the other way.
    assert (apart > 0.01).mean() < 0.02


@pytest.mark.parametrize("model", MODELS)
def test_photographs_come_out_the_same(kernels: ctypes.CDLL, assets: Path, model: str) -> None:
    spec = spec_of(model)
    for path in find_images([str(assets / "images")])[:4]:
        image = read_image(path)
        apart = steps(on_kernel(kernels, image, image_encoding(image), spec), to_tensor(image, spec), spec)
        assert apart.max() <= 1.001
        assert (apart > 0.01).mean() < 0.01


@pytest.mark.parametrize("model", ["peoplenet", "facedetect_ir", "peoplesegnet"])
def test_every_encoding_is_the_same_picture(kernels: ctypes.CDLL, model: str) -> None:
    spec, size = spec_of(model), (640, 480)
    bgr, mono = picture(size), picture(size, 1)
    assert steps(on_kernel(kernels, bgr[:, :, ::-1], "rgb8", spec), to_tensor(bgr, spec), spec).max() <= 1.001
    assert steps(on_kernel(kernels, mono, "mono8", spec), to_tensor(mono, spec), spec).max() <= 1.001


@pytest.mark.parametrize("model", ["peoplenet", "facedetect_ir"])
def test_yuv_is_converted_as_opencv_does(kernels: ctypes.CDLL, model: str) -> None:
    spec, (width, height) = spec_of(model), (640, 480)
    nv12 = picture((width, height * 3 // 2), 1)
    expected = to_tensor(cv2.cvtColor(nv12, cv2.COLOR_YUV2BGR_NV12), spec)
    assert steps(on_kernel(kernels, nv12, "nv12", spec), expected, spec).max() <= 2.001
    yuyv = picture((width, height), 2)
    expected = to_tensor(cv2.cvtColor(yuyv, cv2.COLOR_YUV2BGR_YUYV), spec)
    assert steps(on_kernel(kernels, yuyv, "yuyv", spec), expected, spec).max() <= 2.001


def test_16_bit_infrared(kernels: ctypes.CDLL) -> None:
    spec = spec_of("facedetect_ir")
    image = np.random.default_rng(0).integers(20000, 23000, (512, 640), np.uint16)
    expected = to_tensor(scale_to_8bit(image, 20500, 22500), spec)
    assert steps(on_kernel(kernels, image, "mono16", spec, (20500, 22500)), expected, spec).max() <= 1.001


def test_half_precision_rounds_as_numpy_does(kernels: ctypes.CDLL) -> None:
    image = picture((640, 480))
    for model in ("peoplenet", "peoplesegnet"):
        spec = spec_of(model)
        wide = on_kernel(kernels, image, "bgr8", spec)
        half = on_kernel(kernels, image, "bgr8", replace(spec, dtype="float16"))
        np.testing.assert_array_equal(half, wide.astype(np.float16))


def test_class_ids_become_bytes(kernels: ctypes.CDLL) -> None:
    for dtype, call in ((np.int32, kernels.run_narrow_int32), (np.int64, kernels.run_narrow_int64)):
        ids = np.random.default_rng(0).integers(0, 256, 1000).astype(dtype)
        narrow = np.zeros(1000, np.uint8)
        call(ids.ctypes.data_as(ctypes.c_void_p), narrow.ctypes.data_as(ctypes.c_void_p), 1000)
        np.testing.assert_array_equal(narrow, ids)


@pytest.mark.parametrize(
    ("encoding", "shape", "dtype", "size"),
    [
        ("bgr8", (480, 640, 3), np.uint8, (640, 480)),
        ("mono16", (480, 640), np.uint16, (640, 480)),
        ("nv12", (720, 640), np.uint8, (640, 480)),
        ("yuyv", (480, 640, 2), np.uint8, (640, 480)),
    ],
)
def test_the_size_of_an_image(encoding: str, shape: tuple[int, ...], dtype: type, size: tuple[int, int]) -> None:
    assert source_size(np.zeros(shape, dtype), encoding) == size


@pytest.mark.parametrize(
    ("encoding", "shape", "message"),
    [
        ("bgr16", (480, 640, 3), "encoding='bgr16': expected one of bgr8"),
        ("bgr8", (480, 640), r"image is uint8 \(480, 640\); that is not bgr8"),
        ("mono16", (480, 640), "that is not mono16"),
        ("nv12", (481, 640), "nv12 has three rows for two"),
        ("yuyv", (480, 641, 2), "yuyv has an even width"),
        ("bgr8", (0, 640, 3), "that is not bgr8"),
    ],
)
def test_images_that_do_not_fit_are_refused(encoding: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        source_size(np.zeros(shape, np.uint8), encoding)


def test_the_geometry_must_be_that_of_the_image() -> None:
    spec = spec_of("peoplenet")
    with pytest.raises(ValueError, match="image is 640x480; the geometry is for 1920x1080"):
        kernel_plan(picture((640, 480)), "bgr8", spec.geometry((1920, 1080)), spec)


def test_the_encoding_of_what_the_api_takes() -> None:
    assert image_encoding(np.zeros((2, 2, 3), np.uint8)) == "bgr8"
    assert image_encoding(np.zeros((2, 2), np.uint8)) == "mono8"
    assert image_encoding(np.zeros((2, 2), np.uint16)) == "mono16"


@pytest.fixture(scope="module")
def compiler():
    from people_perception.engines.nvrtc import Nvrtc

    try:
        return Nvrtc()
    except PerceptionError as error:
        pytest.skip(f'{error}; "pip install nvidia-cuda-nvrtc" brings it')


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compiles_with_nvrtc(compiler, architecture: str) -> None:
    if architecture == "sm_120" and compiler.version() < (12, 8):
        pytest.skip("this NVRTC is older than the GPU")
    cubin = compiler.compile(SOURCE.read_text(), SOURCE.name, architecture)
    assert cubin.startswith(b"\x7fELF")
    for name in (b"preprocess", b"narrow_int32", b"narrow_int64"):
        assert b".text." + name in cubin


def test_a_source_that_does_not_compile_is_one_line(compiler) -> None:
    with pytest.raises(PerceptionError, match=r"a\.cu: NVRTC cannot compile it for sm_87: a\.cu\(1\): error"):
        compiler.compile("nonsense", "a.cu", "sm_87")


def test_compiles_with_nvcc(tmp_path: Path) -> None:
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc on the PATH")
    target = tmp_path / "kernels.cubin"
    subprocess.run(
        [nvcc, "-cubin", "-arch=sm_87", "-Werror", "all-warnings", str(SOURCE), "-o", str(target)], check=True
    )
    assert target.read_bytes().startswith(b"\x7fELF")


def test_nvrtc_is_looked_for_in_wheels_too() -> None:
    if importlib.util.find_spec("nvidia") is None:
        pytest.skip("no NVIDIA wheels are installed")
    from people_perception.engines.nvrtc import _candidates

    assert list(_candidates())[:2] == ["libnvrtc.so.13", "libnvrtc.so.12"]
