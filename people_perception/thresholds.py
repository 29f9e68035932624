# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The confidence threshold, applied to a result that is there already."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from people_perception.decoders.scores import label_threshold
from people_perception.options import Option, Value
from people_perception.results import Detections, Instances


def lowest_threshold(declared: Iterable[Option]) -> float:
    """The lowest confidence threshold that a decoder with these options accepts."""
    return next(option.minimum or 0.0 for option in declared if option.name == "confidence_threshold")


def above(result: Detections | Instances, threshold: Value) -> Detections | Instances:
    """The part of a result with at least the confidence ``threshold``: a number, or one by label.

    It equals the result that a decoder with this threshold gives. In all of them a threshold only drops boxes: a
    cluster's confidence is compared after clustering, and in greedy suppression no box depends on a worse one.
    """
    found = result.detections if isinstance(result, Instances) else result
    limits = np.array([label_threshold(threshold, label) for label in found.labels], np.float32)
    keep = found.scores >= limits[found.class_ids]
    return Instances(found[keep], result.masks[keep]) if isinstance(result, Instances) else found[keep]
