# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Scores from logits, and candidate boxes from scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from people_perception.geometry import Geometry
from people_perception.options import Value
from people_perception.results import Detections


def sigmoid(logits: NDArray[np.floating]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)) in float32; logits beyond +-100 count as +-100, so that nothing overflows."""
    return (1.0 / (1.0 + np.exp(-np.clip(logits, -100.0, 100.0, dtype=np.float64)))).astype(np.float32)


def label_threshold(threshold: Value, label: str) -> float:
    """What an option that takes a number or {label: number} says of one label."""
    return float(threshold[label]) if isinstance(threshold, dict) else float(threshold)


def to_detections(
    geometry: Geometry,
    boxes: NDArray[np.floating],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.int64],
    labels: tuple[str, ...],
) -> Detections:
    """Network boxes (N, 4) as detections in the source image; a box that lies outside the image is left out."""
    placed = geometry.boxes_to_source(boxes)
    inside = (placed[:, 2] > placed[:, 0]) & (placed[:, 3] > placed[:, 1])
    return Detections(placed, scores, class_ids, labels)[inside]
