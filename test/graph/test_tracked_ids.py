# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ids in what the perception node publishes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sensor_msgs.msg import Image
from tflite_networks import real_weights
from vision_msgs.msg import Detection2DArray

from graph.conftest import RED, Graph, square
from people_perception.ros.image import image_from_message
from people_perception.share import share_folder
from people_perception.sources.scene import SceneSource


def test_a_person_who_walks_keeps_the_id(graph: Graph) -> None:
    pytest.importorskip("trackers")
    graph.start("peoplenet_node", "tracking:=true", "tracking_memory:=5.0", namespace="/walk")
    found = graph.listen(Detection2DArray, "/walk/detections")
    column = iter(range(10**6))

    def make() -> object:
        return graph.image(square(RED, centre=(320 + abs(next(column) % 80 - 40) * 4, 180)))

    graph.send_until(graph.camera("/walk/image"), make, lambda: len(found) >= 20)
    ids = [[d.id for d in message.detections] for message in found]
    assert ids[0] == [""]
    assert all(row == ["1"] for row in ids[1:]), ids


def test_instances_keep_their_ids_from_the_first_image_on_and_the_mask_has_them(graph: Graph) -> None:
    pytest.importorskip("trackers")
    pytest.importorskip("skimage")
    for name in ("open_person", "open_instances"):
        real_weights(name)
    graph.environment["PP_MODEL_DIR"] = str(share_folder("models"))
    parameters = ("models:=[open_instances]", "tracking:=true", "tracking_memory:=5.0")
    graph.start("people_perception_node", *parameters, namespace="/seen")
    found = graph.listen(Detection2DArray, "/seen/instances")
    masks = graph.listen(Image, "/seen/instances/mask")
    scene, index = SceneSource(size=(640, 360)), iter(range(10**6))

    def make() -> Image:
        return graph.image(scene.picture(10 + next(index) // 4 % 20).image)  # the camera goes slowly past an astronaut

    graph.send_until(graph.camera("/seen/image"), make, lambda: len(masks) >= 12, 60)
    shown = {(m.header.stamp.sec, m.header.stamp.nanosec): image_from_message(m) for m in masks}
    together = 0
    for message in found:
        ids = [int(d.id) for d in message.detections]
        assert len(set(ids)) == len(ids) and all(i > 0 for i in ids)
        mask = shown.get((message.header.stamp.sec, message.header.stamp.nanosec))
        if mask is None:
            continue
        together += 1
        assert set(np.unique(mask)) - {0} <= set(ids)
        for detection in message.detections:
            ys, xs = np.nonzero(mask == int(detection.id))
            box, x, y = detection.bbox, detection.bbox.center.position.x, detection.bbox.center.position.y
            if len(xs):
                assert abs(np.median(xs) - x) < box.size_x / 2 and abs(np.median(ys) - y) < box.size_y / 2
    assert together >= 10
    counts = Counter(d.id for message in found for d in message.detections)
    assert counts.most_common(1)[0][1] >= 0.8 * len(found), counts


def test_without_tracking_there_is_no_id(graph: Graph) -> None:
    graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    graph.send_until(graph.camera(), lambda: graph.image(square(RED)), lambda: len(found) >= 3)
    assert {d.id for message in found for d in message.detections} == {""}


def test_without_the_library_configure_fails_and_says_so(graph: Graph) -> None:
    # An empty module shadows the library.
    (graph.folder / "trackers.py").write_text("")
    graph.environment["PYTHONPATH"] = f"{graph.folder}:{graph.environment.get('PYTHONPATH', '')}"
    process = graph.start("peoplenet_node", "tracking:=true")
    graph.spin_until(lambda: "configure failed: tracking needs the Python package trackers" in graph.log(process))
    assert "Traceback" not in graph.log(process)
