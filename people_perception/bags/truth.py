# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A recording that has the truth beside its images, as a folder of images with COCO annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.bags.cameras import find_cameras
from people_perception.bags.messages import DETECTIONS, IMAGE, LABELS, decode, image_from, recorded_stamp
from people_perception.bags.reader import Bag
from people_perception.errors import PerceptionError
from people_perception.message_fields import detections_from_message

ANNOTATIONS = "annotations.json"

_ENCODINGS = {"uint8": "mono8 of class ids", "uint16": "mono16 of instance ids"}
_WORDS = ("truth", "ground", "annotation", "label")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        annotations: the JSON file; the images lie beside it.
        frames: images with truth.
        unmatched: messages of truth without an image of their stamp.
    """

    annotations: Path
    frames: int
    unmatched: int


def export_truth(
    path: Path, folder: Path, task: str, labels: tuple[str, ...], truth: str | None = None, camera: str | None = None
) -> Exported:
    """Write the images that the truth is known of, and the truth as COCO's annotations.

    Args:
        path: a recording with a camera and a topic of truth, whose stamps are the images'. For boxes that is a
            Detection2DArray. For a class for every pixel it is a mono8 image of class ids, which ``TOPIC/label_info``
            names; without it they are those of ``labels``. For instances it is a mono16 image of their ids; a
            Detection2DArray on the topic without ``/mask`` says what they are, else all are the last of ``labels``.
        folder: exists.
        task: ``detection``, ``semantic`` or ``instance``.
        labels: of the model.
        truth: the topic; None for the one whose name says so, or the only one.
        camera: the topic of the images; None for the only one.

    Raises:
        PerceptionError: the recording cannot be read, or it is not clear which topics are meant.
    """
    with Bag(path) as bag:
        camera = camera or _only_camera(bag)
        kind = DETECTIONS if task == "detection" else IMAGE
        truth = _truth_topic(bag, kind, truth, camera)
        annotations = _annotations(bag, truth, task, labels)
        images: list[dict[str, Any]] = []
        rows: list[dict[str, Any]] = []
        for message in bag.messages([camera]):
            found = annotations.pop(recorded_stamp(message.data), None)
            if found is None:
                continue
            image = image_from(decode(message.data, message.kind), message.kind)
            number = len(images) + 1
            name = f"{number:06}.png"
            _write_png(folder / name, image)
            images.append({"id": number, "file_name": name, "width": image.shape[1], "height": image.shape[0]})
            rows += [{**row, "image_id": number, "id": len(rows) + i} for i, row in enumerate(found, 1)]
        problems = bag.problems
    if problems:
        raise PerceptionError(f"{path}: {problems[0]}")
    if not images:
        raise PerceptionError(f"{path}: no image of {camera} has the stamp of a message on {truth}")
    names = sorted({row["category"] for row in rows} | set(labels))
    ids = {name: i for i, name in enumerate(names, 1)}
    data = {
        "images": images,
        "categories": [{"id": i, "name": name} for name, i in ids.items()],
        "annotations": [{**row, "category_id": ids[row.pop("category")]} for row in rows],
    }
    file = folder / ANNOTATIONS
    file.write_text(json.dumps(data), encoding="utf-8")
    return Exported(file, len(images), len(annotations))


def _only_camera(bag: Bag) -> str:
    cameras = list(find_cameras(bag))
    if len(cameras) > 1:
        raise PerceptionError(f"{bag.path}: several cameras; choose one with --camera: {', '.join(cameras)}")
    return cameras[0]


def _truth_topic(bag: Bag, kind: str, wanted: str | None, camera: str) -> str:
    fitting = [name for name, topic in bag.topics.items() if topic.kind == kind and name != camera]
    if wanted is not None:
        if wanted not in fitting:
            raise PerceptionError(f"{bag.path}: no {kind} on {wanted}; there are {', '.join(fitting) or 'none'}")
        return wanted
    # An image that nothing calls the truth is more likely another camera.
    named = [name for name in fitting if any(word in name.lower() for word in _WORDS)]
    named = named or [name for name in fitting if kind == DETECTIONS or name.endswith("/mask")]
    if len(named) != 1:
        there = ", ".join(named) or "none"
        raise PerceptionError(f"{bag.path}: which {kind} is the truth? choose one with --truth: {there}")
    return named[0]


def _annotations(bag: Bag, topic: str, task: str, labels: tuple[str, ...]) -> dict[int, list[dict[str, Any]]]:
    """Rows of annotations by stamp; masks are kept run-length encoded, which is small."""
    names = dict(enumerate(labels))
    instances: dict[int, dict[int, str]] = {}
    base = topic.removesuffix("/mask")
    for message in bag.messages({f"{topic}/label_info", base} - {topic}):
        content = decode(message.data, message.kind)
        if message.kind == LABELS:
            names = {entry.class_id: entry.class_name for entry in content.class_map}
        elif message.kind == DETECTIONS:
            found = detections_from_message(content)
            ids = found.track_ids if found.track_ids is not None else range(1, len(found) + 1)
            instances[recorded_stamp(message.data)] = dict(zip(map(int, ids), found.names(), strict=True))
    rows: dict[int, list[dict[str, Any]]] = {}
    for message in bag.messages([topic]):
        stamp = recorded_stamp(message.data)
        content = decode(message.data, message.kind)
        if task == "detection":
            rows[stamp] = list(_boxes(content))
        else:
            mask = image_from(content, message.kind)
            expected = "uint8" if task == "semantic" else "uint16"
            if mask.dtype != expected or mask.ndim != 2:
                raise PerceptionError(f"{bag.path}: {topic} is {content.encoding}; expected {_ENCODINGS[expected]}")
            of_ids: Mapping[int, str] = names if task == "semantic" else instances.get(stamp, {})
            rows[stamp] = list(_masks(mask, of_ids, labels[-1], task))
    return rows


def _boxes(content: Any) -> Iterator[dict[str, Any]]:
    found = detections_from_message(content)
    for (x1, y1, x2, y2), name in zip(found.boxes.tolist(), found.names(), strict=True):
        yield {"category": name, "bbox": [x1, y1, x2 - x1, y2 - y1]}


def _masks(ids: NDArray, names: Mapping[int, str], default: str, task: str) -> Iterator[dict[str, Any]]:
    from pycocotools import mask as coco_mask

    for number in np.unique(ids).tolist():
        if number == 0:
            continue
        name = names.get(number) if task == "semantic" else names.get(number, default)
        encoded = coco_mask.encode(np.asfortranarray(ids == number).view(np.uint8))
        box = [float(value) for value in coco_mask.toBbox(encoded)]
        segmentation = {"size": encoded["size"], "counts": encoded["counts"].decode("ascii")}
        yield {
            "category": name or f"class {number}",
            "bbox": box,
            "area": float(coco_mask.area(encoded)),
            "segmentation": segmentation,
        }


def _write_png(path: Path, image: NDArray) -> None:
    import cv2

    path.write_bytes(cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())
