# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Doctor's checks of the ROS installation: here, and broken in each way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from people_perception.ros import checks
from people_perception.ros.checks import check_distribution, check_middleware, check_transports, check_vision_msgs
from people_perception.share import share_folder


def test_this_installation() -> None:
    assert check_distribution().level == "ok"
    assert check_middleware().level == "ok"
    assert check_vision_msgs().level == "ok"


@pytest.mark.parametrize(("name", "level"), [("humble", "ok"), ("kilted", "ok"), ("foxy", "warning"), ("", "warning")])
def test_distributions(name: str, level: str) -> None:
    assert check_distribution({"ROS_DISTRO": name}).level == level


def test_no_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    finding = check_distribution({})
    assert (finding.level, finding.message) == ("error", "rclpy is not importable: no ROS 2 is sourced")
    assert "source /opt/ros/" in finding.fix


def test_a_middleware_that_is_not_installed() -> None:
    # ROS ends the process that asks for it; doctor goes on.
    environment = {**os.environ, "RMW_IMPLEMENTATION": "rmw_absent_cpp"}
    command = [sys.executable, "-m", "people_perception", "doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert result.returncode == 1
    found = {entry["check"]: entry for entry in json.loads(result.stdout)}
    assert found["middleware"]["level"] == "error"
    assert found["middleware"]["message"].startswith("RMW_IMPLEMENTATION=rmw_absent_cpp does not load: ")
    assert found["middleware"]["fix"].startswith("sudo apt install ros-$ROS_DISTRO-rmw-absent-cpp")
    assert found["vision_msgs"]["level"] == "ok"
    assert "graph" not in found


def test_a_ros_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "load_ros", lambda middleware: ("", "ImportError: librcl.so: not found"))
    finding = check_middleware({})
    assert (finding.level, finding.message) == ("error", "rclpy does not load: ImportError: librcl.so: not found")


def test_missing_transport_settings() -> None:
    finding = check_transports({})
    assert finding.level == "warning"
    assert finding.message == "default shared memory of 512 KB: large images arrive late or not at all"
    profile = share_folder("config") / "fastdds_large_images.xml"
    assert f"_DEFAULT_PROFILES_FILE={profile}" in finding.fix
    assert f"FASTDDS_DEFAULT_PROFILES_FILE={profile}" in finding.fix


@pytest.mark.parametrize(
    ("environment", "level"),
    [
        ({"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}, "ok"),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA?max_msg_size=1MB"}, "ok"),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "DEFAULT"}, "warning"),
        ({"FASTDDS_BUILTIN_TRANSPORTS": "UDPv4"}, "warning"),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": __file__}, "ok"),
        ({"FASTDDS_DEFAULT_PROFILES_FILE": "/absent.xml"}, "error"),
        ({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}, "ok"),
    ],
)
def test_transport_settings(environment: dict[str, str], level: str) -> None:
    assert check_transports(environment).level == level


def test_vision_msgs_of_another_definition(tmp_path: Path) -> None:
    from ament_index_python.packages import get_package_share_directory

    source = Path(get_package_share_directory("vision_msgs")) / "msg" / "Detection2DArray.json"
    if not source.exists():
        pytest.skip("this ROS 2 has no type hashes")
    (tmp_path / "msg").mkdir()
    copy = Path(shutil.copy(source, tmp_path / "msg"))
    assert check_vision_msgs(tmp_path).level == "ok"
    data = json.loads(copy.read_text())
    for entry in data["type_hashes"]:
        entry["hash_string"] = "RIHS01_" + "0" * 64
    copy.write_text(json.dumps(data))
    finding = check_vision_msgs(tmp_path)
    assert finding.level == "error"
    assert "is RIHS01_0000000000… instead of RIHS01_2142741200…" in finding.message


def test_vision_msgs_without_type_hashes(tmp_path: Path) -> None:
    assert check_vision_msgs(tmp_path).message == "there; this ROS 2 has no type hashes to compare"


def test_no_vision_msgs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vision_msgs", None)
    monkeypatch.delitem(sys.modules, "vision_msgs.msg", raising=False)
    finding = check_vision_msgs()
    assert finding.level == "error"
    assert "sudo apt install ros-$ROS_DISTRO-vision-msgs" in finding.fix
