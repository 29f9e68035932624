#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of the nodes that work on the models' results, and measures what such a node costs per frame.

Usage: . tools/env.sh && python tools/draw_examples.py anonymize|tracking
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def milliseconds(work: Callable[[], object], rounds: int = 50) -> float:
    """The median time of one call after a few to warm up."""
    times = []
    for i in range(rounds + 5):
        start = time.perf_counter()
        work()
        if i >= 5:
            times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def save(name: str, picture: NDArray) -> None:
    """Write docs/images/<name>.jpg."""
    path = IMAGES / f"{name}.jpg"
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(f"{path.relative_to(IMAGES.parent.parent)}: {path.stat().st_size / 1000:.0f} kB")


def portrait() -> NDArray:
    """(512, 512, 3) BGR: the astronaut Eileen Collins, a photograph by NASA in the public domain."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut()[:, :, ::-1])


def anonymize() -> None:
    """A face before and after, and the cost of four faces at 1080p."""
    from people_perception import load_model
    from people_perception.anonymize import Anonymizer
    from people_perception.draw import annotated

    image = portrait()
    found = load_model("open_face")(image)
    save("anonymize", np.concatenate([annotated(image, found), Anonymizer()(image, found.boxes, 0.0)], axis=1))
    frame = cv2.resize(image, (1920, 1080))
    boxes = np.array([(x, 300.0, x + 150, 480.0) for x in (100, 500, 900, 1500)])
    anonymizer = Anonymizer()
    print(f"anonymize: {milliseconds(lambda: anonymizer(frame, boxes, 0.0)):.2f} ms a frame, 1080p with four faces")


def tracking() -> None:
    """The astronaut while the camera of the bundled scene goes past her, and the cost of five and fifty persons."""
    from people_perception import load_model
    from people_perception.draw import annotated
    from people_perception.results import Detections
    from people_perception.sources.scene import SceneSource
    from people_perception.tracking import Tracker

    model, scene = load_model("open_person"), SceneSource()
    tracker = Tracker(model.spec.labels)
    pictures = []
    for index in range(25):
        picture = scene.picture(index)
        found = tracker(model(picture.image), picture.time)
        if index in (8, 16, 24):
            pictures.append(cv2.resize(annotated(picture.image, found), (480, 270), interpolation=cv2.INTER_AREA))
    save("tracking", np.concatenate(pictures, axis=1))
    for people in (5, 50):
        corners = np.random.default_rng(0).uniform(0, (1800, 800), (people, 2)).astype(np.float32)
        found = Detections(
            np.concatenate([corners, corners + np.float32((60, 150))], axis=1),
            np.ones(people, np.float32),
            np.zeros(people, np.int64),
            ("person",),
        )
        tracker, stamps = Tracker(found.labels), iter(np.arange(0, 100, 1 / 30))
        cost = milliseconds(lambda t=tracker, f=found, s=stamps: t(f, float(next(s))))  # type: ignore[misc]
        print(f"tracking: {cost:.2f} ms a frame, {people} persons")


EXAMPLES = {"anonymize": anonymize, "tracking": tracking}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXAMPLES:
        sys.exit(f"usage: draw_examples.py {'|'.join(EXAMPLES)}")
    EXAMPLES[sys.argv[1]]()
