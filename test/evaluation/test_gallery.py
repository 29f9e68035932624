# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The worst frames come first, and their errors are where they belong."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from people_perception.evaluation.coco import AnnotatedImage
from people_perception.evaluation.gallery import FALSE_ALARM, MISSED, RIGHT, Gallery
from people_perception.evaluation.metrics import Truth, match
from people_perception.results import Detections

Box = tuple[float, float, float, float]


@pytest.fixture
def image(tmp_path: Path) -> AnnotatedImage:
    path = tmp_path / "street & square.png"
    cv2.imwrite(str(path), np.zeros((300, 400, 3), np.uint8))
    return AnnotatedImage(1, path, (400, 300))


def add(gallery: Gallery, image: AnnotatedImage, found: list[Box], true: list[Box]) -> None:
    detections = Detections(
        np.array(found, np.float32).reshape(-1, 4),
        np.ones(len(found), np.float32),
        np.zeros(len(found), np.int64),
        ("person",),
    )
    truth = Truth(np.array(true, np.float32).reshape(-1, 4), np.zeros(len(true), np.int64), np.zeros(len(true), bool))
    gallery.add_boxes(image, detections, truth, match(detections, truth))


def near(picture: np.ndarray, x: int, y: int, colour: tuple[int, int, int]) -> bool:
    """Whether the colour is within three pixels, as JPEG has it."""
    patch = picture[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4].astype(int)
    return bool((np.abs(patch - colour).sum(axis=-1) < 120).any())


def test_the_three_kinds_of_box_have_their_colours(tmp_path: Path, image: AnnotatedImage) -> None:
    right, alarm, missed = (50.0, 100.0, 100.0, 200.0), (150.0, 100.0, 200.0, 200.0), (250.0, 100.0, 300.0, 200.0)
    gallery = Gallery(tmp_path / "out")
    add(gallery, image, [right, alarm], [right, missed])
    gallery.write("title", {})
    picture = cv2.imread(str(tmp_path / "out" / "01_street & square.jpg"))
    for x, colour in ((50, RIGHT), (150, FALSE_ALARM), (250, MISSED)):
        assert near(picture, x, 160, colour) or near(picture, x, 167, colour)  # a dash may end here
        assert not near(picture, x + 25, 150, colour)


def test_the_three_kinds_of_pixel_have_their_colours(tmp_path: Path, image: AnnotatedImage) -> None:
    truth, mask = np.zeros((300, 400), np.uint8), np.zeros((300, 400), np.uint8)
    truth[:, :200] = 1
    mask[:, 100:300] = 1
    gallery = Gallery(tmp_path / "out")
    gallery.add_mask(image, mask, truth, np.ones((300, 400), bool))
    gallery.write("title", {})
    picture = cv2.imread(str(tmp_path / "out" / "01_street & square.jpg"))
    for x, colour in ((50, MISSED), (150, RIGHT), (250, FALSE_ALARM), (350, (0, 0, 0))):
        np.testing.assert_allclose(picture[150, x], np.array(colour) / 2, atol=12)


def test_the_worst_come_first_and_only_so_many(tmp_path: Path, image: AnnotatedImage) -> None:
    gallery = Gallery(tmp_path / "out", size=3)
    boxes = [(20.0 * i, 0.0, 20.0 * i + 15, 30.0) for i in range(10)]
    for wrong in (1, 4, 2, 4, 0, 3):
        add(gallery, image, boxes[:wrong], [])
    page = gallery.write("title", {})
    captions = re.findall(r"<figcaption>.*?: (.*?)</figcaption>", page.read_text())
    assert captions == ["0 right, 4 false, 0 missed"] * 2 + ["0 right, 3 false, 0 missed"]
    assert sorted(p.name for p in page.parent.iterdir()) == [
        *(f"0{i}_street & square.jpg" for i in (1, 2, 3)), "contact_sheet.jpg", "index.html",
    ]  # fmt: skip


def test_the_page_shows_the_figures_and_escapes_names(tmp_path: Path, image: AnnotatedImage) -> None:
    gallery = Gallery(tmp_path / "out")
    add(gallery, image, [], [(10, 10, 50, 50)])
    page = gallery.write("PeopleNet on <COCO>", {"AP50": "0.5051"}).read_text()
    assert "<h1>PeopleNet on &lt;COCO&gt;</h1>" in page
    assert "<th>AP50</th><td>0.5051</td>" in page
    assert 'src="01_street &amp; square.jpg"' in page


def test_without_an_error_there_is_a_page_that_says_so(tmp_path: Path, image: AnnotatedImage) -> None:
    gallery = Gallery(tmp_path / "out")
    add(gallery, image, [(10, 10, 50, 50)], [(10, 10, 50, 50)])
    page = gallery.write("title", {})
    assert "No frame has an error." in page.read_text()
    assert [p.name for p in page.parent.iterdir()] == ["index.html"]
