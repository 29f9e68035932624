# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``compare``: what differs between two recordings of results, and whether that is too much."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import note, print_json, table

if TYPE_CHECKING:
    from people_perception.bags.comparison import Comparison

_EXAMPLE = """people_perception compare fp32 int8 --output differences
people_perception compare reference candidate --max-lost 0 --max-slower 0.2 --json"""

_LIMITS = (
    ("iou", float, "from which IoU on two boxes of a class are one thing"),
    ("max-lost", float, "share of A's boxes that B may miss"),
    ("max-found", float, "boxes that only B may have, as a share of A's"),
    ("max-score-change", float, "mean change of scores"),
    ("min-box-iou", float, "mean IoU of boxes that both have"),
    ("min-mask-iou", float, "mean IoU of masks over the frames"),
    ("max-missing", int, "frames that only one of them may have"),
    ("max-slower", float, "how much longer B's median frame may take, as a share"),
)
_NAMED = 5


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    from people_perception.bags.comparison import Limits

    summary = "Compare two outputs of replay: exit 1 when B differs from A by more than the limits."
    parser = add_command(subparsers, "compare", summary, run, _EXAMPLE)
    parser.add_argument("a", type=Path, metavar="A", help="a recording of results: the reference")
    parser.add_argument("b", type=Path, metavar="B", help="another one of the same images")
    defaults = {field.name: field.default for field in fields(Limits)}
    for name, kind, text in _LIMITS:
        default = defaults[name.replace("-", "_")]
        shown = "not checked" if default is None else f"{default:g}"
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="N", help=f"{text} (default: {shown})")
    parser.add_argument("--output", type=Path, metavar="DIR", help="draw the worst frames here, on a page")
    parser.add_argument("--input", type=Path, metavar="BAG", help="the recording with the images, if it has moved")
    parser.add_argument("--json", action="store_true", help="the figures as one JSON object")


def run(args: argparse.Namespace) -> int:
    """0: within the limits. 1: beyond one, or something could not be read."""
    from people_perception.bags.compare import compare
    from people_perception.bags.comparison import Limits

    limits = Limits(**{name.replace("-", "_"): getattr(args, name.replace("-", "_")) for name, _, _ in _LIMITS})
    comparison = compare(args.a, args.b, limits)
    if args.output is not None:
        from people_perception.bags.gallery import write_gallery

        note(f"the worst frames: {write_gallery(comparison, args.output, limits.iou, args.input)}")
    if args.json:
        print_json(comparison.plain())
    else:
        _print(comparison)
    return 0 if comparison.passed else 1


def _print(comparison: Comparison) -> None:
    from people_perception.bags.comparison import HEADER, topic_rows

    print(table(HEADER, topic_rows(comparison)))
    for problem in comparison.problems:
        print(f"not read: {problem}")
    for failure in comparison.failures:
        print(f"FAILED {failure}")
    for topic in comparison.topics:
        for frame in topic.worst[:_NAMED] if topic.failures else ():
            print(f"  {topic.topic} {frame.describe()}")
    if comparison.passed:
        same = all(topic.identical == topic.frames for topic in comparison.topics)
        print("identical" if same else "within the limits")
