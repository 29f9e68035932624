# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``doctor``: what is wrong with this machine, in one line each, and what mends it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING

from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import print_json
from people_perception.errors import printable

if TYPE_CHECKING:
    from people_perception.doctor.findings import Finding

_EXAMPLE = "people_perception doctor\npeople_perception doctor --topic /camera/image_raw"
_MARKS = {"ok": ("  ok   ", "32"), "warning": (" warn  ", "33"), "error": (" ERROR ", "31")}


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers, "doctor", "Check this machine and its setup; exit 1 if something does not work.", run, _EXAMPLE
    )
    parser.add_argument("--topic", action="append", default=[], metavar="NAME", help="also check this camera topic")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to listen to a camera (default: 3)")
    parser.add_argument("--no-graph", action="store_true", help="do not look at running nodes")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(ros_args=[])


def run(args: argparse.Namespace) -> int:
    """Check everything; 1 if there is an error."""
    if not 0.1 <= args.seconds <= 600:
        raise ValueError(f"--seconds {args.seconds:g}: expected 0.1 to 600")
    findings = diagnose(args.topic, args.seconds, not args.no_graph, args.ros_args, args.debug)
    failed = any(finding.level == "error" for finding in findings)
    if args.json:
        print_json([asdict(finding) for finding in findings])
    else:
        print(report(findings, sys.stdout.isatty()))
    return 1 if failed else 0


def diagnose(
    topics: Sequence[str] = (),
    seconds: float = 3.0,
    graph: bool = True,
    ros_args: Sequence[str] = (),
    debug: bool = False,
) -> list[Finding]:
    """The findings of every check.

    Args:
        topics: camera topics to look at.
        seconds: how long to listen to each.
        graph: whether to look at running nodes at all.
        ros_args: for the node that looks, such as remappings.
        debug: let a check that fails raise.
    """
    from people_perception.doctor import machine, models
    from people_perception.doctor.findings import examine

    plain: list[Callable[[], Finding | Iterable[Finding]]] = [
        machine.check_python,
        machine.check_images,
        machine.check_opencv_packages,
        machine.check_runtimes,
        *_ros_checks(),
        machine.check_allocator,
        machine.check_shared_memory,
        machine.check_receive_buffer,
        machine.check_jetpack,
        machine.check_gpu,
        machine.check_cuda,
        machine.check_tensorrt,
        machine.check_tools,
        models.check_files,
        models.check_selection,
        models.check_engines,
    ]
    findings = [finding for check in plain for finding in examine(check, debug)]
    if (graph or topics) and _ros_loads():
        from people_perception.ros.camera_check import look_at_graph

        findings += examine(lambda: look_at_graph(topics, seconds, graph, ros_args), debug, "graph")
    return findings


def _ros_checks() -> list[Callable[[], Finding | Iterable[Finding]]]:
    """Without ROS one finding says so, not each that needs it."""
    from people_perception.ros import checks

    if find_spec("rclpy") is None:
        return [checks.check_distribution]
    return [checks.check_distribution, checks.check_middleware, checks.check_vision_msgs, checks.check_transports]


def _ros_loads() -> bool:
    from people_perception.ros.checks import load_ros

    return find_spec("rclpy") is not None and load_ros(os.environ.get("RMW_IMPLEMENTATION", ""))[0] != ""


def report(findings: Sequence[Finding], colour: bool) -> str:
    """The findings for a person: one line each, the remedy below, and a summary."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        mark, code = _MARKS[finding.level]
        mark = f"\033[{code}m{mark}\033[0m" if colour else mark
        lines.append(f"{mark} {finding.check.ljust(width)}  {printable(finding.message)}")
        if finding.fix:
            lines.append(f"{' ' * (width + 8)}  -> {finding.fix}")
    counts = [f"{sum(f.level == level for f in findings)} {level}" for level in _MARKS]
    return "\n".join([*lines, "", ", ".join(counts)])
