# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where model files live, and which of them are there."""

from __future__ import annotations

import os
from pathlib import Path

from people_perception.catalogue import ModelSpec, Weights
from people_perception.errors import PerceptionError
from people_perception.share import share_folder, source_checkout
from people_perception.store.content import NETWORKS
from people_perception.store.records import read_record


def model_dir() -> Path:
    """The folder that models are stored in: one folder a model below it. It may not exist yet.

    ``PP_MODEL_DIR`` if it is set, else ``models/`` of a source checkout, else ``people_perception`` in the user's data
    folder (``XDG_DATA_HOME``, normally ``~/.local/share``).
    """
    named = os.environ.get("PP_MODEL_DIR")
    if named:
        return Path(named).expanduser().absolute()
    checkout = source_checkout()
    if checkout:
        return checkout / "models"
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "people_perception"


def search_dirs() -> list[Path]:
    """Where models are looked for: `model_dir`, then the folder that was installed with the package.

    The second may be read-only: a robot's image can ship with its models. A source checkout has none but the first.
    """
    folders, checkout = [model_dir()], source_checkout()
    try:
        installed = share_folder("models")
    except PerceptionError:
        return folders
    own = checkout / "models" if checkout else None
    return folders if installed in (*folders, own) else [*folders, installed]


def find_weights(spec: ModelSpec) -> list[tuple[Weights, Path]]:
    """The files on disk that can serve ``spec``, best first.

    Those that the catalogue lists come first, in its order; then every other network that was imported for the model.
    An imported file belongs to no variant, so a name with a variant does not find it unless it was imported for that.
    """
    found: dict[str, tuple[Weights, Path]] = {}
    for weights in spec.weights:
        for folder in search_dirs():
            path = folder / spec.folder / weights.file
            if path.is_file():
                found.setdefault(weights.file, (weights, path))
    variant = spec.name.partition(":")[2]
    for folder in search_dirs():
        for name, entry in read_record(folder / spec.folder).files.items():
            path = folder / spec.folder / name
            kind = NETWORKS.get(path.suffix)
            if (
                name in found
                or entry.source != "import"
                or kind is None
                or entry.variant != variant
                or not path.is_file()
            ):
                continue
            cache = entry.int8_cache if entry.int8_cache and (path.parent / entry.int8_cache).is_file() else None
            found[name] = (Weights(name, kind, variant, int8_cache=cache), path)
    return list(found.values())
