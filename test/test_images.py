# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which files are meant, and their pixels as a model takes them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from people_perception.errors import PerceptionError
from people_perception.images import find_images, read_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.JPG", "notes.txt", "deep/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def names(folder: Path, *given: str) -> list[str]:
    return [str(p.relative_to(folder)) for p in find_images(str(folder / g) for g in given)]


def test_a_folder_is_its_images_in_order_and_not_deeper(folder: Path) -> None:
    assert names(folder, "") == ["a.JPG", "b.png"]


def test_what_is_given_comes_in_the_order_given(folder: Path) -> None:
    assert names(folder, "b.png", "deep", "a.JPG") == ["b.png", "deep/c.png", "a.JPG"]


def test_patterns_are_resolved_in_order(folder: Path) -> None:
    assert names(folder, "*.png") == ["b.png"]
    assert names(folder, "**/*.png") == ["b.png", "deep/c.png"]


def test_a_name_with_brackets_is_the_file_if_there_is_one(folder: Path) -> None:
    (folder / "frame[1].png").touch()
    assert names(folder, "frame[1].png") == ["frame[1].png"]


def test_a_file_that_is_not_there_is_left_to_the_reader(folder: Path) -> None:
    assert names(folder, "missing.png") == ["missing.png"]
    with pytest.raises(PerceptionError, match=r"missing.png: no such file or directory$"):
        read_image(folder / "missing.png")


def test_no_image_at_all_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    for given in ("empty", "*.bmp"):
        with pytest.raises(PerceptionError, match="no image there; expected a file, a folder or a pattern of .bmp"):
            names(folder, given)


def test_pixels_of_every_kind(tmp_path: Path) -> None:
    colour = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    grey = colour[:, :, 0]
    kinds = {
        "colour.png": (colour, colour),
        "alpha.png": (np.dstack([colour, grey]), colour),
        "grey.png": (grey, grey),
        "infrared.png": (grey.astype(np.uint16) * 500, grey.astype(np.uint16) * 500),
        "deep.png": (colour.astype(np.uint16) * 257, colour),
    }
    for name, (written, expected) in kinds.items():
        path = tmp_path / name
        assert cv2.imwrite(str(path), written)
        found = read_image(path)
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_a_photograph_stands_upright(tmp_path: Path) -> None:
    photo = Image.new("RGB", (60, 40), (0, 0, 255))
    photo.paste((255, 0, 0), (0, 0, 30, 40))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter: the left side is up
    photo.save(tmp_path / "phone.jpg", exif=exif)
    image = read_image(tmp_path / "phone.jpg")
    assert image.shape == (60, 40, 3)
    assert image[5, 20, 2] > 200 and image[55, 20, 0] > 200


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.png", b"", "not an image that OpenCV can read"),
        ("page.jpg", b"<html>", "not an image that OpenCV can read"),
        ("folder", None, "is a directory"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(PerceptionError, match=f"{name}: {message}"):
        read_image(path)


def test_depths_that_no_camera_has_are_named(tmp_path: Path) -> None:
    path = tmp_path / "depth.tiff"
    assert cv2.imwrite(str(path), np.ones((4, 4), np.float32))
    with pytest.raises(PerceptionError, match="depth.tiff: its pixels are float32; expected 8 or 16 bits"):
        read_image(path)
