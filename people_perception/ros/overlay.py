# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The overlay node: the camera's image with every result of exactly its stamp drawn on it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from people_perception.association import box_iou
from people_perception.draw import draw_detections, draw_mask, to_colour
from people_perception.results import Detections
from people_perception.ros.follower import STALE, FollowerNode
from people_perception.ros.image import image_from_message
from people_perception.ros.matching import StampMatcher
from people_perception.ros.messages import detections_from_message, image_message
from people_perception.ros.parameters import OVERLAY

MASKS = ("segmentation/mask", "instances/mask")
BOXES = ("instances", "detections", "faces")
SOURCES: dict[str, type] = {**dict.fromkeys(MASKS, Image), **dict.fromkeys(BOXES, Detection2DArray)}
"""Topics whose results are drawn, in the order in which they are painted."""

_LABELS = ("person", "bag", "face")
"""So that each has its colour, whichever topic it comes on."""
_SAME_PERSON = 0.6
"""IoU from which a detection and an instance are one person."""


class OverlayNode(FollowerNode):
    """Draws results on the image that they were found in; idle while nobody looks."""

    def __init__(self, **node_arguments: Any) -> None:
        self._matcher = StampMatcher(0.5)
        self._publisher: Any = None
        super().__init__("overlay", OVERLAY, **node_arguments)

    def _announce(self) -> None:
        self._publisher = self._publish_on("overlay", Image)

    def _adopt(self) -> None:
        self._matcher.max_wait = self.values["max_wait"]

    def _subscribe(self) -> None:
        self._listen_to_camera("image", self._matcher.add_image)
        for source, kind in SOURCES.items():
            self._listen(source, kind, lambda message, s=source: self._matcher.add_result(s, message))  # type: ignore[misc]

    def _forget(self) -> None:
        self._matcher.clear()

    def _watch(self) -> None:
        self._matcher.set_live(t for t in SOURCES if self.count_publishers(self.resolve_topic_name(t)))

    def _step(self) -> None:
        matched = self._matcher.next(0.2)
        if matched is None:
            return
        message, results = matched
        self._publisher.publish(image_message(self._draw(message, results), "bgr8", message.header))
        self._published.add(time.monotonic())

    def _draw(self, message: Any, results: dict[str, Any]) -> NDArray:
        picture = to_colour(self._pixels(message))
        opacity, show_labels = self.values["mask_opacity"], self.values["show_labels"]
        masks = {source: image_from_message(results[source]) for source in MASKS if source in results}
        draw_masks(picture, masks.get("segmentation/mask"), masks.get("instances/mask"), opacity)
        found = {s: detections_from_message(results[s], _LABELS) for s in BOXES if s in results}
        if "instances" in found and "detections" in found:
            found["detections"] = without_repeated(found["detections"], found["instances"])
        for detections in found.values():
            draw_detections(picture, detections, show_labels)
        return picture

    def _complaint(self, now: float) -> str:
        if self._last_image - max(self._published.newest(), self._opened) > STALE:
            return "images come but no results with their stamps; do the models run on this camera?"
        return ""


def draw_masks(picture: NDArray, semantic: NDArray | None, instances: NDArray | None, opacity: float) -> None:
    """Fill every pixel once: by its person, else by its class. Two fills would hide the image and mix their colours."""
    if semantic is not None and instances is not None and semantic.shape == instances.shape:
        semantic = np.where(instances, 0, semantic).astype(np.uint8)
    for ids in (semantic, instances):
        if ids is not None:
            draw_mask(picture, ids, opacity)


def without_repeated(detections: Detections, instances: Detections) -> Detections:
    """The detections but those that an instance shows again: of the same label and nearly the same box."""
    same_label = np.array(detections.names())[:, None] == np.array(instances.names())[None]
    return detections[~(same_label & (box_iou(detections.boxes, instances.boxes) > _SAME_PERSON)).any(axis=1)]
