# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every network's tensor is what its vendor's formula says, and nothing is computed twice."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from people_perception.catalogue import InputSpec, get_spec
from people_perception.preprocess import BufferPool, Frame, InfraredScaler, tensor_shape, to_tensor


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    """(479, 641, 3) BGR with soft and hard edges in every channel; odd sides, so that rounding shows."""
    y, x = np.mgrid[0:479, 0:641]
    blue = 127 + 120 * np.sin(x / 23.0) * np.cos(y / 31.0)
    green = (x + y) * 255 / 1120
    red = np.where((x // 40 + y // 40) % 2, 230, 25)
    return np.stack([blue, green, red], axis=-1).round().astype(np.uint8)


def bilinear(image: NDArray, size: tuple[int, int]) -> NDArray[np.float64]:
    """The textbook formula: pixel centres at .5, edges repeated, without a filter when it shrinks."""
    height, width = image.shape[:2]
    x = np.clip((np.arange(size[0]) + 0.5) * width / size[0] - 0.5, 0, width - 1)
    y = np.clip((np.arange(size[1]) + 0.5) * height / size[1] - 0.5, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    fx, fy = (x - x0)[None, :, None], (y - y0)[:, None, None]
    pixels = image.reshape(height, width, -1).astype(np.float64)
    top = pixels[y0][:, x0] * (1 - fx) + pixels[y0][:, x1] * fx
    bottom = pixels[y1][:, x0] * (1 - fx) + pixels[y1][:, x1] * fx
    return top * (1 - fy) + bottom * fy


def peoplenet(image: NDArray) -> NDArray:
    return bilinear(image, (960, 544))[:, :, ::-1] / 255


def facedetect_ir(image: NDArray) -> NDArray:
    blue, green, red = np.moveaxis(bilinear(image, (384, 240)), -1, 0)
    return np.stack([(0.299 * red + 0.587 * green + 0.114 * blue) / 255] * 3, axis=-1)


def peoplesemsegnet(image: NDArray) -> NDArray:
    return bilinear(image, (960, 544)) / 127.5 - 1


def peoplesegnet(image: NDArray) -> NDArray:
    # 641x479 as large as it fits into 960x576: 770.8x576, at the top left.
    padded = np.empty((576, 960, 3))
    padded[:] = (124, 116, 104)
    padded[:, :771] = bilinear(image, (771, 576))[:, :, ::-1]
    return (padded - (123.675, 116.28, 103.53)) * 0.017507


def open_person(image: NDArray) -> NDArray:
    return bilinear(image, (300, 300))[:, :, ::-1] / 127.5 - 1


def open_face(image: NDArray) -> NDArray:
    padded = np.zeros((192, 192, 3))
    padded[24:167] = bilinear(image, (192, 143))[:, :, ::-1]
    return padded / 127.5 - 1


def open_segmentation(image: NDArray) -> NDArray:
    return bilinear(image, (256, 256))[:, :, ::-1] / 255


FORMULAS = [peoplenet, facedetect_ir, peoplesemsegnet, peoplesegnet, open_person, open_face, open_segmentation]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.__name__)
def test_the_tensor_is_the_networks_formula(photo: NDArray, formula: Callable[[NDArray], NDArray]) -> None:
    spec = get_spec(formula.__name__).input
    tensor = to_tensor(photo, spec)
    expected = formula(photo)
    found = tensor[0].transpose(1, 2, 0) if spec.layout == "nchw" else tensor[0]
    assert tensor.dtype == np.float32
    assert found.shape == expected.shape
    # One grey level of 255; making grey of colour rounds to whole levels once more.
    levels = 1.5 if spec.colour == "grey" else 1.0
    assert np.abs(found - expected).max() <= levels * max(spec.scale) + 1e-6


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.__name__)
def test_grey_pixels_are_the_same_in_every_channel(photo: NDArray, formula: Callable[[NDArray], NDArray]) -> None:
    grey = photo[:, :, 0]
    spec = get_spec(formula.__name__).input
    expected = formula(np.stack([grey] * 3, axis=-1))
    tensor = to_tensor(grey, spec)
    found = tensor[0].transpose(1, 2, 0) if spec.layout == "nchw" else tensor[0]
    assert np.abs(found - expected).max() <= max(spec.scale) + 1e-6


def test_both_layouts_hold_the_same(photo: NDArray) -> None:
    spec = get_spec("peoplesegnet").input
    nchw, nhwc = to_tensor(photo, spec), to_tensor(photo, replace(spec, layout="nhwc"))
    assert (nchw.shape, nhwc.shape) == ((1, 3, 576, 960), (1, 576, 960, 3))
    assert nchw.flags.c_contiguous
    assert nhwc.flags.c_contiguous
    np.testing.assert_array_equal(nchw, nhwc.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", ["peoplenet", "peoplesemsegnet", "peoplesegnet"])
def test_half_precision_is_the_rounded_tensor(photo: NDArray, name: str) -> None:
    spec = get_spec(name).input
    half = to_tensor(photo, replace(spec, dtype="float16"))
    assert half.dtype == np.float16
    full = to_tensor(photo, spec)
    # The mean is subtracted from a rounded product, which costs at most one more unit in the last place of 4.
    assert np.abs(half.astype(np.float32) - full).max() <= 4 * np.finfo(np.float16).eps


def test_letterbox_in_the_centre_and_at_the_top_left() -> None:
    white = np.full((100, 50, 3), 255, np.uint8)
    spec = replace(get_spec("peoplenet").input, size=(64, 64), pad=(51, 102, 153))
    corner = to_tensor(white, replace(spec, resize="letterbox"))[0]
    centre = to_tensor(white, replace(spec, resize="letterbox_centred"))[0]
    np.testing.assert_allclose(corner[:, 10, [0, 31, 32, 63]], [[1, 1, c, c] for c in (0.2, 0.4, 0.6)], atol=1e-6)
    np.testing.assert_allclose(centre[:, 10, [15, 16, 47, 48]], [[c, 1, 1, c] for c in (0.2, 0.4, 0.6)], atol=1e-6)


def test_a_letterbox_leaves_nothing_of_an_earlier_tensor(photo: NDArray) -> None:
    spec = get_spec("peoplesegnet").input
    pool = BufferPool()
    pool.give(np.full(tensor_shape(spec), np.nan, np.float32))
    np.testing.assert_array_equal(Frame(photo, pool).tensor(spec), to_tensor(photo, spec))


def test_16_bits_are_spread_by_percentiles() -> None:
    image = np.linspace(20000, 21000, 400 * 400).reshape(400, 400).astype(np.uint16)
    image[0, :50] = 65535  # a reflex
    image[-1, :50] = 0  # dead pixels
    eight = Frame(image).image
    assert eight.dtype == np.uint8
    assert (eight[0, 0], eight[-1, 0]) == (255, 0)
    assert eight[200, 200] == pytest.approx(128, abs=2)
    assert np.percentile(eight, 5) == pytest.approx(255 * 0.04 / 0.98, abs=2)


def test_a_constant_16_bit_image_is_no_division_by_zero() -> None:
    assert Frame(np.full((20, 20), 1234, np.uint16)).image.max() == 0


def test_8_bits_are_not_touched(photo: NDArray) -> None:
    assert Frame(photo).image is photo
    dim = np.full((20, 20), 7, np.uint8)
    assert Frame(dim).image is dim
    assert InfraredScaler()(dim, 0.0) is dim


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((4, 4), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_another_kind_of_image_is_refused(image: NDArray) -> None:
    with pytest.raises(
        ValueError, match=rf"image is {image.dtype} \({image.shape[0]},.*expected uint8 \(H, W, 3\) BGR"
    ):
        Frame(image)


class TestInfraredScaler:
    """A warm person walks into a cool room, 16 bits at 30 frames a second."""

    @staticmethod
    def room(warm_share: float, seed: int) -> NDArray[np.uint16]:
        image = np.random.default_rng(seed).normal(7000, 30, (240, 320))
        image[:, : int(320 * warm_share)] += 1500
        return image.round().astype(np.uint16)

    def wall(self, scaler: InfraredScaler, frames: list[float]) -> NDArray[np.float64]:
        """The mean brightness of the wall in each frame, by the share of the picture that is warm."""
        return np.array([scaler(self.room(share, i), i / 30)[:, 200:].mean() for i, share in enumerate(frames)])

    def test_the_background_does_not_flicker(self) -> None:
        entering = [0.0] * 30 + [0.3] * 60
        smooth = np.abs(np.diff(self.wall(InfraredScaler(), entering)))
        jumpy = np.abs(np.diff(self.wall(InfraredScaler(window=0.0), entering)))
        assert jumpy.max() > 100
        # A cool wall alone fills the range, so that even a thirtieth of the way to the person's warmth shows.
        assert smooth.max() < jumpy.max() / 3
        assert np.median(smooth) < 1.0

    def test_the_range_follows_within_its_window(self) -> None:
        wall = self.wall(InfraredScaler(window=0.5), [0.0] * 10 + [0.3] * 110)
        at_once = self.wall(InfraredScaler(window=0.0), [0.3])[0]
        assert wall[-1] == pytest.approx(at_once, abs=3)

    def test_a_constant_scene_is_constant(self) -> None:
        wall = self.wall(InfraredScaler(), [0.2] * 30)
        assert np.ptp(wall) < 1.5

    def test_time_that_jumps_back_starts_anew(self) -> None:
        scaler = InfraredScaler(window=10.0)
        scaler(self.room(0.0, 0), 100.0)
        restarted = scaler(self.room(0.3, 1), 1.0)
        np.testing.assert_array_equal(restarted, InfraredScaler()(self.room(0.3, 1), 0.0))

    @pytest.mark.parametrize(
        "arguments", [{"low": -1.0}, {"high": 101.0}, {"low": 50.0, "high": 50.0}, {"window": -0.1}, {"window": np.nan}]
    )
    def test_bad_arguments_are_refused(self, arguments: dict[str, float]) -> None:
        with pytest.raises(ValueError, match="expected"):
            InfraredScaler(**arguments)


def test_models_with_equal_inputs_share_the_tensor(photo: NDArray) -> None:
    frame = Frame(photo)
    peoplenet, semantic = get_spec("peoplenet").input, get_spec("peoplesemsegnet").input
    assert frame.tensor(peoplenet) is frame.tensor(replace(peoplenet, names=("other",)))
    assert frame.tensor(peoplenet) is not frame.tensor(semantic)
    assert frame.resized(peoplenet.size) is frame.resized(semantic.size)
    assert frame.resized(frame.size) is photo


@pytest.mark.parametrize(
    "change",
    [{"size": (480, 272)}, {"layout": "nhwc"}, {"colour": "bgr"}, {"scale": (1.0,) * 3}, {"mean": (1.0,) * 3},
     {"resize": "letterbox"}, {"dtype": "float16"}],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_models_with_another_input_do_not(photo: NDArray, change: dict[str, object]) -> None:
    frame = Frame(photo)
    spec: InputSpec = get_spec("peoplenet").input
    assert frame.tensor(spec) is not frame.tensor(replace(spec, **change))  # type: ignore[arg-type]


class TestOnce:
    def test_many_threads_compute_once(self, photo: NDArray) -> None:
        frame = Frame(photo)
        calls = []
        barrier = threading.Barrier(8)
        results: list[object] = []

        def make() -> object:
            calls.append(threading.get_ident())
            time.sleep(0.05)
            return object()

        def ask() -> None:
            barrier.wait()
            results.append(frame.once("key", make))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(calls) == 1
        assert len(results) == 8
        assert len(set(map(id, results))) == 1

    def test_different_keys_do_not_wait_for_each_other(self, photo: NDArray) -> None:
        frame = Frame(photo)
        inside = threading.Event()
        go_on = threading.Event()
        slow = threading.Thread(target=lambda: frame.once("slow", lambda: inside.set() or go_on.wait(10)))
        slow.start()
        assert inside.wait(10)
        assert frame.once("quick", lambda: 1) == 1
        go_on.set()
        slow.join(10)

    def test_a_failure_is_not_kept(self, photo: NDArray) -> None:
        frame = Frame(photo)
        with pytest.raises(ZeroDivisionError):
            frame.once("key", lambda: 1 // 0)
        assert frame.once("key", lambda: 2) == 2


class TestBufferPool:
    def test_the_next_frame_uses_the_same_memory(self, photo: NDArray) -> None:
        pool = BufferPool()
        spec = get_spec("peoplenet").input

        def address() -> int:
            return Frame(photo, pool).tensor(spec).ctypes.data

        first = address()
        gc.collect()
        assert address() == first

    def test_two_frames_at_once_do_not_share_memory(self, photo: NDArray) -> None:
        pool = BufferPool()
        spec = get_spec("peoplenet").input
        one, two = Frame(photo, pool), Frame(255 - photo, pool)
        assert not np.shares_memory(one.tensor(spec), two.tensor(spec))
        np.testing.assert_array_equal(one.tensor(spec), to_tensor(photo, spec))

    def test_the_cameras_image_is_never_pooled(self, photo: NDArray) -> None:
        pool = BufferPool()
        frame = Frame(photo, pool)
        assert frame.resized(frame.size) is photo
        del frame
        assert pool.take(photo.shape, "uint8") is not photo

    def test_cleared_memory_is_gone(self) -> None:
        pool = BufferPool()
        array = np.zeros((4, 4), np.float32)
        pool.give(array)
        pool.clear()
        assert pool.take((4, 4), "float32") is not array

    def test_a_camera_that_always_changes_does_not_fill_it(self) -> None:
        pool = BufferPool()
        for side in range(1, 200):
            pool.give(np.empty((side, side), np.uint8))
        held = gc.get_referents(*pool._free.values())
        assert sorted(len(array) for array in held) == list(range(184, 200)), "the newest 16 shapes, and no others"
