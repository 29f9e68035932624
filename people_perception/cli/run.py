# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``run``: the composed graph in one process, without the launch system."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from people_perception.cli import Subparsers, add_command
from people_perception.errors import PerceptionError

DEFAULT_MODELS = "peoplenet,peoplesemsegnet"


def add_parser(subparsers: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        subparsers,
        "run",
        "Run several models on one camera in one process, as people_perception_node does.",
        run,
        "people_perception run --models peoplenet,peoplesegnet --overlay --ros-args -r image:=/camera/image_raw",
    )
    parser.add_argument(
        "--models", default=DEFAULT_MODELS, metavar="A,B", help=f"models of the catalogue (default: {DEFAULT_MODELS})"
    )
    parser.add_argument("--overlay", action="store_true", help="also run the overlay node")
    parser.add_argument("--namespace", default="/people", help="namespace of the nodes (default: %(default)s)")
    parser.set_defaults(ros_args=[])


def run(args: argparse.Namespace) -> int:
    """Spin until SIGINT."""
    from people_perception.memory import use_one_heap
    from people_perception.ros.executables import spin
    from people_perception.transports import restart_with_settings

    models = [name.strip() for name in args.models.split(",") if name.strip()]
    if not models:
        raise PerceptionError(f"--models {args.models!r} names no model; give at least one, such as peoplenet")
    overlay = ["--overlay"] if args.overlay else []
    restart_with_settings(
        ["run", "--models", ",".join(models), "--namespace", args.namespace, *overlay, *(args.ros_args or [])]
    )
    use_one_heap()
    try:
        from people_perception.ros.node import PerceptionNode
        from people_perception.ros.overlay import OverlayNode
    except ImportError as error:
        raise PerceptionError(f"ROS 2 is not there ({error}); source its setup file, or tools/env.sh") from error
    makers: list[Callable[[], Any]] = [lambda: PerceptionNode("people_perception", models, namespace=args.namespace)]
    if args.overlay:
        makers.append(lambda: OverlayNode(namespace=args.namespace))
    return spin(makers, args.ros_args)
