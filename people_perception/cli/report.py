# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``report``: a page about an output of replay."""

from __future__ import annotations

import argparse
from pathlib import Path

from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import print_json

_EXAMPLE = """people_perception report last_week_people
people_perception report last_week_people --output page.html --input /data/last_week"""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    summary = "Write one HTML page about an output of replay: people over time, latency, pictures, what ran."
    parser = add_command(subparsers, "report", summary, run, _EXAMPLE)
    parser.add_argument("recording", type=Path, metavar="OUT", help="what replay wrote")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the page (default: report.html in OUT)")
    parser.add_argument("--input", type=Path, metavar="BAG", help="the recording with the images, if it has moved")
    parser.add_argument("--json", action="store_true", help="print what the page says, but for the frames")


def run(args: argparse.Namespace) -> int:
    """Write it and print where it is."""
    from people_perception.bags.run_report import read_run_record, write_report

    page = write_report(args.recording, args.output or args.recording / "report.html", args.input)
    if args.json:
        print_json({"page": str(page), **read_run_record(args.recording).summary()})
    else:
        print(page)
    return 0
