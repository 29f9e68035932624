# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""JPEG and PNG messages become arrays; what is cut off, too large or something else is refused."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_messages import message, random_data
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from people_perception.ros.image import ImageError, image_from_compressed, image_from_message


def compressed(data: bytes, format: str = "jpeg") -> CompressedImage:
    made = CompressedImage(format=format)
    made.data.frombytes(data)
    return made


def encode(extension: str, array: NDArray, *parameters: int) -> bytes:
    return cv2.imencode(extension, array, parameters)[1].tobytes()


def smooth(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A colour gradient, which JPEG keeps within a few levels."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)], -1).astype(np.uint8)


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


PNG_END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


class TestCompressed:
    @pytest.mark.parametrize("format", ["jpeg", "jpg", "", "rgb8; jpeg compressed bgr8", "bgr8; jpeg compressed bgr8"])
    @pytest.mark.parametrize("progressive", [0, 1])
    def test_jpeg(self, format: str, progressive: int) -> None:
        picture = smooth()
        data = encode(".jpg", picture, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
        image = image_from_compressed(compressed(data, format))
        assert image.shape == picture.shape and image.dtype == np.uint8
        assert np.abs(image.astype(int) - picture).max() < 12

    def test_jpeg_with_its_channels_exchanged(self) -> None:
        picture = smooth()
        data = encode(".jpg", picture[:, :, ::-1])
        image = image_from_compressed(compressed(data, "rgb8; jpeg compressed rgb8"))
        assert np.abs(image.astype(int) - picture).max() < 12

    def test_grey_jpeg(self) -> None:
        picture = smooth()[:, :, 0]
        image = image_from_compressed(compressed(encode(".jpg", picture), "mono8; jpeg compressed mono8"))
        assert image.shape == picture.shape and np.abs(image.astype(int) - picture).max() < 12

    @pytest.mark.parametrize("format", ["png", "jpeg", "bgr8; png compressed bgr8"])
    def test_png_is_exact_whatever_the_format_says(self, format: str) -> None:
        picture = random_data("bgr8", 31, 17).reshape(17, 31, 3)
        assert np.array_equal(image_from_compressed(compressed(encode(".png", picture), format)), picture)

    @pytest.mark.parametrize("dtype", ["u1", "u2"])
    def test_grey_png_keeps_its_depth(self, dtype: str) -> None:
        picture = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (9, 5), dtype, endpoint=True)
        image = image_from_compressed(compressed(encode(".png", picture), "mono16; png compressed "))
        assert image.dtype == picture.dtype and np.array_equal(image, picture)

    def test_16_bit_colour_png_becomes_8_bit(self) -> None:
        picture = np.random.default_rng(3).integers(0, 65535, (9, 5, 3), np.uint16, endpoint=True)
        image = image_from_compressed(compressed(encode(".png", picture), "rgb16; png compressed bgr16"))
        assert image.dtype == np.uint8 and np.abs(image - picture / 257.0).max() <= 0.51

    def test_alpha_is_dropped(self) -> None:
        picture = random_data("bgra8", 8, 4).reshape(4, 8, 4)
        assert np.array_equal(image_from_compressed(compressed(encode(".png", picture))), picture[:, :, :3])

    @pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
    def test_a_mosaic_in_a_png_becomes_colour(self, pattern: str) -> None:
        mosaic = random_data(f"bayer_{pattern}8", 12, 8)
        image = image_from_compressed(compressed(encode(".png", mosaic), f"bayer_{pattern}8; png compressed "))
        assert np.array_equal(image, image_from_message(message(mosaic, f"bayer_{pattern}8", 12, 8)))

    def test_exif_orientation_is_ignored(self) -> None:
        exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
        data = encode(".jpg", smooth())
        turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
        assert image_from_compressed(compressed(turned)).shape == (48, 64, 3)

    def test_bytes_after_the_image_are_ignored(self) -> None:
        data = encode(".jpg", smooth())
        assert image_from_compressed(compressed(data + bytes(100))).shape == (48, 64, 3)

    @pytest.mark.parametrize("extension", [".jpg", ".png"])
    @pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
    def test_cut_off(self, extension: str, share: float) -> None:
        data = encode(extension, random_data("bgr8", 64, 48).reshape(48, 64, 3))
        with pytest.raises(ImageError, match="cut off|neither|expected 1 to"):
            image_from_compressed(compressed(data[: int(len(data) * share)]))

    def test_cut_off_behind_a_thumbnail(self) -> None:
        data, thumbnail = encode(".jpg", smooth()), encode(".jpg", smooth(8, 8))
        whole = data[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + data[2:]
        assert image_from_compressed(compressed(whole)).shape == (48, 64, 3)
        with pytest.raises(ImageError, match="JPEG of 64x48 in .* is cut off"):
            image_from_compressed(compressed(whole[:-30]))

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (png_header(100_000, 100_000) + PNG_END, "PNG of 100000x100000 .* expected 1 to 35389440 pixels"),
            (png_header(0, 10) + PNG_END, "PNG of 0x10"),
            (png_header(64, 64) + struct.pack(">I4s", 2**31 - 1, b"IDAT") + PNG_END, "PNG of 64x64 .* is cut off"),
            (png_header(64, 64) + struct.pack(">I4sI", 2**32 - 1, b"IEND", 0), "PNG of 64x64 .* is cut off"),
            (png_header(64, 64) + PNG_END, "PNG of 64x64 .* is corrupt"),
            (
                b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 65535, 65535) + bytes(20) + b"\xff\xd9",
                "JPEG of 65535x65535",
            ),
            (b"\xff\xd8\xff\xd9", "JPEG of 0x0"),
            (b"\xff\xd8" + b"\xff\xd0" * 1_000_000, "JPEG of 0x0"),
        ],
    )
    def test_bombs_are_refused_before_they_are_decoded(
        self, data: bytes, says: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if "corrupt" not in says:
            monkeypatch.setattr(cv2, "imdecode", None)
        with pytest.raises(ImageError, match=says):
            image_from_compressed(compressed(data))

    @pytest.mark.parametrize(
        ("data", "format", "says"),
        [
            (b"", "jpeg", "0 bytes of format 'jpeg' are neither a JPEG nor a PNG"),
            (b"\x00\x00\x00\x01gB", "h264", "6 bytes of format 'h264' are neither"),
            (
                encode(".png", np.ones((4, 4), np.uint16)),
                "16UC1; compressedDepth png",
                "is a depth image; expected JPEG",
            ),
        ],
    )
    def test_other_formats_are_refused(self, data: bytes, format: str, says: str) -> None:
        with pytest.raises(ImageError, match=says):
            image_from_compressed(compressed(data, format))

    @settings(max_examples=300, deadline=None)
    @given(
        start=st.sampled_from(
            [
                b"",
                encode(".jpg", smooth(16, 16)),
                encode(".png", smooth(16, 16)),
                encode(".png", smooth(16, 16)[:, :, 0].astype(np.uint16) * 257),
            ]
        ),
        cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.binary(max_size=8)), max_size=4),
        format=st.sampled_from(["jpeg", "rgb8; jpeg compressed rgb8", "bayer_rggb8; png compressed "])
        | st.text(max_size=9),
    )
    def test_any_message_is_decoded_or_refused(
        self, start: bytes, cuts: list[tuple[float, int, bytes]], format: str
    ) -> None:
        data = start
        for place, skip, insert in cuts:
            at = int(place * len(data))
            data = data[:at] + insert + data[at + skip :]
        try:
            image = image_from_compressed(compressed(data, format))
        except ImageError as error:
            assert "\n" not in str(error)
        else:
            assert image.dtype in (np.uint8, np.uint16) and image.shape[2:] in ((), (3,)) and image.size
