# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What docs/replay.md shows is what the commands take."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from people_perception.bags.reader import Bag
from people_perception.cli import _parser

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
COMMANDS = [line.split("   ")[0] for line in re.findall(r"python -m people_perception (.+)", PAGE)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command: str) -> None:
    arguments = shlex.split(command)
    _parser(arguments).parse_args(arguments)


def test_the_workflow_is_complete() -> None:
    found = re.search(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
    assert found is not None
    (job,) = yaml.safe_load(found[1])["jobs"].values()
    lines = "\n".join(step.get("run", "") for step in job["steps"]).splitlines()
    programs = {line.split()[0] for line in lines if line}
    assert programs == {"tools/bootstrap.sh", ".", "python", "tools/make_fixture_bag.py", "git", "cd"}
    for name in ("tools/bootstrap.sh", "tools/env.sh", "tools/make_fixture_bag.py"):
        assert (ROOT / name).is_file()


def test_the_fixture_is_small_and_always_the_same(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    program = ROOT / "tools" / "make_fixture_bag.py"
    messages = []
    for name in ("a", "b"):
        subprocess.run([sys.executable, program, tmp_path / name, "--frames", "8"], check=True)
        with Bag(tmp_path / name) as bag:
            messages.append(list(bag.messages()))
    assert messages[0] == messages[1] and len(messages[0]) == 24
    assert sum(path.stat().st_size for path in (tmp_path / "a").iterdir()) < 1_000_000
    again = subprocess.run([sys.executable, program, tmp_path / "a"], capture_output=True, text=True, check=False)
    assert again.returncode == 2 and "exists already" in again.stderr
