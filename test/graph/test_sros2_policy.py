# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``config/sros2_policy.xml`` allows exactly what the nodes open: the nodes are started and asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray, Detection3DArray

from people_perception.ros import executables
from people_perception.share import share_folder

IMAGES = ("overlay", "anonymized", "segmentation/mask", "segmentation/colored", "instances/mask", "people/mask")
ARRAYS = ("detections", "faces", "instances", "people")
EXECUTABLES = sorted(name for name in vars(executables) if name.endswith("_node"))
# Every model and every source, so that every topic that a node can open is opened.
PARAMETERS = """
/**/people_perception:
  ros__parameters: {models: [peoplenet, facedetect_ir, peoplesemsegnet, peoplesegnet]}
/**/anonymize:
  ros__parameters: {sources: [faces, detections, instances]}
/**/people_3d:
  ros__parameters: {source: SOURCE, target_frame: map}
"""
Names = dict[str, set[str]]
"""publish, subscribe and reply: the full names."""


def policy(namespace: str) -> dict[str, Names]:
    """What the file allows each node, had it been written for this namespace."""
    tree = ElementTree.parse(share_folder("config") / "sros2_policy.xml")
    assert tree.getroot().get("version") == "0.2.0"
    allowed: dict[str, Names] = {}
    for profile in tree.iter("profile"):
        node = profile.attrib["node"]
        assert profile.attrib["ns"] == "/people" and node not in allowed
        allowed[node] = {"publish": set(), "subscribe": set(), "reply": set()}
        for group in profile:
            ((verb, decision),) = group.attrib.items()
            assert decision == "ALLOW"
            allowed[node][verb] |= {full_name(str(entry.text), node, namespace) for entry in group}
    return allowed


def full_name(name: str, node: str, namespace: str) -> str:
    if name.startswith("~/"):
        return f"{namespace}/{node}/{name[2:]}"
    return name if name.startswith("/") else f"{namespace}/{name}"


def opened(nodes: dict[str, Node], observer: Node, namespace: str) -> dict[str, Names]:
    """What each node publishes, subscribes and serves, as the ROS graph tells."""
    return {
        name: {
            "publish": {t for t, _ in observer.get_publisher_names_and_types_by_node(name, namespace)},
            "subscribe": {t for t, _ in observer.get_subscriber_names_and_types_by_node(name, namespace)},
            "reply": {t for t, _ in observer.get_service_names_and_types_by_node(name, namespace)},
        }
        for name in nodes
    }


@pytest.fixture
def running(
    request: pytest.FixtureRequest, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dict[str, Node], Node, SingleThreadedExecutor]]:
    """Every node of every executable, active and listened to, and an observer."""
    monkeypatch.setenv("PP_MODEL_DIR", str(models))
    monkeypatch.syspath_prepend(Path(__file__).parent / "tf2_without_core")
    namespace, source, *parameters = request.param
    (tmp_path / "parameters.yaml").write_text(PARAMETERS.replace("SOURCE", source))
    arguments = ["--ros-args", "-r", f"__ns:={namespace}", "--params-file", str(tmp_path / "parameters.yaml")]
    for parameter in parameters:
        arguments += ["-p", parameter]
    rclpy.init(args=arguments)
    nodes: dict[str, Node] = {}

    def make(makers: list, arguments: None = None) -> int:
        for maker in makers:
            node = maker()
            nodes[node.get_name()] = node
        return 0

    monkeypatch.setattr(executables, "spin", make)
    executor = SingleThreadedExecutor()
    observer = Node("observer", use_global_arguments=False)
    try:
        for name in EXECUTABLES:
            getattr(executables, name)()
        for topic in IMAGES:
            observer.create_subscription(Image, f"{namespace}/{topic}", lambda _: None, 1)
        for topic in ARRAYS:
            observer.create_subscription(Detection2DArray, f"{namespace}/{topic}", lambda _: None, 1)
        observer.create_subscription(Detection3DArray, f"{namespace}/people_3d", lambda _: None, 1)
        for node in nodes.values():
            executables.bring_up(node)
            executor.add_node(node)
        yield nodes, observer, executor
    finally:
        for node in nodes.values():
            node.close()
            node.destroy_node()
        observer.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()


# Each in a namespace of its own: what is left of nodes of other tests must not be taken for these. A process that was
# killed is part of the graph for another 20 seconds.
@pytest.mark.parametrize(
    ("running", "namespace"),
    [
        (("/first", "instances"), "/first"),
        (("/other", "detections", "image_transport:=compressed", "use_sim_time:=true"), "/other"),
        (("/joined", "people"), "/joined"),
    ],
    indirect=["running"],
    ids=["raw", "compressed", "people"],
)
def test_the_policy_covers_what_the_nodes_open_and_nothing_else(
    running: tuple[dict[str, Node], Node, SingleThreadedExecutor], namespace: str
) -> None:
    nodes, observer, executor = running
    allowed = policy(namespace)
    assert set(allowed) == set(nodes)
    # Of each camera the transport that is not asked for, the clock where it is not the time, and the other sources.
    unused = {"image", "ir_image"} if namespace == "/other" else {"image/compressed", "ir_image/compressed", "/clock"}
    sources = {"/first": ["instances", "instances/mask"], "/other": ["detections"], "/joined": ["people"]}
    others = {topic for topics in sources.values() for topic in topics} - set(sources[namespace])
    allowed["people_3d"]["subscribe"] -= {f"{namespace}/{topic}" for topic in others}
    for names in allowed.values():
        names["subscribe"] -= {full_name(name, "", namespace) for name in unused}
        if not hasattr(observer, "_type_description_service"):  # ROS 2 Humble has no type descriptions
            names["reply"] = {name for name in names["reply"] if not name.endswith("/get_type_description")}
    end = time.monotonic() + 10
    found = opened(nodes, observer, namespace)
    while found != allowed and time.monotonic() < end:
        executor.spin_once(timeout_sec=0.05)
        found = opened(nodes, observer, namespace)
    assert found == allowed
