# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The executables: each makes its node, brings it up and spins until it is told to stop.

rclpy and numpy are imported by functions, because numpy begins threads, and those that have begun keep their heaps.
"""

from __future__ import annotations

import functools
import re
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from people_perception.errors import PerceptionError, one_line
from people_perception.memory import use_one_heap

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecycleNode


_ONE_CTRL_C = 1.0
"""Seconds within which several signals are taken for one."""


def spin(makers: Sequence[Callable[[], Any]], arguments: Sequence[str] | None = None) -> int:
    """Make nodes, start those that start themselves, and spin them in this thread until SIGINT or shutdown."""
    use_one_heap()
    import rclpy
    from rclpy.exceptions import ParameterException
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    # rclpy's own handlers raise KeyboardInterrupt wherever the code is, and launch sends SIGINT twice when its
    # terminal does too. So: until the nodes are up a signal interrupts, then it ends the loop, then it is ignored.
    # When they came. Not an Event: its lock would wait for itself when one signal comes while another is handled.
    signals: list[float] = []
    nodes: list[Any] = []

    def note(*_: object) -> None:
        signals.append(time.monotonic())

    def interrupt(*_: object) -> None:
        # Not twice for one Ctrl-C: the second would come while the first is being cleared up after. Where a library
        # swallows the exception, as an import in C may, the loop ends at its first look.
        note()
        if len(signals) == 1 or signals[-1] - signals[-2] > _ONE_CTRL_C:
            raise KeyboardInterrupt

    try:
        _start_ros(arguments)
        _on_signals(interrupt)
        executor = SingleThreadedExecutor()
        for make in makers:
            nodes.append(make())
            executor.add_node(nodes[-1])
        for node in nodes:
            if not signals:
                bring_up(node)
        _on_signals(note)
        while not signals:
            executor.spin_once(timeout_sec=0.2)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (PerceptionError, ParameterException, ValueError) as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    finally:
        _on_signals(signal.SIG_IGN)
        for node in nodes:
            node.close()
        rclpy.try_shutdown()
    return 0


def _start_ros(arguments: Sequence[str] | None) -> None:
    """Initialise ROS.

    Raises:
        PerceptionError: a remapping, a parameter or a parameter file that it does not understand.
    """
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    given = None if arguments is None else list(arguments)
    try:
        rclpy.init(args=given, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError and UnknownROSArgsError, which rclpy keeps private
        why = one_line(error).removeprefix("failed to initialize rcl: ")
        if why.startswith("["):
            why = f"unknown: {why}"
        raise PerceptionError(f"--ros-args: {re.sub(r', at [^ ]+:[0-9]+', '', why)}") from error


def _on_signals(handler: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def bring_up(node: LifecycleNode) -> None:
    """Configure and activate a node whose parameter ``autostart`` is true; stays unconfigured when that fails."""
    from rclpy.lifecycle import TransitionCallbackReturn

    if node.get_parameter("autostart").value and node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
        node.trigger_activate()


def _executable(make: Callable[[], LifecycleNode]) -> Callable[[], int]:
    """What makes a node, as what runs it; ``make`` imports the node only when its process is ready for that."""

    @functools.wraps(make)
    def run() -> int:
        return spin([make])

    return run


def _perception(name: str, *models: str) -> LifecycleNode:
    from people_perception.ros.node import PerceptionNode

    return PerceptionNode(name, models)


@_executable
def peoplenet_node() -> LifecycleNode:
    """Persons, bags and faces on ``detections``."""
    return _perception("peoplenet", "peoplenet")


@_executable
def facedetect_ir_node() -> LifecycleNode:
    """Faces in infrared on ``faces``."""
    return _perception("facedetect_ir", "facedetect_ir")


@_executable
def peoplesemsegnet_node() -> LifecycleNode:
    """A person mask on ``segmentation/mask``."""
    return _perception("peoplesemsegnet", "peoplesemsegnet")


@_executable
def peoplesegnet_node() -> LifecycleNode:
    """A mask per person on ``instances``."""
    return _perception("peoplesegnet", "peoplesegnet")


@_executable
def people_perception_node() -> LifecycleNode:
    """Several models in one process; the parameter ``models`` says which."""
    return _perception("people_perception", "peoplenet", "peoplesemsegnet")


@_executable
def overlay_node() -> LifecycleNode:
    """The camera image with everything drawn on it, on ``overlay``."""
    from people_perception.ros.overlay import OverlayNode

    return OverlayNode()


@_executable
def anonymize_node() -> LifecycleNode:
    """The camera image with faces covered, or none, on ``anonymized``."""
    from people_perception.ros.anonymize import AnonymizeNode

    return AnonymizeNode()


@_executable
def people_3d_node() -> LifecycleNode:
    """Where persons are in space, on ``people_3d``."""
    from people_perception.ros.people_3d import People3DNode

    return People3DNode()


@_executable
def people_node() -> LifecycleNode:
    """What several models found, as one list of persons, on ``people``."""
    from people_perception.ros.people import PeopleNode

    return PeopleNode()
