# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A model run over annotated images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from people_perception.errors import PerceptionError
from people_perception.evaluation.coco import AnnotatedImage, CocoDataset, result_rows
from people_perception.evaluation.gallery import Gallery
from people_perception.evaluation.metrics import Counts, class_iou, confusion, count, match
from people_perception.images import read_image
from people_perception.model import Perceiver
from people_perception.preprocess import Frame
from people_perception.results import Detections, Instances, Result, Segmentation
from people_perception.thresholds import above, lowest_threshold

Report = dict[str, Any]


def evaluate(
    model: Perceiver, dataset: CocoDataset, gallery: Gallery | None = None, on_frame: Callable[[], None] = lambda: None
) -> Report:
    """The figures of a model on a dataset.

    Boxes are counted at the model's own thresholds, as the model cards do, and ranked for average precision at the
    lowest threshold that the decoder accepts, as COCO does.

    Args:
        model: its options are the operating point.
        dataset: made with the labels of this model.
        gallery: receives every frame that has an error.
        on_frame: called after each image.

    Returns:
        Of boxes ``AP``, ``AP50``, ``precision``, ``recall``, ``accuracy``, the three counts behind them and all of it
        ``by_label``; with masks also ``mask_AP`` and ``mask_AP50``. Of a class for every pixel ``<label>_iou`` and
        ``mIoU``. Always ``frames`` and ``ms_per_frame``, the mean time of preprocessing, network and decoding. A figure
        that does not exist, such as the precision of no detections, is None.

    Raises:
        PerceptionError: an image cannot be read or has another size than annotated, masks are missing, or the engine
            failed.
    """
    if model.spec.task != "detection":
        dataset.check_masks()
    model.infer(_frame(dataset.images[0]))  # an engine's first run allocates, which later frames do not pay for
    measure = _pixels if model.spec.task == "semantic" else _boxes
    report, seconds = measure(model, dataset, gallery, on_frame)
    return {**report, "frames": len(dataset.images), "ms_per_frame": 1000 * seconds / len(dataset.images)}


def _boxes(
    model: Perceiver, dataset: CocoDataset, gallery: Gallery | None, on_frame: Callable[[], None]
) -> tuple[Report, float]:
    counts = dict.fromkeys(dataset.class_ids, Counts())
    rows: list[Mapping[str, Any]] = []
    total = 0.0
    for image in dataset.images:
        everything, operating, seconds = _at_both_thresholds(model, _frame(image))
        total += seconds
        rows += result_rows(
            image, _detections(everything), everything.masks if isinstance(everything, Instances) else None
        )
        found, truth = _detections(operating), dataset.truth(image)
        found = found[np.isin(found.class_ids, dataset.class_ids)]
        matches = match(found, truth)
        for class_id in dataset.class_ids:
            counts[class_id] += count(matches, found, truth, class_id)
        if gallery is not None:
            gallery.add_boxes(image, found, truth, matches)
        on_frame()
    kinds = {"": "bbox", "mask_": "segm"} if model.spec.task == "instance" else {"": "bbox"}
    report: Report = {}
    by_label: dict[str, Report] = {dataset.labels[c]: {} for c in dataset.class_ids}
    for prefix, kind in kinds.items():
        precisions = dataset.average_precision(rows, kind)
        for class_id, precision in precisions.items():
            by_label[dataset.labels[class_id]] |= {f"{prefix}AP": precision.ap, f"{prefix}AP50": precision.ap50}
        report[f"{prefix}AP"] = _mean(p.ap for p in precisions.values())
        report[f"{prefix}AP50"] = _mean(p.ap50 for p in precisions.values())
    report |= _figures(sum(counts.values(), Counts()))
    for class_id in dataset.class_ids:
        by_label[dataset.labels[class_id]] |= _figures(counts[class_id])
    return {**report, "by_label": by_label}, total


def _pixels(
    model: Perceiver, dataset: CocoDataset, gallery: Gallery | None, on_frame: Callable[[], None]
) -> tuple[Report, float]:
    classes = len(dataset.labels)
    pixels = np.zeros((classes, classes), np.int64)
    total = 0.0
    for image in dataset.images:
        result, seconds = _timed(model, _frame(image))
        assert isinstance(result, Segmentation)
        total += seconds
        truth, counted = dataset.class_mask(image)
        # A class that nobody annotated is background to the annotations.
        mask = np.where(np.isin(result.mask, dataset.class_ids), result.mask, 0).astype(np.uint8)
        pixels += confusion(truth, mask, counted, classes)
        if gallery is not None:
            gallery.add_mask(image, mask, truth, counted)
        on_frame()
    ious = class_iou(pixels)
    report: Report = {f"{dataset.labels[c]}_iou": ious[c] for c in (0, *dataset.class_ids)}
    return {**report, "mIoU": _mean(report.values())}, total


def _at_both_thresholds(model: Perceiver, frame: Frame) -> tuple[Result, Result, float]:
    """What a model sees at the lowest threshold and at its own, and how long its own took.

    One run gives both, because a threshold only drops boxes at the end. But a network that runs on the crop of every
    box is slower at a low threshold, so its own time needs a run of its own.
    """
    operating = model.options["confidence_threshold"]
    own = _timed(model, frame) if model.spec.detector is not None else None
    model.configure(confidence_threshold=lowest_threshold(model.declared_options))
    try:
        everything, seconds = _timed(model, frame)
    finally:
        model.configure(confidence_threshold=operating)
    assert not isinstance(everything, Segmentation)
    return (everything, *(own or (above(everything, operating), seconds)))


def _timed(model: Perceiver, frame: Frame) -> tuple[Result, float]:
    start = time.perf_counter()
    result = model.infer(frame)
    return result, time.perf_counter() - start


def _frame(image: AnnotatedImage) -> Frame:
    frame = Frame(read_image(image.path))
    if frame.size != image.size:
        raise PerceptionError(
            f"{image.path} is {frame.size[0]}x{frame.size[1]}; its annotation says {image.size[0]}x{image.size[1]}"
        )
    return frame


def _detections(result: Result) -> Detections:
    assert not isinstance(result, Segmentation)
    return result.detections if isinstance(result, Instances) else result


def _figures(counts: Counts) -> Report:
    return {
        "precision": counts.precision,
        "recall": counts.recall,
        "accuracy": counts.accuracy,
        "true_positives": counts.true_positives,
        "false_positives": counts.false_positives,
        "false_negatives": counts.false_negatives,
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
