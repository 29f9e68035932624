# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The command line as a whole: exit statuses, error lines, help and what it costs to start."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from people_perception import cli
from people_perception.errors import PerceptionError


def run_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "people_perception", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_names_every_command() -> None:
    result = run_cli("--help")
    assert result.returncode == 0
    for name in cli.COMMANDS:
        assert f"    {name}" in result.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run_cli(name, "--help")
    assert result.returncode == 0
    assert f"example:\n  people_perception {name}" in result.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_importing_a_command_imports_nothing_heavy(name: str) -> None:
    code = (
        f"import sys, people_perception.cli.{name}; "
        "print([m for m in ('cv2', 'onnxruntime', 'tensorrt', 'rclpy', 'requests') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def test_help_is_quick() -> None:
    # Processor time, and the best of three, because the machine may be busy.
    seconds = []
    for _ in range(3):
        before = os.times()
        run_cli("--help")
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert 0 < min(seconds) < 0.5


def test_a_name_cannot_command_the_terminal(tmp_path: Path) -> None:
    picture = tmp_path / "a\x1b[2J\x1b]0;owned\x07\u202egpj.exe"
    result = run_cli("detect", str(picture), "--model", "open_person")
    assert result.returncode == 2
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", result.stdout + result.stderr)
    assert "a\N{REPLACEMENT CHARACTER}[2J" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["models", "list", "--nonsense"]])
def test_bad_arguments_exit_with_2(arguments: list[str]) -> None:
    result = run_cli(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "usage:" in result.stderr


class Command:
    """A command whose run() does what the test asks."""

    def __init__(self, outcome: Exception | int, ros: bool = False) -> None:
        self.outcome = outcome
        self.ros = ros
        self.args: argparse.Namespace | None = None

    def add_parser(self, subparsers: cli.Subparsers) -> None:
        parser = cli.add_command(subparsers, "planted", "A planted command.", self.run, "people_perception planted")
        if self.ros:
            parser.set_defaults(ros_args=[])

    def run(self, args: argparse.Namespace) -> int:
        self.args = args
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch):
    def install(outcome: Exception | int, ros: bool = False) -> Command:
        command = Command(outcome, ros)
        monkeypatch.setattr(cli, "COMMANDS", ("planted",))
        monkeypatch.setattr(importlib, "import_module", lambda name: command)
        return command

    return install


@pytest.mark.parametrize(
    "error",
    [PerceptionError("the thing\nis broken"), ValueError("the thing is broken"), OSError("the thing is broken")],
)
def test_an_error_is_one_line_and_2(plant, capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    plant(error)
    assert cli.main(["planted"]) == 2
    assert capsys.readouterr().err == "people_perception planted: error: the thing is broken\n"


def test_debug_shows_the_traceback(plant) -> None:
    plant(PerceptionError("broken"))
    with pytest.raises(PerceptionError, match="broken"):
        cli.main(["planted", "--debug"])


def test_a_mistake_in_the_code_is_not_hidden(plant) -> None:
    plant(KeyError("mistake"))
    with pytest.raises(KeyError):
        cli.main(["planted"])


def test_control_c_exits_with_130(plant) -> None:
    plant(KeyboardInterrupt())
    assert cli.main(["planted"]) == 130


def test_the_command_decides_the_status(plant) -> None:
    plant(1)
    assert cli.main(["planted"]) == 1


def test_ros_args_reach_a_command_that_takes_them(plant) -> None:
    command = plant(0, ros=True)
    assert cli.main(["planted", "--ros-args", "-p", "rate:=3", "--debug"]) == 0
    assert command.args is not None
    assert command.args.ros_args == ["--ros-args", "-p", "rate:=3", "--debug"]
    assert command.args.debug is False


def test_ros_args_are_refused_elsewhere(plant, capsys: pytest.CaptureFixture[str]) -> None:
    plant(0)
    with pytest.raises(SystemExit) as caught:
        cli.main(["planted", "--ros-args"])
    assert caught.value.code == 2
    assert "planted takes no --ros-args" in capsys.readouterr().err


_NOISE = """
import os, sys
from people_perception import cli
from people_perception.cli import doctor

def run(args):
    os.write(1, b"[RTPS_TRANSPORT_SHM Error] Failed init_port\\n")
    print("{}")
    os.write(1, b"and more\\n")
    return 3

doctor.run = run
status = cli.main(sys.argv[1:])
print("after")
sys.exit(status)
"""


def test_json_is_all_that_comes_on_standard_output() -> None:
    """Libraries in C write there too."""
    command = [sys.executable, "-c", _NOISE, "doctor"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (3, "{}\nafter\n")
    assert done.stderr == "[RTPS_TRANSPORT_SHM Error] Failed init_port\nand more\n"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Failed init_port" in done.stdout


def test_a_closed_pipe_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does after its lines
    command = [sys.executable, "-m", "people_perception", "models", "list", "--json"]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")
