# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Positions in scenes whose geometry is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from people_perception.errors import PerceptionError
from people_perception.people_3d import Camera, Position, locate, make_camera, moved, rotation_matrix

SIZE = (640, 480)
K = (500.0, 0.0, 319.5, 0.0, 500.0, 239.5, 0.0, 0.0, 1.0)
CAMERA = make_camera(SIZE, K, "plumb_bob", [])
WALL = 6.0


def scene(*persons: tuple[tuple[int, int, int, int], float], unit: float = 0.001, wall: float = WALL) -> np.ndarray:
    """A wall with flat persons before it; uint16 for millimetres, float32 for metres."""
    depth = np.full(SIZE[::-1], wall, np.float64)
    for (x1, y1, x2, y2), z in persons:
        depth[y1:y2, x1:x2] = z
    return np.round(depth / unit).astype(np.uint16) if unit < 1 else depth.astype(np.float32)


def place(depth: np.ndarray, box: tuple[float, ...], camera: Camera = CAMERA, **more: object) -> Position:
    unit = 0.001 if depth.dtype == np.uint16 else 1.0
    position = locate(depth, unit, camera, np.array(box), **more)  # type: ignore[arg-type]
    assert position is not None
    return position


@pytest.mark.parametrize("unit", [0.001, 1.0])
def test_a_person_straight_ahead(unit: float) -> None:
    # 100 pixels at 2 m and 500 pixels of focal length are 0.4 m
    position = place(scene(((270, 140, 370, 340), 2.0), unit=unit), (270, 140, 370, 340))
    assert position.centre == pytest.approx([0, 0, 2], abs=1e-6)
    assert position.size == pytest.approx([0.4, 0.8, 0.0], abs=1e-6)


def test_a_person_at_the_side() -> None:
    position = place(scene(((520, 40, 620, 240), 3.0)), (520, 40, 620, 240))
    assert position.centre == pytest.approx([3 * 250 / 500, 3 * -100 / 500, 3], abs=1e-6)


def test_never_the_wall_behind_a_person_who_fills_a_third_of_the_box() -> None:
    depth = scene(((300, 140, 340, 340), 2.0))
    assert place(depth, (260, 140, 380, 340)).centre[2] == pytest.approx(2.0)


def test_not_the_pole_in_front() -> None:
    depth = scene(((270, 140, 370, 340), 3.0), ((316, 0, 324, 480), 1.0))
    assert place(depth, (270, 140, 370, 340)).centre[2] == pytest.approx(3.0)


def test_a_mask_finds_the_person_behind_another() -> None:
    depth = scene(((200, 100, 400, 400), 4.0), ((200, 100, 330, 400), 1.5))
    mask = np.zeros(depth.shape, bool)
    mask[100:400, 330:400] = True
    assert place(depth, (200, 100, 400, 400), mask=mask).centre[2] == pytest.approx(4.0)


def test_a_mask_that_bleeds_onto_the_wall_does_no_harm() -> None:
    depth = scene(((270, 140, 370, 340), 2.0))
    mask = np.zeros(depth.shape, bool)
    mask[130:350, 260:380] = True
    assert place(depth, (260, 130, 380, 350), mask=mask).centre[2] == pytest.approx(2.0)


def test_holes_and_noise() -> None:
    generator = np.random.default_rng(0)
    depth = scene(((270, 140, 370, 340), 2.0), unit=1.0)
    depth += generator.normal(0, 0.03, depth.shape).astype(np.float32)
    depth[generator.random(depth.shape) < 0.5] = np.nan
    position = place(depth, (270, 140, 370, 340))
    assert position.centre[2] == pytest.approx(2.0, abs=0.01)
    assert np.sqrt(position.covariance[2, 2]) == pytest.approx(np.hypot(0.03, 0.01), rel=0.1)
    assert np.linalg.eigvalsh(position.covariance).min() > 0


def test_a_position_is_less_certain_farther_away_and_where_depth_spreads() -> None:
    near = place(scene(((270, 140, 370, 340), 1.0)), (270, 140, 370, 340)).covariance
    far = place(scene(((270, 140, 370, 340), 5.0)), (270, 140, 370, 340)).covariance
    assert far[0, 0] > 20 * near[0, 0]
    leaning = scene(unit=1.0)
    leaning[140:340, 270:370] = np.linspace(1.8, 2.2, 200)[:, None]
    assert place(leaning, (270, 140, 370, 340)).covariance[2, 2] > 4 * near[2, 2]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 0.1, 25.0])
def test_no_depth_no_position(value: float) -> None:
    depth = np.full(SIZE[::-1], value, np.float32)
    assert locate(depth, 1.0, CAMERA, np.array((270, 140, 370, 340))) is None


@pytest.mark.parametrize("box", [(0, 0, 3, 3), (-50, -50, 60, 60), (600, 400, 900, 900), (10.2, 10.2, 10.4, 10.4)])
def test_boxes_at_the_edge_and_tiny_ones(box: tuple[float, ...]) -> None:
    assert place(scene(), box).centre[2] == pytest.approx(WALL)


@pytest.mark.parametrize("box", [(-90, -90, -20, -20), (700, 500, 800, 600)])
def test_a_box_outside_has_no_position(box: tuple[float, ...]) -> None:
    assert locate(scene(), 0.001, CAMERA, np.array(box)) is None


@pytest.mark.parametrize(
    ("model", "d"),
    [
        ("plumb_bob", [-0.3, 0.1, 0.001, -0.002, 0.0]),
        ("rational_polynomial", [0.1, -0.05, 0.001, 0.0, 0.01, 0.2, 0.01, 0.0]),
        ("equidistant", [0.02, -0.01, 0.003, 0.0]),
    ],
)
def test_distortion_is_removed(model: str, d: list[float]) -> None:
    camera = make_camera(SIZE, K, model, d)
    point = np.array([[[0.8, -0.4, 2.0]]])
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    zero = np.zeros(3)
    arguments = (point, zero, zero, camera.matrix, camera.distortion)
    pixel = project(*arguments)[0].reshape(2) + 0.5
    assert camera.rays(pixel)[0] == pytest.approx([0.4, -0.2], abs=1e-4)
    assert abs(CAMERA.rays(pixel)[0] - [0.4, -0.2]).max() > 0.003
    box = (*(pixel - 30), *(pixel + 30))
    depth = np.full(SIZE[::-1], 2.0, np.float32)
    assert place(depth, box, camera).centre == pytest.approx([0.8, -0.4, 2.0], abs=1e-3)


@pytest.mark.parametrize(
    ("k", "model", "d", "said"),
    [
        ([0.0] * 9, "plumb_bob", [], "not calibrated"),
        (K, "kannala", [0.1, 0.0, 0.0, 0.0], "'kannala' .* is not known"),
        (K, "plumb_bob", [0.1, 0.2, 0.3], "3 coefficients"),
    ],
)
def test_a_calibration_that_cannot_be_used(k: list[float], model: str, d: list[float], said: str) -> None:
    with pytest.raises(PerceptionError, match=said):
        make_camera(SIZE, k, model, d)


# The optical frame of a camera that looks along x of its robot: x is right, -y; y is down, -z; z is forward, x.
FORWARD = np.array([-0.5, 0.5, -0.5, 0.5])


def test_a_rotation_turns_axes_as_its_quaternion_says() -> None:
    assert rotation_matrix(FORWARD) == pytest.approx(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]), abs=1e-12)
    quarter = np.sqrt(0.5)
    for axis, (a, b) in enumerate(((1, 2), (2, 0), (0, 1))):
        quaternion = np.zeros(4)
        quaternion[[axis, 3]] = quarter
        turn = rotation_matrix(quaternion)
        assert turn @ np.eye(3)[a] == pytest.approx(np.eye(3)[b], abs=1e-12)  # counterclockwise about the axis
        assert turn @ np.eye(3)[axis] == pytest.approx(np.eye(3)[axis], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_a_rotation_agrees_with_opencv(seed: int) -> None:
    vector = np.random.default_rng(seed).normal(size=3)
    angle = np.linalg.norm(vector)
    quaternion = np.array([*(np.sin(angle / 2) * vector / angle), np.cos(angle / 2)])
    assert rotation_matrix(quaternion) == pytest.approx(cv2.Rodrigues(vector)[0], abs=1e-12)


def test_a_position_in_a_robots_frame() -> None:
    depth = scene(((520, 40, 620, 240), 3.0), unit=1.0)
    depth[40:240, 520:620] += np.random.default_rng(0).normal(0, 0.05, (200, 100)).astype(np.float32)
    seen = place(depth, (520, 40, 620, 240))
    there = moved(seen, FORWARD, np.array([0.2, 0.0, 1.1]))
    x, y, z = seen.centre
    assert there.centre == pytest.approx([z + 0.2, -x, -y + 1.1])
    assert there.centre == pytest.approx([3.2, -1.5, 1.7], abs=0.02)
    # What was least certain along z of the camera is least certain along x of the robot, and so on.
    order = [2, 0, 1]
    signs = np.array([1, -1, -1])
    assert there.covariance == pytest.approx(seen.covariance[np.ix_(order, order)] * np.outer(signs, signs))
    assert there.covariance[0, 1] == pytest.approx(-seen.covariance[2, 0])
    assert abs(seen.covariance[2, 0]) > 1e-5
    # The box keeps its size along its own axes, and its corners are where they were.
    assert there.size.tolist() == seen.size.tolist()
    assert there.depth == seen.depth == pytest.approx(3.0, abs=0.01)
    corner = seen.size / 2
    assert there.centre + rotation_matrix(there.orientation) @ corner == pytest.approx(
        [z + corner[2] + 0.2, -x - corner[0], -y - corner[1] + 1.1]
    )


@pytest.mark.parametrize(
    ("rotation", "translation"),
    [
        ([0.0, 0.0, 0.0, 0.0], [0.0] * 3),
        ([0.0, 0.0, 0.0, 1.1], [0.0] * 3),
        ([np.nan, 0.0, 0.0, 1.0], [0.0] * 3),
        ([0.0, 0.0, 0.0, 1.0], [np.inf, 0.0, 0.0]),
    ],
)
def test_a_transform_that_is_none(rotation: list[float], translation: list[float]) -> None:
    seen = place(scene(((270, 140, 370, 340), 2.0)), (270, 140, 370, 340))
    with pytest.raises(PerceptionError, match="the transform is none: rotation"):
        moved(seen, np.array(rotation), np.array(translation))
