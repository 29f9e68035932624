# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is drawn is where it belongs, in a colour that stays, and quick enough for a camera."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from people_perception.draw import (
    annotated,
    contact_sheet,
    draw_box,
    draw_detections,
    draw_mask,
    draw_result,
    draw_text,
    to_colour,
)
from people_perception.palette import COLOURS, colour_mask
from people_perception.results import Detections, Instances, Segmentation

LABELS = ("background", "person")


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    return np.full((480, 640, 3), 100, np.uint8)


def people(*boxes: tuple[float, float, float, float], tracks: list[int] | None = None) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.linspace(0.9, 0.5, n, dtype=np.float32),
        np.ones(n, np.int64),
        LABELS,
        None if tracks is None else np.array(tracks),
    )


def changed(before: NDArray, after: NDArray) -> NDArray[np.bool_]:
    return (before != after).any(axis=-1)


def test_the_image_itself_is_not_drawn_on(grey: NDArray) -> None:
    before = grey.copy()
    picture = annotated(grey, people((100, 100, 200, 300)))
    np.testing.assert_array_equal(grey, before)
    assert changed(grey, picture).any()


def test_a_box_is_on_its_edges_and_leaves_its_inside(grey: NDArray) -> None:
    picture = grey.copy()
    draw_box(picture, np.array([100.2, 119.8, 200.4, 300.0]), (0, 255, 0))
    touched = changed(grey, picture)
    rows, columns = touched.any(axis=1).nonzero()[0], touched.any(axis=0).nonzero()[0]
    assert abs(columns[0] - 100) <= 2 and abs(columns[-1] - 200) <= 2
    assert abs(rows[0] - 120) <= 2 and abs(rows[-1] - 300) <= 2
    assert not touched[125:295, 105:195].any()
    assert (picture[touched] == (0, 255, 0)).all()


def test_dashes_are_on_the_same_edges(grey: NDArray) -> None:
    whole, dashed = grey.copy(), grey.copy()
    draw_box(whole, np.array([100, 120, 200, 300]), (0, 255, 0))
    draw_box(dashed, np.array([100, 120, 200, 300]), (0, 255, 0), dashed=True)
    share = changed(grey, dashed).sum() / changed(grey, whole).sum()
    assert 0.4 < share < 0.8


@pytest.mark.parametrize("box", [(0, 0, 40, 40), (600, 0, 640, 480), (-50, -50, 700, 500), (620, 460, 640, 480)])
def test_a_label_stays_in_the_picture(grey: NDArray, box: tuple[float, float, float, float]) -> None:
    bare, labelled = grey.copy(), grey.copy()
    draw_result(bare, people(box), show_labels=False)
    draw_result(labelled, people(box))
    plate = changed(bare, labelled)
    reference = grey.copy()
    draw_text(reference, "person 0.90", (200, 200), (0, 255, 0))
    # As large as a plate in the middle of the picture, but for what the box itself has drawn already.
    assert plate.sum() > 0.7 * changed(grey, reference).sum()


def test_text_is_read_on_light_and_on_dark(grey: NDArray) -> None:
    light, dark = grey.copy(), grey.copy()
    draw_text(light, "person", (200, 200), (0, 255, 255))
    draw_text(dark, "person", (200, 200), (120, 0, 0))
    assert light[..., 2].min() < 50
    assert dark[..., 2].max() > 200


@pytest.mark.parametrize(("height", "tallest"), [(240, 20), (480, 20), (1080, 40), (2160, 80)])
def test_text_grows_with_the_picture(height: int, tallest: int) -> None:
    picture = np.zeros((height, height * 16 // 9, 3), np.uint8)
    draw_text(picture, "person 0.90", (10, height // 2), (255, 255, 255))
    tall = np.ptp(picture.any(axis=(1, 2)).nonzero()[0])
    assert tallest / 3 < tall < tallest


def test_the_best_is_on_top(grey: NDArray) -> None:
    picture = grey.copy()
    draw_detections(picture, people((100, 100, 200, 300), (100, 100, 200, 300), tracks=[3, 4]), show_labels=False)
    np.testing.assert_array_equal(picture[200, 100], COLOURS[3])


def test_a_track_keeps_its_colour_wherever_it_comes_in_the_list(grey: NDArray) -> None:
    one, two = grey.copy(), grey.copy()
    draw_detections(one, people((50, 50, 90, 90), (300, 200, 400, 400), tracks=[7, 2]), show_labels=False)
    draw_detections(two, people((300, 200, 400, 400), (500, 50, 590, 90), tracks=[2, 9]), show_labels=False)
    np.testing.assert_array_equal(one[300, 300], COLOURS[2])
    np.testing.assert_array_equal(two[300, 300], COLOURS[2])


def test_a_mask_is_blended_where_it_is_and_nowhere_else(grey: NDArray) -> None:
    mask = np.zeros((480, 640), np.uint8)
    mask[100:200, 300:400] = 1
    picture = grey.copy()
    draw_mask(picture, mask, opacity=0.25)
    np.testing.assert_array_equal(changed(grey, picture), mask > 0)
    np.testing.assert_allclose(picture[150, 350], 75 + 0.25 * COLOURS[1], atol=1)


@pytest.mark.parametrize("mask", [np.zeros((480, 640), np.uint8), np.zeros((480, 640), np.uint16)])
def test_nobody_is_drawn_as_nothing(grey: NDArray, mask: NDArray) -> None:
    picture = grey.copy()
    draw_mask(picture, mask)
    draw_result(picture, people())
    draw_result(picture, Instances(people(), np.zeros((0, 480, 640), bool)))
    np.testing.assert_array_equal(picture, grey)


def test_an_instance_has_one_colour_for_box_and_mask(grey: NDArray) -> None:
    masks = np.zeros((2, 480, 640), bool)
    masks[0, 110:290, 110:190] = True
    masks[1, 110:290, 310:390] = True
    boxes = ((100, 100, 200, 300), (300, 100, 400, 300))
    picture = grey.copy()
    draw_result(picture, Instances(people(*boxes), masks), mask_opacity=1.0, show_labels=False)
    for x, i in ((100, 1), (300, 2)):
        np.testing.assert_array_equal(picture[200, x], COLOURS[i])
        np.testing.assert_array_equal(picture[200, x + 50], COLOURS[i])
    # Tracked, both follow the track.
    picture = grey.copy()
    draw_result(picture, Instances(people(*boxes, tracks=[12, 5]), masks), mask_opacity=1.0, show_labels=False)
    for x, i in ((100, 12), (300, 5)):
        np.testing.assert_array_equal(picture[200, x], COLOURS[i])
        np.testing.assert_array_equal(picture[200, x + 50], COLOURS[i])


def test_ids_beyond_the_table_start_again(grey: NDArray) -> None:
    ids = np.zeros((480, 640), np.uint16)
    ids[:, 100:200] = 256
    ids[:, 200:300] = 65535
    picture = colour_mask(ids)
    np.testing.assert_array_equal(picture[0, [50, 150, 250]], COLOURS[[0, 1, 255]])
    draw_detections(grey, people((10, 10, 20, 20), tracks=[10**12]))


def test_neighbouring_colours_are_told_apart() -> None:
    assert len(np.unique(COLOURS, axis=0)) > 250
    distance = np.abs(np.diff(COLOURS[1:].astype(int), axis=0)).sum(axis=1)
    assert distance.min() > 150


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_grey_image_becomes_a_colour_picture(dtype: type) -> None:
    image = np.linspace(0, np.iinfo(dtype).max, 100 * 100).reshape(100, 100).astype(dtype)
    picture = to_colour(image)
    assert (picture.shape, picture.dtype) == ((100, 100, 3), np.uint8)
    assert picture[-1, -1].tolist() == [255, 255, 255]
    np.testing.assert_allclose(picture[50, 0], 128, atol=6)  # of 16 bits the percentiles lie a little inside


def test_a_contact_sheet_keeps_aspects_and_order() -> None:
    red, green = np.zeros((100, 400, 3), np.uint8), np.zeros((400, 100, 3), np.uint8)
    red[..., 2], green[..., 1] = 255, 255
    sheet = contact_sheet([red, green, red], columns=2, cell=(80, 60))
    assert sheet.shape == (120, 160, 3)
    assert [sheet[y, x].argmax() for y, x in ((30, 40), (30, 120), (90, 40))] == [2, 1, 2]
    assert (sheet[..., 2] == 255).sum() == 2 * 80 * 20
    assert (sheet[..., 1] == 255).sum() == 60 * 15


def test_a_full_hd_frame_costs_less_than_a_camera_allows() -> None:
    picture = np.zeros((1080, 1920, 3), np.uint8)
    mask = np.zeros((1080, 1920), np.uint16)
    for i in range(10):
        mask[100:900, 100 + 170 * i : 200 + 170 * i] = i + 1
    found = people(*((100 + 170 * i, 100, 200 + 170 * i, 900) for i in range(10)))
    seconds = []
    for _ in range(5):
        start = time.process_time()
        draw_mask(picture, mask)
        draw_detections(picture, found)
        seconds.append(time.process_time() - start)
    # Of the processor; about 5 ms on one core of a laptop. A 30 Hz frame has 33.
    assert min(seconds) < 0.033


def test_a_segmentation_is_its_mask(grey: NDArray) -> None:
    mask = np.ones((480, 640), np.uint8)
    one, two = grey.copy(), grey.copy()
    draw_result(one, Segmentation(mask, LABELS), mask_opacity=0.3)
    draw_mask(two, mask, opacity=0.3)
    np.testing.assert_array_equal(one, two)
