# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Files that a person brings: checked against the catalogue, then copied into the model's folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from people_perception.catalogue import ModelSpec
from people_perception.engines.cache import sidecar_path
from people_perception.errors import PerceptionError
from people_perception.store.accept import put_in_place
from people_perception.store.archives import is_archive, unpack
from people_perception.store.content import NETWORKS, check_content, file_kind
from people_perception.store.lock import folder_lock
from people_perception.store.paths import model_dir
from people_perception.store.records import FILE_NAME, FileRecord, write_atomically


def import_files(spec: ModelSpec, files: Sequence[Path]) -> list[Path]:
    """Copy networks, calibration caches and labels into the folder of a model.

    All files are checked before the first is copied. A calibration cache gets the name under which the engine builder
    looks for it: beside the one network of the same import, else beside the catalogue's.

    Args:
        spec: the model, with the variant that an imported network belongs to.
        files: the files, or zip and tar archives of them.

    Returns:
        The copies.

    Raises:
        PerceptionError: a file is missing, of an unknown kind, or not of this model. Nothing was copied then.
    """
    with ExitStack() as stack:
        given = [path for file in files for path in _expand(file, stack)]
        kinds = {path: file_kind(path) for path in given}
        networks = [path for path, kind in kinds.items() if kind in NETWORKS.values()]
        names = {path: _final_name(spec, path, kinds[path], networks) for path in given}
        _check_names(names)
        for path in given:
            check_content(spec, path, path.name, must_open=True)
        caches = [names[path] for path, kind in kinds.items() if kind == "int8_cache"]
        cache = caches[0] if len(networks) == 1 and caches else None
        folder = model_dir() / spec.folder
        stack.enter_context(folder_lock(folder))
        for path in given:
            variant = spec.name.partition(":")[2]
            own_cache = cache if path in networks else None
            origin = FileRecord(0, "", "import", str(path.absolute()), variant, own_cache)
            put_in_place(spec, _stage(path, folder, names[path]), folder / names[path], origin, {}, force=True)
            if kinds[path] == "plan":
                _bring_sidecar(path, folder / names[path])
        return [folder / name for name in names.values()]


def _expand(file: Path, stack: ExitStack) -> list[Path]:
    if not file.is_file():
        raise PerceptionError(f"{file}: no such file")
    if not is_archive(file):
        return [file]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="people_perception.")))
    found = [path for path in unpack(file, folder) if path.suffix.lower() in (*NETWORKS, ".txt")]
    if not found:
        raise PerceptionError(f"{file}: no {', '.join(NETWORKS)} or .txt in this archive")
    return found


def _final_name(spec: ModelSpec, path: Path, kind: str, networks: Sequence[Path]) -> str:
    if kind != "int8_cache":
        return path.name
    by_network = {w.file: w.int8_cache for w in spec.weights}
    if len(networks) == 1:
        return by_network.get(networks[0].name) or path.name
    return next((cache for cache in by_network.values() if cache), path.name)


def _check_names(names: dict[Path, str]) -> None:
    for path, name in names.items():
        if not FILE_NAME.fullmatch(name):
            raise PerceptionError(f"{path}: rename it to letters, digits, dots, dashes and underscores first")
    if len(set(names.values())) < len(names):
        raise PerceptionError(f"two of the files would get one name: {', '.join(sorted(names.values()))}")


def _bring_sidecar(source: Path, target: Path) -> None:
    """A plan's own record, which tells what it was built for, goes with it; that of a plan before it must not stay."""
    sidecar_path(target).unlink(missing_ok=True)
    if sidecar_path(source).is_file():
        write_atomically(sidecar_path(target), sidecar_path(source).read_text(encoding="utf-8"))


def _stage(path: Path, folder: Path, name: str) -> Path:
    staged = folder / f".{name}.part"
    try:
        shutil.copyfile(path, staged)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise PerceptionError(f"{folder}: cannot copy {path.name}: {error.strerror}; make room there") from error
    return staged
