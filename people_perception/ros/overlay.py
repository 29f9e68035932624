# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The overlay node: the camera's image with every result of exactly its stamp drawn on it."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter as RosParameter
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray

from people_perception.draw import draw_detections, draw_mask, to_colour
from people_perception.errors import PerceptionError
from people_perception.results import Detections
from people_perception.ros.diagnostics import OK, WARN, Window, status
from people_perception.ros.image import image_from_compressed, image_from_message
from people_perception.ros.matching import StampMatcher
from people_perception.ros.messages import detections_from_message, image_message
from people_perception.ros.parameters import OVERLAY, checked_changes, declare
from people_perception.ros.qos import overridable, qos

MASKS = ("segmentation/mask", "instances/mask")
BOXES = ("instances", "detections", "faces")
SOURCES: dict[str, type] = {**dict.fromkeys(MASKS, Image), **dict.fromkeys(BOXES, Detection2DArray)}
"""Topics whose results are drawn, in the order in which they are painted."""

_LABELS = ("person", "bag", "face")
"""So that each has its colour, whichever topic it comes on."""
_TICK = 0.1
_SAME_PERSON = 0.6
"""IoU from which a detection and an instance are one person."""


class OverlayNode(LifecycleNode):
    """Draws results on the image that they were found in; idle while nobody looks."""

    def __init__(self, **node_arguments: Any) -> None:
        super().__init__("overlay", **node_arguments)
        declare(self, OVERLAY)
        self.values: dict[str, Any] = {}
        self._table = {p.name: p for p in OVERLAY}
        self._matcher = StampMatcher(0.5)
        self._subscriptions_by_topic: dict[str, Any] = {}
        self._publisher: Any = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._state = "unconfigured"
        self._published = Window()
        self._failed = 0
        self._last_image = self._opened = 0.0
        self._next_diagnostics = 0.0
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(_TICK, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and announce the topic."""
        try:
            self.values.update(declare(self, OVERLAY))
        except (ValueError, ParameterException) as error:
            self.get_logger().error(f"configure failed: {error}")
            return TransitionCallbackReturn.FAILURE
        profile = qos(self.values["qos.output.reliability"], self.values["qos.output.depth"])
        self._publisher = self.create_publisher(Image, "overlay", profile, qos_overriding_options=overridable())
        self._matcher.max_wait = self.values["max_wait"]
        self._state = "inactive"
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start drawing."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._draw_loop, name="overlay", daemon=True)
        self._thread.start()
        self._state = "active"
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop drawing and unsubscribe."""
        self._halt()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Withdraw the topic."""
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and withdraw the topic."""
        self.close()
        return super().on_shutdown(state)

    def close(self) -> None:
        """Stop and withdraw the topic, whatever the state."""
        self._halt()
        if self._publisher is not None:
            self.destroy_publisher(self._publisher)
            self._publisher = None
        self._state = "unconfigured"

    def _halt(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._unsubscribe()

    def _on_set_parameters(self, parameters: list[RosParameter]) -> SetParametersResult:
        try:
            changes = checked_changes(self._table, parameters, self._state != "unconfigured")
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.values.update(changes)
        self._matcher.max_wait = self.values.get("max_wait", self._matcher.max_wait)
        return SetParametersResult(successful=True)

    def _tick(self) -> None:
        if self._state == "active":
            watched = self._publisher.get_subscription_count() > 0
            if watched and not self._subscriptions_by_topic:
                self._subscribe()
            elif not watched and self._subscriptions_by_topic:
                self._unsubscribe()
            if watched:
                self._matcher.set_live(t for t in SOURCES if self.count_publishers(self.resolve_topic_name(t)))
        now = time.monotonic()
        if now >= self._next_diagnostics:
            self._next_diagnostics = now + 1.0
            self._publish_diagnostics(now)

    def _subscribe(self) -> None:
        profile = qos(self.values["qos.image.reliability"], self.values["qos.image.depth"])
        topic, kind = self.resolve_topic_name("image"), Image
        if self.values["image_transport"] == "compressed":
            topic, kind = f"{topic}/compressed", CompressedImage
        self._last_image = self._opened = time.monotonic()
        self._listen(topic, kind, self._on_image, profile)
        for source, message_type in SOURCES.items():
            results = qos(self.values["qos.output.reliability"], 10)
            self._listen(source, message_type, lambda message, s=source: self._matcher.add_result(s, message), results)

    def _listen(self, topic: str, kind: type, callback: Any, profile: Any) -> None:
        self._subscriptions_by_topic[topic] = self.create_subscription(
            kind, topic, callback, profile, qos_overriding_options=overridable()
        )

    def _unsubscribe(self) -> None:
        for subscription in self._subscriptions_by_topic.values():
            self.destroy_subscription(subscription)
        self._subscriptions_by_topic.clear()
        self._matcher.clear()

    def _on_image(self, message: Any) -> None:
        self._last_image = time.monotonic()
        self._matcher.add_image(message)

    def _draw_loop(self) -> None:
        while not self._stop.is_set():
            matched = self._matcher.next(0.2)
            if matched is None:
                continue
            message, results = matched
            try:
                picture = self._draw(message, results)
                self._publisher.publish(image_message(picture, "bgr8", message.header))
            except (PerceptionError, ValueError) as error:
                self._failed += 1
                self.get_logger().error(f"overlay not drawn: {error}", throttle_duration_sec=5.0)
                continue
            self._published.add(time.monotonic())

    def _draw(self, message: Any, results: dict[str, Any]) -> NDArray:
        compressed = self.values["image_transport"] == "compressed"
        picture = to_colour(image_from_compressed(message) if compressed else image_from_message(message))
        opacity, show_labels = self.values["mask_opacity"], self.values["show_labels"]
        masks = {source: image_from_message(results[source]) for source in MASKS if source in results}
        draw_masks(picture, masks.get("segmentation/mask"), masks.get("instances/mask"), opacity)
        found = {s: detections_from_message(results[s], _LABELS) for s in BOXES if s in results}
        if "instances" in found and "detections" in found:
            found["detections"] = without_repeated(found["detections"], found["instances"])
        for detections in found.values():
            draw_detections(picture, detections, show_labels)
        return picture

    def _publish_diagnostics(self, now: float) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name().lstrip("/")
        level, text = OK, self._state
        if self._state == "active":
            rate = self._published.rate()
            text = f"{rate:.1f} Hz" if self._subscriptions_by_topic else "idle: nobody subscribes"
            waited = self._last_image - max(self._published.newest(), self._opened)
            if self._subscriptions_by_topic and waited > 2.0:
                level, text = WARN, "images come but no results with their stamps; do the models run on this camera?"
            if self._subscriptions_by_topic and now - self._last_image > 2.0:
                level, text = WARN, f"no image on {self.resolve_topic_name('image')} for {now - self._last_image:.1f} s"
        values = {"state": self._state, "failed": str(self._failed), "rate_out_hz": f"{self._published.rate():.1f}"}
        message.status.append(status(name, "", level, text, values))
        self._diagnostics.publish(message)


def draw_masks(picture: NDArray, semantic: NDArray | None, instances: NDArray | None, opacity: float) -> None:
    """Fill every pixel once: by its person, else by its class. Two fills would hide the image and mix their colours."""
    if semantic is not None and instances is not None and semantic.shape == instances.shape:
        semantic = np.where(instances, 0, semantic).astype(np.uint8)
    for ids in (semantic, instances):
        if ids is not None:
            draw_mask(picture, ids, opacity)


def without_repeated(detections: Detections, instances: Detections) -> Detections:
    """The detections but those that an instance shows again: of the same label and nearly the same box."""
    a, b = detections.boxes[:, None], instances.boxes[None]
    overlap = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(axis=-1)
    union = (a[..., 2:] - a[..., :2]).prod(axis=-1) + (b[..., 2:] - b[..., :2]).prod(axis=-1) - overlap
    same_label = np.array(detections.names())[:, None] == np.array(instances.names())[None]
    return detections[~(same_label & (overlap > _SAME_PERSON * union)).any(axis=1)]
