# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Messages as bytes and back by rosbags, which needs no ROS: cameras' images in, results out."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError
from people_perception.message_fields import detection_fields, image_fields
from people_perception.results import Detections, Instances

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
POINTS = "sensor_msgs/msg/PointCloud2"
DETECTIONS = "vision_msgs/msg/Detection2DArray"
LABELS = "vision_msgs/msg/LabelInfo"

# The part of vision_msgs 4.1 that results need. An installation holds no interface definitions of other packages, and
# rosbags knows only those that every ROS has.
_VISION_MSGS = {
    "Point2D": "float64 x\nfloat64 y\n",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta\n",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n",
    "ObjectHypothesis": "string class_id\nfloat64 score\n",
    "ObjectHypothesisWithPose": ("vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"),
    "Detection2D": (
        "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\nvision_msgs/BoundingBox2D bbox\n"
        "string id\n"
    ),
    "Detection2DArray": "std_msgs/Header header\nvision_msgs/Detection2D[] detections\n",
    "VisionClass": "uint16 class_id\nstring class_name\n",
    "LabelInfo": "std_msgs/Header header\nvision_msgs/VisionClass[] class_map\nfloat32 threshold\n",
}


def missing_rosbags(error: ImportError) -> PerceptionError:
    """What to say where rosbags is not installed."""
    return PerceptionError(f"recordings need rosbags ({error}); pip install rosbags")


@functools.cache
def typestore() -> Any:
    """Every type that this package reads or writes, as rosbags knows types.

    Raises:
        PerceptionError: rosbags is not installed.
    """
    try:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    except ImportError as error:
        raise missing_rosbags(error) from error
    # The types of images and headers are the same in every distribution.
    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, text in _VISION_MSGS.items():
        full = f"vision_msgs/msg/{name}"
        store.register(get_types_from_msg(text, full))
    return store


def decode(data: bytes | memoryview, kind: str) -> Any:
    """The message of one of this module's types that CDR bytes hold; image data is a view of them.

    Raises:
        PerceptionError: the bytes are no such message.
    """
    try:
        return typestore().deserialize_cdr(data, kind)
    except PerceptionError:
        raise
    except Exception as error:  # whatever damaged bytes make of rosbags' generated code
        raise PerceptionError(
            f"{len(data)} bytes are not a {kind}: {' '.join(str(error).split()) or type(error).__name__}"
        ) from error


def encode(message: Any) -> memoryview:
    """CDR bytes of a message of rosbags."""
    return typestore().serialize_cdr(message, message.__msgtype__)


def stamp_ns(header: Any) -> int:
    """A header's stamp in nanoseconds."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def recorded_stamp(data: bytes | memoryview) -> int:
    """The stamp in nanoseconds of any message that begins with a header, from its first bytes."""
    if len(data) < 12:
        raise PerceptionError(f"{len(data)} bytes are no message with a header")
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return seconds * 1_000_000_000 + nanoseconds


def header(stamp: int, frame_id: str) -> Any:
    """A std_msgs/Header; the stamp is in nanoseconds."""
    types = typestore().types
    time = types["builtin_interfaces/msg/Time"](sec=stamp // 1_000_000_000, nanosec=stamp % 1_000_000_000)
    return types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id)


def detection_message(found: Detections | Instances, head: Any) -> Any:
    """A vision_msgs/Detection2DArray; see `detection_fields`."""
    types = typestore().types
    point, pose_2d, box, hypothesis, with_pose, detection = (
        types[f"vision_msgs/msg/{name}"]
        for name in (
            "Point2D",
            "Pose2D",
            "BoundingBox2D",
            "ObjectHypothesis",
            "ObjectHypothesisWithPose",
            "Detection2D",
        )
    )
    return types[DETECTIONS](
        header=head,
        detections=[
            detection(
                header=head,
                id=row.id,
                bbox=box(
                    center=pose_2d(position=point(x=row.x, y=row.y), theta=0.0), size_x=row.width, size_y=row.height
                ),
                results=[with_pose(hypothesis=hypothesis(class_id=row.label, score=row.score), pose=_no_pose())],
            )
            for row in detection_fields(found)
        ],
    )


_JPEG_QUALITY = 95


@functools.cache
def _no_pose() -> Any:
    """The pose that a new message of ROS has."""
    types = typestore().types
    return types["geometry_msgs/msg/PoseWithCovariance"](
        pose=types["geometry_msgs/msg/Pose"](
            position=types["geometry_msgs/msg/Point"](x=0.0, y=0.0, z=0.0),
            orientation=types["geometry_msgs/msg/Quaternion"](x=0.0, y=0.0, z=0.0, w=1.0),
        ),
        covariance=np.zeros(36),
    )


def image_message(array: NDArray, encoding: str, head: Any) -> Any:
    """A sensor_msgs/Image; see `image_fields`."""
    return typestore().types[IMAGE](header=head, **image_fields(array, encoding)._asdict())


def jpeg_message(jpeg: bytes, head: Any) -> Any:
    """A sensor_msgs/CompressedImage that holds a JPEG."""
    return typestore().types[COMPRESSED](header=head, format="jpeg", data=np.frombuffer(jpeg, np.uint8))


def covered_message(recorded: Any, kind: str, image: NDArray) -> Any:
    """An `IMAGE` or `COMPRESSED` message like a recorded one, with other pixels.

    Args:
        recorded: the message; a PNG becomes a PNG, everything else a JPEG. Metadata of the file is not taken over.
        kind: its type.
        image: (H, W, 3) uint8 BGR, or (H, W) uint8 or uint16.
    """
    encoding = "bgr8" if image.ndim == 3 else "mono16" if image.dtype == np.uint16 else "mono8"
    if kind == IMAGE:
        return image_message(image, encoding, recorded.header)
    import cv2

    png = bytes(recorded.data[:4]) == b"\x89PNG"
    name, settings = ("png", []) if png else ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    data = cv2.imencode(f".{name}", image, settings)[1]
    # image_transport says how the pixels are to be taken; what this module decoded is BGR, whatever it was before.
    text = f"{encoding}; {name} compressed {encoding}" if ";" in recorded.format else name
    return typestore().types[COMPRESSED](header=recorded.header, format=text, data=data)


def label_message(labels: Sequence[str], threshold: float, head: Any) -> Any:
    """A vision_msgs/LabelInfo: the names of the class ids, and the lowest score that is written."""
    types = typestore().types
    classes: Iterable[Any] = (
        types["vision_msgs/msg/VisionClass"](class_id=i, class_name=label) for i, label in enumerate(labels)
    )
    return types[LABELS](header=head, class_map=list(classes), threshold=float(threshold))


def image_from(message: Any, kind: str) -> NDArray:
    """The pixels of an `IMAGE` or `COMPRESSED` message, as a node sees them.

    Raises:
        PerceptionError: an encoding that is not supported, or fields that contradict each other.
    """
    # It needs numpy and OpenCV only; rosbags' messages have the fields of the real ones.
    from people_perception.ros.image import image_from_compressed, image_from_message

    return image_from_compressed(message) if kind == COMPRESSED else image_from_message(message)
