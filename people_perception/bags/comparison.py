# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a comparison of two outputs says, and how much they may differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class WorstFrame:
    """A frame in which the outputs differ.

    Attributes:
        badness: the higher, the more they differ.
        stamp: nanoseconds, of the image.
        topic: whose messages differ.
        number: of the frame on this topic, from 0.
        seconds: since the first frame.
        text: how they differ.
    """

    badness: float
    stamp: int
    topic: str
    number: int
    seconds: float
    text: str

    def describe(self) -> str:
        """One line that names the frame."""
        stamp = f"{self.stamp // 1_000_000_000}.{self.stamp % 1_000_000_000:09}"
        return f"frame {self.number} at {self.seconds:.2f} s, stamp {stamp}: {self.text}"

    @property
    def rank(self) -> tuple[float, int]:
        """Sorts frames, the worst first and of two equally bad ones the earlier."""
        return -self.badness, self.stamp


@dataclass
class TopicComparison:
    """One topic of both.

    Attributes:
        frames: that both have. ``only_a`` and ``only_b``: that one has.
        identical: frames whose messages are the same byte for byte.
        boxes: of A. ``matched`` have a partner in B, ``lost`` have none, ``found`` are only in B.
        by_label: the same counts for each class.
        box_iou, score_change, largest_score_change: of matched boxes: two means and a maximum; None without any.
        mask_iou, lowest_mask_iou: over the frames.
        latency_ms: median and 95th percentile in A and in B, where their journals have them.
        failures: what is beyond a limit, one line each.
        worst: the frames that differ most, the worst first.
    """

    topic: str
    frames: int = 0
    only_a: int = 0
    only_b: int = 0
    identical: int = 0
    boxes: int | None = None
    matched: int = 0
    lost: int = 0
    found: int = 0
    by_label: dict[str, dict[str, int]] = field(default_factory=dict)
    box_iou: float | None = None
    score_change: float | None = None
    largest_score_change: float | None = None
    mask_iou: float | None = None
    lowest_mask_iou: float | None = None
    latency_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    worst: list[WorstFrame] = field(default_factory=list)


@dataclass
class Comparison:
    """Both outputs.

    Attributes:
        a, b: where they are.
        models: what ran for each, as their journals say.
        topics: that are in both.
        failures: of any topic, and topics that only one of them has.
        problems: what could not be read.
    """

    a: str
    b: str
    models: dict[str, list[dict[str, Any]]]
    topics: list[TopicComparison] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything is within its limit, and everything could be read."""
        return not (self.failures or self.problems)

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {"passed": self.passed, **asdict(self)}


@dataclass(frozen=True)
class Limits:
    """How much two outputs may differ. None: as much as they like.

    Attributes:
        iou: from which on two boxes of a class are one thing.
        max_lost: share of A's boxes that B has not.
        max_found: boxes that only B has, as a share of A's.
        max_score_change: mean change of the score of a box, either way.
        min_box_iou: mean IoU of boxes that are one thing.
        min_mask_iou: mean IoU of masks over the frames.
        max_missing: frames that only one of them has.
        max_slower: how much longer B's median frame takes, as a share.
    """

    iou: float = 0.5
    max_lost: float | None = 0.01
    max_found: float | None = 0.01
    max_score_change: float | None = 0.05
    min_box_iou: float | None = 0.9
    min_mask_iou: float | None = 0.95
    max_missing: int | None = 0
    max_slower: float | None = None

    def check(self, measured: TopicComparison) -> Iterator[str]:
        """What of a topic is beyond a limit, one line each."""
        missing = measured.only_a + measured.only_b
        if self.max_missing is not None and missing > self.max_missing:
            counts = f"{measured.only_a} frames are only in A, {measured.only_b} only in B"
            yield f"{counts}; at most {self.max_missing} may be"
        for name, count, limit in (
            ("lost", measured.lost, self.max_lost),
            ("found", measured.found, self.max_found),
        ):
            share = count / max(measured.boxes or 0, 1)
            if limit is not None and share > limit:
                yield f"{count} boxes {name}, {share:.1%} of {measured.boxes or 0}; at most {limit:.1%} may be"
        for name, value, limit in (
            ("the mean IoU of boxes", measured.box_iou, self.min_box_iou),
            ("the mean IoU of masks", measured.mask_iou, self.min_mask_iou),
        ):
            if limit is not None and value is not None and value < limit:
                yield f"{name} is {value:.4f}; at least {limit:g} is expected"
        change, most = measured.score_change, self.max_score_change
        if most is not None and change is not None and change > most:
            yield f"scores change by {change:.4f} in the mean; at most {most:g} is allowed"
        times = measured.latency_ms
        if self.max_slower is not None and times.keys() == {"a", "b"}:
            before, now = times["a"]["p50"], times["b"]["p50"]
            if now > before * (1 + self.max_slower):
                allowed = f"at most {self.max_slower:.0%} more is allowed"
                yield f"the median frame takes {now:.1f} ms instead of {before:.1f} ms; {allowed}"


HEADER = (
    "topic",
    "frames",
    "boxes",
    "lost",
    "found",
    "box IoU",
    "score change",
    "mask IoU",
    "A p50 ms",
    "B p50 ms",
)


def topic_rows(comparison: Comparison) -> list[list[str]]:
    """A row of texts for each topic, under `HEADER`."""
    rows = []
    for topic in comparison.topics:
        times = [topic.latency_ms.get(name, {}).get("p50") for name in ("a", "b")]
        boxes = ["-"] * 3 if topic.boxes is None else [str(n) for n in (topic.boxes, topic.lost, topic.found)]
        figures = [_figure(v, 4) for v in (topic.box_iou, topic.score_change, topic.mask_iou)]
        rows.append([topic.topic, str(topic.frames), *boxes, *figures, *(_figure(t, 1) for t in times)])
    return rows


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
