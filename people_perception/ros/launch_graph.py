# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the launch files have in common: their arguments, and the actions that these become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch_ros.actions import Node

from people_perception.catalogue import get_spec
from people_perception.selection import ENGINES
from people_perception.share import share_folder
from people_perception.transports import missing

_BOOLEAN = ["true", "false"]
# Models with an executable of their own; every other one runs in people_perception_node under its own name.
_EXECUTABLES = {
    "peoplenet": "peoplenet_node",
    "facedetect_ir": "facedetect_ir_node",
    "peoplesemsegnet": "peoplesemsegnet_node",
    "peoplesegnet": "peoplesegnet_node",
}
# Nodes that work on what the models publish, by the argument that starts them.
_FOLLOWERS = {
    "overlay": "overlay_node",
    "anonymize": "anonymize_node",
    "people": "people_node",
    "people_3d": "people_3d_node",
}
_WITHOUT_CAMERA = ("people", "people_3d")  # or with a depth camera, which JPEG does not suit


def arguments(models: str) -> list[DeclareLaunchArgument]:
    """Every argument of the launch files; ``models`` is the default of the argument of that name."""
    config = share_folder("config")
    table: list[tuple[str, str, str, Sequence[str] | None]] = [
        ("models", models, "Models to run, separated by commas.", None),
        ("image", "image", "Topic of the colour camera; relative to the namespace unless it starts with /.", None),
        ("ir_image", "ir_image", "Topic of the infrared camera that facedetect_ir reads.", None),
        ("image_transport", "raw", "How images arrive.", ["raw", "compressed"]),
        ("namespace", "/people", "Namespace of the nodes and of what they publish.", None),
        ("composed", "true", "Run all models in one process, sharing each image; false: a process each.", _BOOLEAN),
        ("engine", "auto", "What runs the networks; auto takes the best that works here.", ENGINES),
        ("weights", "", "A network file instead of the model folder's; with a single model.", None),
        ("max_rate", "0.0", "Most images a second that a model takes; 0: all.", None),
        ("tracking", "false", "Give each person the same id from image to image.", _BOOLEAN),
        ("config", str(config / "perception.yaml"), "Parameter file of the perception nodes.", None),
        ("overlay", "true", "Also publish the image with everything drawn on it; costs nothing unheard.", _BOOLEAN),
        ("overlay_config", str(config / "overlay.yaml"), "Parameter file of the overlay node.", None),
        ("anonymize", "false", "Also publish the image with faces covered; faces must be among the models.", _BOOLEAN),
        ("anonymize_config", str(config / "anonymize.yaml"), "Parameter file of the anonymize node.", None),
        ("people", "false", "Also publish one list of persons over all models, with their faces and masks.", _BOOLEAN),
        ("people_config", str(config / "people.yaml"), "Parameter file of that node.", None),
        ("people_3d", "false", "Also publish where persons are in space; needs depth and camera_info.", _BOOLEAN),
        ("people_3d_config", str(config / "people_3d.yaml"), "Parameter file of that node.", None),
        ("depth", "depth", "Topic of the depth image that is aligned to the colour camera's.", None),
        ("camera_info", "camera_info", "Topic of the colour camera's CameraInfo.", None),
        ("rviz", "false", "Also start RViz with camera, overlay and mask.", _BOOLEAN),
        ("use_sim_time", "false", "Take time from /clock, as when a bag is played.", _BOOLEAN),
        ("respawn", "false", "Start a node again when its process dies.", _BOOLEAN),
        ("log_level", "info", "Log level of the nodes.", ["debug", "info", "warn", "error", "fatal"]),
    ]
    return [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=list(choices) if choices else None)
        for name, default, text, choices in table
    ]


def graph(models: str) -> LaunchDescription:
    """The launch description of the perception graph, with ``models`` as default."""
    transports = [SetEnvironmentVariable(name, value) for name, value in missing().items()]
    return LaunchDescription([*arguments(models), *transports, OpaqueFunction(function=_actions)])


def _actions(context: LaunchContext) -> list[Node]:
    argument = context.launch_configurations
    models = [name.strip() for name in argument["models"].split(",") if name.strip()]
    for name in models:
        get_spec(name)  # a misspelt name stops the launch with the list of names, not each node with its own error
    if argument["composed"] == "true" and len(models) > 1:
        actions = [_perception(argument, "people_perception_node", "people_perception", models)]
    else:
        actions = [
            _perception(argument, _EXECUTABLES.get(name, "people_perception_node"), name.partition(":")[0], [name])
            for name in models
        ]
    for name, executable in _FOLLOWERS.items():
        if argument[name] == "true":
            keys = ("use_sim_time",) if name in _WITHOUT_CAMERA else ("image_transport", "use_sim_time")
            shared = {key: _value(argument[key]) for key in keys}
            actions.append(_node(argument, executable, name, [argument[f"{name}_config"], shared]))
    if argument["rviz"] == "true":
        actions.append(_rviz(argument))
    return actions


def _perception(argument: dict[str, str], executable: str, name: str, models: list[str]) -> Node:
    keys = ["engine", "image_transport", "use_sim_time"]
    # The file's values hold unless the argument was given: an argument at its default says nothing.
    if float(argument["max_rate"]) != 0.0:
        keys.append("max_rate")
    if _value(argument["tracking"]):
        keys.append("tracking")
    if argument["weights"]:
        keys.append("weights")
    parameters = {"models": models, **{key: _value(argument[key]) for key in keys}}
    return _node(argument, executable, name, [argument["config"], parameters])


def _node(argument: dict[str, str], executable: str, name: str, parameters: list[Any]) -> Node:
    return Node(
        package="people_perception",
        executable=executable,
        name=name,
        namespace=argument["namespace"],
        parameters=parameters,
        remappings=[(name, argument[name]) for name in ("image", "ir_image", "depth", "camera_info")],
        arguments=["--ros-args", "--log-level", argument["log_level"]],
        output="both",
        respawn=argument["respawn"] == "true",
        respawn_delay=2.0,
    )


def _rviz(argument: dict[str, str]) -> Node:
    namespace = argument["namespace"].rstrip("/")
    topics = ("overlay", "segmentation/colored", "segmentation/mask", "instances/mask")
    image = argument["image"] if argument["image"].startswith("/") else f"{namespace}/{argument['image']}"
    remappings = [("/people/image", image), *((f"/people/{t}", f"{namespace}/{t}") for t in topics)]
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(share_folder("rviz") / "people_perception.rviz")],
        remappings=[pair for pair in remappings if pair[0] != pair[1]],
        parameters=[{"use_sim_time": _value(argument["use_sim_time"])}],
    )


def _value(text: str) -> Any:
    """A launch argument's text as the parameter's type."""
    if text in _BOOLEAN:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text
