# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``replay``: recordings through models into recordings."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from people_perception.cli import Subparsers, add_command
from people_perception.cli.interrupt import stop_on_signals
from people_perception.cli.options import parse_options
from people_perception.cli.output import note, print_json, table
from people_perception.cli.progress import FrameProgress
from people_perception.errors import PerceptionError
from people_perception.selection import ENGINES

if TYPE_CHECKING:
    from people_perception.bags.batch import Runner
    from people_perception.bags.models import ModelSettings
    from people_perception.bags.replay import ReplaySettings
    from people_perception.bags.summary import Summary

DEFAULT_MODELS = "peoplenet,peoplesemsegnet"
ANONYMIZE_LABELS = ("face", "person")
STORAGES = ("mcap", "sqlite3")

_EXAMPLE = """people_perception replay last_week --output last_week_people
people_perception replay last_week --output out --models peoplenet,facedetect_ir --topics /front ir_image:=/heat
people_perception replay recordings/ --output results --resume
people_perception replay last_week --output last_week_to_share --anonymize face person"""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    summary = "Run models over every image of a recording and record what they find, at the images' stamps."
    parser = add_command(subparsers, "replay", summary, run, _EXAMPLE)
    parser.add_argument(
        "bag",
        nargs="+",
        type=Path,
        metavar="BAG",
        help="a rosbag2: its folder or a file; several, a folder of them, or a .txt list of them run on all cores",
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="OUT", help="folder to write; of several, the folder around them"
    )
    parser.add_argument(
        "--models", metavar="A,B", help=f"models (default: {DEFAULT_MODELS}; with --anonymize what it needs)"
    )
    parser.add_argument(
        "--topics",
        nargs="+",
        default=[],
        metavar="TOPIC",
        help="cameras to look at (default: all); ir_image:=TOPIC or image:=TOPIC where its name does not tell its kind",
    )
    parser.add_argument("--engine", default="auto", choices=ENGINES, help="what runs the networks (default: the best)")
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), help="of TensorRT engines")
    parser.add_argument(
        "--weights", action="append", default=[], metavar="[MODEL=]FILE", help="a file instead of the model folder's"
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="[MODEL.]NAME=VALUE",
        help="set an option of a decoder, such as peoplenet.confidence_threshold.person=0.4; may be repeated",
    )
    parser.add_argument("--namespace", default="/people", help="of the results (default: %(default)s)")
    parser.add_argument("--storage", default="mcap", choices=STORAGES, help="of the output (default: %(default)s)")
    parser.add_argument("--include-input", action="store_true", help="write every message of the input, too")
    parser.add_argument(
        "--anonymize",
        nargs="*",
        choices=ANONYMIZE_LABELS,
        metavar="LABEL",
        help="write the input too, with every face (or LABEL: face, person) in its images covered for good; "
        "an image in which that is not certain is left out, and so is what else may show it",
    )
    parser.add_argument("--resume", action="store_true", help="go on where an earlier run into OUT ended")
    parser.add_argument(
        "--live", action="store_true", help="play it to the real nodes over DDS with /clock: QoS, timing, drops"
    )
    parser.add_argument("--rate", type=_rate, default=1.0, metavar="X", help="of --live: speed (default: %(default)g)")
    parser.add_argument("--jobs", type=_positive, metavar="N", help="of several recordings, how many at once")
    parser.add_argument("--retries", type=int, default=2, metavar="N", help="after a crash (default: %(default)s)")
    parser.add_argument("--cluster", metavar="ADDRESS", help="run on this Ray cluster; auto: the one of this machine")
    parser.add_argument("--cpus", type=_positive, default=2, metavar="N", help="of a cluster, for one recording (2)")
    parser.add_argument("--json", action="store_true", help="print how it went as one JSON object")


def run(args: argparse.Namespace) -> int:
    """0: every image has every result. 1: some are missing, and stderr says why. 130: stopped."""
    from people_perception.bags.batch import find_bags

    settings = settings_from(args)
    if args.live:
        return _run_live(args, settings)
    bags = find_bags(args.bag)
    if len(args.bag) > 1 or bags != args.bag or args.cluster:
        return _run_many(args, settings, bags)
    return _run_one(args, settings, bags[0])


def _run_one(args: argparse.Namespace, settings: ReplaySettings, bag: Path) -> int:
    from people_perception.memory import use_one_heap

    use_one_heap()
    from people_perception.bags.replay import Listener, replay

    bar = FrameProgress("replay")

    def begin(described: list[dict[str, Any]], done: int, total: int) -> None:
        for model in described:
            note(f"{model['requested']}: {model['title']} on {model['device']}: {model['reason']}")
        if done:
            note(f"{done} of {total} images are done already")
        bar.start(total, done)

    with stop_on_signals() as stop, bar:
        summary = replay(bag, args.output, settings, args.resume, stop, Listener(begin, bar.update), _command())
    return _finish(args, summary, stop)


def _run_live(args: argparse.Namespace, settings: ReplaySettings) -> int:
    from people_perception.transports import restart_with_settings

    if len(args.bag) > 1 or args.resume or args.cluster or args.include_input or args.anonymize is not None:
        raise ValueError(
            "--live plays one recording; --resume, --cluster, --include-input and --anonymize do not go with it"
        )
    restart_with_settings(_arguments(args))
    try:
        from people_perception.ros.live_replay import replay_live
    except ImportError as error:
        raise PerceptionError(f"ROS 2 is not there ({error}); source its setup file, or tools/env.sh") from error
    bar = FrameProgress("replay")
    note("the graph starts")
    with stop_on_signals() as stop, bar:
        summary = replay_live(args.bag[0], args.output, settings, args.rate, stop, bar.start, bar.update, _command())
    return _finish(args, summary, stop)


def _finish(args: argparse.Namespace, summary: Summary, stop: threading.Event) -> int:
    """Say how a run on one recording went."""
    for problem in summary.problems:
        note(f"{summary.input}: {problem}")
    if args.json:
        print_json(summary.plain())
    else:
        for topic, count in summary.withheld.items():
            note(f"{count} messages of {topic} are left out: they may show what is to be covered")
        _print_summary(summary, args.live)
    if summary.complete:
        return 0
    return 130 if stop.is_set() and not summary.finished else 1


def _run_many(args: argparse.Namespace, settings: ReplaySettings, bags: list[Path]) -> int:
    from people_perception.bags import batch
    from people_perception.bags.journal import write_json

    cores = os.cpu_count() or 1
    workers = min(len(bags), args.jobs or cores)
    if not settings.models.threads:
        # Networks that each take every core only get in each other's way.
        threads = args.cpus if args.cluster else max(1, cores // workers)
        settings = replace(settings, models=replace(settings.models, threads=threads))
    names = batch.output_names(bags)
    folder = args.output.absolute()
    jobs = [batch.Job(str(bag.absolute()), str(folder / names[bag]), settings, args.resume, _command()) for bag in bags]
    taken = [job.output for job in jobs if Path(job.output).exists()]
    if taken and not args.resume:
        raise PerceptionError(f"{taken[0]} exists; give another --output, or --resume to go on with what is there")
    folder.mkdir(parents=True, exist_ok=True)
    bar = FrameProgress("replay", "bag")

    def done(result: dict[str, Any]) -> None:
        for problem in result["problems"]:
            note(problem if problem.startswith(result["input"]) else f"{result['input']}: {problem}")
        bar.update()

    with stop_on_signals() as stop, _runner(args, workers) as (runner, workers), bar:
        note(f"{len(bags)} recordings, {workers} at once")
        bar.start(len(jobs))
        results = batch.replay_many(jobs, runner, workers, args.retries, stop, done)
    complete = sum(result["complete"] for result in results)
    summary = {"recordings": len(results), "complete": complete, "results": results}
    write_json(folder / "summary.json", summary)
    if args.json:
        print_json(summary)
    else:
        rows = [(f"{r['frames']} of {r['expected']}", "yes" if r["complete"] else "NO", r["output"]) for r in results]
        print(table(("images", "complete", "output"), rows))
        print(f"{complete} of {len(results)} recordings are complete; {folder / 'summary.json'}")
    if complete == len(results):
        return 0
    return 130 if stop.is_set() else 1


@contextmanager
def _runner(args: argparse.Namespace, workers: int) -> Iterator[tuple[Runner, int]]:
    """Where jobs run, and how many at once."""
    if args.cluster is None:
        from people_perception.bags.batch import local_runner

        yield local_runner, workers
        return
    from people_perception.bags.cluster import cluster_runner

    with cluster_runner(args.cluster, args.cpus) as (runner, fitting):
        yield runner, min(fitting, args.jobs or fitting)


def settings_from(args: argparse.Namespace) -> ReplaySettings:
    """What the arguments ask for.

    Raises:
        ValueError: an argument that makes no sense.
    """
    from people_perception.bags.replay import ReplaySettings

    if args.anonymize is not None and args.include_input:
        raise ValueError("--include-input writes images as they are; leave it out, --anonymize writes the rest anyway")
    topics = tuple(name for text in args.topics for name in text.split(",") if name)
    labels = _anonymized(args)
    return ReplaySettings(model_settings(args), topics, args.namespace, args.storage, args.include_input, labels)


def _anonymized(args: argparse.Namespace) -> tuple[str, ...]:
    """What is to be covered, in a fixed order; nothing without ``--anonymize``."""
    wanted = () if args.anonymize is None else args.anonymize or ("face",)
    return tuple(label for label in ANONYMIZE_LABELS if label in wanted)


def model_settings(args: argparse.Namespace) -> ModelSettings:
    """The models that the arguments ask for.

    Raises:
        PerceptionError: unknown model.
        ValueError: ``--weights`` or ``--option`` is for a model that does not run, or for nobody knows which.
    """
    from people_perception.bags.models import ModelSettings
    from people_perception.catalogue import get_spec

    models = _models(args)
    weights = dict(_for_model(text, "=", "--weights", models) for text in args.weights)
    texts: dict[str, list[str]] = {}
    for text in args.option:
        model, rest = _for_model(text, ".", "--option", models)
        texts.setdefault(model, []).append(rest)
    options = {model: parse_options(rest, get_spec(model).labels) for model, rest in texts.items()}
    return ModelSettings(models, args.engine, weights, options, args.precision)


def _models(args: argparse.Namespace) -> tuple[str, ...]:
    if args.models is not None:
        return tuple(name.strip() for name in args.models.split(",") if name.strip())
    from people_perception.bags.anonymize import DEFAULT_FINDERS

    return tuple(DEFAULT_FINDERS[label] for label in _anonymized(args)) or tuple(DEFAULT_MODELS.split(","))


def _for_model(text: str, separator: str, argument: str, models: Sequence[str]) -> tuple[str, str]:
    """The model that an argument is for, and the rest; with a single model it need not be named."""
    name, found, rest = text.partition(separator)
    if found and name in models:
        return name, rest
    if len(models) == 1:
        return models[0], text
    names = ", ".join(model + separator for model in models)
    raise ValueError(f"{argument} {text!r}: expected it to begin with the model, one of {names}")


def _print_summary(summary: Summary, live: bool) -> None:
    print(table(("messages", "topic"), [(str(count), topic) for topic, count in summary.topics.items()]))
    rate = f", {summary.rate:.1f} a second" if summary.computed else ""
    verdict = "not complete, see above"
    if summary.complete:
        verdict = "played to its end" if live else "all of them with every result"
    print(f"{summary.output}: {summary.frames} of {summary.expected} images{rate}; {verdict}")


def _command() -> str:
    return shlex.join(["python", "-m", "people_perception", *sys.argv[1:]])


def _arguments(args: argparse.Namespace) -> list[str]:
    """The arguments of a live replay as they could have been typed."""
    values = [
        ("--output", args.output),
        ("--models", ",".join(_models(args))),
        ("--engine", args.engine),
        ("--rate", args.rate),
    ]
    values += [("--precision", args.precision), ("--namespace", args.namespace), ("--storage", args.storage)]
    values += [("--weights", text) for text in args.weights] + [("--option", text) for text in args.option]
    named = [f"{name}={value}" for name, value in values if value is not None]
    topics = ["--topics", *args.topics] if args.topics else []
    flags = ["--live", *["--json"] * args.json, *["--debug"] * args.debug]
    return ["replay", *map(str, args.bag), *named, *flags, *topics]


def _rate(text: str) -> float:
    value = float(text)
    if not 0.01 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0.01 to 100")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 1 on")
    return value
