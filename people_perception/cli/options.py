# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that the commands which run a model share: ``--model``, ``--engine``, ``--weights`` and ``--option``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from people_perception.selection import ENGINES

if TYPE_CHECKING:
    from people_perception.model import Perceiver


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that `model_from` reads."""
    parser.add_argument("--model", required=True, metavar="NAME", help='a model of "models list", or NAME:VARIANT')
    parser.add_argument(
        "--engine", default="auto", choices=ENGINES, help="what runs the network (default: the best here)"
    )
    parser.add_argument("--weights", metavar="FILE", help="a network file to use instead of the model folder's")
    add_option_argument(parser)


def add_option_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--option``, for `parse_options`."""
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set an option of the decoder, such as clustering=nms or confidence_threshold.person=0.4; may be repeated",
    )


def model_from(args: argparse.Namespace) -> Perceiver:
    """The model that the arguments of `add_model_arguments` name.

    Raises:
        PerceptionError: nothing can run it here.
        ValueError: an option is unknown or out of range.
    """
    from people_perception.catalogue import get_spec
    from people_perception.loading import load_model

    options = parse_options(args.option, get_spec(args.model).labels)
    return load_model(args.model, args.engine, args.weights, **options)


def parse_options(texts: Iterable[str], labels: tuple[str, ...]) -> dict[str, Any]:
    """Decoder options from ``NAME=VALUE`` and ``NAME.LABEL=VALUE``; a later text wins over an earlier one.

    >>> parse_options(["clustering=nms", "confidence_threshold=0.3", "confidence_threshold.face=0.5"], ("bag", "face"))
    {'clustering': 'nms', 'confidence_threshold': {'bag': 0.3, 'face': 0.5}}

    Raises:
        ValueError: no ``=`` in a text. Names and ranges are checked by the decoder.
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--option {text!r}: expected NAME=VALUE or NAME.LABEL=VALUE")
        name, dot, label = name.partition(".")
        if not dot:
            options[name] = _value(value)
            continue
        before = options.get(name, {})
        if not isinstance(before, dict):
            before = dict.fromkeys(labels, before)
        options[name] = {**before, label: _value(value)}
    return options


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
