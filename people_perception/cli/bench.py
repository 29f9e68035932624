# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``bench``: what everything around the network costs here, and beside other ways to do it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from people_perception.benchmark import GRAPHS, STAGES
from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import note, print_json, table
from people_perception.cli.progress import progress
from people_perception.errors import PerceptionError
from people_perception.selection import ENGINES

if TYPE_CHECKING:
    from people_perception.benchmark.measurement import Measurement
    from people_perception.geometry import Size

EXAMPLE = """people_perception bench
people_perception bench preprocess decode --model peoplenet --size 1920x1080,1280x720
people_perception bench path --people 0,1,2,5,10,20,50 --plot people.svg
people_perception bench transport composed --json"""

DEFAULT_MODEL = "peoplenet"
SMALL_MODEL = "open_face"
"""Keeps up with a camera on any processor."""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(subparsers, "bench", "Measure what everything around the network costs.", run, EXAMPLE)
    parser.add_argument(
        "subjects",
        nargs="*",
        metavar="STAGE",
        help=f"stages of an image: {', '.join(STAGES)}; graphs that run: {', '.join(GRAPHS)} (default: all stages)",
    )
    parser.add_argument(
        "--model", metavar="NAME", help=f"of the stages (default: {DEFAULT_MODEL}) and of transport ({SMALL_MODEL})"
    )
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="of the stage inference")
    parser.add_argument("--weights", metavar="FILE", help="network of the stage inference")
    parser.add_argument(
        "--size", type=_sizes, default="1920x1080", metavar="WxH,...", help="of the images (default: %(default)s)"
    )
    parser.add_argument(
        "--people", type=_numbers(0), default="6", metavar="N,...", help="that are found (default: %(default)s)"
    )
    parser.add_argument(
        "--cameras", type=_numbers(1), default="1,2,3", metavar="N,...", help="of cameras (default: %(default)s)"
    )
    parser.add_argument("--rate", type=_rate, default=30.0, metavar="HZ", help="of a graph's cameras (default: 30)")
    parser.add_argument("--rounds", type=_count, default=100, metavar="N", help="calls of a stage (default: 100)")
    parser.add_argument("--frames", type=_count, default=1000, metavar="N", help="images of a graph (default: 1000)")
    parser.add_argument(
        "--endurance", type=_count, default=54000, metavar="N", help="images of memory (default: 54000, of 30 minutes)"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the cost by what was varied")
    parser.add_argument("--json", action="store_true", help="machine and figures as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    from people_perception.report.machine import describe_machine
    from people_perception.transports import restart_with_settings

    subjects = list(dict.fromkeys(args.subjects)) or list(STAGES)
    unknown = [name for name in subjects if name not in (*STAGES, *GRAPHS)]
    if unknown:
        raise PerceptionError(f"unknown stage {unknown[0]!r}; expected some of {', '.join((*STAGES, *GRAPHS))}")
    restart_with_settings(["bench", *_arguments(args)])
    before = os.getloadavg()[0]
    found: list[Measurement] = []
    for subject in subjects:
        note(f"measuring {subject}")
        try:
            found += _graph(args, subject) if subject in GRAPHS else _stage(args, subject)
        except PerceptionError as error:
            if args.subjects:
                raise
            note(f"not measured: {error}")
    if args.plot:
        from people_perception.benchmark.chart import draw

        drawing = draw(found)
        if not drawing:
            raise PerceptionError("--plot: nothing was varied; give several values to --size, --people or --cameras")
        args.plot.write_text(drawing, encoding="utf-8")
    if args.json:
        load = {"before": round(before, 2), "after": round(os.getloadavg()[0], 2)}
        lines = [line.as_dict() for line in found]
        print_json({"machine": describe_machine(), "load": load, "measurements": lines})
    else:
        print(_as_table(found))
    return 0


def _stage(args: argparse.Namespace, stage: str) -> Iterator[Measurement]:
    from people_perception.benchmark.stages import VARY_WITH_PEOPLE, Setting, measure_stage
    from people_perception.loading import load_model

    model = args.model or DEFAULT_MODEL
    for size in args.size:
        for people in args.people if stage in VARY_WITH_PEOPLE else args.people[:1]:
            setting = Setting(model, size, people, args.rounds, lambda: load_model(model, args.engine, args.weights))
            yield from measure_stage(stage, setting)


def _graph(args: argparse.Namespace, name: str) -> Iterator[Measurement]:
    from people_perception.benchmark.graphs import GraphSetting, measure_graph

    for size in args.size:
        with progress(args.endurance if name == "memory" else None, name) as bar:

            def advance(frames: int, bar: object = bar) -> None:
                bar.update(frames - bar.n)  # type: ignore[attr-defined]

            yield from measure_graph(
                name,
                GraphSetting(
                    size=size,
                    rate=args.rate,
                    people=args.people[0],
                    frames=args.frames,
                    cameras=args.cameras,
                    model=args.model or SMALL_MODEL,
                    endurance=args.endurance,
                    progress=advance,
                ),
            )


def _as_table(found: Sequence[Measurement]) -> str:
    header = ("what", "case", "with", "median", "p95", "CPU", "against", "its median", "ratio", "goal")
    rows = []
    for line in found:
        goal = "" if line.met is None else f"<= {line.goal:g}: {'met' if line.met else 'MISSED'}"
        with_ = ", ".join(f"{value} {name}" if name in _COUNTED else str(value) for name, value in line.where.items())
        rows.append(
            (
                line.subject,
                line.case,
                with_,
                f"{_short(line.value)} {line.unit}",
                _short(line.p95),
                _short(line.cpu),
                line.against,
                _short(line.other),
                _short(line.ratio),
                goal,
            )
        )
    return table(header, rows)


_COUNTED = ("people", "models", "cameras", "Hz")


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _arguments(args: argparse.Namespace) -> list[str]:
    """The arguments again, for the process that takes this one's place."""
    given = [*args.subjects, "--size", ",".join(f"{w}x{h}" for w, h in args.size)]
    for name in ("people", "cameras"):
        given += [f"--{name}", ",".join(map(str, getattr(args, name)))]
    for name in ("model", "engine", "weights", "rate", "rounds", "frames", "endurance", "plot"):
        value = getattr(args, name)
        given += [] if value is None else [f"--{name}", str(value)]
    return [*given, *(["--json"] if args.json else []), *(["--debug"] if args.debug else [])]


def _sizes(text: str) -> list[Size]:
    sizes = []
    for part in text.split(","):
        width, _, height = part.partition("x")
        if not (width.isdecimal() and height.isdecimal() and 16 <= int(width) <= 8192 and 16 <= int(height) <= 8192):
            raise argparse.ArgumentTypeError(f"{part!r}: expected WxH, each from 16 to 8192, such as 1920x1080")
        sizes.append((int(width), int(height)))
    return sizes


def _numbers(least: int) -> Callable[[str], list[int]]:
    def parse(text: str) -> list[int]:
        parts = text.split(",")
        if not all(part.isdecimal() and least <= int(part) <= 1000 for part in parts):
            raise argparse.ArgumentTypeError(f"{text!r}: expected whole numbers from {least} to 1000, such as 1,2,5")
        return [int(part) for part in parts]

    return parse


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 5:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number of 5 or more")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: expected Hz from 0.1 to 1000")
    return rate
