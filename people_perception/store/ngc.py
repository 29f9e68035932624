# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's registry (NGC): the addresses of a model's files, and how they come here."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from urllib.parse import quote

from people_perception.catalogue import ModelSpec, Weights
from people_perception.errors import PerceptionError
from people_perception.store.accept import Pin, is_right, put_in_place
from people_perception.store.archives import unpack
from people_perception.store.download import Policy, UnavailableError, discard, download
from people_perception.store.fetched import Fetched, FetchOptions
from people_perception.store.paths import model_dir
from people_perception.store.records import FileRecord, read_record

NGC_URL = "https://api.ngc.nvidia.com/v2/models/"
# Where NGC sends the reader of a public file.
NGC_HOSTS = (".ngc.nvidia.com", "prod-model-registry-ngc-bucket.s3.us-west-2.amazonaws.com")

_PARALLEL = 4


def ngc_url() -> str:
    """The registry's address: ``PP_NGC_URL``, for a mirror, else NVIDIA's."""
    return (os.environ.get("PP_NGC_URL") or NGC_URL).rstrip("/") + "/"


def file_addresses(model: str, version: str, file: str) -> list[str]:
    """Where one file of a version is: the registry's present form, then its older one."""
    base = ngc_url()
    return [
        f"{base}org/nvidia/team/tao/{quote(model)}/{quote(version)}/files?redirect=true&path={quote(file)}",
        f"{base}nvidia/tao/{quote(model)}/versions/{quote(version)}/files/{quote(file)}",
    ]


def archive_address(model: str, version: str) -> str:
    """Where a whole version is, as a zip archive."""
    return f"{ngc_url()}nvidia/tao/{quote(model)}/versions/{quote(version)}/zip"


def version_files(weights: Weights) -> dict[str, Pin]:
    """The files of a version with what is pinned of each: the network, and those beside it."""
    return {weights.file: {}, **weights.source.get("files", {})}


class NgcVersion:
    """One version of a model: a network, and the files beside it.

    The caller holds the lock of the model's folder.
    """

    def __init__(self, spec: ModelSpec, weights: Weights, options: FetchOptions) -> None:
        self._spec = spec
        self._network = weights.file
        self._options = options
        self._policy = replace(options.policy, hosts=(*NGC_HOSTS, *options.policy.hosts))
        self._model, self._version = weights.source["ngc"], weights.source["version"]
        self._files = version_files(weights)
        self._folder = model_dir() / spec.folder
        self._stop = Event()
        self._origin = FileRecord(0, "", "ngc", f"{self._model}/{self._version}")

    def fetch(self) -> list[Fetched]:
        """Obtain every file that is not there and right; only the network itself must be had.

        Raises:
            UnavailableError: no address has the network.
            PerceptionError: a file is not what is pinned or recorded.
        """
        records = read_record(self._folder).files
        wanted = [
            name
            for name, pin in self._files.items()
            if self._options.force or not is_right(self._folder / name, pin, records.get(name))
        ]
        with ThreadPoolExecutor(_PARALLEL) as pool:
            try:
                staged = dict(zip(wanted, pool.map(self._stage, wanted), strict=True))
            except BaseException:  # Ctrl-C too: the pool would wait until every download is complete
                self._stop.set()
                raise
        failed = staged.get(self._network)
        if isinstance(failed, UnavailableError):
            staged = self._stage_archive(wanted, failed)
        return [self._accept(name, staged.get(name)) for name in self._files]

    def _accept(self, name: str, staged: Path | UnavailableError | None) -> Fetched:
        target = self._folder / name
        if staged is None:
            return Fetched(self._spec.name, target, target.stat().st_size, "present")
        if isinstance(staged, UnavailableError):
            return Fetched(self._spec.name, target, 0, "missing", str(staged))
        try:
            entry = put_in_place(self._spec, staged, target, self._origin, self._files[name], self._options.force)
        except PerceptionError as error:
            if name == self._network:
                raise
            return Fetched(self._spec.name, target, 0, "refused", str(error))
        return Fetched(self._spec.name, target, entry.size, "downloaded")

    def _stage(self, name: str) -> Path | UnavailableError:
        """Download one file beside its final place."""
        part = self._folder / f".{name}.part"
        limit = self._files[name].get("size", self._policy.limit)
        try:
            self._download(
                file_addresses(self._model, self._version, name), part, name, replace(self._policy, limit=limit)
            )
        except UnavailableError as error:
            return error
        return part

    def _stage_archive(self, names: Iterable[str], reason: UnavailableError) -> dict[str, Path | UnavailableError]:
        """All files out of the version's archive, where the single ones cannot be had."""
        part = self._folder / f".{self._version}.zip.part"
        try:
            self._download([archive_address(self._model, self._version)], part, f"{self._version}.zip", self._policy)
        except UnavailableError as error:
            raise UnavailableError(f"{reason}; {error}") from error
        staged: dict[str, Path | UnavailableError] = {}
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".unpack.") as folder:
            try:
                found = {path.name: path for path in unpack(part, Path(folder), self._policy.limit)}
            finally:
                discard(part)
            if self._network not in found:
                raise UnavailableError(f"{reason}; its archive has no {self._network}")
            for name in names:
                if name in found:
                    staged[name] = Path(shutil.move(found[name], self._folder / f".{name}.part"))
                else:
                    staged[name] = UnavailableError("not in the version's archive")
        return staged

    def _download(self, urls: list[str], part: Path, name: str, policy: Policy) -> None:
        def report(have: int, total: int | None) -> None:
            if self._stop.is_set():
                raise CancelledError
            self._options.report(f"{self._spec.folder}/{name}", have, total)

        download(urls, part, policy, os.environ.get("NGC_API_KEY") or None, report)
