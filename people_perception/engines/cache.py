# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of built engines: what each was built from, whether it is whole, and one writer at a time.

An engine is a plan and a sidecar, ``NAME.plan`` and ``NAME.plan.json``. Both are written under another name, synced and
renamed, the plan last: where a plan is, it is complete. The lock is the kernel's on the folder itself, so it leaves no
file and ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from people_perception.errors import PerceptionError, one_line

SIDECAR_FORMAT = 1
PLAN_SUFFIXES = (".plan", ".engine")
_TEMPORARY = ".building-"
_MAGIC = {"tensorrt": b"ftrt", "tensorrt_rtx": b"vtrt"}


@dataclass(frozen=True)
class EngineKey:
    """Everything that makes one engine differ from another.

    Attributes:
        model: name in the catalogue.
        network: sha256 of the network's file.
        weights: sha256 of the file with an ONNX network's weights beside it; empty where there is none.
        calibration: sha256 of the INT8 calibration cache; empty without one.
        runtime: ``tensorrt`` or ``tensorrt_rtx``.
        version: of that runtime.
        device: GPU and compute capability, with the DLA core if one is used.
        precision: ``fp32``, ``fp16`` or ``int8``.
        batch: minimum, optimum and maximum.
        size: width and height of the input.
        options: what else was asked of the builder.
        recipe: counts changes in how this package builds.
    """

    model: str
    network: str
    runtime: str
    version: str
    device: str
    precision: str
    batch: tuple[int, int, int]
    size: tuple[int, int]
    weights: str = ""
    calibration: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: int = 1

    @property
    def digest(self) -> str:
        """A name for it, 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def differences(self, other: Mapping[str, Any]) -> str:
        """What is different in a recorded key, for people: ``version 8.5.2 instead of 10.3.0``."""
        found = []
        for name, wanted in json.loads(json.dumps(asdict(self))).items():
            recorded = other.get(name)
            if recorded == wanted:
                continue
            if name in ("network", "weights", "calibration"):
                found.append(f"another {name} file")
            else:
                found.append(f"{name} {recorded} instead of {wanted}")
        return ", ".join(found)


def engine_folder() -> Path:
    """Where engines are kept: ``PP_ENGINE_DIR``, else ``people_perception/engines`` in the user's cache folder."""
    named = os.environ.get("PP_ENGINE_DIR")
    if named:
        return Path(named).expanduser().absolute()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser().absolute() / "people_perception" / "engines"


def plan_path(folder: Path, key: EngineKey) -> Path:
    """Where the engine of ``key`` is, or would be."""
    return folder / f"{key.model.replace(':', '-')}-{key.precision}-{key.digest}.plan"


def sidecar_path(plan: Path) -> Path:
    """The JSON file beside a plan."""
    return plan.with_name(plan.name + ".json")


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content in hexadecimal.

    Raises:
        PerceptionError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise PerceptionError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    return digest.hexdigest()


def read_sidecar(plan: Path) -> dict[str, Any] | None:
    """What is recorded of a plan; None when there is no record of it.

    Raises:
        PerceptionError: the record is damaged.
    """
    path = sidecar_path(plan)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise PerceptionError(f"{path}: not readable as JSON; remove it and its plan, and build again") from error
    if not _is_record(data):
        raise PerceptionError(f"{path}: not a record of this version; remove it and its plan, and build again")
    return dict(data)


def _is_record(data: Any) -> bool:
    """Whether a sidecar has everything that is read from it, of the right type; it may come from anywhere."""
    if not isinstance(data, dict) or data.get("format") != SIDECAR_FORMAT:
        return False
    file, key = data.get("plan"), data.get("key")
    if not isinstance(file, dict) or not isinstance(key, dict) or not isinstance(data.get("built"), str):
        return False
    texts = ("model", "network", "runtime", "version", "device", "precision", "weights", "calibration")
    return (
        isinstance(file.get("size"), int)
        and isinstance(file.get("sha256"), str)
        and all(isinstance(key.get(name), str) for name in texts)
        and isinstance(key.get("options"), dict)
    )


def check_plan(plan: Path, runtime: str = "tensorrt") -> dict[str, Any] | None:
    """The sidecar of a plan that is whole; None for a whole plan without one.

    Nothing of it is handed to TensorRT, which crashes on some damaged plans.

    Raises:
        PerceptionError: absent, truncated, changed, or made for another runtime; says which.
    """
    record = read_sidecar(plan)
    try:
        size = plan.stat().st_size
        with plan.open("rb") as file:
            header = file.read(24)
    except OSError as error:
        raise PerceptionError(f"{plan}: {(error.strerror or str(error)).lower()}") from error
    if record:
        if size != record["plan"]["size"]:
            raise PerceptionError(f"{plan}: {size} bytes instead of the recorded {record['plan']['size']}")
        if file_sha256(plan) != record["plan"]["sha256"]:
            raise PerceptionError(f"{plan}: its sha256 differs from the recorded {record['plan']['sha256'][:12]}…")
        built_for = record["key"].get("runtime")
        if built_for != runtime:
            raise PerceptionError(f"{plan}: built for {built_for}; this is {runtime}")
    for other, magic in _MAGIC.items():
        if header.startswith(magic) and other != runtime:
            raise PerceptionError(f"{plan}: a plan of {other}; this is {runtime}")
    if not header.startswith(_MAGIC[runtime]):
        raise PerceptionError(f"{plan}: not a TensorRT plan (it starts with {header[:4]!r})")
    # Bytes 16 to 24 of the header are the length; TensorRT itself refuses a plan whose length is another.
    if len(header) < 24 or size < int.from_bytes(header[16:24], "little"):
        raise PerceptionError(f"{plan}: truncated at {size} bytes")
    return record


def find_plan(folder: Path, key: EngineKey) -> tuple[Path | None, str]:
    """The engine of ``key``, or None and why there is none: never built, damaged, or only one of another kind."""
    found, reason = _search(folder, key)
    return found, reason and one_line(PerceptionError(reason))  # records come from anywhere, and it quotes them


def _search(folder: Path, key: EngineKey) -> tuple[Path | None, str]:
    plan = plan_path(folder, key)
    if plan.exists():
        try:
            for path in (folder, plan):
                check_writers(path)
            record = check_plan(plan, key.runtime)
        except PerceptionError as error:
            return None, str(error)
        if record is None:
            return None, f"{plan}: no record of how it was built"
        differences = key.differences(record["key"])
        return (None, f"{plan}: {differences}") if differences else (plan, "")
    relatives = []
    for other in folder.glob(f"{key.model.replace(':', '-')}-*.plan"):
        with suppress(PerceptionError):
            record = read_sidecar(other)
            if record and record["key"].get("model") == key.model:
                relatives.append((record["built"], key.differences(record["key"])))
    if relatives:
        built, differences = max(relatives)
        return None, f"the engine built {built[:10]} has {differences}"
    return None, "never built"


def check_writers(path: Path) -> None:
    """A plan is a program: nobody else may put one here.

    Raises:
        PerceptionError: every user of this machine may write to it.
    """
    if path.stat().st_mode & stat.S_IWOTH:
        raise PerceptionError(f"{path}: everybody can write to it; chmod o-w it, or set PP_ENGINE_DIR")


@contextmanager
def folder_lock(folder: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Be the only writer in ``folder``, which is made if need be; what a killed writer left is removed.

    Args:
        folder: of engines.
        waiting: called every tenth of a second while another process holds the lock.

    Raises:
        PerceptionError: the folder cannot be made or locked, or everybody can write to it.
    """
    try:
        folder.mkdir(mode=0o775, parents=True, exist_ok=True)
        check_writers(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise PerceptionError(f"{folder}: {(error.strerror or str(error)).lower()}; set PP_ENGINE_DIR") from error
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waiting()
                time.sleep(0.1)
            except OSError as error:
                raise PerceptionError(
                    f"{folder}: cannot be locked ({error.strerror}); set PP_ENGINE_DIR to a local disk"
                ) from error
        for leftover in folder.glob(f"{_TEMPORARY}*"):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def temporary_path(folder: Path, what: str = "") -> Path:
    """Where the holder of the lock writes what is not finished."""
    return folder / f"{_TEMPORARY}{os.getpid()}{what}"


def store_plan(folder: Path, key: EngineKey, finished: Path, details: Mapping[str, Any]) -> Path:
    """Make ``finished``, a file in ``folder``, the engine of ``key``; the caller holds the lock.

    Args:
        folder: of engines.
        key: what it was built from.
        finished: the complete plan; renamed.
        details: timings and the like, for the sidecar.
    """
    plan = plan_path(folder, key)
    record = {
        "format": SIDECAR_FORMAT,
        "built": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "key": asdict(key),
        "plan": {"file": plan.name, "size": finished.stat().st_size, "sha256": file_sha256(finished)},
        **details,
    }
    text = json.dumps(record, indent=2, sort_keys=True) + "\n"
    draft = finished.with_name(finished.name + ".json")
    plan.unlink(missing_ok=True)  # so that no older plan ever stands beside the new record
    try:
        draft.write_text(text, encoding="utf-8")
        for path in (draft, finished):
            path.chmod(0o644)  # whatever the umask of a service or a container is
            _sync(path)
        draft.replace(sidecar_path(plan))
        finished.replace(plan)
        _sync(folder)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return plan


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
