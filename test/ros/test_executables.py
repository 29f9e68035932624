# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What users write behind ``--ros-args`` and into parameter files: understood, or refused in one line."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from people_perception.errors import PerceptionError
from people_perception.ros.executables import spin
from people_perception.share import share_folder

UNDERSTOOD = "error: ROS has started"


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """An executable ignores them while it ends; the process that runs tests does not end."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def start(*arguments: str) -> int:
    """As an executable does, up to the first node."""

    def make() -> None:
        raise PerceptionError("ROS has started")

    return spin([make], ["node", "--ros-args", *arguments])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-p", "models:=["], "Couldn't parse parameter override rule: '-p models:=['"),
        (["-p", "models"], "Couldn't parse parameter override rule: '-p models'"),
        (["-r", "nonsense"], "Couldn't parse remap rule: '-r nonsense'"),
        (["-r", "__node:=bad-name"], "Couldn't parse remap rule: '-r __node:=bad-name'"),
        (["-r", "image:=/a//b"], "Couldn't parse remap rule: '-r image:=/a//b'"),
        (["--log-level", "silly"], "Couldn't parse log level: '--log-level silly'"),
        (["--params-file", "/nowhere.yaml"], "Couldn't parse params file: '--params-file /nowhere.yaml'"),
        (["--unknown"], "unknown: ['--unknown']"),
    ],
)
def test_arguments_that_ros_does_not_understand(
    arguments: list[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert start(*arguments) == 2
    *_, said = capfd.readouterr().err.splitlines()  # before it, rcl has a line of its own
    assert said.startswith(f"error: --ros-args: {reason}") and "/project" not in said


_PELT = """
import os, sys, time
end = time.monotonic() + 0.5
while time.monotonic() < end:
    os.kill(int(sys.argv[1]), 15)
"""


class Pelted(LifecycleNode):
    """Gets thousands of signals while it spins, so that one comes while another is handled."""

    def __init__(self) -> None:
        super().__init__("pelted")
        self.declare_parameter("autostart", False)
        self.create_timer(0.01, lambda: subprocess.run([sys.executable, "-c", _PELT, str(os.getpid())], check=True))
        self.closed = False

    def close(self) -> None:
        self.closed = True


def test_many_signals_at_once_end_a_node_like_one() -> None:
    nodes: list[Pelted] = []

    def make() -> Pelted:
        nodes.append(Pelted())
        return nodes[-1]

    assert spin([make], ["node"]) == 0
    assert nodes[0].closed


class Deaf(LifecycleNode):
    """Swallows what a signal raises, as ``import onnxruntime`` does when it comes in the middle."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.declare_parameter("autostart", True)
        self.configured = 0

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.configured += 1
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        return TransitionCallbackReturn.FAILURE

    def close(self) -> None:
        self.destroy_node()


def test_a_signal_that_is_swallowed_while_a_model_loads_ends_the_executable_all_the_same() -> None:
    nodes: list[Deaf] = []

    def make(name: str) -> Deaf:
        nodes.append(Deaf(name))
        return nodes[-1]

    asked = threading.Timer(10, os.kill, (os.getpid(), signal.SIGTERM))  # else this test would not end
    asked.start()
    start_time = time.monotonic()
    assert spin([lambda: make("first"), lambda: make("second")], ["node"]) == 0
    asked.cancel()
    assert time.monotonic() - start_time < 5
    assert [node.configured for node in nodes] == [1, 0]


def test_those_that_it_does(capfd: pytest.CaptureFixture[str]) -> None:
    assert start("-r", "image:=/front/image", "-p", "max_rate:=5.0") == 2
    assert capfd.readouterr().err == f"{UNDERSTOOD}\n"


@settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_damage_of_a_parameter_file(data: st.DataObject, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray((share_folder("config") / "perception.yaml").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 200))]
    file = tmp_path / "perception.yaml"
    file.write_bytes(content)
    assert start("--params-file", str(file)) == 2
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == UNDERSTOOD or last.startswith("error: --ros-args: ")


class Late:
    """Sends a second signal while what the first one interrupted is cleared up."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)


def test_a_second_signal_does_not_disturb_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    def make() -> LifecycleNode:
        late = Late()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
        raise AssertionError(late)

    assert spin([make], ["node"]) == 0
    assert lost == []
