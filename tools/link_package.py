#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Install this checkout into the environment of the Python that runs this, as links, so that edits take effect.

The result looks like ``colcon build --symlink-install``: executables in lib/people_perception, data in
share/people_perception, a line in the ament index. An editable pip install brings none of the three, and what it
brings depends on the version of pip.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGE = "people_perception"
ROOT = Path(__file__).resolve().parent.parent
PREFIX = Path(sys.prefix)
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
SHARED = ("package.xml", "launch", "config", "models", "rviz")


def main() -> None:
    """Write metadata, executables and links; anything an earlier run left is replaced."""
    metadata = SITE_PACKAGES / f"{PACKAGE}.egg-info"
    shutil.rmtree(metadata, ignore_errors=True)
    # pip and importlib.metadata read it; setup.py stays the one place that names version and executables.
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(SITE_PACKAGES)]
    subprocess.run(command, cwd=ROOT, check=True)
    link(SITE_PACKAGES / PACKAGE, ROOT / PACKAGE)

    entry_points = configparser.ConfigParser()
    entry_points.read(metadata / "entry_points.txt")
    executables = PREFIX / "lib" / PACKAGE
    shutil.rmtree(executables, ignore_errors=True)
    executables.mkdir(parents=True)
    for name, target in entry_points["console_scripts"].items():
        write_executable(executables / name, *target.split(":"))
    # The command line is also on the PATH of who has sourced tools/env.sh.
    link(PREFIX / "bin" / PACKAGE, executables / PACKAGE)

    share = PREFIX / "share" / PACKAGE
    if share.is_dir():
        shutil.rmtree(share)
    # File by file: "ros2 launch" looks for launch files below real folders only.
    for name in SHARED:
        for source in [ROOT / name] if (ROOT / name).is_file() else (ROOT / name).glob("*.*"):
            destination = share / source.relative_to(ROOT)
            destination.parent.mkdir(parents=True, exist_ok=True)
            destination.symlink_to(source)
    index = PREFIX / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True, exist_ok=True)
    link(index / PACKAGE, ROOT / "resource" / PACKAGE)


def link(path: Path, target: Path) -> None:
    """Make ``path`` a link to ``target``, whatever was there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    path.symlink_to(target)


def write_executable(path: Path, module: str, function: str) -> None:
    """Write a script that calls ``module``:``function`` with this environment's Python."""
    path.write_text(
        # A shell finds Python: the path in a #! line may hold neither spaces nor more than 127 characters.
        "#!/bin/sh\n"
        f'\'\'\'exec\' "{PREFIX / "bin" / "python"}" "$0" "$@"\n'
        "' '''\n"
        f"import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
    )
    os.chmod(path, 0o755)


if __name__ == "__main__":
    main()
