# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``evaluate``: how good a model is on annotated images."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from people_perception.cli import Subparsers, add_command
from people_perception.cli.options import add_model_arguments, model_from
from people_perception.cli.output import note, print_json, table
from people_perception.cli.progress import progress

if TYPE_CHECKING:
    from people_perception.catalogue import ModelSpec

EXAMPLE = """people_perception evaluate --annotations instances.json --images photos --model peoplenet --output errors
people_perception evaluate --annotations instances.json --images photos --model peoplesemsegnet --json
people_perception evaluate --format bag --annotations last_week --truth /truth/detections --model peoplenet
people_perception evaluate --format mot --annotations MOT17-04-SDP --model peoplenet --json"""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(subparsers, "evaluate", "Measure a model on annotated images.", run, EXAMPLE)
    parser.add_argument("--format", choices=("coco", "bag", "mot"), default="coco", help="of the annotations")
    parser.add_argument(
        "--annotations",
        required=True,
        type=Path,
        metavar="FILE",
        help="COCO JSON with the model's labels; a recording with images and the truth about them; "
        "or gt.txt or the folder of a sequence of MOTChallenge, which measures tracking",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the folder of the images that they are about")
    parser.add_argument("--truth", metavar="TOPIC", help="of a recording: Detection2DArray, or Image for masks")
    parser.add_argument("--camera", metavar="TOPIC", help="of a recording: the images")
    add_model_arguments(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write the worst frames here, with a page that shows them"
    )
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    if args.format == "coco" and args.images is None:
        raise ValueError("--images is missing: the folder of the images that the annotations are about")
    if args.format != "bag" and (args.truth or args.camera):
        raise ValueError("--truth and --camera are topics of a recording; they need --format bag")
    if args.format == "mot":
        return _evaluate_tracking(args)
    with tempfile.TemporaryDirectory(prefix="people_perception_evaluate_") as scratch:
        return _evaluate(args, Path(scratch))


def _evaluate(args: argparse.Namespace, scratch: Path) -> int:
    from people_perception.evaluation.coco import CocoDataset
    from people_perception.evaluation.gallery import Gallery
    from people_perception.evaluation.runner import evaluate

    model = model_from(args)
    note(f"{model.spec.title} on {model.device}: {model.selection.reason}")
    annotations, images = args.annotations, args.images
    if args.format == "bag":
        annotations, images = _from_bag(args, scratch, model.spec), scratch
    dataset = CocoDataset(annotations, images, model.spec.labels)
    if dataset.absent:
        note(
            f"{dataset.absent} annotated images are not in {args.images}; the other {len(dataset.images)} are evaluated"
        )
    gallery = Gallery(args.output) if args.output else None
    with progress(len(dataset.images), "evaluate") as bar:
        report = evaluate(model, dataset, gallery, bar.update)
    model.close()
    figures = {name: _text(value) for name, value in report.items() if not isinstance(value, dict)}
    if gallery is not None:
        note(f"the worst frames: {gallery.write(f'{model.spec.title} on {args.annotations.name}', figures)}")
    if args.json:
        print_json({"model": model.spec.name, "device": model.device, **report})
    else:
        print(table(("figure", "value"), figures.items()))
    return 0


def _evaluate_tracking(args: argparse.Namespace) -> int:
    from people_perception.evaluation.mot import evaluate_tracking, read_sequence

    if args.output:
        raise ValueError("--output shows single images; it does not go with --format mot")
    sequence = read_sequence(args.annotations, args.images)
    model = model_from(args)
    note(f"{model.spec.title} on {model.device}: {model.selection.reason}")
    note(f"{sequence.name}: {len(sequence.images)} images at {sequence.rate:g} Hz")
    with progress(len(sequence.images), "evaluate") as bar:
        report = evaluate_tracking(model, sequence, bar.update)
    model.close()
    if args.json:
        print_json({"model": model.spec.name, "device": model.device, **report})
    else:
        print(table(("figure", "value"), [(name, _text(value)) for name, value in report.items()]))
    return 0


def _from_bag(args: argparse.Namespace, scratch: Path, spec: ModelSpec) -> Path:
    """The annotations of a recording, with its images, as files."""
    from people_perception.bags.truth import export_truth

    exported = export_truth(args.annotations, scratch, spec.task, spec.labels, args.truth, args.camera)
    note(f"{args.annotations}: {exported.frames} images with truth")
    if exported.unmatched:
        note(f"{exported.unmatched} messages of truth have no image of their stamp")
    return exported.annotations


def _text(value: float | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
