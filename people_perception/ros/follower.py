# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes have in common that work on what others publish: states, subscriptions, a thread, diagnostics."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from sensor_msgs.msg import CompressedImage, Image

from people_perception.errors import PerceptionError, one_line
from people_perception.ros.diagnostics import ERROR, OK, WARN, Window, status
from people_perception.ros.image import image_from_compressed, image_from_message
from people_perception.ros.parameters import Parameter, checked_changes, declare
from people_perception.ros.qos import overridable, qos

_TICK = 0.1
STALE = 2.0
"""Seconds without what a node waits for that are worth a warning."""


class FollowerNode(LifecycleNode, ABC):
    """A lifecycle node that is subscribed to its inputs, and works in a thread, only while somebody listens to it.

    Args:
        name: of the node.
        table: its parameters, which include ``qos.image.*`` and ``qos.output.*``.
    """

    def __init__(self, name: str, table: Sequence[Parameter], **node_arguments: Any) -> None:
        super().__init__(name, **node_arguments)
        self._table = {p.name: p for p in table}
        declare(self, table)
        self.values: dict[str, Any] = {}
        self._inputs: dict[str, Any] = {}
        self._outputs: list[Any] = []
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._state = "unconfigured"
        self._fault = ""
        self._published = Window()
        self._failed = 0
        self._last_image = self._opened = 0.0
        self._awaited = ""  # in words: without it there is nothing to do
        self._next_diagnostics = 0.0
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # On a steady clock: with use_sim_time and no /clock, listeners and diagnostics are still served.
        self.create_timer(_TICK, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # -- what a node says of itself ----------------------------------------------------------------------------------

    @abstractmethod
    def _announce(self) -> None:
        """Check ``values`` and create the publishers with `_publish_on`; PerceptionError or ValueError refuses."""

    @abstractmethod
    def _subscribe(self) -> None:
        """Subscribe with `_listen` and `_listen_to_camera`; somebody wants what this node publishes."""

    @abstractmethod
    def _forget(self) -> None:
        """Forget what was received; the subscriptions are gone."""

    @abstractmethod
    def _step(self) -> None:
        """Wait a moment for work and do it, in the node's thread; an exception costs this one frame."""

    @abstractmethod
    def _adopt(self) -> None:
        """Take over ``values``, which were read or changed."""

    def _watch(self) -> None:
        """Ten times a second while subscribed."""

    def _complaint(self, now: float) -> str:
        """What /diagnostics should warn of although images come; empty when all is well."""
        return ""

    def _report(self) -> dict[str, str]:
        """More values for /diagnostics."""
        return {}

    # -- lifecycle ---------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and announce the topics; on failure say why."""
        try:
            self.values.update(declare(self, list(self._table.values())))
            self._adopt()
            self._announce()
        except (PerceptionError, ValueError, ParameterException) as error:
            self.close()
            self._fault = f"configure failed: {error}"
            self.get_logger().error(self._fault)
            return TransitionCallbackReturn.FAILURE
        self._fault = ""
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to work."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name=self.get_name(), daemon=True)
        self._thread.start()
        self._state = "active"
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop to work and unsubscribe."""
        self._halt()
        self._state = "inactive"
        if self._fault:
            return TransitionCallbackReturn.ERROR
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Withdraw the topics."""
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and withdraw the topics."""
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and withdraw the topics; the node is unconfigured afterwards and can be configured again."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def close(self) -> None:
        """Stop and withdraw the topics, whatever the state."""
        self._halt()
        for publisher in self._outputs:
            self.destroy_publisher(publisher)
        self._outputs.clear()
        self._state = "unconfigured"

    def _halt(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._unsubscribe()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._step()
            except Exception as error:  # one bad frame must not end the node, whatever a library raises
                self._failed += 1
                kind = "" if isinstance(error, (PerceptionError, ValueError)) else f"{type(error).__name__}: "
                self.get_logger().error(f"a frame failed: {kind}{one_line(error)}", throttle_duration_sec=5.0)

    def _on_set_parameters(self, parameters: list[RosParameter]) -> SetParametersResult:
        try:
            changes = checked_changes(self._table, parameters, self._state != "unconfigured")
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.values.update(changes)
        if self._state != "unconfigured":
            self._adopt()
        return SetParametersResult(successful=True)

    # -- topics ------------------------------------------------------------------------------------------------------

    def _publish_on(self, topic: str, kind: type) -> Any:
        profile = qos(self.values["qos.output.reliability"], self.values["qos.output.depth"])
        publisher = self.create_publisher(kind, topic, profile, qos_overriding_options=overridable())
        self._outputs.append(publisher)
        return publisher

    def _listen(self, topic: str, kind: type, callback: Callable[[Any], None], profile: Any = None) -> None:
        """Subscribe to results; ``profile`` where it is something else."""
        profile = profile or qos(self.values["qos.output.reliability"], 10)
        self._inputs[topic] = self.create_subscription(
            kind, topic, callback, profile, qos_overriding_options=overridable()
        )

    def _listen_to_camera(self, topic: str, callback: Callable[[Any], None]) -> None:
        """Subscribe to images in the transport that ``image_transport`` names."""

        def receive(message: Any) -> None:
            self._last_image = time.monotonic()
            callback(message)

        compressed = self.values.get("image_transport") == "compressed"
        # As image_transport does: the base name is remapped, then the transport's name is appended.
        topic = self.resolve_topic_name(topic) + ("/compressed" if compressed else "")
        self._awaited = f"image on {topic}"
        self._last_image = self._opened = time.monotonic()
        profile = qos(self.values["qos.image.reliability"], self.values["qos.image.depth"])
        self._listen(topic, CompressedImage if compressed else Image, receive, profile)

    def _pixels(self, message: Any) -> NDArray:
        """The array of an image of `_listen_to_camera`."""
        compressed = self.values["image_transport"] == "compressed"
        return image_from_compressed(message) if compressed else image_from_message(message)

    def _unsubscribe(self) -> None:
        for subscription in self._inputs.values():
            self.destroy_subscription(subscription)
        self._inputs.clear()
        self._forget()

    # -- supervision -------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if self._state == "active":
            wanted = any(publisher.get_subscription_count() > 0 for publisher in self._outputs)
            if wanted and not self._inputs:
                self._subscribe()
            elif not wanted and self._inputs:
                self._unsubscribe()
            if wanted:
                self._watch()
            self._look_for_death()
        now = time.monotonic()
        if now >= self._next_diagnostics:
            self._next_diagnostics = now + 1.0
            self._publish_diagnostics(now)

    def _look_for_death(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._fault = "its thread died"
            self.get_logger().error(f"{self._fault}; the node stops, configure it again when the cause is mended")
            self.trigger_deactivate()

    def _publish_diagnostics(self, now: float) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name().lstrip("/")
        level, text = (ERROR, self._fault) if self._fault else (OK, self._state)
        rate = self._published.rate()
        if self._state == "active":
            text = f"{rate:.1f} Hz" if self._inputs else "idle: nobody subscribes"
            complaint = ""
            if self._inputs and now - self._last_image > STALE:
                complaint = f"no {self._awaited} for {now - self._last_image:.1f} s"
            elif self._inputs:
                complaint = self._complaint(now)
            if complaint:
                level, text = WARN, complaint
        values = {"state": self._state, "failed": str(self._failed), "rate_out_hz": f"{rate:.1f}", **self._report()}
        message.status.append(status(name, "", level, text, values))
        self._diagnostics.publish(message)
