# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The same number for the same person from image to image: ByteTrack, as the library trackers has it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.association import box_iou
from people_perception.errors import PerceptionError
from people_perception.results import Detections, Instances

_REFERENCE_RATE = 30.0
"""Images a second that the library's motion model is tuned for; with stamps it takes any rate."""
_TIME_JUMP = 1.0
"""Seconds back from which time did not jitter but began anew: a bag loops."""
_NUMBERS_KEPT = 4096
_SAME_BOX = 0.1
"""The library's least IoU of a new track's first two boxes."""

LARGEST_NUMBER = 32767
"""Half of what a mask of 16 bits can hold: the other half is for those who have no number."""


class Tracker:
    """Numbers the detections of one model on one camera.

    Each label has a tracker of its own, so a person never becomes a bag. Numbers are unique over labels. They count
    from 1 to `LARGEST_NUMBER`, also over a `reset`, and then from 1 again without those that are in use. A detection
    has a number from its second image on; before, it may be noise.

    Args:
        labels: of the model.
        memory: seconds for which a person who is not found keeps the number.
        at_once: number everybody in the first image already, as pixels of a mask need it.

    Raises:
        PerceptionError: the library is not installed.
    """

    def __init__(self, labels: tuple[str, ...], memory: float = 1.0, at_once: bool = False) -> None:
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
        self._at_once = at_once
        self._next = itertools.cycle(range(1, LARGEST_NUMBER + 1))
        self._numbers: dict[tuple[int, int], int] = {}
        self._first_seen: list[tuple[int, NDArray, int]] = []  # label, box and number of who was new in the last image
        self._last: float | None = None

    def reset(self) -> None:
        """Forget everybody."""
        for tracker in self._trackers:
            tracker.reset()
        self._numbers.clear()
        self._first_seen.clear()
        self._last = None

    def __call__(self, found: Detections, stamp: float) -> Detections:
        """The same detections with `track_ids`, -1 where there is no number yet.

        Args:
            found: in one image of the camera.
            stamp: of the image, in seconds. A jump backwards resets; an image that is a little late gets no numbers, or
                with ``at_once`` new ones that nobody keeps.
        """
        if self._last is not None and stamp < self._last - _TIME_JUMP:
            self.reset()
        track_ids = np.full(len(found), -1, np.int64)
        late = self._last is not None and stamp < self._last
        if not late:
            self._last = stamp
            for label, tracker in enumerate(self._trackers):
                mine = np.flatnonzero(found.class_ids == label)
                for index, track in _update(tracker, found.boxes[mine], stamp):
                    track_ids[mine[index]] = self._number(label, track, found.boxes[mine[index]])
        if self._at_once:
            new = np.flatnonzero(track_ids < 0)
            track_ids[new] = [self._unused() for _ in new]
            if not late:
                self._first_seen = [(int(found.class_ids[i]), found.boxes[i], int(track_ids[i])) for i in new]
        return replace(found, track_ids=track_ids)

    def _number(self, label: int, track: int, box: NDArray) -> int:
        key = (label, track)
        number = self._numbers.pop(key, None) or self._first_number(label, box) or self._unused()
        self._numbers[key] = number  # at the end: the latest are kept
        if len(self._numbers) > _NUMBERS_KEPT:
            del self._numbers[next(iter(self._numbers))]
        return number

    def _first_number(self, label: int, box: NDArray) -> int | None:
        """The number that a track got in the image before, when it was none yet, and which nobody else has claimed.

        A track begins with the second of two images in a row in which the boxes overlap.
        """
        overlaps = [
            float(box_iou(box[None], other[None])[0, 0]) if label == its_label else 0.0
            for its_label, other, _ in self._first_seen
        ]
        if max(overlaps, default=0.0) < _SAME_BOX:
            return None
        return self._first_seen.pop(overlaps.index(max(overlaps)))[2]

    def _unused(self) -> int:
        return next(number for number in self._next if number not in self._numbers.values())


def tracked(tracker: Tracker, found: Detections | Instances, stamp: float) -> Detections | Instances:
    """What a model found, with the tracker's numbers; see `Tracker.__call__`."""
    if isinstance(found, Instances):
        return replace(found, detections=tracker(found.detections, stamp))
    return tracker(found, stamp)


def _update(tracker: Any, boxes: Any, stamp: float) -> list[tuple[int, int]]:
    """(index of the box, number of its track) of the boxes that have one."""
    import supervision

    # The library returns boxes in another order; class_id, which it hands through, tells which is which.
    result = tracker.update(supervision.Detections(xyxy=boxes, class_id=np.arange(len(boxes))), timestamp=stamp)
    if not len(result):
        return []
    pairs = zip(result.class_id.tolist(), result.tracker_id.tolist(), strict=True)
    return [(index, track) for index, track in pairs if track >= 0]
