# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The anonymize node: the camera's image with faces or persons covered, or no image at all."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from people_perception.anonymize import Anonymizer, boxes_to_cover
from people_perception.errors import PerceptionError
from people_perception.ros.follower import STALE, FollowerNode
from people_perception.ros.matching import StampMatcher, stamp_ns
from people_perception.ros.messages import image_message
from people_perception.ros.parameters import ANONYMIZE, ANONYMIZE_SOURCES

_KEPT = 256
"""Stamps remembered to notice two images with the same one."""


class AnonymizeNode(FollowerNode):
    """Publishes an image only when every source has said what is in exactly this image, and covers that.

    Whatever is in doubt is withheld: an image without a message of its stamp from each source, with a message that
    cannot be read in full or comes from another camera's frame, without a stamp, or with the stamp of another image.
    """

    def __init__(self, **node_arguments: Any) -> None:
        self._matcher = StampMatcher(0.5)
        self._anonymizer = Anonymizer()
        self._publisher: Any = None
        self._lock = threading.Lock()
        self._stamps: dict[int, bool] = {}  # whether two images had it
        self._received = 0
        self._withheld = 0
        self._last_withheld = ""
        super().__init__("anonymize", ANONYMIZE, **node_arguments)

    def _announce(self) -> None:
        sources = self.values["sources"]
        if not sources or not set(sources) <= set(ANONYMIZE_SOURCES):
            raise PerceptionError(f"parameter sources={sources}: name at least one of {', '.join(ANONYMIZE_SOURCES)}")
        if not self.values["labels"] and set(sources) != {"faces"}:
            raise PerceptionError("parameter labels is empty, so nothing would be covered; name face, person or both")
        self._publisher = self._publish_on("anonymized", Image)

    def _adopt(self) -> None:
        self._matcher.max_wait = self.values["max_wait"]
        for name in ("margin", "memory", "blocks"):
            setattr(self._anonymizer, name, self.values[name])

    def _subscribe(self) -> None:
        # Required whether anybody publishes them or not: without one of them there is no image.
        self._matcher.set_live(self.values["sources"])
        self._listen_to_camera("image", self._on_image)
        for source in self.values["sources"]:
            self._listen(source, Detection2DArray, lambda message, s=source: self._matcher.add_result(s, message))  # type: ignore[misc]

    def _forget(self) -> None:
        self._matcher.clear()
        self._anonymizer.reset()
        self._stamps.clear()

    def _on_image(self, message: Any) -> None:
        self._received += 1
        stamp = stamp_ns(message.header)
        with self._lock:
            if self._stamps and stamp < max(self._stamps) - 1_000_000_000:  # a bag began anew, with the same stamps
                self._stamps.clear()
            self._stamps[stamp] = stamp in self._stamps
            while len(self._stamps) > _KEPT:
                del self._stamps[next(iter(self._stamps))]
            doubtful = stamp == 0 or self._stamps[stamp]
        if doubtful:
            self._complain("two images have the same stamp, or none: which one a detection belongs to is unknown")
            return
        self._matcher.add_image(message)

    def _step(self) -> None:
        matched = self._matcher.next(0.2)
        if matched is None:
            return
        message, results = matched
        missing = [self.resolve_topic_name(s) for s in self.values["sources"] if s not in results]
        if missing:
            self._complain(f"{', '.join(missing)} said nothing about it")
            return
        with self._lock:
            if self._stamps.get(stamp_ns(message.header), False):
                self._complain("another image has the same stamp")
                return
        try:
            boxes = boxes_to_cover(results, self.values["labels"], message.header.frame_id)
        except PerceptionError as error:
            self._complain(str(error))
            return
        pixels = self._pixels(message)
        covered = self._anonymizer(pixels, boxes, stamp_ns(message.header) * 1e-9)
        encoding = "bgr8" if covered.ndim == 3 else "mono16" if covered.dtype == np.uint16 else "mono8"
        self._publisher.publish(image_message(covered, encoding, message.header))
        self._published.add(time.monotonic())

    def _watch(self) -> None:
        silent = self._complaint(time.monotonic())
        if silent:
            self.get_logger().warning(silent, throttle_duration_sec=5.0)

    def _complain(self, why: str) -> None:
        self._withheld += 1
        self._last_withheld = why
        self.get_logger().warning(f"image withheld: {why}", throttle_duration_sec=5.0)

    def _complaint(self, now: float) -> str:
        if self._last_image - max(self._published.newest(), self._opened) <= STALE:
            return ""
        topics = {s: self.resolve_topic_name(s) for s in self.values["sources"]}
        absent = [topic for topic in topics.values() if not self.count_publishers(topic)]
        why = (
            f"nobody publishes {', '.join(absent)}"
            if absent
            else f"no image was cleared by {', '.join(topics.values())}"
        )
        return f"every image is withheld: {why}"

    def _report(self) -> dict[str, str]:
        return {
            "received": str(self._received),
            "withheld_in_doubt": str(self._withheld),
            "last_withheld": self._last_withheld,
        }
