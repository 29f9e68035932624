# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The anonymize node: every image that it publishes is covered, and what is in doubt does not come out."""

from __future__ import annotations

import copy
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CompressedImage, Image
from tflite_networks import real_weights
from vision_msgs.msg import Detection2DArray

from graph.conftest import Graph
from people_perception.loading import load_model
from people_perception.results import Detections
from people_perception.ros.image import image_from_message
from people_perception.ros.messages import detection_array
from people_perception.share import share_folder

BOX = (200, 100, 300, 220)


def scene() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)


def faces(image: Image, *boxes: tuple[float, ...], label: str = "face") -> Detection2DArray:
    n = len(boxes)
    found = Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.ones(n, np.float32), np.zeros(n, np.int64), (label,)
    )
    return detection_array(found, image.header)


class Bench:
    """An anonymize node whose camera and face detector are the test's."""

    def __init__(self, graph: Graph, *parameters: str, topic: str = "faces") -> None:
        self.graph = graph
        self.process = graph.start("anonymize_node", "memory:=0.0", *parameters)
        self.images = graph.listen(Image, "/people/anonymized")
        self.camera = graph.camera(reliable=True)
        self.faces = graph.node.create_publisher(Detection2DArray, f"/people/{topic}", 10)
        graph.spin_until(lambda: self.camera.get_subscription_count() and self.faces.get_subscription_count())

    def show(self, image: Any, *found: Detection2DArray) -> None:
        self.camera.publish(image)
        for message in found:
            self.faces.publish(message)

    def published_for(self, image: Any) -> Image:
        return self.graph.spin_until(lambda: next((m for m in self.images if m.header == image.header), None))


def test_faces_are_covered_in_the_image_of_their_stamp_and_nothing_else_is(graph: Graph) -> None:
    bench = Bench(graph, "margin:=0.0")
    image = graph.image(scene())
    bench.show(image, faces(image, BOX))
    published = bench.published_for(image)
    assert (published.encoding, published.width, published.height) == ("bgr8", 640, 360)
    pixels = image_from_message(published)
    x1, y1, x2, y2 = BOX
    assert len(np.unique(pixels[y1:y2, x1:x2].reshape(-1, 3), axis=0)) <= 25
    untouched = np.ones((360, 640), bool)
    untouched[y1:y2, x1:x2] = False
    assert np.array_equal(pixels[untouched], scene()[untouched])


def test_nobody_there_is_an_image_too_and_mono_stays_mono(graph: Graph) -> None:
    bench = Bench(graph)
    image = graph.image(scene()[:, :, 0].copy(), "mono8")
    bench.show(image, faces(image))
    published = bench.published_for(image)
    assert published.encoding == "mono8"
    assert np.array_equal(image_from_message(published), scene()[:, :, 0])


def _nothing_said(graph: Graph, bench: Bench) -> None:
    for _ in range(5):
        bench.show(graph.image(scene()))


def _another_stamp(graph: Graph, bench: Bench) -> None:
    other = graph.image(scene())
    bench.show(graph.image(scene()), faces(other, BOX))


def _another_frame(graph: Graph, bench: Bench) -> None:
    image = graph.image(scene())
    other = copy.deepcopy(image)
    other.header.frame_id = "rear_camera"
    bench.show(image, faces(other, BOX))


def _no_stamp(graph: Graph, bench: Bench) -> None:
    image = graph.image(scene())
    image.header.stamp = Time()
    bench.show(image, faces(image, BOX))


def _the_same_stamp_twice(graph: Graph, bench: Bench) -> None:
    image = graph.image(scene())
    bench.show(image)
    graph.spin_for(0.05)  # of two images at once the subscription keeps one
    bench.show(image, faces(image))


def _a_box_that_is_not_a_number(graph: Graph, bench: Bench) -> None:
    image = graph.image(scene())
    message = faces(image, BOX)
    message.detections[0].bbox.size_x = float("nan")
    bench.show(image, message)


def _an_image_that_cannot_be_read(graph: Graph, bench: Bench) -> None:
    image = graph.image(scene())
    image.step = 7
    bench.show(image, faces(image, BOX))


def test_no_image_comes_out_in_doubt(graph: Graph) -> None:
    bench = Bench(graph, "max_wait:=0.1")
    for doubtful in (
        _nothing_said,
        _another_stamp,
        _another_frame,
        _no_stamp,
        _the_same_stamp_twice,
        _a_box_that_is_not_a_number,
        _an_image_that_cannot_be_read,
    ):
        bench.images.clear()
        doubtful(graph, bench)
        graph.spin_for(0.4)
        assert bench.images == [], f"{doubtful.__name__}\n{graph.log(bench.process)}"
        good = graph.image(scene())
        bench.show(good, faces(good))
        bench.published_for(good)
    assert "Traceback" not in graph.log(bench.process)


def test_without_a_face_detector_nothing_comes_out_and_the_node_says_so(graph: Graph) -> None:
    process = graph.start("anonymize_node", namespace="/alone")
    images = graph.listen(Image, "/alone/anonymized")
    reports = graph.listen(DiagnosticArray, "/diagnostics")

    def said() -> bool:
        return any("nobody publishes /alone/faces" in r.status[0].message for r in reports)

    graph.send_until(graph.camera("/alone/image"), lambda: graph.image(scene()), said)
    assert images == []
    assert "every image is withheld: nobody publishes /alone/faces" in graph.log(process)
    assert graph.log(process).count("every image is withheld") == 1


def test_both_sources_must_speak_and_whole_persons_are_covered(graph: Graph) -> None:
    bench = Bench(graph, "sources:=[faces,detections]", "labels:=[person]", "margin:=0.0", topic="detections")
    other = graph.node.create_publisher(Detection2DArray, "/people/faces", 10)
    graph.spin_until(other.get_subscription_count)
    half = graph.image(scene())
    bench.show(half, faces(half, BOX, label="person"))
    graph.spin_for(0.8)
    assert bench.images == []
    assert "/people/faces said nothing about it" in graph.log(bench.process)
    image = graph.image(scene())
    found = faces(image, BOX, label="person")
    found.detections += faces(image, (400, 100, 500, 200), label="bag").detections
    other.publish(faces(image))
    bench.show(image, found)
    pixels = image_from_message(bench.published_for(image))
    assert len(np.unique(pixels[100:220, 200:300].reshape(-1, 3), axis=0)) <= 25
    assert np.array_equal(pixels[100:200, 400:500], scene()[100:200, 400:500])


def test_a_wrong_source_refuses_to_configure(graph: Graph) -> None:
    process = graph.start("anonymize_node", "sources:=[people]")
    graph.spin_until(lambda: "configure failed: parameter sources=['people']" in graph.log(process))


def test_nobody_looks_nothing_is_subscribed(graph: Graph) -> None:
    graph.start("anonymize_node")
    camera = graph.camera()
    graph.spin_until(lambda: graph.node.count_publishers("/people/anonymized"))
    graph.spin_for(0.5)
    assert camera.get_subscription_count() == 0


def test_no_face_survives_in_what_a_real_graph_publishes(graph: Graph) -> None:
    data = pytest.importorskip("skimage.data")
    cv2 = pytest.importorskip("cv2")
    real_weights("open_face")
    graph.environment["PP_MODEL_DIR"] = str(share_folder("models"))
    graph.start("people_perception_node", "models:=[open_face]", "-r ir_image:=image")
    graph.start("anonymize_node", "image_transport:=compressed")
    images = graph.listen(Image, "/people/anonymized")
    astronaut = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    raw, compressed = graph.camera(), graph.camera("/people/image/compressed", kind=CompressedImage)
    shift = iter(range(10**6))
    sent = {}

    def make() -> Image:
        moved = np.roll(astronaut, 4 * (next(shift) % 50), axis=1)
        image = graph.image(moved)
        data = cv2.imencode(".jpg", moved, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        compressed.publish(CompressedImage(header=image.header, format="jpeg", data=data))
        sent[str(image.header)] = moved
        return image

    graph.send_until(raw, make, lambda: len(images) >= 8, timeout=30)
    with closing(load_model("open_face")) as model:
        for image in images:
            original = sent[str(image.header)]
            assert len(model(original)) == 1
            x1, y1, x2, y2 = model(original).boxes[0].astype(int)
            published = image_from_message(image)
            assert len(model(published)) == 0
            assert (published[y1:y2, x1:x2] != original[y1:y2, x1:x2]).mean() > 0.9
