# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a model publishes: its topics by task, made only for topics that somebody listens to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, LabelInfo

from people_perception.palette import colour_mask
from people_perception.results import Detections, Instances, Result, Segmentation
from people_perception.ros.messages import detection_array, image_message, instance_array, label_info
from people_perception.ros.qos import latched, overridable, qos


class Output(ABC):
    """The publishers of one model.

    Args:
        node: the node that publishes.
        base: the topic that the others hang from, such as ``detections``.
        values: parameters ``qos.output.*``, ``publish_mask`` and ``publish_colored``; read at each frame.
        labels, threshold: of the model, for LabelInfo.
    """

    def __init__(
        self, node: Node, base: str, values: Mapping[str, Any], labels: tuple[str, ...], threshold: float
    ) -> None:
        self.base = base
        self._node = node
        self._values = values
        self._qos = qos(values["qos.output.reliability"], values["qos.output.depth"])
        self._publishers: list[Any] = []
        self._announce(labels, threshold)

    def wanted(self) -> bool:
        """Whether anybody listens to anything that may be published."""
        return any(_heard(p) for p in self._enabled())

    @abstractmethod
    def _announce(self, labels: tuple[str, ...], threshold: float) -> None:
        """Create the publishers."""

    @abstractmethod
    def publish(self, result: Any, header: Header) -> None:
        """Publish a result with the stamp and frame of its image."""

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    def _enabled(self) -> list[Any]:
        return self._publishers[:1]

    def _create(self, kind: type, topic: str) -> Any:
        publisher = self._node.create_publisher(kind, topic, self._qos, qos_overriding_options=overridable())
        self._publishers.append(publisher)
        return publisher

    def _latch_labels(self, topic: str, labels: tuple[str, ...], threshold: float) -> None:
        publisher = self._node.create_publisher(LabelInfo, f"{topic}/label_info", latched())
        header = Header(stamp=self._node.get_clock().now().to_msg())
        publisher.publish(label_info(labels, threshold, header))
        self._publishers.append(publisher)


class DetectionOutput(Output):
    """``<base>``."""

    def _announce(self, labels: tuple[str, ...], threshold: float) -> None:
        self._detections = self._create(Detection2DArray, self.base)
        self._latch_labels(self.base, labels, threshold)

    def publish(self, result: Detections, header: Header) -> None:
        """An array for every frame, empty when nobody is there."""
        self._detections.publish(detection_array(result, header))


class SegmentationOutput(Output):
    """``<base>/mask`` and ``<base>/colored``."""

    def _announce(self, labels: tuple[str, ...], threshold: float) -> None:
        self._mask = self._create(Image, f"{self.base}/mask")
        self._colored = self._create(Image, f"{self.base}/colored")
        self._latch_labels(f"{self.base}/mask", labels, threshold)

    def _enabled(self) -> list[Any]:
        return [self._mask] * self._values["publish_mask"] + [self._colored] * self._values["publish_colored"]

    def publish(self, result: Segmentation, header: Header) -> None:
        """Class ids as mono8 and colours as bgr8, each if wanted."""
        if self._values["publish_mask"] and _heard(self._mask):
            self._mask.publish(image_message(result.mask, "mono8", header))
        if self._values["publish_colored"] and _heard(self._colored):
            self._colored.publish(image_message(colour_mask(result.mask), "bgr8", header))


class InstanceOutput(Output):
    """``<base>`` and ``<base>/mask``."""

    def _announce(self, labels: tuple[str, ...], threshold: float) -> None:
        self._instances = self._create(Detection2DArray, self.base)
        self._mask = self._create(Image, f"{self.base}/mask")
        self._latch_labels(self.base, labels, threshold)

    def _enabled(self) -> list[Any]:
        return [self._instances] + [self._mask] * self._values["publish_mask"]

    def publish(self, result: Instances, header: Header) -> None:
        """Boxes whose ``id`` is the pixel value of the person in the mono16 mask."""
        if _heard(self._instances):
            self._instances.publish(instance_array(result, header))
        if self._values["publish_mask"] and _heard(self._mask):
            self._mask.publish(image_message(result.id_mask(), "mono16", header))


OUTPUTS: dict[str, type[Output]] = {
    "detection": DetectionOutput,
    "semantic": SegmentationOutput,
    "instance": InstanceOutput,
}
"""The output of a model by its task."""


def people_count(result: Result) -> int:
    """How many persons (or faces) a result holds; of a mask, 1 if there is any."""
    if isinstance(result, Segmentation):
        return int(result.mask.any())
    return len(result.detections if isinstance(result, Instances) else result)


def _heard(publisher: Any) -> bool:
    return publisher.get_subscription_count() > 0
