# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The overlay: what was found, drawn on exactly the image that it was found in."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image

from graph.conftest import RED, Graph, square
from people_perception.ros.image import image_from_message


def stamp(message: Image) -> tuple[int, int]:
    value: Time = message.header.stamp
    return value.sec, value.nanosec


def test_boxes_and_masks_are_drawn_on_the_image_of_their_stamp(graph: Graph) -> None:
    graph.start("people_perception_node", "models:=[peoplenet,peoplesemsegnet]")
    graph.start("overlay_node", "max_wait:=10.0")  # on a busy machine too, each image gets both results
    overlays = graph.listen(Image, "/people/overlay")
    camera = graph.camera()
    sent = {}
    column = iter(range(10**6))

    def make() -> Image:
        # The square moves, so a result drawn on another image would be seen.
        message = graph.image(square((255, 255, 255), centre=(100 + 10 * (next(column) % 40), 180)))
        sent[stamp(message)] = message
        return message

    graph.send_until(camera, make, lambda: len(overlays) >= 15)
    for overlay in overlays[5:]:  # while the nodes still find each other, there may be boxes only
        original = image_from_message(sent[stamp(overlay)])
        drawn = image_from_message(overlay)
        assert overlay.header.frame_id == "camera_optical"
        assert drawn.shape == original.shape
        changed = np.argwhere((drawn != original).any(axis=2))
        inside = np.argwhere((original == 255).all(axis=2))
        # The mask colours the square itself, and boxes and labels stay near it.
        assert (drawn[inside[:, 0], inside[:, 1]] != 255).any(axis=1).mean() > 0.9
        assert abs(np.median(changed[:, 1]) - np.median(inside[:, 1])) < 12


def test_one_source_is_enough(graph: Graph) -> None:
    graph.start("peoplenet_node")
    graph.start("overlay_node")
    overlays = graph.listen(Image, "/people/overlay")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: overlays)
    assert not np.array_equal(image_from_message(overlays[-1]), square(RED))


def test_nobody_looks_nothing_is_subscribed(graph: Graph) -> None:
    graph.start("peoplenet_node")
    graph.start("overlay_node")
    camera = graph.camera()
    graph.spin_until(lambda: graph.node.count_publishers("/people/overlay"))
    graph.spin_for(1.0)
    assert camera.get_subscription_count() == 0
    overlays = graph.listen(Image, "/people/overlay")
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: overlays)
