# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""An image becomes network tensors on the CPU, each computed once a frame whoever asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from people_perception.catalogue import InputSpec
from people_perception.geometry import Size

T = TypeVar("T")


_SHAPES = 16
"""Shapes of which a pool keeps arrays: more than the models on one camera need, and a bound when its images change."""


class BufferPool:
    """Arrays that are used again, so that a running graph does not allocate megabytes a frame. Thread-safe.

    Those of the shapes that were not used for longest are let go, so that a camera whose format changes with every
    image does not fill the memory.
    """

    def __init__(self) -> None:
        self._free: dict[tuple[tuple[int, ...], str], list[np.ndarray]] = {}
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """An array with arbitrary content."""
        with self._lock:
            free = self._free.get((shape, dtype))
            if free:
                return free.pop()
        return np.empty(shape, dtype)

    def give(self, array: np.ndarray) -> None:
        """Take back an array that nobody refers to any more."""
        key = (array.shape, array.dtype.name)
        with self._lock:
            free = self._free.pop(key, [])  # and in again, as the newest
            free.append(array)
            self._free[key] = free
            if len(self._free) > _SHAPES:
                del self._free[next(iter(self._free))]

    def clear(self) -> None:
        """Let go of every array."""
        with self._lock:
            self._free.clear()


class Frame:
    """One image and everything derived from it, so that models on one camera share the work.

    Args:
        image: (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 mono. 16-bit images are brought to 8 bit by
            `scale_to_8bit` with this frame's own percentiles; a stream that must not flicker passes through
            `InfraredScaler` first.
        pool: where the tensors' memory comes from; it returns there when the frame is dropped.

    Attributes:
        image: (H, W, 3) uint8 BGR or (H, W) uint8.
        size: (width, height).

    Raises:
        ValueError: of another type or shape.
    """

    def __init__(self, image: NDArray, pool: BufferPool | None = None) -> None:
        colour = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        mono = image.ndim == 2 and image.dtype in (np.uint8, np.uint16)
        if not (colour or mono) or image.size == 0:
            raise ValueError(
                f"image is {image.dtype} {image.shape}; expected uint8 (H, W, 3) BGR, or uint8 or uint16 (H, W) mono"
            )
        self.image: NDArray[np.uint8] = image if image.dtype == np.uint8 else scale_to_8bit(image, *robust_range(image))
        self.size: Size = (image.shape[1], image.shape[0])
        self._pool = pool
        self._leased: list[np.ndarray] = []
        self._slots: dict[Hashable, _Slot] = {}
        self._lock = threading.Lock()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, computed by whichever thread asks first; the others wait for it."""
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
        with slot.lock:
            if not slot.filled:
                slot.value = make()
                slot.filled = True
            return slot.value

    def resized(self, size: Size) -> NDArray[np.uint8]:
        """The image at (width, height), bilinear; do not write to it."""
        return self.once(("resized", size), lambda: self._resize(size))

    def tensor(self, spec: InputSpec) -> NDArray:
        """The input tensor (1, 3, H, W) or (1, H, W, 3) for ``spec``; do not write to it."""
        key = ("tensor", spec.size, spec.layout, spec.colour, spec.scale, spec.mean, spec.resize, spec.pad, spec.dtype)
        return self.once(key, lambda: self._tensor(spec))

    def _resize(self, size: Size) -> NDArray[np.uint8]:
        if size == self.size:
            return self.image
        import cv2

        shape = (size[1], size[0], *self.image.shape[2:])
        return cv2.resize(self.image, size, dst=self._take(shape, "uint8"), interpolation=cv2.INTER_LINEAR)

    def _tensor(self, spec: InputSpec) -> NDArray:
        geometry = spec.geometry(self.size)
        tensor = self._take(tensor_shape(spec), spec.dtype)
        fill_tensor(tensor, self.resized(geometry.content_size), geometry.offset, spec)
        return tensor

    def _take(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        if self._pool is None:
            return np.empty(shape, dtype)
        array = self._pool.take(shape, dtype)
        self._leased.append(array)
        return array

    def __del__(self) -> None:
        for array in getattr(self, "_leased", ()):
            self._pool.give(array)  # type: ignore[union-attr]


class _Slot:
    __slots__ = ("filled", "lock", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.filled = False
        self.value: Any = None


def to_tensor(image: NDArray, spec: InputSpec) -> NDArray:
    """The input tensor of one image: (1, 3, H, W) or (1, H, W, 3) of ``spec.dtype``, ``(pixel - mean) * scale``."""
    return Frame(image).tensor(spec)


def tensor_shape(spec: InputSpec) -> tuple[int, ...]:
    """The shape of the input tensor for one image."""
    width, height = spec.size
    return (1, 3, height, width) if spec.layout == "nchw" else (1, height, width, 3)


def fill_tensor(tensor: NDArray, content: NDArray[np.uint8], offset: tuple[int, int], spec: InputSpec) -> None:
    """Write a resized image into a network tensor, padding included, without a float image in between.

    Args:
        tensor: of `tensor_shape`, overwritten completely.
        content: (h, w, 3) BGR or (h, w) mono, already at its size inside the network's input.
        offset: (x, y) of its top-left corner there.
        spec: layout, colour, scale, mean and padding.
    """
    if spec.colour == "grey" and content.ndim == 3:
        import cv2

        content = cv2.cvtColor(content, cv2.COLOR_BGR2GRAY)
    scale = np.array(spec.scale, np.float32)
    bias = np.array([-m * s for m, s in zip(spec.mean, spec.scale, strict=True)], np.float32)
    if content.shape[:2] != (spec.size[1], spec.size[0]):
        pad = np.array(spec.pad, np.float32) * scale + bias
        if spec.layout == "nchw":
            tensor[0] = pad[:, None, None]
        else:
            tensor[0].reshape(spec.size[1], -1)[...] = _along_row(pad, spec.size[0])
    if spec.layout == "nhwc":
        _fill_pixels(tensor[0], content, offset, spec.colour, scale, bias)
    elif content.ndim == 2:
        _fill_mono_planes(tensor[0], content, offset, scale, bias)
    else:
        _fill_planes(tensor[0], content, offset, spec.colour, scale, bias)


_SCRATCH = 96 * 1024
"""Bytes that are split and scaled at a time: they stay in the cache, and malloc takes them from what it has (from
128 KB on it asks the system for fresh pages, which cost more than the work)."""


def _fill_planes(
    planes: NDArray, content: NDArray[np.uint8], offset: tuple[int, int], colour: str, scale: NDArray, bias: NDArray
) -> None:
    import cv2

    (x, y), (height, width) = offset, content.shape[:2]
    order = (0, 1, 2) if colour == "bgr" else (2, 1, 0)
    scale, bias = scale[:, None, None], bias[:, None, None]
    rows = min(height, max(1, _SCRATCH // (3 * width)))
    scratch = np.empty((3, rows, width), np.uint8)
    for top in range(0, height, rows):
        strip = content[top : top + rows]
        split = scratch[:, : len(strip)]
        cv2.split(strip, [split[i] for i in order])
        region = planes[:, y + top : y + top + len(strip), x : x + width]
        _scale(split, scale, bias, region)


def _fill_mono_planes(
    planes: NDArray, content: NDArray[np.uint8], offset: tuple[int, int], scale: NDArray, bias: NDArray
) -> None:
    (x, y), (height, width) = offset, content.shape
    regions = planes[:, y : y + height, x : x + width]
    for channel, region in enumerate(regions):
        if channel and (scale[channel], bias[channel]) == (scale[0], bias[0]):
            region[...] = regions[0]
        else:
            _scale(content, scale[channel], bias[channel], region)


def _fill_pixels(
    pixels: NDArray, content: NDArray[np.uint8], offset: tuple[int, int], colour: str, scale: NDArray, bias: NDArray
) -> None:
    import cv2

    (x, y), (height, width) = offset, content.shape[:2]
    if content.ndim == 2:
        content = cv2.cvtColor(content, cv2.COLOR_GRAY2BGR)
    elif colour == "rgb":
        content = cv2.cvtColor(content, cv2.COLOR_BGR2RGB)
    rows = pixels.reshape(len(pixels), -1)[y : y + height, 3 * x : 3 * (x + width)]
    _scale(content.reshape(height, -1), _along_row(scale, width), _along_row(bias, width), rows)


def _along_row(values: NDArray, width: int) -> NDArray:
    """Three channels' values for rows of numbers, which numpy goes through much quicker than pixels of three."""
    return values[:1] if (values == values[0]).all() else np.tile(values, width)


def _scale(source: NDArray[np.uint8], scale: NDArray, bias: NDArray, out: NDArray) -> None:
    # On a strip that is in the cache three plain loops are quicker than one that converts as it goes.
    out[...] = source
    np.multiply(out, scale, out=out, casting="same_kind")
    if bias.any():
        np.add(out, bias, out=out, casting="same_kind")


def robust_range(image: NDArray[np.uint16], low: float = 1.0, high: float = 99.0) -> tuple[float, float]:
    """The values at two percentiles of a 16-bit image, from every fourth pixel of every fourth row."""
    values = np.percentile(image[::4, ::4], (low, high))
    return float(values[0]), float(values[1])


def scale_to_8bit(image: NDArray[np.uint16], low: float, high: float) -> NDArray[np.uint8]:
    """A 16-bit image with ``low`` at 0 and ``high`` at 255 (both rounded), linear between, clipped outside."""
    import cv2

    low, high = round(low), round(high)
    gain = 255.0 / max(high - low, 1)
    # convertScaleAbs takes the absolute value, so what is below `low` is raised to it first.
    return cv2.convertScaleAbs(cv2.max(image, low), alpha=gain, beta=-low * gain)


class InfraredScaler:
    """Brings a 16-bit infrared stream to 8 bit without flicker.

    The range is that of robust percentiles, smoothed over time: a warm object that enters moves the range within
    ``window`` seconds instead of at once. 8-bit images pass through.

    Args:
        low, high: percentiles in percent.
        window: time constant in seconds; 0 follows every frame.
    """

    def __init__(self, low: float = 1.0, high: float = 99.0, window: float = 1.0) -> None:
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles {low} and {high}: expected 0 <= low < high <= 100")
        if not window >= 0:
            raise ValueError(f"window={window}: expected seconds, 0 or more")
        self.low, self.high, self.window = low, high, window
        self._range: tuple[float, float] | None = None
        self._stamp = 0.0

    def __call__(self, image: NDArray, stamp: float) -> NDArray:
        """The image in 8 bit; ``stamp`` is its time in seconds, and a jump back starts anew."""
        if image.dtype != np.uint16:
            return image
        now = robust_range(image, self.low, self.high)
        elapsed = stamp - self._stamp
        if self._range is None or elapsed < 0 or self.window == 0:
            self._range = now
        else:
            weight = 1.0 - float(np.exp(-elapsed / self.window))
            self._range = (
                self._range[0] + weight * (now[0] - self._range[0]),
                self._range[1] + weight * (now[1] - self._range[1]),
            )
        self._stamp = stamp
        return scale_to_8bit(image, *self._range)
