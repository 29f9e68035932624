# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The error that a user is meant to read, and how it is shown."""

from __future__ import annotations


class PerceptionError(Exception):
    """Something outside the code is wrong: a file, a network, a machine.

    The message is one line that names the thing, the value found and the way out. The command line prints it as it is
    and exits with 2; a node logs it and stays alive.
    """


def printable(text: str) -> str:
    """The text with a mark for each character that a terminal or a log obeys instead of showing it, but line breaks.

    File names, topics and labels come from anywhere, and an escape sequence in one can rewrite what stood above it.
    """
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def one_line(error: BaseException) -> str:
    """What an error says, on one line, or what it is."""
    return printable(" ".join(str(error).split())) or type(error).__name__
