# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What ``doctor`` looks at that needs ROS: distribution, middleware, transports, vision_msgs, the running graph."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from people_perception.doctor.findings import Finding, error, ok, warning
from people_perception.transports import PROFILES, missing

if TYPE_CHECKING:
    from rclpy.node import Node

DISTRIBUTIONS = ("humble", "jazzy", "kilted")

# RIHS01 of the interface files that the package is written for; the same on every distribution that has type hashes.
DETECTION_HASH = "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968"

_UNNAMED = "_NODE_NAME_UNKNOWN_"  # what ROS says of an endpoint before its node's own announcement has come
_TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
_SOURCE = "source /opt/ros/DISTRO/setup.bash, or: tools/bootstrap.sh && . tools/env.sh"


@functools.cache
def load_ros(middleware: str) -> tuple[str, str]:
    """The middleware that runs, or an empty text and why none does.

    Another process tries: where ``RMW_IMPLEMENTATION`` names an absent one, ROS ends the process that imports it.
    """
    code = "from rclpy.utilities import get_rmw_implementation_identifier as name; print(name())"
    environment = {**os.environ, "RMW_IMPLEMENTATION": middleware}
    # Python looks for modules in the working directory first, and a user's may hold anything.
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        return done.stdout.strip(), ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    telling = [line for line in said if "Error" in line or "[ERROR]" in line] or said[-1:]
    reason = telling[-1] if telling else f"exit status {done.returncode}"
    return "", re.sub(r"^(\[[^]]*\] ?)+: |, at /.*$", "", reason)[:300]


def check_distribution(environment: Mapping[str, str] = os.environ) -> Finding:
    """A supported ROS 2 is sourced."""
    if find_spec("rclpy") is None:
        return error("ros", "rclpy is not importable: no ROS 2 is sourced", _SOURCE)
    name = environment.get("ROS_DISTRO", "")
    if name in DISTRIBUTIONS:
        return ok("ros", f"{name}, domain {environment.get('ROS_DOMAIN_ID') or 0}")
    found = name or "ROS_DISTRO is not set"
    return warning("ros", f"{found}; tested are {', '.join(DISTRIBUTIONS)}", _SOURCE)


def check_middleware(environment: Mapping[str, str] = os.environ) -> Finding:
    """ROS loads, with the middleware that is asked for."""
    wanted = environment.get("RMW_IMPLEMENTATION", "")
    loaded, reason = load_ros(wanted)
    if loaded:
        return ok("middleware", loaded)
    if wanted:
        fix = f"sudo apt install ros-$ROS_DISTRO-{wanted.replace('_', '-')}, or unset RMW_IMPLEMENTATION"
        return error("middleware", f"RMW_IMPLEMENTATION={wanted} does not load: {reason}", fix)
    return error("middleware", f"rclpy does not load: {reason}", f"use the Python of this ROS 2; {_SOURCE}")


def check_transports(environment: Mapping[str, str] = os.environ, middleware: str | None = None) -> Finding:
    """Fast DDS has shared memory that holds an image; by default best-effort images do not arrive."""
    check = "transports"
    middleware = middleware or environment.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp"
    if "fastrtps" not in middleware:
        return ok(check, f"{middleware} has its own settings")
    chosen = environment.get(_TRANSPORTS, "")
    absent = [name for name in PROFILES if name in missing(environment)]
    if absent:
        fix = f"export {' '.join(f'{name}={missing(environment)[name]}' for name in absent)}"
        return warning(check, "default shared memory of 512 KB: large images arrive late or not at all", fix)
    for name in PROFILES:
        profile = environment.get(name)
        if profile and not Path(profile).is_file():
            return error(
                check, f"{name} names {profile}, which does not exist: the settings are not used", f"unset {name}"
            )
    if chosen and chosen.partition("?")[0] in ("DEFAULT", "SHM", "UDPv4", "UDPv6", "DEFAULTv6"):
        return warning(
            check,
            f"{_TRANSPORTS}={chosen}: large images arrive late or not at all",
            f"unset {_TRANSPORTS}, then . tools/env.sh",
        )
    named = next((f"{name}={environment[name]}" for name in PROFILES if environment.get(name)), "")
    return ok(check, named or f"{_TRANSPORTS}={chosen}")


def check_vision_msgs(share: Path | None = None) -> Finding:
    """vision_msgs is there, and its messages are those of the robot: equal type hashes."""
    check = "vision_msgs"
    try:
        import vision_msgs.msg  # noqa: F401
        from ament_index_python.packages import get_package_share_directory

        share = share or Path(get_package_share_directory("vision_msgs"))
    except (ImportError, LookupError) as problem:
        reason = " ".join(str(problem).split())
        return error(
            check, f"not usable: {reason}", "sudo apt install ros-$ROS_DISTRO-vision-msgs, or tools/bootstrap.sh"
        )
    description = share / "msg" / "Detection2DArray.json"
    try:
        hashes = {h["type_name"]: h["hash_string"] for h in json.loads(description.read_text())["type_hashes"]}
    except FileNotFoundError:
        return ok(check, "there; this ROS 2 has no type hashes to compare")  # Humble
    found = hashes.get("vision_msgs/msg/Detection2DArray")
    if found == DETECTION_HASH:
        return ok(check, f"Detection2DArray is {found[:17]}…")
    return error(
        check,
        f"Detection2DArray in {share} is {str(found)[:17]}… instead of {DETECTION_HASH[:17]}…: nobody else can read it",
        "install vision_msgs 4.1: sudo apt install ros-$ROS_DISTRO-vision-msgs, without another one in the workspace",
    )


def check_graph(node: Node) -> Iterator[Finding]:
    """Every publisher and subscription of image and detection topics can connect."""
    kinds = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "vision_msgs/msg/Detection2DArray")
    wait_for_discovery(node)
    connections = 0
    for topic, types in sorted(node.get_topic_names_and_types()):
        if any(kind in types for kind in kinds):
            connections += node.count_publishers(topic) * node.count_subscribers(topic)
            yield from check_connections(node, topic)
    yield ok("graph", f"{connections} connections of image and detection topics")


def wait_for_discovery(node: Node) -> None:
    """Wait until the picture of the graph has not changed for a second, and every node in it has its name.

    Participants announce themselves every 3 s, so after a little more than that nobody else is there.
    """
    seen: tuple[Any, Any] = (None, None)
    begin = changed = time.monotonic()
    while time.monotonic() - begin < 5.0:
        now = (sorted(node.get_topic_names_and_types()), sorted(node.get_node_names_and_namespaces()))
        alone = len(now[1]) < 2
        if now != seen:
            seen, changed = now, time.monotonic()
        elif time.monotonic() - changed > (3.2 if alone else 1.0) and not any(n == _UNNAMED for n, _ in now[1]):
            return
        time.sleep(0.05)


def check_connections(node: Node, topic: str) -> Iterator[Finding]:
    """Which publishers and subscriptions of a topic cannot connect, and why."""
    from rclpy.qos import QoSCompatibility, qos_check_compatible

    for source in node.get_publishers_info_by_topic(topic):
        for sink in node.get_subscriptions_info_by_topic(topic):
            pair = f"{full_name(source)} to {full_name(sink)}"
            if source.topic_type != sink.topic_type:
                yield error(
                    f"topic {topic}",
                    f"{pair}: {source.topic_type} is published, {sink.topic_type} expected",
                    "remap one of them to another topic",
                )
                continue
            level, reason = qos_check_compatible(source.qos_profile, sink.qos_profile)
            if level == QoSCompatibility.ERROR:
                reason = " ".join(reason.replace("ERROR:", "").split()).rstrip(";")
                yield error(f"topic {topic}", f"{pair} never connects: {reason}", _qos_remedy(sink, reason))


def full_name(endpoint: Any) -> str:
    """The name of an endpoint's node with its namespace."""
    if endpoint.node_name == _UNNAMED:
        return "a node that was not discovered in full"
    return f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"


def _qos_remedy(sink: Any, reason: str) -> str:
    if "reliable" in reason.lower():
        return f"let {full_name(sink)} subscribe best effort, in our nodes with -p qos.image.reliability:=best_effort"
    return f"give both sides the same profile, for example with the qos_overrides parameters of {full_name(sink)}"
