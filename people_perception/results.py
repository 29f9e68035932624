# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a model found in one image, in pixels of that image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes in source-image pixels.

    Attributes:
        boxes: (N, 4) float32, x1, y1, x2, y2.
        scores: (N,) float32. TAO's DBSCAN sums coverage, so a score may exceed 1.
        class_ids: (N,) int64, index into ``labels``.
        labels: the names of the classes: ``labels[class_ids[i]]`` is what box i shows.
        track_ids: (N,) int64, the same for one person over frames, -1 for none yet; None where nobody tracks.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    labels: tuple[str, ...]
    track_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or self.class_ids.shape != (n,):
            raise ValueError(
                f"boxes {self.boxes.shape}, scores {self.scores.shape} and class_ids {self.class_ids.shape} "
                "do not agree; expected (N, 4), (N,) and (N,)"
            )
        if self.track_ids is not None and self.track_ids.shape != (n,):
            raise ValueError(f"track_ids {self.track_ids.shape} do not agree with {n} boxes; expected ({n},)")

    @classmethod
    def empty(cls, labels: tuple[str, ...]) -> Detections:
        """No detections at all."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64), labels)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Detections:
        """The detections that a numpy index selects, in its order."""
        tracks = None if self.track_ids is None else self.track_ids[index]
        return Detections(self.boxes[index], self.scores[index], self.class_ids[index], self.labels, tracks)

    def names(self) -> list[str]:
        """The label text of each box."""
        return [self.labels[i] for i in self.class_ids]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A class for every pixel of the source image.

    Attributes:
        mask: (H, W) uint8 class ids, 0 is background.
        labels: the names of the classes, indexed by class id.
    """

    mask: NDArray[np.uint8]
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.mask.ndim != 2 or self.mask.dtype != np.uint8:
            raise ValueError(f"mask is {self.mask.dtype} {self.mask.shape}; expected uint8 (H, W)")


@dataclass(frozen=True, eq=False)
class Instances:
    """One mask per detection.

    Attributes:
        detections: N boxes with scores and classes. Their ``track_ids``, if they have any, are 1 to 65535.
        masks: (N, H, W) bool at source size, in the order of the detections.
        regions: (N, 4) int64 x1, y1, x2, y2 in pixels, outside of which each mask is empty; None where nobody knows.
    """

    detections: Detections
    masks: NDArray[np.bool_]
    regions: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.masks.ndim != 3 or self.masks.dtype != np.bool_ or len(self.masks) != len(self.detections):
            raise ValueError(
                f"masks are {self.masks.dtype} {self.masks.shape}; expected bool ({len(self.detections)}, H, W)"
            )
        if self.regions is not None and self.regions.shape != (len(self.masks), 4):
            raise ValueError(f"regions {self.regions.shape} do not agree with {len(self.masks)} masks")
        if len(self.masks) and not (self.ids.min() >= 1 and self.ids.max() <= 65535):
            raise ValueError(f"track_ids {self.ids.tolist()} of instances: expected 1 to 65535, the values of a mask")

    @property
    def ids(self) -> NDArray[np.int64]:
        """(N,) the value of each instance in `id_mask`: its track id, or i + 1 where nobody tracks."""
        tracks = self.detections.track_ids
        return np.arange(1, len(self.masks) + 1) if tracks is None else tracks

    def id_mask(self) -> NDArray[np.uint16]:
        """(H, W) uint16: 0 background, else `ids`; where instances overlap, the better score is on top."""
        count, height, width = self.masks.shape
        ids = np.zeros((height, width), np.uint16)
        whole = np.broadcast_to(np.array([0, 0, width, height]), (count, 4))
        regions = whole if self.regions is None else self.regions
        values = self.ids.astype(np.uint16)
        for i in np.argsort(self.detections.scores, kind="stable").tolist():
            x1, y1, x2, y2 = regions[i].tolist()
            np.copyto(ids[y1:y2, x1:x2], values[i], where=self.masks[i, y1:y2, x1:x2])
        return ids


Result = Detections | Segmentation | Instances
