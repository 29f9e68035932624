#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Decode recorded outputs of DetectNet_v2 with TAO Deploy's own Python and with ours: the same boxes, and how long.

Usage, after ". tools/env.sh": tools/compare_tao.py TAO_DEPLOY FILE.npz...

TAO_DEPLOY is a clone of github.com/NVIDIA/tao_deploy, whose Python needs `six`. Each file holds cov (C, H, W), bbox
(4 * C, H, W), classes (C,), orig_wh (2,), and kind, by which the times are put together.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np

from people_perception.catalogue import get_spec
from people_perception.decoders import make_decoder

ROUNDS = 15
SCORES = {"person": 0.9, "bag": 0.9, "face": 0.7}
SETTINGS = {  # coverage threshold, eps, minimum samples and height
    "dbscan": (0.005, 0.3, 1, 4),
    "dbscan, loose": (0.05, 0.7, 1, 8),
}


def tao_rows(handler_class: Any, record: Any, setting: tuple[float, float, float, float]) -> Callable[[], np.ndarray]:
    """What gives (N, 6) rows class + 1, score, x1, y1, x2, y2, as TAO Deploy does."""
    coverage_threshold, eps, samples, height = setting
    classes = [str(c) for c in record["classes"]]
    rows, columns = record["cov"].shape[1:]
    size, image_size = (columns * 16, rows * 16), tuple(int(v) for v in record["orig_wh"])
    config = {
        name: SimpleNamespace(
            clustering_config=SimpleNamespace(
                dbscan_confidence_threshold=SCORES[name],
                nms_confidence_threshold=0.0,
                nms_iou_threshold=0.5,
                clustering_algorithm=0,
                dbscan_eps=eps,
                dbscan_min_samples=samples,
                coverage_threshold=coverage_threshold,
                minimum_bounding_box_height=height,
            )
        )
        for name in classes
    }
    handler = handler_class(
        frame_height=size[1], frame_width=size[0], target_classes=classes, classwise_cluster_params=config
    )

    def decode() -> np.ndarray:
        coverage = record["cov"][None].transpose(0, 1, 3, 2)
        boxes = record["bbox"][None].transpose(0, 1, 3, 2).copy()
        parts = {c: {"cov": coverage[:, i], "bbox": boxes[:, 4 * i : 4 * i + 4]} for i, c in enumerate(classes)}
        found = handler.cluster_detections(handler.bbox_preprocessing(parts))
        return handler.postprocess(found, 1, [image_size], size, {c: i + 1 for i, c in enumerate(classes)})[0]

    return decode


def our_rows(record: Any, setting: tuple[float, float, float, float]) -> Callable[[], Any]:
    """What gives `Detections`."""
    names = ("coverage_threshold", "dbscan_eps", "dbscan_min_samples", "min_height")
    spec = get_spec("peoplenet" if len(record["classes"]) > 1 else "facedetect_ir")
    scores = {label: SCORES[label] for label in spec.labels}
    decode = make_decoder(spec, confidence_threshold=scores, **dict(zip(names, setting, strict=True)))
    outputs = {spec.outputs["coverage"][0]: record["cov"], spec.outputs["boxes"][0]: record["bbox"]}
    image_size = (int(record["orig_wh"][0]), int(record["orig_wh"][1]))
    return lambda: decode(outputs, image_size)


def milliseconds(call: Callable[[], Any]) -> float:
    """The median of some calls."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return median(times) * 1e3


def largest_difference(theirs: np.ndarray, ours: Any) -> float:
    """Of scores and of coordinates in pixels; infinite where the boxes are not even as many."""
    rows = theirs[theirs[:, 1] > 0]  # TAO answers nothing with a row of zeros
    if len(rows) != len(ours) or (rows[:, 0] != ours.class_ids + 1).any():
        return float("inf")
    return float(np.abs(rows[:, 1:] - np.column_stack([ours.scores, ours.boxes])).max(initial=0.0))


def main() -> int:
    """Print a table; 1 if any box differs by more than a thousandth."""
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, sys.argv[1])
    from nvidia_tao_deploy.cv.detectnet_v2.postprocessor import BboxHandler

    found = defaultdict(list)
    for path in map(Path, sys.argv[2:]):
        with np.load(path) as archive:
            record = dict(archive)
        for name, setting in SETTINGS.items():
            tao, ours = tao_rows(BboxHandler, record, setting), our_rows(record, setting)
            difference = largest_difference(tao(), ours())
            key = ", ".join(map(str, record["classes"])), str(record["kind"]), name
            found[key].append((milliseconds(tao), milliseconds(ours), difference))
    worst = 0.0
    for (classes, kind, name), rows in found.items():
        tao_times, our_times, differences = map(np.array, zip(*rows, strict=True))
        ratios = our_times / tao_times
        worst = max(worst, differences.max())
        print(
            f"{classes}: {kind}, {name}: TAO {np.median(tao_times):.2f} ms, ours {np.median(our_times):.3f} ms, ratio "
            f"{np.median(ratios):.3f}, at worst {ratios.max():.3f}, of {len(rows)} frames; "
            f"difference {differences.max():.1e}"
        )
    return int(worst > 1e-3)


if __name__ == "__main__":
    sys.exit(main())
