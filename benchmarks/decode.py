#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Decoding DetectNet_v2: ours beside a plain scikit-learn and numpy implementation of the same algorithms, in one run.

    python benchmarks/decode.py [--json]

The frames are the recorded tensors of the assets folder (PP_ASSETS); the plain implementation is that of
test/reference_detectnet.py. Frame by frame, one is called several times and then the other. A figure is the median over
the frames of a kind of the median over the calls; the ratio is the median of the frames' own ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "test")]

import reference_detectnet as reference  # noqa: E402

from people_perception.catalogue import get_spec  # noqa: E402
from people_perception.decoders import make_decoder  # noqa: E402

KINDS = {"sparse": "usual", "normal": "usual", "crowd": "crowded", "noise": "noise"}
MODELS = {"peoplenet": "peoplenet", "facedetectir": "facedetect_ir"}
CONFIDENCE = {"dbscan": {"person": 0.9, "bag": 0.9, "face": 0.7}, "nms": {"person": 0.4, "bag": 0.2, "face": 0.2}}

Call = Callable[[], Any]


def frames(folder: Path) -> Iterator[tuple[str, str, str, np.ndarray, np.ndarray, tuple[int, int]]]:
    """Model, kind and name of each recorded frame, its two tensors and the size of its image."""
    for prefix, model in MODELS.items():
        for path in sorted(folder.glob(f"{prefix}_*.npz")):
            with np.load(path) as file:
                kind = KINDS.get(str(file["kind"]))
                if kind:
                    yield model, kind, path.stem, file["cov"], file["bbox"], tuple(file["orig_wh"].tolist())


def calls(model: str, clustering: str, cov: np.ndarray, bbox: np.ndarray, size: tuple[int, int]) -> tuple[Call, Call]:
    """The whole decoding of one frame: ours and the plain one."""
    spec = get_spec(model)
    confidence = {label: CONFIDENCE[clustering][label] for label in spec.labels}
    decode = make_decoder(spec, clustering=clustering, dbscan_min_samples=1, confidence_threshold=confidence)
    outputs = {"output_cov/Sigmoid": cov, "output_bbox/BiasAdd": bbox}
    levels = list(confidence.values())
    if clustering == "dbscan":
        return lambda: decode(outputs, size), lambda: reference.decode_dbscan(cov, bbox, 0.005, 0.3, 1, 4, levels, size)
    return lambda: decode(outputs, size), lambda: reference.decode_nms(cov, bbox, 0.5, 20, levels, size)


def measure(call: Call, repetitions: int) -> float:
    """Median milliseconds of a call, after one that warms up."""
    call()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1e3


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=15, help="calls per frame (default 15)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if arguments.repetitions < 1:
        parser.error(f"--repetitions {arguments.repetitions}: expected 1 or more")
    folder = Path(os.environ.get("PP_ASSETS", ROOT.parent / "shared" / "assets")) / "golden"
    recorded = list(frames(folder))
    if not recorded:
        print(f"no recorded frames in {folder}; PP_ASSETS names the assets folder", file=sys.stderr)
        return 2
    groups: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for clustering in ("dbscan", "nms"):
        for model, kind, _, cov, bbox, size in recorded:
            ours, plain = (measure(c, arguments.repetitions) for c in calls(model, clustering, cov, bbox, size))
            groups.setdefault((model, clustering, kind), []).append((ours, plain))
    rows = [
        {
            "model": model,
            "clustering": clustering,
            "frames": kind,
            "count": len(times),
            "ours_ms": round(statistics.median(t[0] for t in times), 3),
            "plain_ms": round(statistics.median(t[1] for t in times), 3),
            "ratio": round(statistics.median(t[0] / t[1] for t in times), 3),
        }
        for (model, clustering, kind), times in groups.items()
    ]
    if arguments.json:
        print(json.dumps(rows))
        return 0
    print(f"{'model':14}{'clustering':12}{'frames':9}{'count':>6}{'ours ms':>10}{'plain ms':>10}{'ratio':>8}")
    for row in rows:
        print("{model:14}{clustering:12}{frames:9}{count:6}{ours_ms:10.3f}{plain_ms:10.3f}{ratio:8.3f}".format(**row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
