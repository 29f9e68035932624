# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``build``: a TensorRT engine for this machine, or for an image of it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import note, print_json

if TYPE_CHECKING:
    from people_perception.catalogue import ModelSpec
    from people_perception.engines.build import Progress

_EXAMPLE = """people_perception build peoplenet
people_perception build peoplenet --precision int8 --calibration-cache resnet34_peoplenet_int8.txt
people_perception build peoplenet --onnx peoplenet.onnx --builder tensorrt_rtx   # needs no GPU"""


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(subparsers, "build", "Build the TensorRT engine of a model, or find it built.", run, _EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help='a model of "models list", or NAME:VARIANT')
    parser.add_argument(
        "--weights", "--onnx", metavar="FILE", type=Path, help="an ONNX or etlt file instead of the model folder's"
    )
    parser.add_argument("--precision", choices=("fp32", "fp16", "int8"), help="default: the model's own, normally fp16")
    parser.add_argument(
        "--calibration-cache", metavar="FILE", type=Path, help="of int8; default: the one beside the weights"
    )
    parser.add_argument("--batch", metavar="N|MIN,OPT,MAX", type=_batch, help="images in one call (default: 1)")
    parser.add_argument(
        "--dla-core", metavar="N", type=int, help="run what it can on this DLA core, the rest on the GPU"
    )
    parser.add_argument("--workspace-mib", metavar="MIB", type=int, help="limit of the builder's scratch memory")
    parser.add_argument("--timing-cache", metavar="FILE", type=Path, help="default: one in the engine folder")
    parser.add_argument(
        "--version-compatible", action="store_true", default=None, help="let later versions of TensorRT run it too"
    )
    parser.add_argument(
        "--hardware-compatible",
        action="store_true",
        default=None,
        help="let other GPUs from Ampere on run it too; not on Jetson",
    )
    parser.add_argument("--builder", choices=("tensorrt", "tensorrt_rtx"), help="default: tensorrt")
    parser.add_argument("--device", metavar="N", type=int, help="which GPU (default: 0)")
    parser.add_argument("--key", help="of an etlt file; default: the published one")
    parser.add_argument("--log-level", choices=("error", "warning", "info", "verbose"), help="of the builder's own log")
    parser.add_argument("--json", action="store_true", help="print what was built as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Build, or find in the cache; says which."""
    from people_perception.catalogue import get_spec
    from people_perception.engines.build import BuildSettings, obtain

    spec = get_spec(args.model)
    weights = _weights(spec, args.weights)
    settings = BuildSettings.of(spec, weights, **{f.name: getattr(args, f.name) for f in fields(BuildSettings)})
    with _Bar(spec.name) as bar:
        obtained = obtain(spec, weights, settings, allow_build=True, progress=bar)
    if args.json:
        found = {"plan": str(obtained.plan), "built": obtained.built, "reason": obtained.reason}
        print_json({**found, **_summary(obtained.record)})
    elif obtained.built:
        timings = obtained.record["timings"]
        size = obtained.plan.stat().st_size / 1e6
        print(f"{obtained.plan}\nbuilt in {timings['total_s']:.1f} s, {size:.1f} MB ({obtained.reason})")
    else:
        print(f"{obtained.plan}\nfound in the cache: nothing to build")
    return 0


def _weights(spec: ModelSpec, given: Path | None) -> Path:
    """The network to build from."""
    from people_perception.errors import PerceptionError
    from people_perception.store.paths import find_weights, model_dir

    if given is not None:
        if not given.is_file():
            raise PerceptionError(f"{given}: no such file")
        return given
    for entry, path in find_weights(spec):
        if entry.format in ("onnx", "etlt"):
            return path
    raise PerceptionError(
        f"{spec.name}: no ONNX or etlt file in {model_dir() / spec.folder}; "
        f'run "python -m people_perception models fetch {spec.name}", or give one with --weights'
    )


def _summary(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in ("key", "timings", "tensors") if name in record}


def _batch(text: str) -> tuple[int, int, int]:
    numbers = [int(part) for part in text.split(",")]
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise argparse.ArgumentTypeError(f"{text!r}: expected N or MIN,OPT,MAX")
    return (numbers[0], numbers[1], numbers[2])


class _Bar:
    """What a build does, on stderr: a bar on a terminal, else a line when the stage changes."""

    def __init__(self, name: str) -> None:
        self._name, self._stage = name, ""
        self._bar: Any = None

    def __enter__(self) -> _Bar:
        from people_perception.cli.progress import progress

        self._bar = progress(None, self._name, unit="step")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if progress.log is not None:
            self._bar.clear()
            note(f"{progress.stage}: {progress.log}")
            return
        if sys.stderr.isatty():
            self._bar.total, self._bar.n = progress.steps, progress.step or 0
            self._bar.set_description(f"{self._name}: {progress.stage}")
        elif progress.stage != self._stage and progress.steps is None:
            note(f"{self._name}: {progress.stage}")
        self._stage = progress.stage
