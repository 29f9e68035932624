# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Annotations in COCO's format, and COCO's average precision by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError
from people_perception.evaluation.metrics import Truth
from people_perception.evaluation.segmentation import mask_problem
from people_perception.geometry import Size
from people_perception.results import Detections


@dataclass(frozen=True)
class AnnotatedImage:
    """An image of the annotations that is there: its id, its file and its (width, height) by the annotations."""

    id: int
    path: Path
    size: Size


@dataclass(frozen=True)
class Precision:
    """COCO's average precision: over IoU .50 to .95, and at .50; None where there is nothing to find."""

    ap: float | None
    ap50: float | None


class CocoDataset:
    """Annotated images, with the categories that a model can find.

    A category belongs to the label of the same name; other categories do not count.

    Args:
        annotations: the JSON file.
        folder: where the images lie.
        labels: of the model.

    Attributes:
        images: those that exist in ``folder``.
        absent: how many of the annotated images do not.
        class_ids: the labels that are also categories.

    Raises:
        PerceptionError: pycocotools is not installed; or the file is not COCO's format, has none of the labels, or none
            of its images is in ``folder``.
    """

    def __init__(self, annotations: Path, folder: Path, labels: tuple[str, ...]) -> None:
        data = _read(annotations)
        self.path, self.labels = annotations, labels
        classes = {c["id"]: labels.index(c["name"]) for c in data["categories"] if c["name"] in labels}
        if not classes:
            names = ", ".join(str(c["name"]) for c in data["categories"])
            raise PerceptionError(
                f"{annotations}: no category is called {' or '.join(labels)}; it has {names or 'none'}"
            )
        self.class_ids = tuple(sorted(set(classes.values())))
        self.images = [image for image in map(_image_in(folder), data["images"]) if image.path.is_file()]
        self.absent = len(data["images"]) - len(self.images)
        if not self.images:
            raise PerceptionError(f"{folder}: none of the {self.absent} images of {annotations.name} is there")
        present = {image.id for image in self.images}
        rows = [
            # COCO's evaluation takes an annotation with id 0 for "no match", so they are numbered anew.
            {**row, "id": number, "category_id": classes[row["category_id"]], "iscrowd": int(row.get("iscrowd", 0)),
             "area": row.get("area", row["bbox"][2] * row["bbox"][3])}
            for number, row in enumerate(data["annotations"], 1)
            if row["category_id"] in classes and row["image_id"] in present
        ]  # fmt: skip
        self._coco = self._index(rows)

    def truth(self, image: AnnotatedImage) -> Truth:
        """The boxes of one image."""
        rows = self._coco.imgToAnns[image.id]
        boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return Truth(
            boxes,
            np.array([row["category_id"] for row in rows], np.int64),
            np.array([row["iscrowd"] for row in rows], bool),
        )

    def class_mask(self, image: AnnotatedImage) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The class of every pixel (H, W), 0 where there is none of the labels, and which pixels count.

        Pixels of a crowd do not count, except those of people that are annotated in it.

        Raises:
            PerceptionError: an annotation has no mask.
        """
        width, height = image.size
        mask = np.zeros((height, width), np.uint8)
        crowd = np.zeros((height, width), bool)
        for row in self._coco.imgToAnns[image.id]:
            self._check_mask(row)
            inside = self._coco.annToMask(row).astype(bool)
            if row["iscrowd"]:
                crowd |= inside
            else:
                mask[inside] = row["category_id"]
        return mask, ~crowd | (mask > 0)

    def check_masks(self) -> None:
        """Raises PerceptionError when an annotation has no mask."""
        for row in self._coco.dataset["annotations"]:
            self._check_mask(row)

    def average_precision(self, found: Sequence[Mapping[str, Any]], kind: str) -> dict[int, Precision]:
        """Average precision by class id.

        Args:
            found: rows of `result_rows`, with low scores too; scores only rank, so they may exceed 1.
            kind: ``bbox`` or ``segm``.
        """
        from pycocotools.cocoeval import COCOeval

        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(self._coco, self._index([{**row, "id": i} for i, row in enumerate(found, 1)]), kind)
            evaluation.params.imgIds = [image.id for image in self.images]
            evaluation.params.catIds = list(self.class_ids)
            evaluation.evaluate()
            evaluation.accumulate()
        # IoU thresholds, recalls, classes, sizes of area (0: all), most detections an image (-1: 100).
        table = evaluation.eval["precision"][:, :, :, 0, -1]
        return {c: Precision(_mean(table[:, :, k]), _mean(table[0, :, k])) for k, c in enumerate(self.class_ids)}

    def _index(self, rows: list[dict[str, Any]]) -> Any:
        coco = _new_coco()
        coco.dataset = {
            "images": [{"id": i.id, "width": i.size[0], "height": i.size[1]} for i in self.images],
            "categories": [{"id": c, "name": self.labels[c]} for c in self.class_ids],
            "annotations": rows,
        }
        with contextlib.redirect_stdout(io.StringIO()):
            coco.createIndex()
        return coco

    def _check_mask(self, row: Mapping[str, Any]) -> None:
        if not row.get("segmentation"):
            raise PerceptionError(
                f"{self.path}: an annotation of image {row['image_id']} has no mask; this model needs masks"
            )
        image = self._coco.imgs[row["image_id"]]
        problem = mask_problem(row["segmentation"], (image["width"], image["height"]))
        if problem:
            raise PerceptionError(f"{self.path}: a mask of image {row['image_id']} is none: {problem}")


def result_rows(
    image: AnnotatedImage, found: Detections, masks: NDArray[np.bool_] | None = None
) -> list[dict[str, Any]]:
    """Detections, with masks (N, H, W) if there are any, as `CocoDataset.average_precision` takes them."""
    rows = []
    for i, (x1, y1, x2, y2) in enumerate(found.boxes.tolist()):
        row = {
            "image_id": image.id,
            "category_id": int(found.class_ids[i]),
            "score": float(found.scores[i]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
        }
        if masks is not None:
            from pycocotools import mask

            row["segmentation"] = mask.encode(np.asfortranarray(masks[i].view(np.uint8)))
        rows.append(row)
    return rows


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PerceptionError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise PerceptionError(f"{path}: not JSON: {error}") from error
    fields = {
        "images": ("id", "file_name", "width", "height"),
        "categories": ("id", "name"),
        "annotations": ("image_id", "category_id", "bbox"),
    }
    for part, needed in fields.items():
        if not isinstance(data, dict) or not isinstance(data.get(part), list):
            raise PerceptionError(f"{path}: no list {part!r}; COCO's format has {', '.join(fields)}")
        for number, entry in enumerate(data[part]):
            missing = [name for name in needed if name not in entry]
            if missing:
                raise PerceptionError(f"{path}: {part}[{number}] has no {missing[0]!r}")
    return data


def _image_in(folder: Path) -> Any:
    return lambda e: AnnotatedImage(e["id"], folder / e["file_name"], (int(e["width"]), int(e["height"])))


def _new_coco() -> Any:
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise PerceptionError("evaluate needs pycocotools; install it with: pip install pycocotools") from error
    return COCO()


def _mean(table: NDArray[np.floating]) -> float | None:
    known = table[table > -1]  # -1 stands where there is nothing to find
    return float(known.mean()) if known.size else None
