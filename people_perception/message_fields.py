# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the fields of result messages hold, whoever makes the message: a node with rclpy, or a recording without it.

Every supported distribution (Humble, Jazzy, Kilted) has vision_msgs 4.1, so the fields are the same everywhere. Values
are Python's own floats, ints and strings: Humble and Jazzy assert the types of fields.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from people_perception.results import Detections, Instances


class BoxFields(NamedTuple):
    """One detection: its box by centre and size in source pixels, its class as label text."""

    x: float
    y: float
    width: float
    height: float
    score: float
    label: str
    id: str


def detection_fields(found: Detections | Instances) -> list[BoxFields]:
    """Each detection of a vision_msgs/Detection2DArray.

    Of `Detections` the id is the track's, empty if there is none (yet); of `Instances` the value that the instance's
    pixels have in `Instances.id_mask`.
    """
    if isinstance(found, Instances):
        detections = found.detections
        ids = [str(i) for i in found.ids.tolist()]
    else:
        detections = found
        tracks = found.track_ids
        ids = [""] * len(found) if tracks is None else [str(i) if i >= 0 else "" for i in tracks]
    boxes = detections.boxes.astype(np.float64)
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    rows = zip(centres.tolist(), sizes.tolist(), detections.scores.tolist(), detections.names(), ids, strict=True)
    return [BoxFields(x, y, w, h, score, label, identity) for (x, y), (w, h), score, label, identity in rows]


def detections_from_message(message: Any, labels: Sequence[str] = ()) -> Detections:
    """The inverse of `detection_fields`, also for what other programs publish.

    Args:
        message: a vision_msgs/Detection2DArray. Of each detection the hypothesis with the best score counts, and
            rotation is ignored. A detection without a hypothesis, or with a box or score that is not finite, is left
            out.
        labels: class names that have a fixed index; others get the next ones in the order of their appearance.

    Returns:
        Detections whose ``track_ids`` are the ids, -1 for an empty one, if at least one is a whole number and no other
        text occurs.
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
    tracked = any(ids) and all(not identity or (identity.isdecimal() and len(identity) < 19) for identity in ids)
    return Detections(
        boxes=values[:, :4],
        scores=values[:, 4],
        class_ids=np.array(class_ids, np.int64),
        labels=tuple(indices),
        track_ids=np.array([int(identity or -1) for identity in ids], np.int64) if tracked else None,
    )


_FLOAT32_MAX = float(np.finfo(np.float32).max)


class ImageFields(NamedTuple):
    """A sensor_msgs/Image besides its header; ``data`` is (N,) uint8."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: NDArray[np.uint8]


def image_fields(array: NDArray, encoding: str) -> ImageFields:
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
    data = np.ascontiguousarray(array).view(np.uint8).reshape(-1)
    return ImageFields(height, width, encoding, int(sys.byteorder == "big"), array.nbytes // max(height, 1), data)


_PIXELS = {"mono8": (np.uint8, 2), "mono16": (np.uint16, 2), "bgr8": (np.uint8, 3)}
