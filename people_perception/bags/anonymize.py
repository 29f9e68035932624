# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded images with faces or persons covered by what the models of a replay found in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from people_perception.anonymize import Anonymizer, boxes_to_cover, pixelate
from people_perception.bags.cameras import Stream
from people_perception.bags.messages import DETECTIONS, covered_message, decode, encode, recorded_stamp
from people_perception.bags.reader import Message
from people_perception.errors import PerceptionError
from people_perception.selection import Selection

DEFAULT_FINDERS = {"face": "facedetect_ir", "person": "peoplenet"}
"""What can be covered, and by which model where the user names none; each has an open stand-in that finds the same."""


def finders(selections: Mapping[str, Selection], labels: Iterable[str]) -> tuple[str, ...]:
    """The models that give boxes of what is to be covered.

    Args:
        selections: what runs for each model.
        labels: some of `DEFAULT_FINDERS`.

    Raises:
        PerceptionError: none gives boxes of one of them.
    """
    giving = {name: s.spec.labels for name, s in selections.items() if s.spec.task in ("detection", "instance")}
    for label in labels:
        if not any(label in found for found in giving.values()):
            running = ", ".join(s.spec.name for s in selections.values())
            raise PerceptionError(
                f"--anonymize {label}: of what runs ({running}) nothing gives boxes of a {label}; "
                f"add {DEFAULT_FINDERS[label]} to --models"
            )
    return tuple(name for name, found in giving.items() if set(labels) & set(found))


class RecordedAnonymizer:
    """Covers the images of each camera in the order of the recording.

    The boxes are those of the messages that are written, not of the models, so that a run that goes on where another
    ended covers the same pixels as one that never ended.

    Args:
        labels: see `finders`.
        streams: of `finders` only, all cameras'.
    """

    def __init__(self, labels: Sequence[str], streams: Sequence[Stream]) -> None:
        self._labels = labels
        self._anonymizers = {stream.camera: Anonymizer() for stream in streams}
        self._sources = {stream.topics[0]: stream.camera for stream in streams}
        self._kept: dict[str, dict[str, Any]] = {camera: {} for camera in self._anonymizers}

    @property
    def cameras(self) -> frozenset[str]:
        """The topics of the images that are covered."""
        return frozenset(self._anonymizers)

    def cover(
        self, message: Message, recorded: Any, image: NDArray, results: Mapping[str, bytes | memoryview]
    ) -> memoryview:
        """The image message to write instead of a recorded one.

        Args:
            message: the recorded one. Those of a camera come in the order of the recording.
            recorded: its content.
            image: its pixels.
            results: what is written for it, by topic.

        Raises:
            PerceptionError: one of the models said nothing about it, or a box cannot be understood; then nothing must
                be written.
        """
        found = {topic: decode(data, DETECTIONS) for topic, data in results.items() if topic in self._sources}
        boxes = self._boxes(message, found, recorded.header.frame_id)
        return encode(covered_message(recorded, message.kind, pixelate(image, boxes)))

    def remember(self, message: Message) -> None:
        """Take note of a message of an earlier run's output; those of a camera come in their order."""
        camera = self._sources.get(message.topic)
        if camera is not None:
            self._kept[camera][message.topic] = decode(message.data, DETECTIONS)
        elif message.topic in self._anonymizers:
            # Written last, and only when every model had said something.
            found = self._kept[message.topic]
            self._boxes(message, found, next(iter(found.values())).header.frame_id)

    def _boxes(self, message: Message, found: Mapping[str, Any], frame_id: str) -> NDArray:
        camera = message.topic
        silent = [topic for topic, its in self._sources.items() if its == camera and topic not in found]
        if silent:
            raise PerceptionError(f"{', '.join(silent)} said nothing about it")
        stamp = recorded_stamp(message.data) or message.time
        # Of one size as far as memory goes: if it does change, a few boxes too many are covered for a moment.
        return self._anonymizers[camera].cover(boxes_to_cover(found, self._labels, frame_id), stamp * 1e-9, ())
