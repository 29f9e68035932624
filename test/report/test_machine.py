# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a report says of the machine, and what it keeps to itself."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from people_perception.report.machine import describe_machine


def test_says_what_matters_and_nothing_private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_API_KEY", "nvapi-secret")
    facts = describe_machine()
    assert facts["Python"] == platform.python_version()
    assert facts["memory"].endswith(" GiB") and int(facts["memory"].split()[0]) >= 1
    assert list(facts)[:5] == ["processor", "memory", "system", "Python", "ROS 2"]
    text = str(facts)
    assert "nvapi-secret" not in text and str(Path.home()) not in text


def test_a_machine_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def refuse(path: Path | None = None, **arguments: str) -> str:
        if path is None or path == Path("/proc/cpuinfo"):
            raise OSError("no")
        return read(path, **arguments)

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(platform, "freedesktop_os_release", refuse)
    facts = describe_machine()
    assert facts["processor"].startswith("unknown processor, ")
    assert facts["system"].startswith("Linux, Linux ")
