# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A camera's message becomes an array: bgr8 and mono images without a copy, every other encoding as BGR."""

from __future__ import annotations

import functools
import importlib.util
import logging
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image

MAX_COMPRESSED_PIXELS = 8192 * 4320
"""A compressed image that claims more pixels than 8K cinema is refused before it is decoded."""


class ImageError(PerceptionError):
    """An image message that cannot be read: its fields contradict each other, or its encoding is not supported."""


class _Encoding(NamedTuple):
    """How pixels lie in a message."""

    channels: int
    to_bgr: int | None = None  # OpenCV's conversion; None: they are used as they are
    dtype: str = "u1"
    smallest: int = 1
    even_width: bool = False  # two pixels of a row share their chroma
    chroma_below: bool = False  # so do two rows, and chroma follows in half as many rows of the same step


# ROS names a Bayer mosaic by its first pixels, OpenCV by those one row and column on: bayer_rggb8 is OpenCV's BG.
_BAYER = {
    "bayer_rggb8": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr8": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg8": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg8": cv2.COLOR_BayerGB2BGR,
}
_ENCODINGS = {
    "bgr8": _Encoding(3),
    "8UC3": _Encoding(3),
    "mono8": _Encoding(1),
    "8UC1": _Encoding(1),
    "mono16": _Encoding(1, dtype="u2"),
    "16UC1": _Encoding(1, dtype="u2"),
    "rgb8": _Encoding(3, cv2.COLOR_RGB2BGR),
    "rgba8": _Encoding(4, cv2.COLOR_RGBA2BGR),
    "bgra8": _Encoding(4, cv2.COLOR_BGRA2BGR),
    # OpenCV's demosaicing gives black below 3x3.
    **{name: _Encoding(1, code, smallest=3) for name, code in _BAYER.items()},
    "yuv422": _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, even_width=True),
    "uyvy": _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, even_width=True),
    "yuv422_yuy2": _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, even_width=True),
    "yuyv": _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, even_width=True),
    "nv12": _Encoding(1, cv2.COLOR_YUV2BGR_NV12, even_width=True, chroma_below=True),
    "nv21": _Encoding(1, cv2.COLOR_YUV2BGR_NV21, even_width=True, chroma_below=True),
}
# What the cv_bridge of every supported distribution converts to bgr8.
_CV_BRIDGE_ENCODINGS = frozenset(("rgb8", "rgba8", "bgra8", "yuv422", "yuv422_yuy2", *_BAYER))


def image_from_message(message: Image) -> NDArray:
    """The pixels of a sensor_msgs/Image.

    Args:
        message: of an encoding in bgr8, rgb8, bgra8, rgba8, 8UC3 (taken as BGR), mono8, 8UC1, mono16, 16UC1,
            bayer_{rggb,bggr,gbrg,grbg}8, yuv422 or uyvy, yuv422_yuy2 or yuyv, nv12, nv21. ``step`` may be longer than
            a row, and ``is_bigendian`` counts for 16 bit. For nv12 and nv21, ``height`` is that of the picture, and
            ``data`` has half as many rows again for the chroma plane.

    Returns:
        (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 for the mono encodings. bgr8, 8UC3 and the mono encodings are a
        read-only view of ``message.data``, padding or not; copy it to draw on it. (Only big-endian 16-bit images, and
        those with an odd ``step``, are copied.)

    Raises:
        ImageError: an encoding that is not supported, an image without pixels, or fields that contradict each other.
    """
    encoding = _ENCODINGS.get(message.encoding)
    if encoding is None:
        accepted = ", ".join(_ENCODINGS)
        raise ImageError(f"encoding {message.encoding[:40]!r} is not supported; expected one of {accepted}")
    view = _view(message, encoding)
    if encoding.to_bgr is None:
        return view
    converted = _by_cv_bridge(message, view)
    if converted is not None:
        return converted
    try:
        return cv2.cvtColor(view, encoding.to_bgr)
    except cv2.error as error:
        raise ImageError(f"{_name(message)} cannot be converted to bgr8: {' '.join(str(error).split())}") from error


_DEPTHS = {
    "16UC1": (_Encoding(1, dtype="u2"), 0.001),
    "mono16": (_Encoding(1, dtype="u2"), 0.001),
    "32FC1": (_Encoding(1, dtype="f4"), 1.0),
}


def depth_from_message(message: Image) -> tuple[NDArray, float]:
    """The depths of a sensor_msgs/Image, and how many metres a value of 1 is (REP 118).

    Args:
        message: 16UC1 or mono16 in millimetres, 0 for unknown; or 32FC1 in metres, not finite for unknown.

    Returns:
        (H, W) uint16 or float32, a read-only view where that is possible, and the unit.

    Raises:
        ImageError: another encoding, or fields that contradict each other.
    """
    if message.encoding not in _DEPTHS:
        raise ImageError(f"encoding {message.encoding[:40]!r} is no depth; expected one of {', '.join(_DEPTHS)}")
    encoding, unit = _DEPTHS[message.encoding]
    return _view(message, encoding), unit


def _view(message: Image, encoding: _Encoding) -> NDArray:
    """The data as (rows, W) or (rows, W, C), where it lies, after every check."""
    width, height, step = message.width, message.height, message.step
    if width < encoding.smallest or height < encoding.smallest:
        raise ImageError(f"{_name(message)}: expected {encoding.smallest}x{encoding.smallest} or more")
    if (encoding.even_width and width % 2) or (encoding.chroma_below and height % 2):
        raise ImageError(f"{_name(message)}: expected an even width{' and height' if encoding.chroma_below else ''}")
    dtype = np.dtype(encoding.dtype).newbyteorder(">" if message.is_bigendian else "<")
    row = width * encoding.channels * dtype.itemsize
    if step < row:
        raise ImageError(f"{_name(message)}: step is {step} bytes; expected {row} or more")
    rows = height * 3 // 2 if encoding.chroma_below else height
    if len(message.data) < rows * step:
        raise ImageError(
            f"{_name(message)} with a step of {step}: data has {len(message.data)} bytes; expected {rows * step}"
        )
    shape: tuple[int, ...] = (rows, width)
    strides: tuple[int, ...] = (step, encoding.channels * dtype.itemsize)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, dtype.itemsize)
    view = np.ndarray(shape, dtype, buffer=message.data, strides=strides)
    view.flags.writeable = False
    if not dtype.isnative or step % dtype.itemsize:  # OpenCV takes neither
        return view.astype(dtype.newbyteorder("="))
    return view


def _name(message: Image) -> str:
    return f"{message.encoding} image of {message.width}x{message.height}"


def _by_cv_bridge(message: Image, view: NDArray) -> NDArray | None:
    """What cv_bridge makes of a message; None if it is not there, or does not read such a message rightly.

    It takes padding for pixels, and with numpy 2 it fails on messages that say they are big-endian.
    """
    packed = view.nbytes == message.step * message.height and not message.is_bigendian
    bridge = _cv_bridge() if packed and message.encoding in _CV_BRIDGE_ENCODINGS else None
    try:
        return None if bridge is None else bridge(message, "bgr8")
    except TypeError:  # CvBridgeError: a version that does not know the encoding
        return None


_CV_BRIDGE_PROBE = """
from cv_bridge import CvBridge
from sensor_msgs.msg import Image
CvBridge().imgmsg_to_cv2(Image(height=1, width=1, encoding="rgb8", step=3, data=bytes(3)), "bgr8")
"""


@functools.cache
def _cv_bridge() -> Callable[[Image, str], NDArray] | None:
    """cv_bridge's conversion; None where it is not installed, or broken, which is logged once."""
    if importlib.util.find_spec("cv_bridge") is None:
        return None
    # A cv_bridge that was built for another numpy imports all the same, and its first conversion ends the process with
    # a segmentation fault. So that one happens in another process, which imports nothing from the working directory.
    command = [sys.executable, "-c", _CV_BRIDGE_PROBE]
    try:
        subprocess.run(command, cwd="/", check=True, capture_output=True, timeout=30)
        from cv_bridge import CvBridge
    except (OSError, subprocess.SubprocessError, ImportError) as error:
        logging.getLogger(__name__).warning("cv_bridge does not work here, OpenCV converts instead: %s", error)
        return None
    return CvBridge().imgmsg_to_cv2


def image_from_compressed(message: CompressedImage) -> NDArray:
    """The pixels of a sensor_msgs/CompressedImage that holds a JPEG or a PNG, whatever its ``format`` calls it.

    Args:
        message: its ``format`` ("jpeg", "rgb8; jpeg compressed bgr8", "mono16; png compressed ", …) is used only for
            what the data does not tell: compressedDepth, the channels' order if it says "compressed rgb", and which
            Bayer mosaic a greyscale PNG is. EXIF orientation is ignored, so that pixels are those of CameraInfo.

    Returns:
        (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16 of a greyscale image. Alpha is dropped, and 16-bit colour is
        brought to 8 bit. (The JPEG of a mono16 image has 8 bit.)

    Raises:
        ImageError: neither JPEG nor PNG, cut off, corrupt, or of more than `MAX_COMPRESSED_PIXELS`.
    """
    if "compresseddepth" in message.format.lower():
        raise ImageError(f"format {message.format[:60]!r} is a depth image; expected JPEG or PNG")
    data = bytes(message.data)
    if data.startswith(b"\xff\xd8"):
        kind, (width, height, header_end) = "JPEG", _jpeg_frame(data)
        # An EXIF thumbnail before the frame header has an end of its own.
        end = data.find(b"\xff\xd9", header_end)
    elif data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        kind, (width, height) = "PNG", struct.unpack_from(">II", data, 16)
        end = _png_end(data)
    else:
        raise ImageError(f"{len(data)} bytes of format {message.format[:60]!r} are neither a JPEG nor a PNG")
    name = f"{kind} of {width}x{height} in {len(data)} bytes"
    if not 0 < width * height <= MAX_COMPRESSED_PIXELS:
        raise ImageError(f"{name}: expected 1 to {MAX_COMPRESSED_PIXELS} pixels")
    if end < 0:  # older OpenCV gives an image that is grey where data is missing
        raise ImageError(f"{name} is cut off; expected it whole")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _DECODE)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != (height, width):
        raise ImageError(f"{name} is corrupt")
    if image.ndim == 3:
        if image.dtype == np.uint16:
            image = cv2.convertScaleAbs(image, alpha=255 / 65535)
        return cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if "compressed rgb" in message.format else image
    mosaic = _BAYER.get(message.format.partition(";")[0]) if kind == "PNG" else None
    if mosaic is not None and image.dtype == np.uint8 and min(width, height) >= 3:
        return cv2.cvtColor(image, mosaic)
    return image


_DECODE = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15 without DHT, JPG and DAC
_JPEG_ALONE = frozenset((0x00, 0x01, *range(0xD0, 0xD9)))  # markers without a length


def _jpeg_frame(data: bytes) -> tuple[int, int, int]:
    """Width, height and the offset of the first frame header of a JPEG (ITU T.81, annex B), zeros if there is none."""
    at = 2
    for _ in range(1000):  # data of nothing but markers must not take long
        at = data.find(b"\xff", at)
        if at < 0 or at + 9 > len(data):
            break
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height, at
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return 0, 0, 0


def _png_end(data: bytes) -> int:
    """The offset of a PNG's last chunk; -1 if that is not empty, or a chunk before it is longer than the data.

    OpenCV reserves what the length of a chunk says before it looks for that many bytes, which may be gigabytes.
    """
    at = 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            return -1 if length else at
        at += 12 + length
    return -1
