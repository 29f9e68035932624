# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A model with tracking on an annotated sequence in MOTChallenge's layout, measured by the library trackers."""

from __future__ import annotations

import configparser
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from people_perception.errors import PerceptionError
from people_perception.images import SUFFIXES, read_image
from people_perception.model import Perceiver
from people_perception.preprocess import Frame
from people_perception.results import Detections, Instances
from people_perception.tracking import Tracker

PERSON = 1
"""The class that counts, of those in docs/tracking.md."""
_RATE = 30.0
_COLUMNS_2015 = 10
"""The first challenge had no classes: where later files have one, it has a position in space."""


@dataclass(frozen=True)
class TruthRow:
    """A line of ``gt.txt``: a box of one object in one frame, in pixels whose first is 1, 1."""

    frame: int
    id: int
    left: float
    top: float
    width: float
    height: float
    counts: int = 1
    kind: int = PERSON


@dataclass(frozen=True)
class MotSequence:
    """An annotated sequence.

    Attributes:
        name: of its folder.
        images: by frame number, in their order.
        rate: images a second.
        truth: every row, also those that do not count.
    """

    name: str
    images: dict[int, Path]
    rate: float
    truth: tuple[TruthRow, ...]


def read_sequence(annotations: Path, images: Path | None = None) -> MotSequence:
    """A sequence as MOTChallenge lays it out: ``gt/gt.txt``, ``img1/000001.jpg`` …, and perhaps ``seqinfo.ini``.

    Args:
        annotations: the sequence's folder, or its ``gt.txt``.
        images: the folder of the images; None for the sequence's own.

    Raises:
        PerceptionError: something is missing or cannot be read, or no person is annotated.
    """
    file = annotations / "gt" / "gt.txt" if annotations.is_dir() else annotations
    folder = file.parent.parent if file.parent.name == "gt" else file.parent
    rate, own = _information(folder / "seqinfo.ini")
    truth = tuple(_read_truth(file))
    if not any(row.counts and row.kind == PERSON for row in truth):
        raise PerceptionError(f"{file}: no row counts as a person: the seventh column not 0, the eighth {PERSON}")
    images = images or folder / own
    found = {int(p.stem): p for p in sorted(images.glob("*")) if p.suffix.lower() in SUFFIXES and p.stem.isdecimal()}
    absent = sorted({row.frame for row in truth} - found.keys())
    if absent:
        raise PerceptionError(
            f"{images}: no image of frame {absent[0]} of {file.name}; expected one like {absent[0]:06}.jpg"
        )
    return MotSequence(folder.name, dict(sorted(found.items())), rate, truth)


def evaluate_tracking(
    model: Perceiver, sequence: MotSequence, on_frame: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """How well a model with tracking keeps persons apart.

    Args:
        model: its options are the operating point.
        sequence: of persons.
        on_frame: called after each image.

    Returns:
        What docs/tracking.md lists. A detection without an id, as each is at first, counts as not found.

    Raises:
        PerceptionError: the model gives no boxes of persons, an image cannot be read, the engine failed, or trackers
            is not installed.
    """
    if "person" not in model.spec.labels or model.spec.task == "semantic":
        raise PerceptionError(f"{model.spec.name} gives no boxes of persons, so there is nothing to track")
    tracker = Tracker(model.spec.labels)
    model.infer(Frame(read_image(next(iter(sequence.images.values())))))  # an engine's first run allocates
    lines: list[str] = []
    in_model = in_tracker = 0.0
    for number, path in sequence.images.items():
        frame = Frame(read_image(path))
        start = time.perf_counter()
        result = model.infer(frame)
        found = time.perf_counter()
        detections = result.detections if isinstance(result, Instances) else result
        assert isinstance(detections, Detections)
        tracked = tracker(detections, number / sequence.rate)
        in_model += found - start
        in_tracker += time.perf_counter() - found
        lines += _lines(number, tracked)
        on_frame()
    frames = len(sequence.images)
    return {
        **figures(sequence.truth, lines),
        "frames": frames,
        "ms_per_frame": 1000 * in_model / frames,
        "tracking_ms_per_frame": 1000 * in_tracker / frames,
    }


def figures(truth: Iterable[TruthRow], tracks: Iterable[str]) -> dict[str, Any]:
    """The metrics of tracks in MOTChallenge's format against the truth."""
    try:
        from trackers.eval import evaluate_mot_sequence
    except ImportError as error:
        raise PerceptionError(
            f"the metrics of tracking need trackers 2.6 ({error}); docs/tracking.md says how to install it"
        ) from error
    # An id below 0 stands for no track at all; the library refuses an empty file.
    texts = {
        "gt": [f"{r.frame},{r.id},{r.left},{r.top},{r.width},{r.height},{r.counts},{r.kind},1" for r in truth],
        "tracks": list(tracks) or ["1,-1,0,0,1,1,1"],
    }
    with tempfile.TemporaryDirectory(prefix="people_perception_mot_") as scratch:
        paths = {name: Path(scratch) / f"{name}.txt" for name in texts}
        for name, path in paths.items():
            path.write_text("\n".join(texts[name]) + "\n", encoding="ascii")
        measured = evaluate_mot_sequence(paths["gt"], paths["tracks"], metrics=["CLEAR", "HOTA", "Identity"])
    clear, hota, identity = measured.CLEAR, measured.HOTA, measured.Identity
    assert clear is not None and hota is not None and identity is not None
    return {
        "MOTA": clear.MOTA,
        "MOTP": clear.MOTP,
        "IDF1": identity.IDF1,
        "HOTA": hota.HOTA,
        "DetA": hota.DetA,
        "AssA": hota.AssA,
        "id_switches": clear.IDSW,
        "fragmentations": clear.Frag,
        "mostly_tracked": clear.MT,
        "mostly_lost": clear.ML,
        "true_positives": clear.CLR_TP,
        "false_positives": clear.CLR_FP,
        "false_negatives": clear.CLR_FN,
    }


def _lines(frame: int, found: Detections) -> list[str]:
    """The persons of one image in MOTChallenge's format, which counts pixels from 1."""
    assert found.track_ids is not None
    persons = np.flatnonzero(found.class_ids == found.labels.index("person"))
    return [
        f"{frame},{found.track_ids[i]},{x1 + 1},{y1 + 1},{x2 - x1},{y2 - y1},1"
        for i, (x1, y1, x2, y2) in zip(persons, found.boxes[persons].tolist(), strict=True)
    ]


def _read_truth(path: Path) -> Iterable[TruthRow]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PerceptionError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    seen: set[tuple[int, int]] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = line.rstrip(", ").split(",")
        try:
            values = [float(cell) for cell in cells]
            frame, identity = int(values[0]), int(values[1])
            left, top, width, height = values[2:6]
            if not np.isfinite(values).all() or min(frame, identity) < 0:
                raise ValueError
        except (ValueError, IndexError, OverflowError):
            raise PerceptionError(
                f"{path}:{number}: expected frame,id,left,top,width,height,counts,class as numbers: {line[:60]!r}"
            ) from None
        if (frame, identity) in seen:
            raise PerceptionError(f"{path}:{number}: id {identity} occurs twice in frame {frame}")
        seen.add((frame, identity))
        kind = int(values[7]) if 7 < len(values) < _COLUMNS_2015 else PERSON
        counts = int(bool(values[6])) if len(values) > 6 else 1
        yield TruthRow(frame, identity, left, top, width, height, counts, kind)


def _information(path: Path) -> tuple[float, str]:
    """Images a second and the folder of the images; what they usually are where the file is not."""
    parser = configparser.ConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        rate, folder = parser.getfloat("Sequence", "frameRate", fallback=_RATE), "img1"
        folder = parser.get("Sequence", "imDir", fallback=folder)
    except (configparser.Error, ValueError) as error:
        raise PerceptionError(f"{path}: {' '.join(str(error).split())}") from error
    if not 0 < rate < 1e6:
        raise PerceptionError(f"{path}: frameRate={rate:g}: expected images a second")
    return rate, folder
