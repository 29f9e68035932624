# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How a replay went, for people, programs and the next run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class Summary:
    """How a replay went.

    Attributes:
        input, output: the recordings.
        frames: images of cameras that are done, in earlier runs too.
        expected: images that the input says it has.
        failed: images without a result of every model.
        topics: messages written by topic.
        withheld: messages of the input by topic that were left out, because they may show what is to be covered.
        problems: what is missing and why, one line each.
        finished: the end of the input was reached.
        computed: frames of this run alone.
        seconds: that they took.
    """

    input: str
    output: str
    frames: int = 0
    expected: int = 0
    failed: int = 0
    topics: dict[str, int] = field(default_factory=dict)
    withheld: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    finished: bool = False
    computed: int = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every image has every result, and nothing else is missing."""
        return self.finished and not self.problems

    @property
    def rate(self) -> float:
        """Frames a second of this run."""
        return self.computed / self.seconds if self.seconds > 0 else 0.0

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        own = {**asdict(self), "seconds": round(self.seconds, 3)}
        return {**own, "complete": self.complete, "frames_per_second": round(self.rate, 2)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Summary:
        """The inverse of `plain`; a field that an older version did not write has its default."""
        return cls(**{f.name: values[f.name] for f in fields(cls) if f.name in values})
