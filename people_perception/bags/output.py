# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a replay writes: the recording of results, and beside it the journal."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from people_perception.bags.anonymize import RecordedAnonymizer
from people_perception.bags.cameras import Stream
from people_perception.bags.journal import FrameRecord, Journal
from people_perception.bags.messages import DETECTIONS, IMAGE, LABELS, stamp_ns
from people_perception.bags.models import label_bytes
from people_perception.bags.pipeline import Job
from people_perception.bags.reader import Topic
from people_perception.bags.resume import Earlier, set_aside
from people_perception.bags.revealing import can_be_cleared, may_reveal, reveals
from people_perception.bags.summary import Summary
from people_perception.bags.writer import OutputBag
from people_perception.model import Perceiver

_KINDS = {"detection": (DETECTIONS,), "semantic": (IMAGE,), "instance": (DETECTIONS, IMAGE)}
"""The types of a stream's topics by the task of its model."""
_KEPT_ERRORS = 1000
"""Different texts of errors that are counted."""


class ReplayOutput:
    """The output of one replay; a context manager that leaves a valid recording whatever happens.

    Args:
        path: the folder, which does not exist unless ``earlier`` is there.
        storage: of the recording.
        streams: which model looks at which camera.
        models: by the name that the user gave.
        copied: topics of the input that are written too.
        run: for the journal.
        earlier: what is kept of an earlier run.
        summary: is filled in.
        anonymizer: of the copied topics, the images of its cameras are those that it covers, and nothing else that may
            show them is copied.

    Attributes:
        copied: topics of the input that are written too, of cameras among them those that are ``covered``.
        withheld: messages of the input by topic that were left out, because they may show what is to be covered.
        errors: how often each text was the reason why there is no result.

    Raises:
        PerceptionError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        storage: str,
        streams: Sequence[Stream],
        models: Mapping[str, Perceiver],
        copied: Collection[Topic],
        run: Mapping[str, Any],
        earlier: Earlier,
        summary: Summary,
        anonymizer: RecordedAnonymizer | None = None,
    ) -> None:
        self._anonymizer = anonymizer
        self.covered: frozenset[str] = frozenset() if anonymizer is None else anonymizer.cameras
        self.withheld: Counter[str] = Counter()
        self._streams = streams
        self._models = models
        self._summary = summary
        self._read = self._written = 0
        self._counts: Counter[str] = Counter()
        self._labelled: set[Stream] = set()
        self.errors: Counter[str] = Counter()
        aside = set_aside(path)
        if earlier.folder is not None:
            if earlier.folder == path:
                path.rename(aside)
            shutil.rmtree(path, ignore_errors=True)
        self._bag = OutputBag(path, storage)
        self.copied = self._declare(copied)
        self.covered &= self.copied
        self._journal = Journal(path, run)
        if earlier.folder is not None:
            self._keep(Earlier(aside, earlier.frames, earlier.read, earlier.written))
            shutil.rmtree(aside)

    def __enter__(self) -> ReplayOutput:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._summary.finished = False
            self._summary.problems.append(f"ended by an error: {error}")
        self._summary.topics = {topic: count for topic, count in self._counts.items() if count}
        self._summary.withheld = dict(self.withheld)
        try:
            self._bag.close()
            self._journal.finish(self._summary.plain())
        except BaseException:
            self._bag.abort()
            self._journal.close()
            if error is None:
                raise

    def add(self, job: Job) -> None:
        """Write what belongs to the next message of the input."""
        topic, _, time, data = job.message
        self._read += 1
        if topic in self.copied and topic not in self.covered and not self._withhold(job):
            self._write(topic, time, data)
        if not job.answers:
            return
        record = FrameRecord(topic, None if job.head is None else stamp_ns(job.head), time, self._read, 0)
        for answer in job.answers:
            main = answer.stream.topics[0]
            if answer.error:
                record.errors[main] = answer.error
                if len(self.errors) < _KEPT_ERRORS or answer.error in self.errors:
                    self.errors[answer.error] += 1
                continue
            if answer.stream not in self._labelled:
                self._labelled.add(answer.stream)
                model = self._models[answer.stream.model]
                self._write(answer.stream.label_topic, time, label_bytes(model, job.head))
            for name, content in answer.messages:
                self._write(name, time, content)
            record.seconds[main] = round(answer.seconds, 6)
            record.values[main] = round(answer.value, 6)
        if topic in self.covered:
            self._write_covered(job, record)
        record.written = self._written
        self._note(record)

    def pass_over(self, job: Job) -> None:
        """Count what an earlier run has left out of the next message of the input."""
        if job.message.topic in self.copied and job.message.topic not in self.covered:
            self._withhold(job)

    def _withhold(self, job: Job) -> bool:
        withheld = self._anonymizer is not None and reveals(job.message)
        if withheld:
            self.withheld[job.message.topic] += 1
        return withheld

    def _write_covered(self, job: Job, record: FrameRecord) -> None:
        """Last of all, so that what is kept of an earlier run has the results of an image before it."""
        topic, _, time, _ = job.message
        if job.covered is None:
            record.errors[topic] = f"left out: {job.uncovered}"
            self.withheld[topic] += 1
        else:
            self._write(topic, time, job.covered)

    def _declare(self, copied: Collection[Topic]) -> frozenset[str]:
        """Declare every topic in a fixed order; the input's topics that are copied."""
        taken: set[str] = set()
        for stream in self._streams:
            self._bag.add(stream.label_topic, LABELS, latched=True)
            kinds = _KINDS[self._models[stream.model].spec.task]
            for name, kind in zip(stream.topics, kinds, strict=True):
                self._bag.add(name, kind)
            taken |= {stream.label_topic, *stream.topics}
        own: set[str] = set()
        for topic in copied:
            if topic.name in taken:
                self._summary.problems.append(f"{topic.name} of the input is not copied: the results are written there")
            elif self._anonymizer is not None and topic.name not in self.covered and _is_left_out(topic):
                self.withheld[topic.name] = topic.count
            elif self._bag.add_copy(topic):
                own.add(topic.name)
            else:
                self._summary.problems.append(f"{topic.name} is not copied: nobody knows the type {topic.kind}")
        return frozenset(own)

    def _keep(self, earlier: Earlier) -> None:
        for message in earlier.messages():
            self._write(message.topic, message.time, message.data)
            if self._anonymizer is not None:
                self._anonymizer.remember(message)
        for record in earlier.records():
            # Labels come with the first results of a model.
            self._labelled |= {s for s in self._streams if s.topics[0] in record.values}
            for topic, error in record.errors.items():
                if topic in self.covered:
                    self.withheld[topic] += 1
                else:
                    self.errors[error] += 1
            self._note(record)
        self._read = earlier.read

    def _note(self, record: FrameRecord) -> None:
        self._journal.add(record)
        self._summary.frames += 1
        self._summary.failed += bool(record.errors)

    def _write(self, topic: str, time: int, data: bytes | memoryview) -> None:
        self._bag.write(topic, time, data)
        self._written += 1
        self._counts[topic] += 1


def _is_left_out(topic: Topic) -> bool:
    return may_reveal(topic) and not can_be_cleared(topic)
