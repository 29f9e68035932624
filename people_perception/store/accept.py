# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A file that was obtained becomes a model's file: checked, put in place in one step, and recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from people_perception.catalogue import ModelSpec
from people_perception.errors import PerceptionError
from people_perception.store.content import check_content
from people_perception.store.records import FileRecord, file_sha256, read_record, update_record

Pin = Mapping[str, Any]
"""What the catalogue demands of a file: ``size``, ``sha256``, both or neither."""


def is_right(path: Path, pin: Pin, record: FileRecord | None) -> bool:
    """Whether the file is there with the content that is pinned and recorded; False where its hash is not known."""
    demands = [d for d in (pin.get("sha256"), record.sha256 if record else None) if d]
    if not demands or not path.is_file() or path.stat().st_size != pin.get("size", path.stat().st_size):
        return False
    digest = file_sha256(path)
    return all(digest == demand for demand in demands)


def put_in_place(spec: ModelSpec, staged: Path, target: Path, origin: FileRecord, pin: Pin, force: bool) -> FileRecord:
    """Move a staged file to its final name and record it. The caller holds the folder's lock.

    Args:
        spec: the model that it is for.
        staged: a complete file in the same folder; removed when it is refused.
        target: its final path.
        origin: the record to write, whose size and hash are filled in here.
        pin: what the catalogue demands.
        force: replace a file that is recorded with another content. Never overrides a pin.

    Raises:
        PerceptionError: it is not what is pinned, recorded or expected of the model. The old file is kept.
    """
    try:
        entry = replace(origin, size=staged.stat().st_size, sha256=file_sha256(staged))
        _compare(spec, target, entry, pin, force)
        check_content(spec, staged, target.name, must_open=origin.source == "import")
        os.chmod(staged, 0o644)
        os.replace(staged, target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    update_record(target.parent, {target.name: entry})
    return entry


def _compare(spec: ModelSpec, target: Path, entry: FileRecord, pin: Pin, force: bool) -> None:
    if entry.size != pin.get("size", entry.size):
        raise PerceptionError(
            f"{target}: refused: {entry.size} bytes came, the catalogue says {pin['size']}; {_kept(target)}"
        )
    if entry.sha256 != pin.get("sha256", entry.sha256):
        raise PerceptionError(
            f"{target}: refused: sha256 {entry.sha256[:16]}… came, "
            f"the catalogue says {pin['sha256'][:16]}…; {_kept(target)}"
        )
    recorded = read_record(target.parent).files.get(target.name)
    # An import is a person's choice of this very file, so it replaces what was there.
    if force or recorded is None or recorded.sha256 == entry.sha256 or entry.source == "import":
        return
    raise PerceptionError(
        f"{target}: refused: sha256 {entry.sha256[:16]}… of {entry.origin} differs from the recorded "
        f"{recorded.sha256[:16]}… of {recorded.origin}; {_kept(target)}; "
        f'to replace it run "people_perception models fetch {spec.name} --force"'
    )


def _kept(target: Path) -> str:
    return "the old file is kept" if target.exists() else "nothing was stored"
