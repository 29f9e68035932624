# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT's log: handed on by level, with the last errors kept for the message of an exception."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

# TensorRT's severities, most severe first, and the level that each belongs to.
_LEVELS = {"INTERNAL_ERROR": "error", "ERROR": "error", "WARNING": "warning", "INFO": "info", "VERBOSE": "verbose"}
_ORDER = ("error", "warning", "info", "verbose")


def make_logger(trt: Any, level: str, emit: Callable[[str, str], None]) -> Any:
    """An ``ILogger`` that calls ``emit(level, text)`` and keeps errors in ``.errors``.

    Args:
        trt: the TensorRT module.
        level: the least severe level that is handed on.
        emit: called from any thread.
    """

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=3)

        def log(self, severity: Any, text: str) -> None:
            found = _LEVELS.get(severity.name, "verbose")
            if found == "error":
                self.errors.append(" ".join(text.split()))
            if _ORDER.index(found) <= _ORDER.index(level):
                emit(found, " ".join(text.split()))

    return Log()


def last_error(logger: Any, otherwise: str) -> str:
    """What TensorRT said of its last failure; it reports by its log and returns nothing."""
    return logger.errors[-1] if logger.errors else otherwise
