# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``demo``: the real graph on a real source, with pictures and a report at the end."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import note, print_json
from people_perception.cli.progress import progress
from people_perception.errors import PerceptionError

if TYPE_CHECKING:
    from people_perception.report.record import Run
    from people_perception.ros.live import LiveRun
    from people_perception.sources import Source

DEFAULT_MODELS = "peoplenet,facedetect_ir,peoplesemsegnet,peoplesegnet"
DEFAULT_OUTPUT = "demo_output"
ENDLESS_SECONDS = 15.0
"""How long a source without an end is played: once along the scene's wall and back."""

_LINE_EVERY = 5.0
"""Seconds between two lines of progress where no bar can be shown."""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "demo",
        "Run the whole graph on a video, images, a bag, a camera or a bundled scene; leaves pictures and a report.",
        run,
        "people_perception demo\npeople_perception demo video.mp4 --models peoplenet,peoplesegnet --seconds 20",
    )
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a video, an image, a folder or pattern of images, a rosbag2, /dev/videoN (default: a bundled scene)",
    )
    parser.add_argument("--models", default=DEFAULT_MODELS, metavar="A,B", help="models (default: %(default)s)")
    parser.add_argument("--frames", type=_positive_int, metavar="N", help="stop after so many frames")
    parser.add_argument(
        "--seconds",
        type=_positive,
        metavar="S",
        help=f"stop after so many seconds of the source (default: its end, or {ENDLESS_SECONDS:g})",
    )
    parser.add_argument("--rate", type=_positive, metavar="HZ", help="frames a second (default: the source's own)")
    parser.add_argument(
        "--size", type=_size, metavar="WxH", help="size of the scene (1280x720); other sources are made to fit into it"
    )
    parser.add_argument("--topic", metavar="NAME", help="the image topic of a bag")
    parser.add_argument(
        "--output", type=Path, default=Path(DEFAULT_OUTPUT), metavar="DIR", help="folder (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print what run.json holds, without the frames")


def run(args: argparse.Namespace) -> int:
    """Play, record, write; what there is after Ctrl-C."""
    from people_perception.transports import restart_with_settings

    arguments = _arguments(args)
    restart_with_settings(["demo", *arguments])
    models = [name.strip() for name in args.models.split(",") if name.strip()]
    from people_perception.sources import open_source

    source = open_source(args.source, args.rate, args.size, args.topic)
    try:
        _check_models(models)
        return _demo(source, models, args, shlex.join(["python", "-m", "people_perception", "demo", *arguments]))
    finally:
        source.close()


def _demo(source: Source, models: Sequence[str], args: argparse.Namespace, command: str) -> int:
    seconds = args.seconds
    if source.count is None and args.frames is None and seconds is None:
        seconds = ENDLESS_SECONDS
    folder: Path = args.output
    _make_room(folder)
    try:
        from people_perception.ros.live import LiveRun
    except ImportError as error:
        raise PerceptionError(f"ROS 2 is not there ({error}); source its setup file, or tools/env.sh") from error

    # A service manager or a CI job ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    note(f"source: {source.title}")
    begin = time.monotonic()
    with LiveRun(source, models, folder, args.frames, seconds) as live:
        live.wait_until_ready(_Waiting())
        note(f"graph: {', '.join(models)} and overlay, ready after {time.monotonic() - begin:.1f} s")
        note(f"watch: {live.namespace}/overlay, in RViz or with ros2 topic")
        try:
            _play(live, source, args.frames, seconds)
        except KeyboardInterrupt:
            live.stop("ended early, by Ctrl-C")
        record = live.finish(command)
    return _report(record, folder, args.json)


def _play(live: LiveRun, source: Source, frames: int | None, seconds: float | None) -> None:
    limits = [n for n in (source.count, frames, None if seconds is None else round(seconds * source.rate)) if n]
    total = min(limits, default=None)
    with progress(total, "demo") as bar:
        lines = None if sys.stderr.isatty() else _Lines(total)

        def show() -> None:
            recorder = live.recorder
            sent = sum(frame.camera == "image" for frame in list(recorder.frames.values()))
            if lines is not None:
                lines.show(sent, _now(live))
            elif sent > bar.n:
                bar.set_postfix_str(_now(live), refresh=False)
                bar.update(sent - bar.n)

        live.play(show)


def _now(live: LiveRun) -> str:
    """People and latency of the newest answered frame."""
    from people_perception.report.record import PEOPLE, PICTURE

    frame = live.recorder.latest()
    if frame is None:
        return "no answer yet"
    outputs = live.recorder.outputs
    counts = [frame.answers[o.topic].value for o in outputs if o.counts == PEOPLE and o.topic in frame.answers]
    late = [frame.answers[o.topic].latency for o in outputs if o.counts != PICTURE and o.topic in frame.answers]
    people = f"people {max(counts):.0f}, " if counts else ""
    return f"{people}latency {max(late, default=0.0) * 1e3:.0f} ms"


def _report(record: Run, folder: Path, as_json: bool) -> int:
    from people_perception.report.files import write_files
    from people_perception.report.page import headline

    answered = any(frame.answers for frame in record.frames)
    written = write_files(record, folder)
    for model in record.models:
        note(f"{model.requested}: {model.model} in {model.engine} on {model.device}")
    for text in record.notes:
        note(text)
    note(headline(record))
    folders = [frame.picture.partition("/")[0] for frame in record.frames if frame.picture]
    for name in dict.fromkeys(folders):
        note(f"{folders.count(name)} annotated frames in {folder / name}")
    for path in reversed(written):
        note(str(path))
    if as_json:
        print_json({**record.summary(), "folder": str(folder), "files": [str(path) for path in written]})
    if not answered and not record.notes:
        raise PerceptionError(f"no frame was answered; see {folder / 'graph.log'}")
    return 0


class _Waiting:
    """Says what the graph says, now and then, while it starts."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _LINE_EVERY

    def __call__(self, words: str) -> None:
        if time.monotonic() >= self._due:
            self._due += 2 * _LINE_EVERY
            note(f"waiting for the graph: {words or 'it says nothing yet'}")


class _Lines:
    """Progress for a log file."""

    def __init__(self, total: int | None) -> None:
        self._total = "" if total is None else f" of {total}"
        self._due = time.monotonic() + _LINE_EVERY

    def show(self, sent: int, text: str) -> None:
        """Say it, if the last line is some time ago."""
        if time.monotonic() >= self._due:
            self._due += _LINE_EVERY
            note(f"frame {sent}{self._total}, {text}")


def _check_models(models: Sequence[str]) -> None:
    """What is wrong with the names is said before anything starts."""
    from people_perception.selection import select

    if not models:
        raise PerceptionError("--models names no model; give at least one, such as peoplenet")
    if len(set(models)) != len(models):
        raise PerceptionError(f"--models names a model twice: {', '.join(models)}")
    for name in models:
        select(name)


def _make_room(folder: Path) -> None:
    """An output folder without what an earlier run left; nothing else in it is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "contact_sheet.jpg", "run.json", "graph.log"):
        (folder / name).unlink(missing_ok=True)
    for inner in ("frames", "infrared"):
        for path in (folder / inner).glob("[0-9]*.jpg"):
            path.unlink()


def _arguments(args: argparse.Namespace) -> list[str]:
    """The arguments as they could have been typed."""
    values: dict[str, Any] = {
        "--models": None if args.models == DEFAULT_MODELS else args.models,
        "--frames": args.frames,
        "--seconds": None if args.seconds is None else f"{args.seconds:g}",
        "--rate": None if args.rate is None else f"{args.rate:g}",
        "--size": None if args.size is None else f"{args.size[0]}x{args.size[1]}",
        "--topic": args.topic,
        "--output": None if args.output == Path(DEFAULT_OUTPUT) else args.output,
    }
    named = [f"{name}={value}" for name, value in values.items() if value is not None]
    flags = ["--json"] * args.json + ["--debug"] * args.debug
    return [*([args.source] if args.source else []), *named, *flags]


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 or more")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text}: expected WIDTHxHEIGHT, such as 1280x720")
    return int(width), int(height)
