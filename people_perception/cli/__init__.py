# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: ``python -m people_perception CMD``. Each command is one module of this folder.

A module ``NAME.py`` has ``add_parser(subparsers)``, which calls `add_command`, and ``run(args)``, which returns the
exit status. It imports nothing heavy at its top, so that ``--help`` stays quick.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from people_perception.errors import PerceptionError, one_line

COMMANDS = ("doctor", "models", "build", "detect", "evaluate", "run", "demo", "replay", "compare", "report", "bench")

Subparsers = Any  # argparse keeps the type of add_subparsers() private


def add_command(
    subparsers: Subparsers, name: str, summary: str, run: Callable[[argparse.Namespace], int], example: str
) -> argparse.ArgumentParser:
    """A parser for the command ``name`` that calls ``run``; its help ends with ``example`` (one or more lines)."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=summary,
        description=summary,
        epilog="example:\n  " + "\n  ".join(example.splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # No default here: that of a command inside a command would undo what was given to the outer one.
    debug_help = "show the traceback of an error"
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=debug_help)
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` names.

    What follows ``--ros-args`` is for ROS: a command that takes it declares ``set_defaults(ros_args=[])`` and finds
    there the list that starts with ``--ros-args``.

    Returns:
        0, what the command decided, 2 after one line on stderr about bad input, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    cut = arguments.index("--ros-args") if "--ros-args" in arguments else len(arguments)
    arguments, ros_args = arguments[:cut], arguments[cut:]
    parser = _parser(arguments)
    args = parser.parse_args(arguments)
    if ros_args:
        if not hasattr(args, "ros_args"):
            parser.error(f"{args.command} takes no --ros-args")
        args.ros_args = ros_args
    try:
        with _stdout_without_libraries() if getattr(args, "json", False) else nullcontext():
            status: int = args.run(args)
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe left, as `head` does. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (PerceptionError, ValueError, OSError) as error:
        if args.debug:
            raise
        print(f"{parser.prog} {args.command}: error: {one_line(error)}", file=sys.stderr)
        return 2


@contextmanager
def _stdout_without_libraries() -> Iterator[None]:
    """What is not written by Python, as Fast DDS's complaints, goes to standard error instead: a program reads this."""
    whole = sys.__stdout__
    if whole is None or sys.stdout is not whole:  # a test's
        yield
        return
    descriptor = os.dup(1)
    whole.flush()
    os.dup2(2, 1)
    sys.stdout = ours = os.fdopen(descriptor, "w", encoding=whole.encoding, errors=whole.errors)
    try:
        yield
        ours.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)  # closing flushes once more
        raise
    finally:
        sys.stdout = whole
        os.dup2(descriptor, 1)
        ours.close()


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="people_perception",
        description="People for a mobile robot: boxes, masks and faces from a camera.",
        epilog="example:\n  people_perception models fetch open\n\nEvery command has its own --help.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(debug=False)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # Only the module of the command that was asked for is imported; the general help needs them all.
    wanted = [arguments[0]] if arguments and arguments[0] in COMMANDS else COMMANDS
    for name in wanted:
        importlib.import_module(f"people_perception.cli.{name}").add_parser(subparsers)
    return parser
