# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the nodes: one table for the declaration, the check, the JSON Schema and the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from people_perception.options import Option, Value
from people_perception.selection import ENGINES


@dataclass(frozen=True)
class Parameter(Option):
    """An option of a node: what an `Option` says, its default, and when it can change.

    Attributes:
        default: used where neither a file nor the command line says otherwise.
        fixed: read when the node is configured; can change only while it is unconfigured.
    """

    default: Any = None
    fixed: bool = False

    def check(self, value: Any, labels: tuple[str, ...] = ()) -> Any:
        """The value in its proper type; see `Option.check`."""
        if self.kind is bool:
            if not isinstance(value, bool):
                raise ValueError(f"{self.name}={value!r}: expected true or false")
            return value
        if self.kind is list:
            if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"{self.name}={value!r}: expected a list of texts")
            return list(value)
        if self.kind is str and not self.choices:
            if not isinstance(value, str):
                raise ValueError(f"{self.name}={value!r}: expected a text")
            return value
        return super().check(value, labels)


def _fixed(name: str, kind: type, default: Any, description: str, **more: Any) -> Parameter:
    return Parameter(name, kind, description, default=default, fixed=True, **more)


def _live(name: str, kind: type, default: Any, description: str, **more: Any) -> Parameter:
    return Parameter(name, kind, description, default=default, **more)


AUTOSTART = _fixed("autostart", bool, True, "Configure and activate the node by itself when it starts.")

CAMERA = (
    _fixed(
        "image_transport",
        str,
        "raw",
        "How images arrive: raw, or compressed (JPEG, PNG).",
        choices=("raw", "compressed"),
    ),
    _fixed(
        "qos.image.reliability",
        str,
        "best_effort",
        "Reliability of the image subscription; best_effort also hears a reliable camera.",
        choices=("best_effort", "reliable"),
    ),
    _fixed(
        "qos.image.depth",
        int,
        1,
        "Queue of the image subscription in messages; only the newest is ever used.",
        minimum=1,
        maximum=100,
    ),
)

OUTPUT = (
    _fixed(
        "qos.output.reliability",
        str,
        "reliable",
        "Reliability of what is published.",
        choices=("best_effort", "reliable"),
    ),
    _fixed("qos.output.depth", int, 5, "Queue of each publisher in messages.", minimum=1, maximum=100),
)

PERCEPTION = (
    AUTOSTART,
    *CAMERA,
    *OUTPUT,
    _fixed("models", list, [], "Models to run, names of the catalogue; several share one camera."),
    _fixed("engine", str, "auto", "What runs the networks; auto takes the best that works here.", choices=ENGINES),
    _fixed("weights", str, "", "File to use instead of the model store's; only with a single model."),
    _fixed("precision", str, "fp16", "Precision of TensorRT engines.", choices=("fp32", "fp16", "int8")),
    _fixed(
        "dla_core", int, -1, "DLA core for TensorRT engines with GPU fallback; -1 uses the GPU.", minimum=-1, maximum=7
    ),
    _fixed("device", int, 0, "Number of the CUDA device.", minimum=0, maximum=63),
    _fixed("allow_build", bool, True, "Build a TensorRT engine when none fits; false refuses to start instead."),
    _fixed("providers", list, ["CPUExecutionProvider"], "ONNX Runtime execution providers in order of preference."),
    _fixed(
        "threads", int, 0, "CPU threads of one network; 0 takes as many as suit its engine.", minimum=0, maximum=256
    ),
    _live(
        "max_rate", float, 0.0, "Most frames a second that a model works on; 0 sets no limit.", minimum=0, maximum=1000
    ),
    _fixed("tracking", bool, False, "Give each person the same id from image to image; in instances/mask too."),
    _fixed(
        "tracking_memory",
        float,
        1.0,
        "Seconds for which a person who is not found keeps the id.",
        minimum=0.1,
        maximum=60,
    ),
    _live("publish_mask", bool, True, "Publish segmentation/mask and instances/mask."),
    _live("publish_colored", bool, True, "Publish segmentation/colored."),
    _live("infrared.low", float, 1.0, "Percentile of a 16-bit image that becomes black.", minimum=0, maximum=49),
    _live("infrared.high", float, 99.0, "Percentile of a 16-bit image that becomes white.", minimum=51, maximum=100),
    _live(
        "infrared.window",
        float,
        1.0,
        "Seconds over which the range of 16-bit images is smoothed, against flicker.",
        minimum=0,
        maximum=60,
    ),
    _live("diagnostics.period", float, 1.0, "Seconds between two diagnostics.", minimum=0.1, maximum=60),
    _live(
        "diagnostics.stale_after",
        float,
        2.0,
        "Seconds without an image that are worth a warning.",
        minimum=0.1,
        maximum=600,
    ),
    _live(
        "diagnostics.slow_after",
        float,
        0.5,
        "Seconds from capture to publication (p95) that are worth a warning.",
        minimum=0.001,
        maximum=60,
    ),
    _live(
        "diagnostics.max_failures",
        int,
        10,
        "Frames in a row on which an engine may fail before the node goes to its error state.",
        minimum=1,
        maximum=10000,
    ),
)

OVERLAY = (
    AUTOSTART,
    *CAMERA,
    *OUTPUT,
    _live("max_wait", float, 0.5, "Seconds that an image waits for results with its stamp.", minimum=0.01, maximum=10),
    _live("mask_opacity", float, 0.45, "Opacity of masks, 0 to 1.", minimum=0, maximum=1),
    _live("show_labels", bool, True, "Write label and score at each box."),
)

ANONYMIZE_SOURCES = ("faces", "detections", "instances")

ANONYMIZE = (
    AUTOSTART,
    *CAMERA,
    *OUTPUT,
    _fixed(
        "sources",
        list,
        ["faces"],
        "Topics that must each have a message for an image before it is published: faces, detections, instances.",
    ),
    _fixed("labels", list, ["face"], "What of detections and instances is covered; of faces, everything is."),
    _live("margin", float, 0.25, "Part of its size by which a box grows on every side.", minimum=0, maximum=5),
    _live(
        "memory",
        float,
        0.5,
        "Seconds for which a face that is not found any more stays covered, by a growing box.",
        minimum=0,
        maximum=30,
    ),
    _live("blocks", int, 3, "Blocks of one colour along the longer side of what is covered.", minimum=1, maximum=8),
    _live(
        "max_wait",
        float,
        0.5,
        "Seconds that an image waits for the sources; then it is withheld.",
        minimum=0.01,
        maximum=10,
    ),
)

PEOPLE_3D = (
    AUTOSTART,
    *(parameter for parameter in CAMERA if parameter.name != "image_transport"),  # depth does not survive JPEG
    *OUTPUT,
    _fixed(
        "source",
        str,
        "detections",
        "Who is located: boxes (also those of the people view) by the depth of their inner part, instances by that of "
        "their masks.",
        choices=("detections", "instances", "people"),
    ),
    _fixed("labels", list, ["person"], "What is located of what the source holds."),
    _fixed("rectified", bool, False, "The image is rectified: use P of CameraInfo, without distortion, instead of K."),
    _fixed(
        "target_frame",
        str,
        "",
        "Frame of what is published, such as map, by tf2 at the image's stamp; empty: the camera's optical frame.",
    ),
    _live(
        "tolerance",
        float,
        0.02,
        "Seconds by which the stamps of the source and of the depth image may differ.",
        minimum=0,
        maximum=1,
    ),
    _live("max_wait", float, 0.5, "Seconds that a result waits for depth and transform.", minimum=0.01, maximum=10),
    _live("nearest", float, 0.2, "Least depth in metres that is believed.", minimum=0, maximum=100),
    _live("farthest", float, 20.0, "Greatest depth in metres that is believed.", minimum=0.1, maximum=1000),
)

PEOPLE_SOURCES = ("detections", "faces", "instances")

PEOPLE = (
    AUTOSTART,
    *OUTPUT,
    _fixed(
        "sources",
        list,
        list(PEOPLE_SOURCES),
        "Topics that are joined: of detections, faces, instances those named here that somebody publishes.",
    ),
    _live(
        "max_wait",
        float,
        2.0,
        "Seconds that a result waits for those of the slowest model; then its image is left out.",
        minimum=0.01,
        maximum=10,
    ),
)

_TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
    list: ParameterType.PARAMETER_STRING_ARRAY,
}


def declare(node: Node, table: Iterable[Parameter]) -> dict[str, Any]:
    """Declare parameters and return their values.

    Raises:
        ValueError: a value from a file or the command line is out of range or of the wrong type.
    """
    for parameter in table:
        if not node.has_parameter(parameter.name):
            node.declare_parameter(parameter.name, parameter.default, descriptor(parameter))
    return {p.name: p.check(node.get_parameter(p.name).value) for p in table}


def checked_changes(
    table: Mapping[str, Parameter], changes: Iterable[RosParameter], configured: bool
) -> dict[str, Any]:
    """The new values of the parameters in ``table``; what is not in it (use_sim_time, qos_overrides) is left to ROS.

    Raises:
        ValueError: one is out of range, or can change only while the node is unconfigured.
    """
    values = {}
    for change in changes:
        parameter = table.get(change.name)
        if parameter is None:
            continue
        if parameter.fixed and configured:
            raise ValueError(f"{change.name} is read when the node is configured; clean the node up first")
        values[change.name] = parameter.check(change.value)
    return values


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """What ``ros2 param describe`` shows.

    Numbers are typed dynamically so that ``5`` is accepted where ``5.0`` is meant; `Parameter.check` is what holds.
    """
    constraints = [f"one of {', '.join(parameter.choices)}"] if parameter.choices else []
    if parameter.fixed:
        constraints.append("read when the node is configured")
    message = ParameterDescriptor(
        name=parameter.name,
        type=_TYPES[parameter.kind],
        description=parameter.description,
        read_only=parameter is AUTOSTART,
        dynamic_typing=parameter.kind is float,
        additional_constraints="; ".join(constraints),
    )
    if parameter.minimum is not None and parameter.maximum is not None:
        if parameter.kind is int:
            message.integer_range = [IntegerRange(from_value=int(parameter.minimum), to_value=int(parameter.maximum))]
        else:
            bounds = FloatingPointRange(from_value=float(parameter.minimum), to_value=float(parameter.maximum))
            message.floating_point_range = [bounds]
    return message


def option_parameters(prefix: str, options: Iterable[Option], values: Mapping[str, Value]) -> list[Parameter]:
    """A decoder's options as parameters ``<prefix>.<option>``, those by label as ``<prefix>.<option>.<label>``."""
    parameters = []
    for option in options:
        if option.name not in values:
            continue
        value = values[option.name]
        names = {f"{prefix}.{option.name}": value}
        if isinstance(value, dict):
            names = {f"{prefix}.{option.name}.{label}": number for label, number in value.items()}
        for name, default in names.items():
            parameters.append(
                Parameter(
                    name,
                    option.kind,
                    option.description,
                    option.minimum,
                    option.maximum,
                    option.choices,
                    default=default,
                )
            )
    return parameters
