# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Results become messages, and detections become results again.

Every supported distribution (Humble, Jazzy, Kilted) has vision_msgs 4.1, so the fields are the same everywhere. Values
are turned into Python's own floats, ints and strings: Humble and Jazzy assert the types of fields.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
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

from people_perception.results import Detections, Instances

_PIXELS = {"mono8": (np.uint8, 2), "mono16": (np.uint16, 2), "bgr8": (np.uint8, 3)}


def detection_array(detections: Detections, header: Header) -> Detection2DArray:
    """Boxes by centre and size in source pixels, the class as label text, the track id as ``id`` if there is one."""
    tracks = detections.track_ids
    return _array(detections, [""] * len(detections) if tracks is None else [str(i) for i in tracks], header)


def instance_array(instances: Instances, header: Header) -> Detection2DArray:
    """The detections, whose ``id`` is the value that their pixels have in `Instances.id_mask`."""
    return _array(instances.detections, [str(i + 1) for i in range(len(instances.detections))], header)


def _array(detections: Detections, ids: Sequence[str], header: Header) -> Detection2DArray:
    boxes = detections.boxes.astype(np.float64)
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows = zip(centres.tolist(), sizes.tolist(), detections.scores.tolist(), detections.names(), ids, strict=True)
    return Detection2DArray(
        header=header,
        detections=[
            Detection2D(
                header=header,
                id=identity,
                bbox=BoundingBox2D(center=Pose2D(position=Point2D(x=x, y=y)), size_x=width, size_y=height),
                results=[ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id=label, score=score))],
            )
            for (x, y), (width, height), score, label, identity in rows
        ],
    )


def detections_from_message(message: Detection2DArray, labels: Sequence[str] = ()) -> Detections:
    """The inverse of `detection_array` and `instance_array`, also for what other programs publish.

    Args:
        message: of each detection the hypothesis with the best score counts, and rotation is ignored. A detection
            without a hypothesis, or with a box or score that is not finite, is left out.
        labels: class names that have a fixed index; others get the next ones in the order of their appearance.

    Returns:
        Detections whose ``track_ids`` are the ids, if each is a whole number.
    """
    indices = {label: i for i, label in enumerate(labels)}
    rows: list[tuple[float, float, float, float, float]] = []
    class_ids: list[int] = []
    ids: list[str] = []
    for detection in message.detections:
        if not detection.results:
            continue
        best = max((result.hypothesis for result in detection.results), key=lambda hypothesis: hypothesis.score)
        box = detection.bbox
        x, y, half_width, half_height = box.center.position.x, box.center.position.y, box.size_x / 2, box.size_y / 2
        row = (x - half_width, y - half_height, x + half_width, y + half_height, best.score)
        if not all(abs(value) <= _FLOAT32_MAX for value in row):
            continue
        rows.append(row)
        class_ids.append(indices.setdefault(best.class_id, len(indices)))
        ids.append(detection.id)
    values = np.array(rows, np.float32).reshape(-1, 5)
    tracked = bool(ids) and all(identity.isdecimal() and len(identity) < 19 for identity in ids)
    return Detections(
        boxes=values[:, :4],
        scores=values[:, 4],
        class_ids=np.array(class_ids, np.int64),
        labels=tuple(indices),
        track_ids=np.array([int(identity) for identity in ids], np.int64) if tracked else None,
    )


_FLOAT32_MAX = float(np.finfo(np.float32).max)


def image_message(array: NDArray, encoding: str, header: Header) -> Image:
    """An image: (H, W) uint8 as mono8, (H, W) uint16 as mono16, or (H, W, 3) uint8 BGR as bgr8.

    Raises:
        ValueError: the array is not what the encoding says, or the encoding is another.
    """
    dtype, dimensions = _PIXELS.get(encoding, (None, 0))
    if array.dtype != dtype or array.ndim != dimensions or array.shape[2:] not in ((), (3,)):
        raise ValueError(
            f"image is {array.dtype} {array.shape} for {encoding}; expected uint8 (H, W) for mono8, "
            "uint16 (H, W) for mono16 or uint8 (H, W, 3) for bgr8"
        )
    height, width = array.shape[:2]
    message = Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=int(sys.byteorder == "big"),
        step=array.nbytes // max(height, 1),
    )
    # Into the array that the message has: its setter would look at every byte of whatever is not an array("B").
    message.data.frombytes(np.ascontiguousarray(array).view(np.uint8))
    return message


def label_info(labels: Sequence[str], threshold: float, header: Header) -> LabelInfo:
    """The names of the class ids, and the lowest score that is published."""
    classes = [VisionClass(class_id=i, class_name=label) for i, label in enumerate(labels)]
    return LabelInfo(header=header, class_map=classes, threshold=float(threshold))
