# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Two recordings of results of the same images: what differs, where, and whether that is too much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.bags.comparison import Comparison, Limits, TopicComparison, WorstFrame
from people_perception.bags.differences import BoxDifference, class_mask_iou, compare_boxes, instance_mask_iou
from people_perception.bags.journal import read_frames, read_run
from people_perception.bags.messages import DETECTIONS, IMAGE, decode, image_from, recorded_stamp
from people_perception.bags.reader import Bag, Message
from people_perception.errors import PerceptionError
from people_perception.message_fields import detections_from_message
from people_perception.results import Detections

_MASKS = "/mask"


def compare(a: Path, b: Path, limits: Limits, keep: int = 12) -> Comparison:
    """What differs between two recordings of results.

    Args:
        a: the one that B is measured against.
        b: the other one.
        limits: what may differ.
        keep: how many of the worst frames of a topic are named.

    Raises:
        PerceptionError: one of them cannot be read, or they have no result in common.
    """
    with Bag(a) as bag_a, Bag(b) as bag_b:
        result = Comparison(str(a), str(b), {"a": _models(a), "b": _models(b)})
        topics_a, topics_b = result_topics(bag_a), result_topics(bag_b)
        both = [topic for topic in topics_a if topic in topics_b]
        if not both:
            raise PerceptionError(
                f"{a} and {b} have no results on a common topic: {_listed(topics_a)} there, {_listed(topics_b)} here"
            )
        for bag, other, only in ((a, b, topics_a.keys() - topics_b.keys()), (b, a, topics_b.keys() - topics_a.keys())):
            result.failures += [f"{topic} is in {bag} and not in {other}" for topic in sorted(only)]
        times = {"a": _latencies(a), "b": _latencies(b)}
        for topic in both:
            measured = _compare_topic(bag_a, bag_b, topic, limits, keep)
            measured.latency_ms = {
                name: {"p50": _percentile(own[topic], 50), "p95": _percentile(own[topic], 95)}
                for name, own in times.items()
                if topic in own
            }
            measured.failures = list(limits.check(measured))
            result.topics.append(measured)
            result.failures += [f"{topic}: {text}" for text in measured.failures]
        result.problems = [f"{bag.path}: {text}" for bag in (bag_a, bag_b) for text in bag.problems]
    return result


def result_topics(bag: Bag) -> dict[str, str]:
    """Topics with results and their types: detections, and masks of class or instance ids."""
    return {
        name: topic.kind
        for name, topic in bag.topics.items()
        if topic.kind == DETECTIONS or (topic.kind == IMAGE and name.endswith(_MASKS))
    }


def _compare_topic(a: Bag, b: Bag, topic: str, limits: Limits, keep: int) -> TopicComparison:
    measured = TopicComparison(topic)
    sums = _Sums()
    first: int | None = None
    for number, (stamp, in_a, in_b) in enumerate(_pairs(a, b, topic)):
        first = stamp if first is None else first
        if in_a is None or in_b is None:
            measured.only_a += in_b is None
            measured.only_b += in_a is None
            only = "B" if in_a is None else "A"
            sums.keep(WorstFrame(1e6, stamp, topic, number, (stamp - first) * 1e-9, f"only in {only}"), keep)
            continue
        measured.frames += 1
        measured.identical += in_a.data == in_b.data
        if in_a.kind == DETECTIONS:
            badness, text = _add_boxes(measured, sums, in_a, in_b, limits.iou)
        else:
            badness, text = _add_masks(sums, in_a, in_b)
        if badness > 1e-9:
            sums.keep(WorstFrame(badness, stamp, topic, number, (stamp - first) * 1e-9, text), keep)
    measured.worst = sorted(sums.worst, key=lambda kept: kept.rank)[:keep]
    if sums.ious:
        measured.box_iou = sums.iou / sums.ious
        measured.score_change = sums.change / sums.ious
        measured.largest_score_change = sums.largest_change
    if sums.masks:
        measured.mask_iou, measured.lowest_mask_iou = sums.mask / sums.masks, sums.lowest_mask
    return measured


@dataclass
class _Sums:
    """What the means are made of."""

    ious: int = 0
    iou: float = 0.0
    change: float = 0.0
    largest_change: float = 0.0
    masks: int = 0
    mask: float = 0.0
    lowest_mask: float = 1.0
    worst: list[WorstFrame] = field(default_factory=list)

    def keep(self, frame: WorstFrame, most: int) -> None:
        """Remember a frame if it is among the worst."""
        self.worst.append(frame)
        if len(self.worst) > 2 * most:
            self.worst = sorted(self.worst, key=lambda kept: kept.rank)[:most]


def box_pair(a: Message, b: Message, iou: float) -> tuple[Detections, Detections, BoxDifference]:
    """Two messages of boxes, with class ids that mean the same in both, and how they differ."""
    found_a = detections_from_message(decode(a.data, a.kind))
    found_b = detections_from_message(decode(b.data, b.kind), found_a.labels)
    return found_a, found_b, compare_boxes(found_a, found_b, iou)


def mask_pair(a: Message, b: Message) -> tuple[NDArray, NDArray, float]:
    """Two messages of masks and their IoU: of classes in mono8, of instances in mono16, 0 if their sizes differ."""
    mask_a, mask_b = (image_from(decode(m.data, m.kind), m.kind) for m in (a, b))
    measure = instance_mask_iou if mask_a.dtype == np.uint16 else class_mask_iou
    return mask_a, mask_b, measure(mask_a, mask_b) if mask_a.shape == mask_b.shape else 0.0


def _add_boxes(measured: TopicComparison, sums: _Sums, a: Message, b: Message, iou: float) -> tuple[float, str]:
    found_a, found_b, difference = box_pair(a, b, iou)
    measured.boxes = (measured.boxes or 0) + len(found_a)
    measured.matched += len(difference.pairs)
    measured.lost += len(difference.lost)
    measured.found += len(difference.found)
    for name, found, indices in (
        ("matched", found_a, [pair.a for pair in difference.pairs]),
        ("lost", found_a, difference.lost),
        ("found", found_b, difference.found),
    ):
        for index in indices:
            label = found.labels[found.class_ids[index]]
            counts = measured.by_label.setdefault(label, {"matched": 0, "lost": 0, "found": 0})
            counts[name] += 1
    sums.ious += len(difference.pairs)
    sums.iou += sum(pair.iou for pair in difference.pairs)
    sums.change += sum(map(abs, difference.score_changes))
    sums.largest_change = max([sums.largest_change, *map(abs, difference.score_changes)])
    return difference.badness, difference.describe()


def _add_masks(sums: _Sums, a: Message, b: Message) -> tuple[float, str]:
    iou = 1.0 if a.data == b.data else mask_pair(a, b)[2]
    sums.masks += 1
    sums.mask += iou
    sums.lowest_mask = min(sums.lowest_mask, iou)
    return 1.0 - iou, f"mask IoU {iou:.3f}"


def _pairs(a: Bag, b: Bag, topic: str) -> Iterator[tuple[int, Message | None, Message | None]]:
    """The messages of a topic by stamp; what is recorded in the order of its stamps needs no memory."""
    from_a, from_b = (((recorded_stamp(m.data), m) for m in bag.messages([topic])) for bag in (a, b))
    in_a, in_b = next(from_a, None), next(from_b, None)
    while in_a is not None or in_b is not None:
        if in_b is None or (in_a is not None and in_a[0] < in_b[0]):
            assert in_a is not None
            yield in_a[0], in_a[1], None
            in_a = next(from_a, None)
        elif in_a is None or in_b[0] < in_a[0]:
            yield in_b[0], None, in_b[1]
            in_b = next(from_b, None)
        else:
            yield in_a[0], in_a[1], in_b[1]
            in_a, in_b = next(from_a, None), next(from_b, None)


def _models(path: Path) -> list[dict[str, Any]]:
    """What ran, if a replay wrote the recording."""
    try:
        models = read_run(path)["models"]
    except PerceptionError:
        return []
    return [{name: model[name] for name in ("requested", "model", "engine", "device", "weights")} for model in models]


def _latencies(path: Path) -> Mapping[str, list[float]]:
    """Milliseconds of each frame by topic, if a replay wrote the recording."""
    times: dict[str, list[float]] = {}
    for record in read_frames(path):
        for topic, seconds in record.seconds.items():
            times.setdefault(topic, []).append(seconds * 1e3)
    return times


def _percentile(values: list[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 3)


def _listed(topics: Mapping[str, str]) -> str:
    return ", ".join(topics) or "none"
