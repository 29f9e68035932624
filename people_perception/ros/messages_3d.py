# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Positions in space become messages."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseArray, PoseWithCovariance, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from vision_msgs.msg import (
    BoundingBox3D,
    Detection3D,
    Detection3DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
)
from visualization_msgs.msg import Marker, MarkerArray

from people_perception.message_fields import detection_fields
from people_perception.palette import COLOURS
from people_perception.people_3d import Position, rotation_matrix
from people_perception.results import Detections

_ANY_ANGLE = math.pi**2 / 3
"""Variance of an angle of which nothing is known: where a person looks."""
_THINNEST = 0.05
"""Metres; RViz does not show a box without depth."""


def detection_3d_array(found: Detections, positions: Sequence[Position], header: Header) -> Detection3DArray:
    """Label, score and id of each detection, with its position, covariance and size."""
    message = Detection3DArray(header=header)
    for fields, position in zip(detection_fields(found), positions, strict=True):
        pose = _pose(position)
        covariance = np.diag([0.0, 0.0, 0.0, _ANY_ANGLE, _ANY_ANGLE, _ANY_ANGLE])
        covariance[:3, :3] = position.covariance
        result = ObjectHypothesisWithPose(
            hypothesis=ObjectHypothesis(class_id=fields.label, score=fields.score),
            pose=PoseWithCovariance(pose=pose, covariance=covariance.ravel()),
        )
        bbox = BoundingBox3D(center=pose, size=_vector(position.size))
        message.detections.append(Detection3D(header=header, results=[result], bbox=bbox, id=fields.id))
    return message


def pose_array(positions: Sequence[Position], header: Header) -> PoseArray:
    """The positions alone, for programs that know no detections."""
    return PoseArray(header=header, poses=[_pose(position) for position in positions])


def marker_array(found: Detections, positions: Sequence[Position], header: Header) -> MarkerArray:
    """A box and a text for each person, for RViz; those of the message before vanish."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for i, (fields, position) in enumerate(zip(detection_fields(found), positions, strict=True)):
        number = int(fields.id) if fields.id else i + 1
        blue, green, red = (COLOURS[(number - 1) % 255 + 1] / 255).tolist()
        box = Marker(header=header, ns="people", id=i, type=Marker.CUBE, pose=_pose(position))
        box.scale = _vector(np.maximum(position.size, _THINNEST))
        box.color = ColorRGBA(r=red, g=green, b=blue, a=0.5)
        text = Marker(header=header, ns="labels", id=i, type=Marker.TEXT_VIEW_FACING, pose=_pose(position))
        above = np.array([0.0, -float(position.size[1]) / 2 - 0.15, 0.0])  # y of the box points down
        x, y, z = (position.centre + rotation_matrix(position.orientation) @ above).tolist()
        text.pose.position = Point(x=x, y=y, z=z)
        text.scale.z = 0.2
        text.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
        name = f"#{fields.id} {fields.label}" if fields.id else fields.label
        text.text = f"{name} {position.depth:.1f} m"
        markers += [box, text]
    return MarkerArray(markers=markers)


def _pose(position: Position) -> Pose:
    x, y, z = position.centre.tolist()
    qx, qy, qz, qw = position.orientation.tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))


def _vector(size: np.ndarray) -> Vector3:
    x, y, z = size.tolist()
    return Vector3(x=x, y=y, z=z)
