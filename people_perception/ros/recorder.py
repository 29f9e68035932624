# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Listens to what a graph publishes, matches it with the images that were sent, and keeps it."""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from people_perception.catalogue import ModelSpec, get_spec, output_bases
from people_perception.draw import annotated
from people_perception.report.record import FACES, PEOPLE, PICTURE, SHARE, Answer, Frame, Output
from people_perception.ros.image import image_from_message
from people_perception.ros.matching import stamp_ns
from people_perception.ros.messages import detections_from_message
from people_perception.ros.player import IMAGE, INFRARED, Sent

OVERLAY = "overlay"

_JPEG_QUALITY = 88
_WAITING = 64
"""Infrared images kept until their faces come."""


def expected_outputs(models: Iterable[str], cameras: Iterable[str]) -> list[Output]:
    """The topics on which a graph of these models and an overlay answers.

    Args:
        models: names of the catalogue, as given to the node.
        cameras: relative topics that there are; without an infrared camera, its models see `IMAGE`.
    """
    cameras = tuple(cameras)
    outputs = []
    for name, base in output_bases(models).items():
        spec = get_spec(name)
        topic = f"{base}/mask" if spec.task == "semantic" else base
        camera = spec.input_topic if spec.input_topic in cameras else IMAGE
        outputs.append(Output(topic, name, camera, _counts(spec)))
    return [*outputs, Output(OVERLAY, OVERLAY, IMAGE, PICTURE)]


def _counts(spec: ModelSpec) -> str:
    if spec.task == "semantic":
        return SHARE
    return PEOPLE if "person" in spec.labels else FACES


class Recorder:
    """Subscribes to outputs and diagnostics; whoever plays calls `sent` for each image.

    Callbacks come from the executor's thread. Pictures are encoded and written in another, so that arrivals are timed
    rightly.

    Args:
        node: subscribes to relative topics.
        outputs: what to listen to.
        folder: where ``frames/`` and ``infrared/`` with annotated JPEG files are written.
    """

    def __init__(self, node: Node, outputs: Iterable[Output], folder: Path) -> None:
        self._node = node
        self.outputs = tuple(outputs)
        self.frames: dict[int, Frame] = {}
        self.status: dict[str, DiagnosticStatus] = {}
        self.last_arrival = 0.0
        """time.monotonic() of the newest answer, 0 before the first."""
        self._lock = threading.Lock()
        self._infrared: OrderedDict[int, NDArray] = OrderedDict()
        self._first_stamp: int | None = None
        self._pictures = _PictureWriter(folder)
        self._namespace = node.get_namespace().strip("/")
        profile = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
        for output in self.outputs:
            kind = Image if output.counts in (SHARE, PICTURE) else Detection2DArray
            node.create_subscription(kind, output.topic, functools.partial(self._on_answer, output), profile)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, profile)

    def sent(self, image: Sent) -> None:
        """Remember an image before it is published."""
        with self._lock:
            if self._first_stamp is None:
                self._first_stamp = image.stamp
            moment = (image.stamp - self._first_stamp) * 1e-9
            self.frames[image.stamp] = Frame(image.index, image.camera, image.name, image.stamp, moment)
            if image.camera == INFRARED:
                self._infrared[image.stamp] = image.image
                while len(self._infrared) > _WAITING:
                    self._infrared.popitem(last=False)

    def complete(self) -> bool:
        """Whether every image has every answer; models that were busy never give some."""
        with self._lock:
            frames = list(self.frames.values())
        expected = {camera: sum(o.camera == camera for o in self.outputs) for camera in (IMAGE, INFRARED)}
        return all(len(frame.answers) >= expected[frame.camera] for frame in frames)

    def latest(self, camera: str = IMAGE) -> Frame | None:
        """The newest frame of a camera that has an answer."""
        with self._lock:
            frames = list(self.frames.values())
        return next((f for f in reversed(frames) if f.camera == camera and f.answers), None)

    def values_of(self, name: str) -> Mapping[str, str]:
        """What the newest diagnostics of ``<namespace>/<name>`` say."""
        status = self.status.get(name)
        return {} if status is None else {pair.key: pair.value for pair in status.values}

    def close(self) -> None:
        """Write what is still to be written, and note in each frame where its picture lies.

        Raises:
            OSError: pictures could not be written.
        """
        for stamp, name in self._pictures.close().items():
            self.frames[stamp].picture = name

    def _on_answer(self, output: Output, message: Any) -> None:
        now = self._node.get_clock().now().nanoseconds
        stamp = stamp_ns(message.header)
        frame = self.frames.get(stamp)
        if frame is None or frame.camera != output.camera:
            return  # not for an image of ours
        self.last_arrival = time.monotonic()
        answer = Answer((now - stamp) * 1e-9, self._value(output, frame, message))
        with self._lock:
            frame.answers[output.topic] = answer

    def _value(self, output: Output, frame: Frame, message: Any) -> float:
        if output.counts == PICTURE:
            self._pictures.put(frame, image_from_message(message))
            return 0.0
        if output.counts == SHARE:
            return float(np.count_nonzero(image_from_message(message)) / (message.height * message.width))
        found = detections_from_message(message)
        with self._lock:
            image = self._infrared.pop(frame.stamp, None)
        if image is not None:
            self._pictures.put(frame, annotated(image, found))
        wanted = "person" if output.counts == PEOPLE else "face"
        return float(found.names().count(wanted))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            namespace, _, name = status.name.partition("/")
            if namespace == self._namespace:
                self.status[name] = status


class _PictureWriter:
    """Writes pictures as JPEG in a thread; leaves out what it has no time for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._queue: queue.Queue[tuple[Frame, NDArray] | None] = queue.Queue(maxsize=16)
        self._written: dict[int, str] = {}
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    def put(self, frame: Frame, picture: NDArray) -> None:
        """Have a picture of a frame written."""
        try:
            self._queue.put_nowait((frame, picture))
        except queue.Full:
            return

    def close(self) -> dict[int, str]:
        """Finish; the files by the stamp of their frame."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._written

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._write(*item)
            except OSError as error:  # a full disk; the queue must still be emptied
                self._error = error

    def _write(self, frame: Frame, picture: NDArray) -> None:
        import cv2

        name = f"{'infrared' if frame.camera == INFRARED else 'frames'}/{frame.index:06}.jpg"
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        path.write_bytes(encoded.tobytes())
        self._written[frame.stamp] = name
