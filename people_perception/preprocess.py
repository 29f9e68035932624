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


class BufferPool:
    """Arrays that are used again, so that a running graph does not allocate megabytes a frame. Thread-safe."""

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
        with self._lock:
            self._free.setdefault((array.shape, array.dtype.name), []).append(array)

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
    """Write a resized image into a network tensor, one fused pass a plane, padding included.

    Args:
        tensor: of `tensor_shape`, overwritten completely.
        content: (h, w, 3) BGR or (h, w) mono, already at its size inside the network's input.
        offset: (x, y) of its top-left corner there.
        spec: layout, colour, scale, mean and padding.
    """
    if spec.colour == "grey" and content.ndim == 3:
        import cv2

        content = cv2.cvtColor(content, cv2.COLOR_BGR2GRAY)
    (x, y), (height, width) = offset, content.shape[:2]
    planes = tensor[0] if spec.layout == "nchw" else tensor[0].transpose(2, 0, 1)
    padded = (width, height) != spec.size
    same_planes = content.ndim == 2 and len(set(spec.scale)) == len(set(spec.mean)) == len(set(spec.pad)) == 1
    for channel, plane in enumerate(planes):
        if channel and same_planes:
            plane[...] = planes[0]
            continue
        scale, bias = np.float32(spec.scale[channel]), np.float32(-spec.mean[channel] * spec.scale[channel])
        if padded:
            plane[...] = spec.pad[channel] * scale + bias
        region = plane[y : y + height, x : x + width]
        source = content if content.ndim == 2 else content[:, :, channel if spec.colour == "bgr" else 2 - channel]
        # numpy converts, scales and gathers the plane in one pass through the cache: no float image, no split image.
        np.multiply(source, scale, out=region, casting="same_kind")
        if bias:
            np.add(region, bias, out=region, casting="same_kind")


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
