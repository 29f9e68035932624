# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages become arrays: each encoding against a formula in numpy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_messages import MONO, PACKED, ROW_BYTES, message, random_data
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from people_perception.errors import PerceptionError
from people_perception.ros.image import ImageError, image_from_message


def yuv_to_bgr(y: NDArray, u: NDArray, v: NDArray) -> NDArray[np.float64]:
    """ITU-R BT.601, limited range."""
    luma, u, v = 1.164383 * np.maximum(y.astype(float) - 16, 0), u.astype(float) - 128, v.astype(float) - 128
    bgr = np.stack([luma + 2.017232 * u, luma - 0.391762 * u - 0.812968 * v, luma + 1.596027 * v], axis=-1)
    return np.clip(bgr, 0, 255)


def demosaic(mosaic: NDArray[np.uint8], pattern: str) -> NDArray[np.float64]:
    """Bilinear, without the outermost pixels."""
    height, width = mosaic.shape
    bgr = np.zeros((height - 2, width - 2, 3))
    for channel, colour in enumerate("bgr"):
        sites = np.zeros(mosaic.shape)
        for i, letter in enumerate(pattern):
            if letter == colour:
                sites[i // 2 :: 2, i % 2 :: 2] = 1
        kernel = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]] if colour == "g" else [[1, 2, 1], [2, 4, 2], [1, 2, 1]])
        total, weights = np.zeros((2, height - 2, width - 2))
        for dy, dx in np.ndindex(3, 3):
            window = np.s_[dy : dy + height - 2, dx : dx + width - 2]
            total += kernel[dy, dx] * (sites * mosaic)[window]
            weights += kernel[dy, dx] * sites[window]
        bgr[:, :, channel] = total / weights
    return bgr


class TestZeroCopy:
    @pytest.mark.parametrize("padding", [0, 1, 6])
    @pytest.mark.parametrize("encoding", ["bgr8", "8UC3", "mono8", "8UC1"])
    @pytest.mark.parametrize("size", [(1, 1), (5, 3), (8, 6)])
    def test_8_bit_images_are_views_of_the_message(self, encoding: str, size: tuple[int, int], padding: int) -> None:
        width, height = size
        data = random_data(encoding, width, height)
        sent = message(data, encoding, width, height, padding)

        image = image_from_message(sent)

        expected = data.reshape(height, width, 3) if encoding in PACKED else data
        assert image.dtype == np.uint8 and np.array_equal(image, expected)
        sent.data[0] ^= 0xFF
        assert image.flat[0] == sent.data[0]

    @pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
    @pytest.mark.parametrize("padding", [0, 4])
    def test_16_bit_images_are_views_of_the_message(self, encoding: str, padding: int) -> None:
        values = np.array([[0, 1, 255, 256, 4660], [65535, 40000, 7, 8, 9]], "<u2")
        sent = message(values.view(np.uint8), encoding, 5, 2, padding)

        image = image_from_message(sent)

        assert image.dtype == np.uint16 and np.array_equal(image, values)
        sent.data[0] = 77
        assert image[0, 0] == 77

    def test_a_view_is_read_only_and_keeps_the_data_alive(self) -> None:
        data = random_data("bgr8", 640, 480)
        image = image_from_message(message(data, "bgr8", 640, 480))
        with pytest.raises(ValueError, match="read-only"):
            image[0, 0] = 0
        assert np.array_equal(image, data.reshape(480, 640, 3))

    @pytest.mark.parametrize("padding", [0, 2, 3])
    def test_opencv_takes_a_view(self, padding: int) -> None:
        for encoding in ("bgr8", "mono8", "mono16"):
            image = image_from_message(message(random_data(encoding, 20, 10), encoding, 20, 10, padding))
            assert np.array_equal(cv2.resize(image, (40, 20)), cv2.resize(image.copy(), (40, 20)))

    @pytest.mark.parametrize("encoding", ["bgr8", "rgb8", "nv12", "mono16"])
    def test_data_may_be_any_read_only_buffer(self, encoding: str) -> None:
        # Kilted does not convert what a field is set to.
        sent = message(random_data(encoding, 4, 4), encoding, 4, 4)
        expected = image_from_message(sent)
        for buffer in (bytes(sent.data), memoryview(bytes(sent.data)), np.frombuffer(bytes(sent.data), np.uint8)):
            sent._data = buffer
            assert np.array_equal(image_from_message(sent), expected)


class TestByteOrder:
    @pytest.mark.parametrize("encoding", ["mono16", "16UC1"])
    @pytest.mark.parametrize("padding", [0, 1, 4])
    def test_big_endian_16_bit_is_swapped(self, encoding: str, padding: int) -> None:
        values = np.array([[1, 0x1234, 65535], [0x00FF, 0xFF00, 0]], ">u2")
        image = image_from_message(message(values.view(np.uint8), encoding, 3, 2, padding, is_bigendian=True))
        assert image.dtype == np.uint16 and image.dtype.isnative
        assert image.tolist() == [[1, 0x1234, 65535], [0x00FF, 0xFF00, 0]]

    @pytest.mark.parametrize("encoding", [name for name in ROW_BYTES if name not in ("mono16", "16UC1")])
    def test_8_bit_has_no_byte_order(self, encoding: str) -> None:
        data = random_data(encoding, 6, 4)
        little, big = (image_from_message(message(data, encoding, 6, 4, is_bigendian=b)) for b in (False, True))
        assert np.array_equal(little, big)


class TestColour:
    @pytest.mark.parametrize("padding", [0, 1, 5])
    @pytest.mark.parametrize("size", [(1, 1), (1, 4), (7, 5), (32, 17)])
    @pytest.mark.parametrize("encoding", PACKED)
    def test_packed_channels_become_bgr(self, encoding: str, size: tuple[int, int], padding: int) -> None:
        width, height = size
        data = random_data(encoding, width, height)
        image = image_from_message(message(data, encoding, width, height, padding))
        assert np.array_equal(image, data.reshape(height, width, -1)[:, :, PACKED[encoding]])

    @pytest.mark.parametrize("padding", [0, 3])
    @pytest.mark.parametrize("size", [(2, 1), (6, 5), (34, 4)])
    @pytest.mark.parametrize(
        ("encoding", "order"), [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv")]
    )
    def test_yuv422(self, encoding: str, order: str, size: tuple[int, int], padding: int) -> None:
        width, height = size
        data = random_data(encoding, width, height)
        quads = data.reshape(height, width // 2, 4)
        first_y = order.index("y")
        y = quads[:, :, first_y::2].reshape(height, width)
        u, v = (np.repeat(quads[:, :, order.index(c)], 2, axis=1) for c in "uv")

        image = image_from_message(message(data, encoding, width, height, padding))

        assert image.shape == (height, width, 3) and image.dtype == np.uint8
        assert np.abs(image - yuv_to_bgr(y, u, v)).max() <= 1.0

    @pytest.mark.parametrize("padding", [0, 3])
    @pytest.mark.parametrize("size", [(2, 2), (6, 4), (34, 18)])
    @pytest.mark.parametrize(("encoding", "first"), [("nv12", "u"), ("nv21", "v")])
    def test_yuv420(self, encoding: str, first: str, size: tuple[int, int], padding: int) -> None:
        width, height = size
        data = random_data(encoding, width, height)
        chroma = data[height:].reshape(height // 2, width // 2, 2).repeat(2, axis=0).repeat(2, axis=1)
        u, v = (chroma[:, :, int(c != first)] for c in "uv")

        image = image_from_message(message(data, encoding, width, height, padding))

        assert image.shape == (height, width, 3) and image.dtype == np.uint8
        assert np.abs(image - yuv_to_bgr(data[:height], u, v)).max() <= 1.0

    @pytest.mark.parametrize("padding", [0, 3])
    @pytest.mark.parametrize("size", [(3, 3), (4, 4), (9, 7), (34, 12)])
    @pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
    def test_bayer(self, pattern: str, size: tuple[int, int], padding: int) -> None:
        width, height = size
        mosaic = random_data(f"bayer_{pattern}8", width, height)

        image = image_from_message(message(mosaic, f"bayer_{pattern}8", width, height, padding))

        assert image.shape == (height, width, 3) and image.dtype == np.uint8
        assert np.abs(image[1:-1, 1:-1] - demosaic(mosaic, pattern)).max() <= 0.5
        # The border is that of the pixel beside it.
        assert np.array_equal(image[0], image[1]) and np.array_equal(image[:, -1], image[:, -2])


class TestMalformed:
    @pytest.mark.parametrize(
        ("encoding", "width", "height", "step", "length", "says"),
        [
            ("32FC1", 4, 4, 16, 64, "encoding '32FC1' is not supported; expected one of bgr8, 8UC3, mono8"),
            ("BGR8", 4, 4, 12, 48, "encoding 'BGR8' is not supported"),
            ("", 4, 4, 12, 48, "encoding '' is not supported"),
            ("x\ny" * 100, 4, 4, 12, 48, r"encoding 'x\\nyx\\nyx"),
            ("bgr8", 0, 4, 0, 0, "bgr8 image of 0x4: expected 1x1 or more"),
            ("mono8", 4, 0, 4, 0, "mono8 image of 4x0: expected 1x1 or more"),
            ("bgr8", 4, 4, 11, 48, "bgr8 image of 4x4: step is 11 bytes; expected 12 or more"),
            ("mono16", 4, 4, 7, 64, "mono16 image of 4x4: step is 7 bytes; expected 8 or more"),
            ("rgba8", 4, 4, 0, 64, "rgba8 image of 4x4: step is 0 bytes; expected 16 or more"),
            ("rgb8", 4, 4, 12, 47, "rgb8 image of 4x4 with a step of 12: data has 47 bytes; expected 48"),
            ("rgb8", 4, 4, 12, 0, "data has 0 bytes; expected 48"),
            ("mono8", 2**32 - 1, 2**32 - 1, 2**32 - 1, 9, "data has 9 bytes; expected 18446744065119617025"),
            ("nv12", 4, 4, 4, 16, "nv12 image of 4x4 with a step of 4: data has 16 bytes; expected 24"),
            ("nv12", 4, 3, 4, 24, "nv12 image of 4x3: expected an even width and height"),
            ("nv21", 3, 4, 4, 24, "nv21 image of 3x4: expected an even width and height"),
            ("yuv422", 3, 4, 6, 24, "yuv422 image of 3x4: expected an even width$"),
            ("bayer_rggb8", 2, 3, 2, 6, "bayer_rggb8 image of 2x3: expected 3x3 or more"),
        ],
    )
    def test_is_refused_in_one_line(
        self, encoding: str, width: int, height: int, step: int, length: int, says: str
    ) -> None:
        bad = Image(encoding=encoding, width=width, height=height, step=step, data=bytes(length))
        with pytest.raises(ImageError, match=says) as caught:
            image_from_message(bad)
        assert "\n" not in str(caught.value)

    def test_data_after_the_image_is_ignored(self) -> None:
        long = Image(encoding="mono8", width=2, height=2, step=2, data=bytes((1, 2, 3, 4, 5, 6)))
        assert image_from_message(long).tolist() == [[1, 2], [3, 4]]

    def test_is_an_error_for_users(self) -> None:
        assert issubclass(ImageError, PerceptionError)

    @settings(max_examples=300, deadline=None)
    @given(data=st.data())
    def test_any_message_is_converted_or_refused(self, data: st.DataObject) -> None:
        encoding = data.draw(st.sampled_from([*ROW_BYTES, "32FC1", "compressed"]) | st.text(max_size=8))
        size = st.integers(0, 40) | st.sampled_from([7680, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
        width, height = data.draw(size), data.draw(size)
        row = width * ROW_BYTES.get(encoding, 1)
        step = data.draw(st.integers(row, row + 5) | st.integers(0, 2**32 - 1))
        step = min(step, 2**32 - 1)
        whole = step * (height * 3 // 2 if encoding.startswith("nv") else height)
        length = data.draw(st.integers(whole - 1, whole + 1) | st.integers(0, 5000))
        content = bytes(range(256)) * (max(min(length, 200_000), 0) // 256 + 1)
        drawn = Image(encoding=encoding, width=width, height=height, step=step)
        drawn.is_bigendian = data.draw(st.sampled_from([0, 1, 255]))
        drawn.data.frombytes(content[: max(length, 0)])
        try:
            image = image_from_message(drawn)
        except ImageError as error:
            assert "\n" not in str(error)
        else:
            assert image.shape == (height, width) if encoding in MONO else (height, width, 3)
            assert image.dtype == np.dtype(MONO.get(encoding, "u1"))
