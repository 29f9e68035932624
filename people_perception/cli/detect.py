# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``detect``: what a model sees in image files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from people_perception.cli import Subparsers, add_command
from people_perception.cli.options import add_model_arguments, model_from
from people_perception.cli.output import note, print_json, table
from people_perception.cli.progress import progress
from people_perception.errors import PerceptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from people_perception.results import Result

EXAMPLE = """people_perception detect photos/*.jpg --model open_person --json
people_perception detect photos --model peoplenet --option confidence_threshold.person=0.6 --output found"""

JSON_THRESHOLD = 0.05


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(subparsers, "detect", "Find people in image files.", run, EXAMPLE)
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="an image file, a folder of them, or a quoted pattern"
    )
    add_model_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="write annotated pictures and masks here")
    parser.add_argument(
        "--json",
        action="store_true",
        help=f"one JSON object a line and image; boxes from a score of {JSON_THRESHOLD} on unless --option sets "
        "confidence_threshold",
    )


def run(args: argparse.Namespace) -> int:
    """Every readable image, then an error if there were others."""
    from people_perception.images import find_images, read_image
    from people_perception.results import Detections
    from people_perception.thresholds import above

    paths = find_images(args.images)
    model = model_from(args)
    note(f"{model.spec.title} on {model.device}: {model.selection.reason}")
    if args.output:
        args.output.mkdir(parents=True, exist_ok=True)
    elif model.spec.task != "detection":
        note(f"{model.spec.name} makes masks; --output DIR keeps them")
    threshold = model.options.get("confidence_threshold", JSON_THRESHOLD)
    # A program ranks by score or sets a threshold of its own; pictures show what the model itself would report.
    set_by_user = any(text.startswith("confidence_threshold") for text in args.option)
    if args.json and model.spec.task == "detection" and not set_by_user:
        numbers = threshold.values() if isinstance(threshold, dict) else [threshold]
        model.configure(confidence_threshold=min(JSON_THRESHOLD, *numbers))
    rows: list[tuple[str, ...]] = []
    failures = []
    names = _output_names(paths)
    with progress(len(paths), "detect") as bar:
        for path, name in zip(paths, names, strict=True):
            try:
                image = read_image(path)
            except PerceptionError as error:
                failures.append(str(error))
            else:
                result = model(image)
                shown = above(result, threshold) if isinstance(result, Detections) else result
                mask = _write(args.output, name, image, shown) if args.output else None
                if args.json:
                    with bar.external_write_mode():
                        print_json(json_line(path, image, result, mask))
                else:
                    rows += _table_rows(path, result)
            bar.update()
    model.close()
    if not args.json:
        print(table(("image", "label", "score", "box or share of the image"), rows))
    if failures:
        raise PerceptionError(f"{len(failures)} of {len(paths)} images could not be read: {'; '.join(failures)}")
    return 0


def json_line(path: Path, image: NDArray, result: Result, mask: Path | None) -> dict[str, Any]:
    """What ``--json`` prints for one image; boxes in source pixels."""
    from people_perception.results import Instances, Segmentation

    line: dict[str, Any] = {"image": str(path), "width": image.shape[1], "height": image.shape[0], "detections": []}
    if not isinstance(result, Segmentation):
        found = result.detections if isinstance(result, Instances) else result
        for i, (label, score, box) in enumerate(
            zip(found.names(), found.scores.tolist(), found.boxes.tolist(), strict=True)
        ):
            entry = {"label": label, "score": round(score, 6), "box": [round(x, 3) for x in box]}
            if isinstance(result, Instances):
                entry["id"] = int(result.ids[i])  # its value in the mask
            line["detections"].append(entry)
    if mask is not None:
        line["mask"] = str(mask)
    return line


def _write(folder: Path, name: str, image: NDArray, result: Result) -> Path | None:
    """Write the annotated picture, and the mask if there is one; the mask's path."""
    import cv2

    from people_perception.draw import annotated
    from people_perception.results import Instances, Segmentation

    _save(folder / f"{name}_annotated.jpg", cv2.imencode(".jpg", annotated(image, result)))
    if isinstance(result, Segmentation):
        ids: NDArray = result.mask
    elif isinstance(result, Instances):
        ids = result.id_mask()
    else:
        return None
    path = folder / f"{name}_mask.png"
    _save(path, cv2.imencode(".png", ids))
    return path


def _save(path: Path, encoded: tuple[bool, NDArray]) -> None:
    # cv2.imwrite returns False instead of saying what is wrong with the path.
    try:
        path.write_bytes(encoded[1].tobytes())
    except OSError as error:
        raise PerceptionError(f"{path}: cannot be written: {(error.strerror or str(error)).lower()}") from error


def _table_rows(path: Path, result: Result) -> Iterator[tuple[str, ...]]:
    from people_perception.results import Instances, Segmentation

    if isinstance(result, Segmentation):
        for class_id, label in enumerate(result.labels[1:], 1):
            yield path.name, label, "", f"{(result.mask == class_id).mean():.1%}"
        return
    found = result.detections if isinstance(result, Instances) else result
    if not len(found):
        yield path.name, "-", "", ""
    for label, score, box in zip(found.names(), found.scores, found.boxes, strict=True):
        yield path.name, label, f"{score:.2f}", " ".join(f"{x:.0f}" for x in box)


def _output_names(paths: list[Path]) -> Iterator[str]:
    """A name for what is written about each image: its stem, numbered where another image has the same."""
    used: set[str] = set()
    for path in paths:
        candidates = chain([path.stem], (f"{path.stem}_{n}" for n in count(2)))
        name = next(c for c in candidates if c not in used)
        used.add(name)
        yield name
