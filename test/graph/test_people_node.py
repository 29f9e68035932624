# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One list of persons from a real graph, and what does not belong together."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tflite_networks import real_weights
from vision_msgs.msg import Detection2DArray, Detection3DArray

from graph.conftest import RED, Graph, square
from graph.test_people_3d_node import CameraInfo, camera_info, depth_image
from people_perception.results import Detections, Instances
from people_perception.ros.image import image_from_message
from people_perception.ros.messages import detection_array, image_message, instance_array
from people_perception.share import share_folder

LABELS = ("person", "bag", "face")
ANNA, BERT = (100, 100, 200, 300), (400, 100, 500, 300)
FACE_OF_ANNA = (135, 110, 165, 150)


def found(*boxes: tuple[int, int, int, int], label: int = 0, ids: list[int] | None = None) -> Detections:
    n = len(boxes)
    tracks = None if ids is None else np.array(ids, np.int64)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.full(n, 0.75, np.float32),
        np.full(n, label, np.int64),
        LABELS,
        tracks,
    )


def instances(*boxes: tuple[int, int, int, int], ids: list[int] | None = None) -> Instances:
    masks = np.zeros((len(boxes), 360, 640), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = True
    return Instances(found(*boxes, ids=ids), masks)


class Bench:
    """The node, with models that are the test's."""

    def __init__(self, graph: Graph, *sources: str, parameters: tuple[str, ...] = (), masks: bool = False) -> None:
        self.graph = graph
        self.process = graph.start("people_node", *parameters)
        self.people = graph.listen(Detection2DArray, "/people/people")
        self.faces = graph.listen(Detection2DArray, "/people/people/faces")
        self.masks: list[Image] = graph.listen(Image, "/people/people/mask") if masks else []
        self.sources = {s: graph.node.create_publisher(Detection2DArray, f"/people/{s}", 10) for s in sources}
        self.mask = graph.node.create_publisher(Image, "/people/instances/mask", 10) if masks else None
        publishers = [*self.sources.values(), *([self.mask] if self.mask else [])]
        graph.spin_until(lambda: all(p.get_subscription_count() for p in publishers))
        graph.spin_for(0.3)  # for the node's next look at who publishes

    def header(self, frame_id: str = "camera_optical") -> Header:
        return self.graph.image(square(RED), frame_id=frame_id).header

    def say(self, header: Header, **results: Detections | Instances) -> None:
        for source, result in results.items():
            if isinstance(result, Instances):
                self.sources[source].publish(instance_array(result, header))
                if self.mask:
                    self.mask.publish(image_message(result.id_mask(), "mono16", header))
            else:
                self.sources[source].publish(detection_array(result, header))

    def answer(self, header: Header) -> Detection2DArray:
        return self.graph.spin_until(lambda: of(self.people, header))

    def log(self) -> str:
        return self.graph.log(self.process)


def of(messages: list[Any], header: Header) -> Any:
    return next((m for m in messages if m.header == header), None)


def rows(message: Detection2DArray) -> dict[str, tuple[float, float]]:
    return {d.id: (d.bbox.center.position.x, d.bbox.center.position.y) for d in message.detections}


def test_persons_faces_and_masks_share_their_ids(graph: Graph) -> None:
    bench = Bench(graph, "detections", "faces", "instances", masks=True)
    header = bench.header()
    bench.say(
        header,
        detections=found(ANNA, ids=[7]),
        faces=found(FACE_OF_ANNA, label=2, ids=[30]),
        instances=instances(BERT, ANNA, ids=[7, 8]),
    )
    people = bench.answer(header)
    assert rows(people) == {"7": (150, 200), "65535": (450, 200)}
    [result] = people.detections[0].results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("person", 0.75)
    faces = graph.spin_until(lambda: of(bench.faces, header))
    assert rows(faces) == {"7": (150, 130)}
    assert faces.detections[0].results[0].hypothesis.class_id == "face"
    mask = graph.spin_until(lambda: of(bench.masks, header))
    assert (mask.encoding, mask.width, mask.height) == ("mono16", 640, 360)
    pixels = image_from_message(mask)
    assert set(np.unique(pixels)) == {0, 7, 65535}
    assert (pixels[200, 150], pixels[200, 450]) == (7, 65535)


def test_one_source_is_enough_and_its_own_faces_count(graph: Graph) -> None:
    bench = Bench(graph, "detections")
    header = bench.header()
    both = Detections(
        np.array([ANNA, FACE_OF_ANNA, BERT], np.float32),
        np.ones(3, np.float32),
        np.array([0, 2, 1]),
        LABELS,
        np.array([3, 4, 5]),
    )
    bench.say(header, detections=both)
    assert rows(bench.answer(header)) == {"3": (150, 200)}
    assert rows(graph.spin_until(lambda: of(bench.faces, header))) == {"3": (150, 130)}
    empty = bench.header()
    bench.say(empty, detections=found())
    assert bench.answer(empty).detections == []


def test_instances_alone_keep_ids_and_mask(graph: Graph) -> None:
    bench = Bench(graph, "instances", parameters=("sources:=[instances, faces]",), masks=True)
    header = bench.header()
    result = instances(ANNA, BERT, ids=[12, 11])
    bench.say(header, instances=result)
    assert rows(bench.answer(header)) == {"12": (150, 200), "11": (450, 200)}
    mask = graph.spin_until(lambda: of(bench.masks, header))
    assert np.array_equal(image_from_message(mask), result.id_mask())


def test_an_image_that_one_model_skipped_is_left_out_without_a_word(graph: Graph) -> None:
    bench = Bench(graph, "detections", "instances")
    headers = [bench.header() for _ in range(5)]
    for header in headers:
        bench.say(header, detections=found(ANNA, ids=[1]))
    bench.say(headers[3], instances=instances(ANNA))
    bench.answer(headers[3])
    graph.spin_for(0.3)
    assert [m.header for m in bench.people] == [headers[3]]
    assert "WARN" not in bench.log()


def _another_stamp(bench: Bench, header: Header) -> None:
    other = copy.deepcopy(header)
    other.stamp.nanosec = (other.stamp.nanosec + 1_000_000) % 1_000_000_000
    bench.say(header, detections=found(ANNA, ids=[1]))
    bench.say(other, instances=instances(ANNA))


def _another_frame(bench: Bench, header: Header) -> None:
    bench.say(header, detections=found(ANNA, ids=[1]))
    bench.say(Header(stamp=header.stamp, frame_id="rear"), instances=instances(ANNA))


def _an_id_twice(bench: Bench, header: Header) -> None:
    bench.say(header, detections=found(ANNA, BERT, ids=[1, 1]), instances=instances(ANNA))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (_another_stamp, "nothing of its stamp and frame on /people/instances; the parameter sources says"),
        (_another_frame, "nothing of its stamp and frame on /people/instances; the parameter sources says"),
        (_an_id_twice, "an id is given twice among [1, 1]"),
    ],
)
def test_what_does_not_belong_together_gives_a_reason_and_nothing_wrong(graph: Graph, bad: Any, said: str) -> None:
    bench = Bench(graph, "detections", "instances", parameters=("max_wait:=0.2",))
    reports = graph.listen(DiagnosticArray, "/diagnostics")

    def values() -> dict[str, str]:
        mine = [r.status[0] for r in reports if r.status[0].name == "people/people"]
        return {v.key: v.value for v in mine[-1].values} if mine else {}

    for _ in range(30):
        bad(bench, bench.header())
        graph.spin_for(0.1)
    graph.spin_until(lambda: said in bench.log())
    graph.spin_until(lambda: int(values().get("incomplete", 0)) > 20)
    assert values()["last_incomplete"] in bench.log()
    assert bench.people == bench.faces == []
    assert bench.log().count("no people") <= 2
    assert "Traceback" not in bench.log()
    for _ in range(2):  # until the first one came, instances were those of another camera
        good = bench.header()
        bench.say(good, detections=found(ANNA, ids=[1]), instances=instances(ANNA))
        graph.spin_for(0.3)
    assert rows(bench.answer(good)) == {"1": (150, 200)}


def test_nobody_publishes_and_sources_that_cannot_be(graph: Graph) -> None:
    bench = Bench(graph)
    graph.spin_until(lambda: "no people: nobody publishes /people/detections, /people/instances" in bench.log())
    process = graph.start("people_node", "sources:=[faces]", namespace="/other")
    graph.spin_until(lambda: "name detections or instances at least" in graph.log(process))


def test_nobody_looks_nothing_is_subscribed_and_masks_only_for_who_wants_them(graph: Graph) -> None:
    graph.start("people_node")
    detections = graph.node.create_publisher(Detection2DArray, "/people/detections", 10)
    masks = graph.node.create_publisher(Image, "/people/instances/mask", 10)
    graph.spin_until(lambda: graph.node.count_publishers("/people/people"))
    graph.spin_for(0.5)
    assert detections.get_subscription_count() == masks.get_subscription_count() == 0
    graph.listen(Detection2DArray, "/people/people")
    graph.spin_until(detections.get_subscription_count)
    graph.spin_for(0.5)
    assert masks.get_subscription_count() == 0
    graph.listen(Image, "/people/people/mask")
    graph.spin_until(masks.get_subscription_count)
    for subscription in list(graph.node.subscriptions):
        if subscription.topic_name == "/people/people/mask":
            graph.node.destroy_subscription(subscription)
    graph.spin_until(lambda: not masks.get_subscription_count())
    assert detections.get_subscription_count() == 1


def test_real_models_on_a_photograph_with_positions(graph: Graph) -> None:
    """The astronaut twice, side by side: two persons, a face and a mask each, and the same ids in space."""
    pytest.importorskip("trackers")
    data = pytest.importorskip("skimage.data")
    models = ("open_person", "open_face", "open_instances")
    for name in models:
        real_weights(name)
    graph.environment["PP_MODEL_DIR"] = str(share_folder("models"))
    astronaut = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    picture = np.ascontiguousarray(np.concatenate([astronaut[:, 60:], astronaut[:, ::-1]], axis=1)[::2, ::2])
    size = picture.shape[1], picture.shape[0]
    parameters = [f"models:=[{','.join(models)}]", "tracking:=true", "-r ir_image:=image"]
    parameters += [f"{name}.confidence_threshold:=0.4" for name in ("open_person", "open_instances")]
    graph.start("people_perception_node", *parameters)
    graph.start("people_node", "max_wait:=10.0")
    graph.start("people_3d_node", "source:=people", "max_wait:=5.0")
    people = graph.listen(Detection2DArray, "/people/people")
    faces = graph.listen(Detection2DArray, "/people/people/faces")
    masks = graph.listen(Image, "/people/people/mask")
    placed = graph.listen(Detection3DArray, "/people/people_3d")
    camera, depth = graph.camera(), graph.camera("/people/depth")
    info = graph.node.create_publisher(CameraInfo, "/people/camera_info", 10)

    def make() -> Image:
        image = graph.image(picture)
        info.publish(camera_info(image.header, size))
        depth.publish(depth_image(image.header, near=6.0, size=size))
        return image

    def together() -> list[tuple[Any, ...]]:
        every = [(p, of(faces, p.header), of(masks, p.header), of(placed, p.header)) for p in people]
        return [row for row in every if None not in row]

    graph.send_until(camera, make, lambda: len(together()) >= 6, timeout=60)
    everyone, their_faces, mask, in_space = together()[-1]
    assert len(everyone.detections) == 2
    ids = {d.id for d in everyone.detections}
    assert all(1 <= int(i) < 32768 for i in ids)
    assert {d.id for d in their_faces.detections} == ids
    assert {d.id for d in in_space.detections} == ids
    pixels = image_from_message(mask)
    assert {str(i) for i in np.unique(pixels)} == ids | {"0"}
    for person in everyone.detections:
        xs = np.nonzero(pixels == int(person.id))[1]
        assert abs(np.median(xs) - person.bbox.center.position.x) < person.bbox.size_x / 4
        [face] = [d for d in their_faces.detections if d.id == person.id]
        assert abs(face.bbox.center.position.x - person.bbox.center.position.x) < person.bbox.size_x / 2
