# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Reading, decoding, every network and writing at the same time, in the order of the recording, in bounded memory."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from people_perception.bags.cameras import Stream
from people_perception.bags.messages import COMPRESSED, decode, image_from, stamp_ns
from people_perception.bags.models import result_bytes, result_value
from people_perception.bags.reader import Message, one_line
from people_perception.errors import PerceptionError
from people_perception.model import Perceiver
from people_perception.preprocess import BufferPool, Frame, InfraredScaler

_MAX_BYTES = 64 << 20
"""Of all frames between reading and writing: message, image, tensors and results."""
_MAX_FRAMES = 8
"""However small: whoever stops a run waits for those that are on their way."""
_MIN_JOBS = 3
"""May always be on their way, however large: one is read, one computed, one written."""
Cover = Callable[[Message, Any, NDArray, Mapping[str, bytes | memoryview]], memoryview]
"""`people_perception.bags.anonymize.RecordedAnonymizer.cover`."""

_MAX_FAILURES = 10
"""Of a network in a row, after which it counts as broken."""


@dataclass
class Answer:
    """What one model made of one frame: its messages, or why there are none."""

    stream: Stream
    messages: Sequence[tuple[str, bytes | memoryview]] = ()
    seconds: float = 0.0
    value: float = 0.0
    error: str = ""


@dataclass
class Job:
    """A recorded message on its way.

    Attributes:
        message: as it was recorded.
        skipped: an earlier run has finished it; only what later frames depend on was computed.
        head: header of an image that could be read.
        answers: one for each model that looks at this camera; none for other messages.
        covered: the image to write instead, where images are anonymised and everything to cover in it is known.
        uncovered: why it is not.
    """

    message: Message
    skipped: bool = False
    head: Any = None
    answers: list[Answer] = field(default_factory=list)
    covered: memoryview | None = None
    uncovered: str = ""


class Pipeline:
    """Runs models over the messages of a recording.

    The messages are read in one thread, images decoded in several, each model has a thread of its own, and the caller
    gets the results in the order of the recording. Each stage hands on in order, so nothing depends on timing.

    Args:
        messages: images of the streams' cameras, and others that pass through.
        streams: which model looks at which camera.
        models: by the name that the user gave.
        skip: how many messages are only to be passed over.
        stop: set from outside to read no more; what was read is still finished.
        cover: makes anonymised images of the cameras' messages; None to make none.
    """

    def __init__(
        self,
        messages: Iterable[Message],
        streams: Collection[Stream],
        models: Mapping[str, Perceiver],
        skip: int,
        stop: threading.Event,
        cover: Cover | None = None,
    ) -> None:
        self._messages = messages
        self._cover = cover
        self._models = models
        self._skip = skip
        self._stop = stop
        self._closed = threading.Event()
        self._streams: dict[str, list[Stream]] = {}
        for stream in streams:
            self._streams.setdefault(stream.camera, []).append(stream)
        self._scalers = {camera: InfraredScaler() for camera in self._streams}
        self._pool = BufferPool()
        self._budget = _Budget()
        self._largest: dict[str, int] = {}
        self._failures = dict.fromkeys(models, 0)
        self._order: queue.SimpleQueue[_Entry | BaseException | None] = queue.SimpleQueue()
        self._decoders = ThreadPoolExecutor(max(2, (os.cpu_count() or 2) // 2), "decode")
        self._preparer = ThreadPoolExecutor(1, "prepare")
        self._workers = {name: ThreadPoolExecutor(1, name) for name in models}
        # One, because what is covered depends on the images before.
        self._coverer = ThreadPoolExecutor(1, "cover")

    def __iter__(self) -> Iterator[Job]:
        """Jobs in the order of the recording.

        Raises:
            PerceptionError: a network fails on one frame after the other.
        """
        reader = threading.Thread(target=self._read, name="reader", daemon=True)
        reader.start()
        try:
            while (entry := self._order.get()) is not None:
                if isinstance(entry, BaseException):
                    raise entry
                for future in entry.answers:
                    entry.job.answers.append(future.result())
                if entry.last is not None:
                    wait([entry.last])
                yield entry.job
                self._budget.give(entry.cost)
                del entry  # or its frame would live until the next one is done
        finally:
            self._closed.set()
            for executor in (*self._workers.values(), self._coverer, self._preparer, self._decoders):
                executor.shutdown(wait=True, cancel_futures=True)
            reader.join()

    def _read(self) -> None:
        try:
            for number, message in enumerate(self._messages):
                cost = self._cost(message)
                if not self._budget.take(cost, self._stop, self._closed):
                    break
                self._order.put(self._begin(message, cost, skipped=number < self._skip))
            self._order.put(None)
        except BaseException as error:  # raised in the caller's thread; of no interest once that has ended
            self._order.put(error)

    def _begin(self, message: Message, cost: int, skipped: bool) -> _Entry:
        entry = _Entry(Job(message, skipped), cost)
        streams = self._streams.get(message.topic, [])
        if streams and not (skipped and not _has_history(message)):
            decoded = self._decoders.submit(self._decode, message)
            frame = self._preparer.submit(self._prepare, entry.job, decoded)
            if skipped:
                entry.last = frame
            else:
                entry.answers = [self._workers[s.model].submit(self._infer, s, entry.job, frame) for s in streams]
                if self._cover is not None:
                    entry.last = self._coverer.submit(self._anonymize, self._cover, entry.job, decoded, entry.answers)
        return entry

    def _cost(self, message: Message) -> int:
        size = len(message.data)
        if message.topic not in self._streams:
            return size
        if message.kind == COMPRESSED:
            # It says little about the size of its image; but those of one camera have one size.
            size += self._largest.get(message.topic, _MAX_BYTES)
        copies = 3 if self._cover is None else 5
        return max(copies * size, _MAX_BYTES // _MAX_FRAMES)

    def _decode(self, message: Message) -> tuple[Any, NDArray]:
        """Content and pixels."""
        decoded = decode(message.data, message.kind)
        image = image_from(decoded, message.kind)
        self._largest[message.topic] = image.nbytes
        return decoded, image

    def _prepare(self, job: Job, decoded: Future[tuple[Any, NDArray]]) -> Frame:
        """In the order of the recording, because the range of 16-bit images depends on those before."""
        recorded, image = decoded.result()
        job.head = recorded.header
        scaled = self._scalers[job.message.topic](image, stamp_ns(job.head) * 1e-9)
        return Frame(scaled, self._pool)

    def _infer(self, stream: Stream, job: Job, prepared: Future[Frame]) -> Answer:
        try:
            frame = prepared.result()
        except Exception as error:  # whatever a damaged image makes of a decoder
            return Answer(stream, error=one_line(error))
        begin = time.perf_counter()
        try:
            result = self._models[stream.model].infer(frame)
            # By the clock: the stages of what models share are counted for only one of them.
            seconds = time.perf_counter() - begin
            messages = result_bytes(stream, result, job.head)
        except Exception as error:  # one bad frame must not end the run, whatever the runtime raises
            self._failures[stream.model] += 1
            if self._failures[stream.model] >= _MAX_FAILURES:
                raise PerceptionError(
                    f"{stream.model}: {_MAX_FAILURES} frames in a row failed, the last with: {one_line(error)}"
                ) from error
            return Answer(stream, error=one_line(error))
        self._failures[stream.model] = 0
        return Answer(stream, messages, seconds, result_value(result))

    def _anonymize(
        self, cover: Cover, job: Job, decoded: Future[tuple[Any, NDArray]], answers: Sequence[Future[Answer]]
    ) -> None:
        try:
            results = dict(message for answer in answers for message in answer.result().messages)
            job.covered = cover(job.message, *decoded.result(), results)
        except Exception as error:  # whatever it is, what is not known to be covered must not be written
            job.uncovered = one_line(error)


@dataclass
class _Entry:
    """A job and what it waits for: its answers, and then whatever comes last."""

    job: Job
    cost: int
    answers: list[Future[Answer]] = field(default_factory=list)
    last: Future[Any] | None = None


class _Budget:
    """How much may be on its way."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._bytes = 0
        self._jobs = 0

    def take(self, cost: int, *ends: threading.Event) -> bool:
        """Wait until there is room; False when one of the events comes first."""
        with self._condition:
            while not any(end.is_set() for end in ends):
                if self._bytes + cost <= _MAX_BYTES or self._jobs < _MIN_JOBS:
                    self._bytes += cost
                    self._jobs += 1
                    return True
                self._condition.wait(0.1)
        return False

    def give(self, cost: int) -> None:
        """Return what was taken."""
        with self._condition:
            self._bytes -= cost
            self._jobs -= 1
            self._condition.notify_all()


def _has_history(message: Message) -> bool:
    """Whether later images depend on this one: a camera of 16 bit has a range that moves with them."""
    if message.kind == COMPRESSED:
        at = message.data.find(b"\x89PNG\r\n\x1a\n")
        return at >= 0 and message.data[at + 24 : at + 25] == b"\x10"  # the bit depth in a PNG's first chunk
    return any(name in message.data[:512] for name in (b"mono16\0", b"16UC1\0"))
