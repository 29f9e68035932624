# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A vendor's licence is accepted by a person before anything of it is downloaded, and the answer is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from people_perception.errors import PerceptionError
from people_perception.store.paths import model_dir
from people_perception.store.records import write_atomically

ACCEPTED = "accepted_licences.json"

Ask = Callable[[Mapping[str, str]], bool]
"""Shows a licence's ``name`` and ``url`` to a person and returns whether it is accepted."""


def require_acceptance(licence: Mapping[str, str], accept: bool = False, ask: Ask | None = None) -> None:
    """Go on only when the licence has been accepted: now, by ``accept`` or the answer to ``ask``, or earlier.

    Raises:
        PerceptionError: it is not accepted; says how to accept it.
    """
    if is_accepted(licence):
        return
    if accept:
        how = "--accept-eula"
    elif ask is not None and ask(licence):
        how = "answered yes"
    else:
        raise PerceptionError(
            f"the {licence['name']} ({licence['url']}) is not accepted, so nothing was downloaded; "
            "read it and add --accept-eula to accept it"
        )
    when = datetime.now(timezone.utc).isoformat(timespec="seconds")
    path = model_dir() / ACCEPTED
    data = _read() | {licence["url"]: {"name": licence["name"], "accepted": when, "how": how}}
    try:
        write_atomically(path, json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise PerceptionError(f"{path}: {error.strerror}; set PP_MODEL_DIR to a folder that you may write") from error


def is_accepted(licence: Mapping[str, str]) -> bool:
    """Whether this licence was accepted earlier for this model folder."""
    return licence["url"] in _read()


def _read() -> dict[str, object]:
    path = model_dir() / ACCEPTED
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise PerceptionError(f"{path}: damaged; delete it and accept the licence again")
    return data
