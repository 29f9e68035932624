# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a check answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from people_perception.errors import PerceptionError

OK, WARNING, ERROR = "ok", "warning", "error"
LEVELS = (OK, WARNING, ERROR)


@dataclass(frozen=True)
class Finding:
    """One line about one thing.

    Attributes:
        check: what was looked at.
        level: ``ok``; ``warning``, it works, but worse than it could; ``error``, it does not work.
        message: what was found.
        fix: the command or the step that mends it; empty where all is well.
    """

    check: str
    level: str
    message: str
    fix: str = ""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, OK, message)


def warning(check: str, message: str, fix: str) -> Finding:
    """It works, but worse than it could."""
    return Finding(check, WARNING, message, fix)


def error(check: str, message: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(check, ERROR, message, fix)


def examine(
    check: Callable[[], Finding | Iterable[Finding]], debug: bool = False, name: str | None = None
) -> list[Finding]:
    """The findings of a check; one that itself fails is a finding, so that a broken machine shows the rest.

    Args:
        check: without arguments.
        debug: let it raise.
        name: of the finding when it fails; that of the function otherwise.
    """
    name = name or check.__name__.removeprefix("check_")
    try:
        found = check()
        return [found] if isinstance(found, Finding) else list(found)
    except PerceptionError as problem:
        message, _, fix = str(problem).partition("; ")
        return [error(name, message, fix)]
    except Exception as problem:
        if debug:
            raise
        text = " ".join(f"{type(problem).__name__}: {problem}".split())
        return [error(name, f"the check itself failed: {text}", "people_perception doctor --debug shows where")]
