# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where a person is in front of a camera: boxes or masks, a depth image aligned to them, and the camera's calibration.

Everything is in the camera's optical frame (REP 103): x right, y down, z forward, in metres; `moved` brings it to
another one. Boxes count pixels from the corner of the image, calibrations from the centre of its first pixel, half a
pixel further.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError

_POLYNOMIAL = ("plumb_bob", "rational_polynomial", "thin_prism")
_FISHEYE = "equidistant"
_INNER = (0.3, 0.15, 0.7, 0.6)
"""Left, top, right, bottom of the part of a box that is looked at, as parts of its size: the trunk, without what one
sees between arms, legs and beside the neck."""
_BOX_PERCENTILE = 25.0
"""Of the depths in that part. Whoever is in the box is nearer than the wall behind, and fills more than a quarter; what
is before the person and fills less is not taken for the person."""
_MASK_PERCENTILE = 50.0
_BODY = 0.4
"""Metres before and behind that depth within which pixels belong to the person."""
_ENOUGH = 0.1
"""Part of the pixels looked at that must have a depth of the person's, else there is no position."""
_STEP = 256
"""Pixels along a side at most that are looked at; more do not make the answer better."""
_DEPTH_FLOOR = 0.01
"""Metres; no depth camera is better."""
_NOT_UNIT = 1e-3
"""By which a quaternion's length may differ from 1; tf2 hands on what was published."""
_BOX_JITTER = 0.05
"""Standard deviation of a box's centre, as part of its size."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A calibrated camera.

    Attributes:
        matrix: (3, 3) K, in pixels.
        distortion: (N,) coefficients in OpenCV's order; none for a rectified image.
        fisheye: whether they are those of the equidistant model.
        size: (width, height) of its images.
    """

    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    fisheye: bool
    size: tuple[int, int]

    def rays(self, pixels: NDArray) -> NDArray[np.float64]:
        """x/z and y/z (N, 2) of what is seen at pixels (N, 2), with the distortion removed."""
        import cv2

        points = np.asarray(pixels, np.float64).reshape(-1, 1, 2) - 0.5
        undistort = cv2.fisheye.undistortPoints if self.fisheye else cv2.undistortPoints
        return undistort(points, self.matrix, self.distortion).reshape(-1, 2)


def make_camera(size: tuple[int, int], k: Sequence[float], model: str, d: Sequence[float]) -> Camera:
    """A camera from the fields of a sensor_msgs/CameraInfo.

    Args:
        size: ``width``, ``height``.
        k: 9 numbers, row by row.
        model: ``distortion_model``.
        d: its coefficients.

    Raises:
        PerceptionError: the camera is not calibrated, or the model is not known.
    """
    matrix, distortion = np.array(k, np.float64).reshape(3, 3), np.array(d, np.float64)
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise PerceptionError(f"the camera is not calibrated: its focal lengths are {matrix[0, 0]:g}, {matrix[1, 1]:g}")
    if not distortion.any():
        return Camera(matrix, np.zeros(4), False, size)
    if model not in (*_POLYNOMIAL, _FISHEYE) or not np.isfinite(distortion).all():
        known = ", ".join((*_POLYNOMIAL, _FISHEYE))
        raise PerceptionError(f"distortion {model!r} with {list(d)} is not known; expected one of {known}")
    lengths = (4,) if model == _FISHEYE else (4, 5, 8, 12, 14)
    if len(distortion) not in lengths:
        raise PerceptionError(f"distortion {model!r} has {len(distortion)} coefficients; expected one of {lengths}")
    return Camera(matrix, distortion, model == _FISHEYE, size)


@dataclass(frozen=True, eq=False)
class Position:
    """Where a person is, as a box.

    Attributes:
        centre: (3,) of what is visible of the person's front, in metres.
        size: (3,) of the box along its own axes: width, height, and the spread of the depths from the 5th to the 95th
            percentile.
        covariance: (3, 3) of ``centre``: the spread of the depths along the ray, the box's jitter across it.
        depth: along the camera's axis, in metres, whatever frame the rest is in.
        orientation: (4,) x, y, z, w of the box: its axes are those of the camera's optical frame.
    """

    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    covariance: NDArray[np.float64]
    depth: float
    orientation: NDArray[np.float64] = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))


def locate(
    depth: NDArray,
    unit: float,
    camera: Camera,
    box: NDArray,
    mask: NDArray[np.bool_] | None = None,
    limits: tuple[float, float] = (0.2, 20.0),
) -> Position | None:
    """The position of one person; None where the depth image does not tell it.

    Args:
        depth: (H, W) uint16 or float32, aligned to the image of the box: z of each pixel, 0 or not finite for unknown.
        unit: metres of a value 1.
        camera: of that image.
        box: (4,) x1, y1, x2, y2 in pixels.
        mask: (H, W), which pixels are the person; without it the inner part of the box counts.
        limits: least and greatest depth that is believed, in metres.
    """
    height, width = depth.shape
    box = np.asarray(box, np.float64)
    x1, y1, x2, y2 = np.clip(box, 0, (width, height, width, height))
    if x2 <= x1 or y2 <= y1:
        return None
    if mask is None:
        left, top, right, bottom = _INNER
        part = (x1 + left * (x2 - x1), y1 + top * (y2 - y1), x1 + right * (x2 - x1), y1 + bottom * (y2 - y1))
    else:
        part = (x1, y1, x2, y2)
    columns = slice(int(part[0]), max(int(np.ceil(part[2])), int(part[0]) + 1))
    rows = slice(int(part[1]), max(int(np.ceil(part[3])), int(part[1]) + 1))
    step = max(1, -(-max(columns.stop - columns.start, rows.stop - rows.start) // _STEP))
    looked_at = depth[rows, columns][::step, ::step].astype(np.float64) * unit
    if mask is not None:
        looked_at = looked_at[mask[rows, columns][::step, ::step]]
    values = looked_at[np.isfinite(looked_at)]
    values = values[(values >= limits[0]) & (values <= limits[1])]
    if not len(values):
        return None
    front = np.percentile(values, _BOX_PERCENTILE if mask is None else _MASK_PERCENTILE)
    own = values[np.abs(values - front) <= _BODY]
    if len(own) < _ENOUGH * looked_at.size:
        return None
    z = float(np.median(own))
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    seen = camera.rays(np.array([(middle_x, middle_y), (x1, middle_y), (x2, middle_y), (middle_x, y1), (middle_x, y2)]))
    ray = np.array([*seen[0], 1.0])
    extent = np.array([seen[2, 0] - seen[1, 0], seen[4, 1] - seen[3, 1]])
    low, high = np.percentile(own, (5, 95))
    along = own.std() ** 2 + _DEPTH_FLOOR**2
    across = np.diag([*(z * _BOX_JITTER * extent) ** 2, 0.0])
    return Position(z * ray, np.array([*(z * extent), high - low]), along * np.outer(ray, ray) + across, z)


def moved(position: Position, rotation: NDArray, translation: NDArray) -> Position:
    """A position of the camera's optical frame in another frame.

    Args:
        position: in the camera's optical frame.
        rotation: (4,) quaternion x, y, z, w, and
        translation: (3,) metres: those of the camera's optical frame in the other one.

    Raises:
        PerceptionError: the rotation is none, or something is not finite.
    """
    length = float(np.linalg.norm(rotation))
    if not (np.isfinite(length) and np.isfinite(translation).all() and abs(length - 1) <= _NOT_UNIT):
        raise PerceptionError(
            f"the transform is none: rotation {np.asarray(rotation).tolist()}, "
            f"translation {np.asarray(translation).tolist()}"
        )
    turn = rotation_matrix(rotation / length)
    return replace(
        position,
        centre=turn @ position.centre + translation,
        covariance=turn @ position.covariance @ turn.T,
        orientation=rotation / length,
    )


def rotation_matrix(quaternion: NDArray) -> NDArray[np.float64]:
    """(3, 3) of a unit quaternion (4,) q = x, y, z and w: v + 2w (q × v) + 2 q × (q × v) is where a vector v goes."""
    x, y, z, w = np.asarray(quaternion, np.float64).tolist()
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross
