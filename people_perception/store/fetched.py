# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a fetch is asked for and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from people_perception.store.download import Policy
from people_perception.store.eula import Ask


@dataclass(frozen=True)
class Fetched:
    """What became of one file.

    Attributes:
        model: the model that it belongs to.
        path: where it lies, or would.
        size: bytes; 0 when it is not there.
        state: ``downloaded``; ``present``, it was there and right; ``missing`` or ``refused``, for a file beside the
            network that the model runs without.
        note: why it is missing or refused.
    """

    model: str
    path: Path
    size: int
    state: str
    note: str = ""


@dataclass(frozen=True)
class FetchOptions:
    """How to fetch.

    Attributes:
        force: download what is there already, and accept another content than the recorded one.
        accept_eula: accept the vendor's licence.
        ask: asks a person about a licence; None where nobody can answer.
        report: called with a file's name, the bytes there and the bytes expected.
        on_wait: called with a folder that another process is writing to.
        policy: of downloads.
    """

    force: bool = False
    accept_eula: bool = False
    ask: Ask | None = None
    report: Callable[[str, int, int | None], None] = lambda name, have, total: None
    on_wait: Callable[[Path], None] = lambda folder: None
    policy: Policy = field(default_factory=Policy)
