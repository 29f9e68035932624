#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of docs/ that show what the nodes do which work on the models' results.

Usage: . tools/env.sh && python tools/draw_examples.py anonymize|tracking|people_3d|association|people
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from people_perception.people_3d import Position
from people_perception.results import Detections

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


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
    """A face before and after."""
    from people_perception import load_model
    from people_perception.anonymize import Anonymizer
    from people_perception.draw import annotated

    image = portrait()
    found = load_model("open_face")(image)
    save("anonymize", np.concatenate([annotated(image, found), Anonymizer()(image, found.boxes, 0.0)], axis=1))


def tracking() -> None:
    """The astronaut while the camera of the bundled scene goes past her."""
    from people_perception import load_model
    from people_perception.draw import annotated
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


def people_3d() -> None:
    """A room seen by a made-up depth camera: what it sees, and where the persons are from above."""
    from people_perception.draw import draw_detections
    from people_perception.people_3d import locate, make_camera

    size, focal, wall = (640, 360), 400.0, 6.0
    camera = make_camera(size, [focal, 0, 319.5, 0, focal, 179.5, 0, 0, 1], "plumb_bob", [])
    generator = np.random.default_rng(0)
    rows = np.arange(size[1])[:, None] - 179.5
    floor = np.where(rows > 0, 1.0 * focal / np.maximum(rows, 1e-6), np.inf)  # the camera is 1 m above it
    depth = np.broadcast_to(np.minimum(floor, wall), size[::-1]).copy()
    persons, boxes = ((-1.2, 2.5), (0.3, 4.0), (1.9, 5.0)), []
    for x, z in sorted(persons, key=lambda p: -p[1]):
        to_pixels = focal / z
        left, right = 319.5 + (x - 0.25) * to_pixels, 319.5 + (x + 0.25) * to_pixels
        top, bottom, middle = 179.5 - 0.7 * to_pixels, 179.5 + 1.0 * to_pixels, 319.5 + x * to_pixels
        shape = np.zeros(size[::-1], np.uint8)
        trunk = (round(middle), round(top + 0.6 * (bottom - top)))
        axes = (round((right - left) / 2), round(0.42 * (bottom - top)))
        cv2.ellipse(shape, trunk, axes, 0, 0, 360, 1, cv2.FILLED)
        cv2.circle(
            shape, (round(middle), round(top + 0.1 * (bottom - top))), round(0.1 * (bottom - top)), 1, cv2.FILLED
        )
        depth[shape > 0] = z
        boxes.append((left, top, right, bottom))
    depth += generator.normal(0, 0.01, depth.shape) * depth
    millimetres = np.round(depth * 1000).astype(np.uint16)
    n = len(boxes)
    found = Detections(
        np.array(boxes, np.float32), np.ones(n, np.float32), np.zeros(n, np.int64), ("person",), np.arange(1, n + 1)
    )
    positions = [locate(millimetres, 0.001, camera, box) for box in found.boxes]
    left_picture = cv2.applyColorMap(np.uint8(255 - depth / wall * 220), cv2.COLORMAP_BONE)
    draw_detections(left_picture, found)
    save("people_3d", np.concatenate([left_picture, _from_above(positions, wall, size[1])], axis=1))


def _from_above(positions: Sequence[Position | None], wall: float, height: int) -> NDArray:
    """The room from above, the camera at the bottom; an ellipse is two standard deviations of a position."""
    from people_perception.draw import draw_text
    from people_perception.palette import COLOURS

    plan = np.full((height, height, 3), 32, np.uint8)
    scale = (height - 40) / wall

    def pixel(x: float, z: float) -> tuple[int, int]:
        return round(height / 2 + x * scale), round(height - 20 - z * scale)

    for metres in range(1, int(wall) + 1):
        cv2.circle(plan, pixel(0, 0), round(metres * scale), (70, 70, 70), 1, cv2.LINE_AA)
    for i, position in enumerate(positions, start=1):
        assert position is not None
        values, vectors = np.linalg.eigh(position.covariance[::2, ::2])
        angle = float(np.degrees(np.arctan2(-vectors[1, 1], vectors[0, 1])))
        axes = tuple(max(3, round(2 * float(np.sqrt(v)) * scale)) for v in values[::-1])
        blue, green, red = COLOURS[i].tolist()
        x, _, z = position.centre
        cv2.ellipse(plan, pixel(x, z), axes, angle, 0, 360, (blue, green, red), cv2.FILLED, cv2.LINE_AA)
        draw_text(plan, f"#{i} {x:+.2f}, {z:.2f} m", (pixel(x, z)[0] - 40, pixel(x, z)[1] - 12), (blue, green, red))
    return plan


def association() -> None:
    """Two persons, and the face of each in her colour."""
    from people_perception import load_model
    from people_perception.association import faces_of_persons
    from people_perception.draw import draw_detections

    image = np.concatenate([portrait()[:, 60:], portrait()[:, ::-1]], axis=1)
    found = load_model("open_person", confidence_threshold=0.35)(image)
    persons, faces = found[np.array([name == "person" for name in found.names()])], load_model("open_face")(image)
    owners = faces_of_persons(faces, persons)
    draw_detections(image, persons, ids=np.arange(1, len(persons) + 1))
    draw_detections(image, faces, ids=owners + 1)
    save("association", image)


def people() -> None:
    """The bundled scene by three models: one id and one colour for each person's box, face and mask."""
    from people_perception import load_model
    from people_perception.draw import draw_detections, draw_mask, to_colour
    from people_perception.people import join_people, renumbered
    from people_perception.results import Instances
    from people_perception.sources.scene import SceneSource
    from people_perception.tracking import Tracker, tracked

    person, face = load_model("open_person", confidence_threshold=0.3), load_model("open_face")
    instance = load_model("open_instances", confidence_threshold=0.3)
    scene, pictures = SceneSource(), []
    trackers = Tracker(person.spec.labels), Tracker(instance.spec.labels, at_once=True)
    for index in range(23):
        image, now = scene.picture(index).image, scene.picture(index).time
        found, masked = person(image), instance(image)
        assert isinstance(masked, Instances)
        found, masked = tracked(trackers[0], found, now), tracked(trackers[1], masked, now)
        everyone = join_people(found, face(image), masked.detections)
        if index in (6, 22):
            picture = to_colour(image)
            draw_mask(picture, renumbered(masked.id_mask(), masked.ids, everyone.instance_ids))
            draw_detections(picture, everyone.persons)
            draw_detections(picture, everyone.faces)
            pictures.append(cv2.resize(picture, (720, 405), interpolation=cv2.INTER_AREA))
    save("people", np.concatenate(pictures, axis=1))


EXAMPLES = {
    "anonymize": anonymize,
    "tracking": tracking,
    "people_3d": people_3d,
    "association": association,
    "people": people,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXAMPLES:
        sys.exit(f"usage: draw_examples.py {'|'.join(EXAMPLES)}")
    EXAMPLES[sys.argv[1]]()
