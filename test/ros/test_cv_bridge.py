# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""cv_bridge and OpenCV alone give the same pixels, and one that does not work does no harm.

The recording (record_cv_bridge.py) holds what `CvBridge.imgmsg_to_cv2`, built from its ROS 2 sources with OpenCV 4.6,
gave for random images in the nine encodings that it converts to bgr8. Where a cv_bridge is installed and works, that is
compared as well. nv12, nv21, uyvy and yuyv are unknown to it in some distributions: it is not asked for them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from image_messages import ROW_BYTES, message, random_data
from record_cv_bridge import CHANNELS as BRIDGED
from record_cv_bridge import RECORDING

from people_perception.ros import image as image_module
from people_perception.ros.image import image_from_message


@pytest.fixture(autouse=True)
def _choose_anew() -> Iterator[None]:
    choose = image_module._cv_bridge
    choose.cache_clear()
    yield
    choose.cache_clear()


@pytest.mark.parametrize("encoding", BRIDGED)
def test_opencv_gives_the_pixels_recorded_from_cv_bridge(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_module, "_cv_bridge", lambda: None)
    with np.load(RECORDING) as recording:
        data, expected = recording[encoding], recording[f"{encoding}.bgr8"]
    height, width = expected.shape[:2]
    assert np.array_equal(image_from_message(message(data, encoding, width, height)), expected)


@pytest.mark.parametrize("encoding", BRIDGED)
def test_opencv_gives_the_pixels_of_the_cv_bridge_installed_here(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = image_module._cv_bridge()
    if convert is None:
        pytest.skip("no cv_bridge is installed here, or it does not work")
    sent = message(random_data(encoding, 38, 21), encoding, 38, 21)
    monkeypatch.setattr(image_module, "_cv_bridge", lambda: None)
    assert np.array_equal(image_from_message(sent), convert(sent, "bgr8"))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """A cv_bridge of a few lines, found by this process and by those it starts."""
    (folder / "cv_bridge.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setitem(sys.modules, "cv_bridge", None)  # so that what is imported instead is forgotten again
    del sys.modules["cv_bridge"]


def test_converts_what_is_not_a_view_and_nothing_that_it_gets_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "class CvBridge:\n    def imgmsg_to_cv2(self, message, encoding): return message.encoding, encoding"
    install(tmp_path, monkeypatch, code)
    converted = {}
    for encoding in ROW_BYTES:
        data = random_data(encoding, 6, 4)
        converted[encoding] = image_from_message(message(data, encoding, 6, 4))
        assert isinstance(image_from_message(message(data, encoding, 6, 4, padding=2)), np.ndarray)
        assert isinstance(image_from_message(message(data, encoding, 6, 4, is_bigendian=True)), np.ndarray)
    for encoding, result in converted.items():
        assert result == (encoding, "bgr8") if encoding in BRIDGED else isinstance(result, np.ndarray)


def test_what_it_refuses_is_converted_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "class CvBridgeError(TypeError): pass\n"
        "class CvBridge:\n    def imgmsg_to_cv2(self, message, encoding):\n"
        "        if message.width > 1: raise CvBridgeError('no way')"
    )
    install(tmp_path, monkeypatch, code)
    data = random_data("rgb8", 6, 4)
    image = image_from_message(message(data, "rgb8", 6, 4))
    assert np.array_equal(image, data.reshape(4, 6, 3)[:, :, ::-1])


@pytest.mark.parametrize(
    "code",
    [
        "import a_library_that_nobody_has",
        "class CvBridge:\n    def imgmsg_to_cv2(*_): raise SystemError('built for another numpy')",
        "import os, signal\nclass CvBridge:\n    def imgmsg_to_cv2(*_): os.kill(os.getpid(), signal.SIGSEGV)",
    ],
    ids=["import", "exception", "segmentation fault"],
)
def test_a_broken_one_is_replaced_and_logged_once(
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install(tmp_path, monkeypatch, code)
    data = random_data("rgb8", 6, 4)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            image = image_from_message(message(data, "rgb8", 6, 4))
    assert np.array_equal(image, data.reshape(4, 6, 3)[:, :, ::-1])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cv_bridge" in caplog.text
