# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The same number for the same person from image to image: ByteTrack, as the library trackers has it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from people_perception.errors import PerceptionError
from people_perception.results import Detections

_REFERENCE_RATE = 30.0
"""Images a second that the library's motion model is tuned for; with stamps it takes any rate."""
_TIME_JUMP = 1.0
"""Seconds back from which time did not jitter but began anew: a bag loops."""
_NUMBERS_KEPT = 4096


class Tracker:
    """Numbers the detections of one model on one camera.

    Each label has a tracker of its own, so a person never becomes a bag; numbers are unique over labels and are never
    given twice, not even after `reset`. A detection has a number from its second image on; before, it may be noise.

    Args:
        labels: of the model.
        memory: seconds for which a person who is not found keeps the number.

    Raises:
        PerceptionError: the library is not installed.
    """

    def __init__(self, labels: tuple[str, ...], memory: float = 1.0) -> None:
        try:
            from trackers import ByteTrackTracker
        except ImportError as error:
            raise PerceptionError(
                f"tracking needs the Python package trackers ({error}); docs/tracking.md says how to install it"
            ) from error
        # The network's threshold has decided what a detection is; scores of different networks do not compare, so the
        # library gets none and takes every box as sure.
        self._trackers = [
            ByteTrackTracker(
                lost_track_buffer=max(1, round(memory * _REFERENCE_RATE)),
                frame_rate=_REFERENCE_RATE,
                minimum_consecutive_frames=1,
            )
            for _ in labels
        ]
        self._next = itertools.count(1)
        self._numbers: dict[tuple[int, int], int] = {}
        self._last: float | None = None

    def reset(self) -> None:
        """Forget everybody."""
        for tracker in self._trackers:
            tracker.reset()
        self._numbers.clear()
        self._last = None

    def __call__(self, found: Detections, stamp: float) -> Detections:
        """The same detections with `track_ids`, -1 where there is no number yet.

        Args:
            found: in one image of the camera.
            stamp: of the image, in seconds. A jump backwards resets; an image that is a little late gets no numbers.
        """
        if self._last is not None and stamp < self._last - _TIME_JUMP:
            self.reset()
        track_ids = np.full(len(found), -1, np.int64)
        if self._last is not None and stamp < self._last:
            return replace(found, track_ids=track_ids)
        self._last = stamp
        for label, tracker in enumerate(self._trackers):
            mine = np.flatnonzero(found.class_ids == label)
            for index, track in _update(tracker, found.boxes[mine], stamp):
                track_ids[mine[index]] = self._number(label, track)
        return replace(found, track_ids=track_ids)

    def _number(self, label: int, track: int) -> int:
        key = (label, track)
        number = self._numbers.pop(key, None)
        self._numbers[key] = next(self._next) if number is None else number  # at the end: the latest are kept
        if len(self._numbers) > _NUMBERS_KEPT:
            del self._numbers[next(iter(self._numbers))]
        return self._numbers[key]


def _update(tracker: Any, boxes: Any, stamp: float) -> list[tuple[int, int]]:
    """(index of the box, number of its track) of the boxes that have one."""
    import supervision

    # The library returns boxes in another order; class_id, which it hands through, tells which is which.
    result = tracker.update(supervision.Detections(xyxy=boxes, class_id=np.arange(len(boxes))), timestamp=stamp)
    if not len(result):
        return []
    pairs = zip(result.class_id.tolist(), result.tracker_id.tolist(), strict=True)
    return [(index, track) for index, track in pairs if track >= 0]
