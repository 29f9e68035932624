# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Results become messages; the inverse needs no ROS and is in `people_perception.message_fields`."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    Point2D,
    Pose2D,
    VisionClass,
)

from people_perception.message_fields import BoxFields, detection_fields, image_fields
from people_perception.message_fields import detections_from_message as detections_from_message
from people_perception.results import Detections, Instances


def detection_array(detections: Detections, header: Header) -> Detection2DArray:
    """Boxes by centre and size in source pixels, the class as label text, the track id as ``id`` if there is one."""
    return _array(detection_fields(detections), header)


def instance_array(instances: Instances, header: Header) -> Detection2DArray:
    """The detections, whose ``id`` is the value that their pixels have in `Instances.id_mask`."""
    return _array(detection_fields(instances), header)


def _array(rows: Sequence[BoxFields], header: Header) -> Detection2DArray:
    return Detection2DArray(
        header=header,
        detections=[
            Detection2D(
                header=header,
                id=row.id,
                bbox=BoundingBox2D(
                    center=Pose2D(position=Point2D(x=row.x, y=row.y)), size_x=row.width, size_y=row.height
                ),
                results=[ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id=row.label, score=row.score))],
            )
            for row in rows
        ],
    )


def image_message(array: NDArray, encoding: str, header: Header) -> Image:
    """An image: (H, W) uint8 as mono8, (H, W) uint16 as mono16, or (H, W, 3) uint8 BGR as bgr8.

    Raises:
        ValueError: the array is not what the encoding says, or the encoding is another.
    """
    fields = image_fields(array, encoding)
    message = Image(
        header=header,
        height=fields.height,
        width=fields.width,
        encoding=fields.encoding,
        is_bigendian=fields.is_bigendian,
        step=fields.step,
    )
    # Into the array that the message has: its setter would look at every byte of whatever is not an array("B").
    message.data.frombytes(fields.data)
    return message


def label_info(labels: Sequence[str], threshold: float, header: Header) -> LabelInfo:
    """The names of the class ids, and the lowest score that is published."""
    classes = [VisionClass(class_id=i, class_name=label) for i, label in enumerate(labels)]
    return LabelInfo(header=header, class_map=classes, threshold=float(threshold))
