# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the nodes cost that work on the results of the models: once an image, without conversion and transport."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from people_perception.anonymize import Anonymizer
from people_perception.benchmark.scenes import model_without_network, picture
from people_perception.geometry import Size
from people_perception.people import FACE, PERSON, join_people, renumbered
from people_perception.people_3d import Position, locate, make_camera, moved
from people_perception.results import Detections, Instances
from people_perception.tracking import Tracker


def follower_calls(size: Size, people: int) -> dict[str, Callable[[], Any]]:
    """What each does for one image of ``size`` in which PeopleNet and PeopleSegNet found so many people."""
    image = picture(size)
    found = model_without_network("peoplenet", people)(image)
    instances = model_without_network("peoplesegnet", people)(image)
    assert isinstance(found, Detections) and isinstance(instances, Instances)
    ids = np.arange(1, len(instances.detections) + 1)
    numbered = replace(instances.detections, track_ids=ids)
    mask = instances.id_mask()
    joined = join_people(found, None, numbered)
    return {
        "tracking": _tracking(found),
        "anonymize, faces": _anonymize(image, found, FACE),
        "anonymize, whole persons": _anonymize(image, found, PERSON),
        **_people_3d(size, found),
        "people": lambda: join_people(found, None, numbered),
        "people, mask": lambda: renumbered(mask, ids, joined.instance_ids),
    }


def _tracking(found: Detections) -> Callable[[], Any]:
    tracker, stamps = Tracker(found.labels), itertools.count()
    return lambda: tracker(found, next(stamps) / 30)


def _anonymize(image: np.ndarray, found: Detections, label: str) -> Callable[[], Any]:
    anonymizer, stamps = Anonymizer(), itertools.count()
    boxes = found.boxes[np.array(found.names()) == label]
    return lambda: anonymizer(image, boxes, next(stamps) / 30)


def _people_3d(size: Size, found: Detections) -> dict[str, Callable[[], Any]]:
    """On a wall 6 m away with a person 3 m away in every box, through a distorted lens."""
    width, height = size
    camera = make_camera(size, [width, 0, width / 2, 0, width, height / 2, 0, 0, 1], "plumb_bob", [-0.3, 0.1, 0, 0, 0])
    persons = found.boxes[np.array(found.names()) == PERSON]
    depth = np.full((height, width), 6000, np.uint16)
    for x1, y1, x2, y2 in persons.astype(int):
        depth[y1:y2, (3 * x1 + x2) // 4 : (x1 + 3 * x2) // 4] = 3000
    rotation, translation = np.full(4, 0.5), np.ones(3)

    def positions() -> list[Position]:
        return [position for box in persons if (position := locate(depth, 0.001, camera, box)) is not None]

    found_there = positions()
    return {
        "people_3d": positions,
        "people_3d, into another frame": lambda: [moved(position, rotation, translation) for position in found_there],
    }
