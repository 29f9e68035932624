# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node that says where persons are in space: what a model found, a depth image, the camera's calibration."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import MarkerArray

from people_perception.errors import PerceptionError
from people_perception.people_3d import Camera, Position, locate, make_camera, moved
from people_perception.results import Detections
from people_perception.ros.follower import STALE, FollowerNode
from people_perception.ros.image import depth_from_message, image_from_message
from people_perception.ros.matching import NearestStamps, stamp_ns
from people_perception.ros.messages import detections_from_message
from people_perception.ros.messages_3d import detection_3d_array, marker_array, pose_array
from people_perception.ros.parameters import PEOPLE_3D
from people_perception.ros.qos import qos
from people_perception.ros.transforms import Transforms

_DEPTHS_KEPT = 32
"""About a second at 30 Hz; a slow model answers for a depth image that is long past."""
_PENDING = 8
_OUTSIDE = 2.0
"""Pixels by which a box may reach over the edge of the depth image before the two cannot belong together."""


class People3DNode(FollowerNode):
    """Publishes positions only where result, depth image and calibration belong to the same picture."""

    def __init__(self, **node_arguments: Any) -> None:
        self._depths = NearestStamps(_DEPTHS_KEPT)
        self._masks = NearestStamps(_DEPTHS_KEPT)
        self._info: Any = None
        self._pending: deque[tuple[Any, float]] = deque(maxlen=_PENDING)
        self._arrived = threading.Event()
        self._withheld = 0
        self._last_withheld = ""
        self._without_depth = 0
        self._transforms: Transforms | None = None
        self._without_transform = 0
        super().__init__("people_3d", PEOPLE_3D, **node_arguments)

    def _announce(self) -> None:
        target = self.values["target_frame"]
        self._transforms = Transforms(self, target) if target else None
        self._detections = self._publish_on("people_3d", Detection3DArray)
        self._poses = self._publish_on("people_3d/poses", PoseArray)
        self._markers = self._publish_on("people_3d/markers", MarkerArray)

    def _adopt(self) -> None:
        """Every value is read where it is used."""

    def _subscribe(self) -> None:
        self._listen_to_camera("depth", lambda message: self._receive(self._depths, message))
        self._listen("camera_info", CameraInfo, self._on_info, qos("best_effort", 1))
        self._listen(self.values["source"], Detection2DArray, self._on_result)
        if self.values["source"] == "instances":
            self._listen("instances/mask", Image, lambda message: self._receive(self._masks, message))
        if self._transforms is not None:
            self._transforms.open()

    def _forget(self) -> None:
        if self._transforms is not None:
            self._transforms.close()
        self._depths.clear()
        self._masks.clear()
        self._pending.clear()
        self._info = None

    def _receive(self, kept: NearestStamps, message: Any) -> None:
        kept.add(message)
        self._arrived.set()

    def _on_info(self, message: Any) -> None:
        self._info = message
        self._arrived.set()

    def _on_result(self, message: Any) -> None:
        if self._transforms is not None:
            self._transforms.look_at(message.header)
        self._pending.append((message, time.monotonic()))
        self._arrived.set()

    def _step(self) -> None:
        self._arrived.wait(0.02 if self._pending else 0.1)  # nothing tells that a transform came
        self._arrived.clear()
        for _ in range(len(self._pending)):
            message, arrived = self._pending.popleft()
            stamp = stamp_ns(message.header)
            depth = self._depths.nearest(stamp, self.values["tolerance"])
            with_masks = self.values["source"] == "instances"
            mask = self._masks.nearest(stamp, 0.0) if with_masks else None
            missing = {"depth": depth is None, "instances/mask": with_masks and mask is None}
            absent = [self.resolve_topic_name(topic) for topic, lacking in missing.items() if lacking]
            if self._info is None:
                absent.append(self.resolve_topic_name("camera_info"))
            why, transform = "", None
            if absent:
                why = f"nothing of its stamp (within {self.values['tolerance']:g} s) on {', '.join(absent)}"
            elif self._transforms is not None:
                try:
                    transform = self._transforms.find(message.header)
                except PerceptionError as error:
                    why = str(error)
            if not why:
                self._publish(message, depth, mask, transform)
            elif time.monotonic() - arrived > self.values["max_wait"]:
                self._without_transform += not absent
                self._complain(why)
            else:
                self._pending.append((message, arrived))

    def _publish(
        self, message: Any, depth_message: Any, mask_message: Any, transform: tuple[NDArray, NDArray] | None
    ) -> None:
        header = message.header
        try:
            found, positions = self._locate(message, depth_message, mask_message)
            located = np.array([position is not None for position in positions], bool)
            found, placed = found[located], [position for position in positions if position is not None]
            if transform is not None:
                header = Header(stamp=header.stamp, frame_id=self.values["target_frame"])
                placed = [moved(position, *transform) for position in placed]
        except PerceptionError as error:
            self._complain(str(error))
            return
        self._without_depth += int((~located).sum())
        self._detections.publish(detection_3d_array(found, placed, header))
        self._poses.publish(pose_array(placed, header))
        if self._markers.get_subscription_count():
            self._markers.publish(marker_array(found, placed, header))
        self._published.add(time.monotonic())

    def _locate(self, message: Any, depth_message: Any, mask_message: Any) -> tuple[Detections, list[Position | None]]:
        frames = {message.header.frame_id, depth_message.header.frame_id}
        if len(frames) > 1:
            names = ", ".join(map(repr, sorted(frames)))
            raise PerceptionError(f"the depth image is not aligned: frames differ: {names}")
        depth, unit = depth_from_message(depth_message)
        size = depth.shape[1], depth.shape[0]
        camera = camera_from_message(self._info, self.values["rectified"])
        if camera.size != size:
            raise PerceptionError(
                f"sizes differ: depth image {size[0]}x{size[1]}, CameraInfo {camera.size[0]}x{camera.size[1]}"
            )
        if self._info.header.frame_id not in ("", *frames):
            raise PerceptionError(f"CameraInfo is of frame {self._info.header.frame_id!r}, not {frames.pop()!r}")
        ids: NDArray | None = None if mask_message is None else image_from_message(mask_message)
        if ids is not None and ids.shape != depth.shape:
            raise PerceptionError(f"sizes differ: mask {ids.shape[1]}x{ids.shape[0]}, depth image {size[0]}x{size[1]}")
        found = detections_from_message(message)
        found = found[np.array([name in self.values["labels"] for name in found.names()], bool)]
        if len(found) and (found.boxes.min() < -_OUTSIDE or (found.boxes[:, 2:] > np.array(size) + _OUTSIDE).any()):
            raise PerceptionError(f"boxes reach beyond the depth image of {size[0]}x{size[1]}; is it aligned?")
        limits = self.values["nearest"], self.values["farthest"]
        masks: list[Any] = [None] * len(found)
        if ids is not None:
            if found.track_ids is None and len(found):
                raise PerceptionError("instances have no ids, so their masks are unknown")
            masks = [ids == i for i in ([] if found.track_ids is None else found.track_ids)]
        return found, [locate(depth, unit, camera, b, m, limits) for b, m in zip(found.boxes, masks, strict=True)]

    def _complain(self, why: str) -> None:
        self._withheld += 1
        self._last_withheld = why
        self.get_logger().warning(f"no positions: {why}", throttle_duration_sec=5.0)

    def _complaint(self, now: float) -> str:
        if self._last_image - max(self._published.newest(), self._opened) <= STALE:
            return ""
        topics = (self.values["source"], "camera_info")
        absent = [t for t in map(self.resolve_topic_name, topics) if not self.count_publishers(t)]
        return f"nobody publishes {', '.join(absent)}" if absent else "depth comes but no result fits it; see the log"

    def _report(self) -> dict[str, str]:
        return {
            "withheld": str(self._withheld),
            "last_withheld": self._last_withheld,
            "persons_without_depth": str(self._without_depth),
            "without_transform": str(self._without_transform),
        }


def camera_from_message(info: Any, rectified: bool) -> Camera:
    """The camera of a sensor_msgs/CameraInfo.

    Args:
        info: of the image as it is published: ``width`` and ``height`` are those of the image.
        rectified: whether that image is rectified.

    Raises:
        PerceptionError: it is not calibrated, its distortion is not known, or it describes a part of the sensor only.
    """
    if info.binning_x > 1 or info.binning_y > 1 or info.roi.x_offset or info.roi.y_offset:
        raise PerceptionError("CameraInfo has binning or a region of interest; publish one for the image as it is")
    size = info.width, info.height
    if rectified:
        p = np.asarray(info.p, np.float64).reshape(3, 4)[:, :3].ravel().tolist()
        return make_camera(size, p, "", [])
    return make_camera(size, list(info.k), info.distortion_model, list(info.d))
