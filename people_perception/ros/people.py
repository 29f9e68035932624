# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The people node: what several models found in one image, as one list of persons with their faces and masks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from people_perception.errors import PerceptionError
from people_perception.people import FACE, PERSON, join_people, renumbered
from people_perception.results import Detections
from people_perception.ros.follower import STALE, FollowerNode
from people_perception.ros.image import image_from_message
from people_perception.ros.matching import StampMatcher
from people_perception.ros.messages import detection_array, detections_from_message, image_message
from people_perception.ros.parameters import PEOPLE, PEOPLE_SOURCES

_OF_PERSONS = ("detections", "instances")
_MASK = "instances/mask"


class PeopleNode(FollowerNode):
    """Publishes the people of an image once every source has said what it found in exactly this image.

    A source is a topic of the parameter ``sources`` that somebody publishes. An image that a busy model skipped is
    left out: half of a result would look like a whole one.
    """

    def __init__(self, **node_arguments: Any) -> None:
        self._matcher = StampMatcher(2.0)
        self._live: list[str] = []
        self._incomplete = 0
        self._last_incomplete = ""
        super().__init__("people", PEOPLE, **node_arguments)

    def _announce(self) -> None:
        sources = self.values["sources"]
        if not set(sources) <= set(PEOPLE_SOURCES) or not set(sources) & set(_OF_PERSONS):
            raise PerceptionError(
                f"parameter sources={sources}: name {' or '.join(_OF_PERSONS)} at least, "
                f"and nothing but {', '.join(PEOPLE_SOURCES)}"
            )
        self._people = self._publish_on("people", Detection2DArray)
        self._faces = self._publish_on("people/faces", Detection2DArray)
        self._mask = self._publish_on("people/mask", Image)

    def _adopt(self) -> None:
        self._matcher.max_wait = self.values["max_wait"]

    def _subscribe(self) -> None:
        self._opened = self._last_image = time.monotonic()
        self._awaited = f"result on {self._topics(self.values['sources'])}"
        for source in self.values["sources"]:
            self._listen(source, Detection2DArray, lambda message, s=source: self._receive(s, message))  # type: ignore[misc]

    def _forget(self) -> None:
        self._matcher.clear()

    def _receive(self, source: str, message: Any) -> None:
        self._last_image = time.monotonic()
        if source == next((s for s in _OF_PERSONS if s in self._live), None):
            self._matcher.add_image(message)  # in place of the image: where nobody looked for persons are no people
        self._matcher.add_result(source, message)

    def _watch(self) -> None:
        # Masks are large, so they are heard only while somebody wants them.
        wanted = "instances" in self.values["sources"] and self._mask.get_subscription_count() > 0
        if wanted and _MASK not in self._inputs:
            self._listen(_MASK, Image, lambda message: self._receive(_MASK, message))
        elif not wanted and _MASK in self._inputs:
            self.destroy_subscription(self._inputs.pop(_MASK))
        self._live = [topic for topic in self._inputs if self.count_publishers(self.resolve_topic_name(topic))]
        self._matcher.set_live(self._live)
        silent = self._complaint(time.monotonic())
        if silent:
            self.get_logger().warning(silent, throttle_duration_sec=5.0)

    def _step(self) -> None:
        matched = self._matcher.next(0.2)
        if matched is None:
            return
        message, results = matched
        try:
            self._publish(message.header, results)
        except PerceptionError as error:
            self._incomplete += 1
            self._last_incomplete = str(error)

    def _publish(self, header: Any, results: dict[str, Any]) -> None:
        missing = [source for source in self._live if source not in results]
        if missing:
            raise PerceptionError(f"nothing of its stamp and frame on {self._topics(missing)}")
        found = {s: detections_from_message(results[s], (PERSON, FACE)) for s in PEOPLE_SOURCES if s in results}
        people = join_people(**found)
        mask = self._joined_mask(found["instances"], people.instance_ids, results[_MASK]) if _MASK in results else None
        self._people.publish(detection_array(people.persons, header))
        self._faces.publish(detection_array(people.faces, header))
        if mask is not None:
            self._mask.publish(mask)
        self._published.add(time.monotonic())

    def _joined_mask(self, instances: Detections, ids: Any, message: Any) -> Any:
        values = instances.track_ids
        if values is None and len(instances):
            raise PerceptionError(f"{self._topics(['instances'])} has no ids, so its masks are unknown")
        if values is None or np.array_equal(values, ids):
            return message
        return image_message(renumbered(image_from_message(message), values, ids), "mono16", message.header)

    def _topics(self, names: Any) -> str:
        return ", ".join(self.resolve_topic_name(name) for name in names)

    def _complaint(self, now: float) -> str:
        if now - max(self._published.newest(), self._opened) <= STALE:
            return ""
        if not any(source in self._live for source in _OF_PERSONS):
            wanted = [source for source in self.values["sources"] if source in _OF_PERSONS]
            return f"no people: nobody publishes {self._topics(wanted)}"
        if now - self._last_image > STALE:
            return ""
        why = self._last_incomplete or "no result fits another"
        return f"no people for {STALE:g} s: {why}; the parameter sources says what is waited for"

    def _report(self) -> dict[str, str]:
        return {
            "joined": ", ".join(self._live),
            "incomplete": str(self._incomplete),
            "last_incomplete": self._last_incomplete,
        }
