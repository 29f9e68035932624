# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What is in the model store: whether each file is still what was accepted, and how to be rid of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from people_perception.catalogue import ModelSpec
from people_perception.engines.cache import sidecar_path
from people_perception.errors import PerceptionError
from people_perception.store.accept import Pin
from people_perception.store.lock import folder_lock
from people_perception.store.paths import model_dir, search_dirs
from people_perception.store.records import FileRecord, file_sha256, read_record, update_record


@dataclass(frozen=True)
class Verdict:
    """Whether one file is what it should be.

    Attributes:
        model: whose file it is.
        path: the file.
        state: ``ok``, ``changed``, ``missing`` (recorded, not there) or ``unrecorded`` (there, its content not known).
        note: what differs and what to do.
    """

    model: str
    path: Path
    state: str
    note: str = ""


def verify(spec: ModelSpec) -> list[Verdict]:
    """Compare every file of a model with the catalogue's pins and the record; reads each file whole."""
    pins = _pins(spec)
    verdicts = []
    for base in search_dirs():
        folder = base / spec.folder
        records = read_record(folder).files
        listed = [name for name in pins if (folder / name).is_file()]
        for name in dict.fromkeys([*records, *listed]):
            verdicts.append(_verify(spec, folder / name, pins.get(name, {}), records.get(name)))
    return verdicts


def _verify(spec: ModelSpec, path: Path, pin: Pin, record: FileRecord | None) -> Verdict:
    again = f'run "people_perception models fetch {spec.folder} --force"'
    if record is not None and record.source == "import":
        again = f"import it again, it came from {record.origin}"
    if not path.is_file():
        return Verdict(spec.folder, path, "missing", again)
    size, digest = path.stat().st_size, file_sha256(path)
    if size != pin.get("size", size) or digest != pin.get("sha256", digest):
        return Verdict(spec.folder, path, "changed", f"not the catalogue's file; {again}")
    if record is not None and digest != record.sha256:
        return Verdict(spec.folder, path, "changed", f"sha256 differs from the recorded {record.sha256[:16]}…; {again}")
    if record is None and "sha256" not in pin:
        note = f'put there by hand; run "people_perception models import {spec.folder} {path}" to check and record it'
        return Verdict(spec.folder, path, "unrecorded", note)
    return Verdict(spec.folder, path, "ok")


def remove(spec: ModelSpec) -> list[Path]:
    """Delete a model's files, or those of one variant; files that are not the store's own stay.

    Returns:
        What was deleted.

    Raises:
        PerceptionError: nothing is there, or it cannot be deleted.
    """
    folder = model_dir() / spec.folder
    if not folder.is_dir():
        raise PerceptionError(f"{spec.name}: nothing in {folder} to remove")
    with folder_lock(folder):
        records = read_record(folder).files
        variant = spec.name.partition(":")[2]
        imported = {name for name, r in records.items() if r.source == "import" and r.variant == variant}
        names = _pins(spec).keys() | (imported if variant else records.keys())
        gone = [folder / name for name in sorted(names) if (folder / name).is_file()]
        sidecars = [sidecar_path(path) for path in gone if sidecar_path(path).is_file()]
        partial = [path for path in folder.iterdir() if path.name.startswith(".") and ".part" in path.name]
        try:
            for path in [*gone, *sidecars, *partial]:
                path.unlink()
        except OSError as error:
            raise PerceptionError(f"{folder}: {error.strerror}; it may belong to another user") from error
        update_record(folder, {}, remove=frozenset(names))
    if not gone:
        raise PerceptionError(f"{spec.name}: nothing in {folder} to remove")
    return gone


def _pins(spec: ModelSpec) -> dict[str, Pin]:
    """Every file that the catalogue knows for a model, with what is pinned of it."""
    pins: dict[str, Pin] = {}
    for weights in spec.weights:
        pins[weights.file] = weights.source if "npm" in weights.source else {}
        pins |= weights.source.get("files", {})
        if weights.int8_cache:
            pins.setdefault(weights.int8_cache, {})
    return pins
