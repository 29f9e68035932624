# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What commands print: JSON alone on stdout; progress, notes and questions on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from people_perception.errors import printable


def print_json(value: Any) -> None:
    """One JSON value on one line of stdout, flushed so that a reader of a pipe has it at once.

    Raises:
        ValueError: NaN or infinity in it, which JSON has no word for.
    """
    print(json.dumps(value, ensure_ascii=False, allow_nan=False), flush=True)


def note(text: str) -> None:
    """One line for the person, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns padded to their widest cell, under a header; the last column is free."""
    lines = [tuple(header), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header) - 1)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[-1]]) for line in lines)
