# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a robot sees of the perception nodes: messages, headers, parameters, load."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray, LabelInfo

from graph.conftest import BLACK, BLUE, GREEN, RED, Graph, square
from people_perception.ros.image import image_from_message


def labels(message: Detection2DArray) -> list[str]:
    return [d.results[0].hypothesis.class_id for d in message.detections]


def number(name: str, value: float) -> Parameter:
    return Parameter(name=name, value=ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=float(value)))


def set_parameters(graph: Graph, node: str, *parameters: Parameter) -> list[tuple[bool, str]]:
    response = graph.call(SetParameters, f"{node}/set_parameters", SetParameters.Request(parameters=list(parameters)))
    return [(r.successful, r.reason) for r in response.results]


@pytest.mark.parametrize("reliable", [False, True])
def test_detections_carry_the_stamp_the_frame_and_source_pixels(graph: Graph, reliable: bool) -> None:
    graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera(reliable=reliable)
    sent = {}

    def make() -> Image:
        message = graph.image(square(RED))
        sent[(message.header.stamp.sec, message.header.stamp.nanosec)] = message
        return message

    message = graph.send_until(camera, make, lambda: found and found[-1])
    assert (message.header.stamp.sec, message.header.stamp.nanosec) in sent
    assert message.header.frame_id == "camera_optical"
    assert labels(message) == ["person"]
    detection = message.detections[0]
    assert detection.header == message.header
    assert detection.bbox.center.position.x == pytest.approx(320, abs=6)
    assert detection.bbox.center.position.y == pytest.approx(180, abs=6)
    # 160 network pixels of 960x544 on an image of 640x360
    assert detection.bbox.size_x == pytest.approx(160 * 640 / 960, abs=1)
    assert detection.bbox.size_y == pytest.approx(160 * 360 / 544, abs=1)


def test_an_empty_frame_publishes_an_empty_array(graph: Graph) -> None:
    graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    message = graph.send_until(graph.camera(), lambda: graph.image(square(BLACK)), lambda: found and found[-1])
    assert message.detections == []
    assert message.header.frame_id == "camera_optical"


def test_labels_are_latched(graph: Graph) -> None:
    graph.start("peoplenet_node")
    infos = graph.listen(LabelInfo, "/people/detections/label_info", durability=DurabilityPolicy.TRANSIENT_LOCAL)
    info = graph.spin_until(lambda: infos and infos[0])
    assert [(c.class_id, c.class_name) for c in info.class_map] == [(0, "person"), (1, "bag"), (2, "face")]
    assert info.threshold == pytest.approx(0.7)


def test_a_malformed_image_is_dropped_with_one_line_and_the_next_good_one_is_processed(graph: Graph) -> None:
    process = graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)

    def wrong_step() -> Image:
        message = graph.image(square(RED))
        message.step = 5
        return message

    def short_data() -> Image:
        message = graph.image(square(RED))
        message.data = message.data[:1000]
        return message

    def unknown_encoding() -> Image:
        message = graph.image(square(RED))
        message.encoding = "rgb13"
        return message

    def zero_size() -> Image:
        message = graph.image(square(RED))
        message.width = 0
        return message

    bad = [wrong_step, short_data, unknown_encoding, zero_size]
    for i in range(20):
        camera.publish(bad[i % 4]())
        graph.spin_for(0.05)
    log = graph.log(process)
    assert log.count("image dropped") == 1, log
    assert "Traceback" not in log
    found.clear()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    assert labels(found[-1]) == ["person"]


def test_a_threshold_changes_while_running_and_is_refused_out_of_range(graph: Graph) -> None:
    graph.start("peoplenet_node")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found and found[-1].detections)

    name = "peoplenet.confidence_threshold.person"
    assert set_parameters(graph, "/people/peoplenet", number(name, 1e6))[0][0] is False
    ok, reason = set_parameters(graph, "/people/peoplenet", number(name, -1))[0]
    assert not ok
    assert name in reason and "-1" in reason

    assert set_parameters(graph, "/people/peoplenet", number(name, 100.0)) == [(True, "")]
    found.clear()
    message = graph.image(square(RED))
    camera.publish(message)
    graph.spin_until(lambda: any(m.header == message.header for m in found))
    assert next(m for m in found if m.header == message.header).detections == []

    described = graph.call(
        DescribeParameters, "/people/peoplenet/describe_parameters", DescribeParameters.Request(names=[name])
    ).descriptors[0]
    assert described.description
    assert described.floating_point_range[0].from_value == 0.0


def test_a_fixed_parameter_is_refused_while_configured(graph: Graph) -> None:
    graph.start("peoplenet_node")
    engine = Parameter(name="engine", value=ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="litert"))
    graph.spin_until(lambda: graph.node.count_publishers("/people/detections"))
    ok, reason = set_parameters(graph, "/people/peoplenet", engine)[0]
    assert not ok
    assert "read when the node is configured" in reason


def test_several_models_share_one_subscription_and_keep_stamps(graph: Graph) -> None:
    graph.start("people_perception_node", "models:=[peoplenet,peoplesemsegnet,peoplesegnet]")
    boxes = graph.listen(Detection2DArray, "/people/detections")
    masks = graph.listen(Image, "/people/segmentation/mask")
    coloured = graph.listen(Image, "/people/segmentation/colored")
    instances = graph.listen(Detection2DArray, "/people/instances")
    ids = graph.listen(Image, "/people/instances/mask")
    camera = graph.camera()
    sent = []

    def make() -> Image:
        sent.append(graph.image(square((255, 255, 255))))
        return sent[-1]

    topics = (boxes, masks, coloured, instances, ids)
    graph.send_until(camera, make, lambda: all(len(t) >= 3 for t in topics))
    assert graph.node.count_subscribers("/people/image") == 1
    stamps = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in sent]
    for topic in topics:
        got = [(m.header.stamp.sec, m.header.stamp.nanosec) for m in topic]
        assert set(got) <= set(stamps)
        assert got == sorted(got)
    mask = image_from_message(masks[-1])
    assert masks[-1].encoding == "mono8" and mask.shape == (360, 640)
    assert mask[180, 320] == 1 and mask[10, 10] == 0
    assert coloured[-1].encoding == "bgr8" and coloured[-1].width == 640
    assert ids[-1].encoding == "mono16" and ids[-1].height == 360
    assert labels(instances[-1]) == ["person"] and instances[-1].detections[0].id == "1"
    scale = 360 / 540  # 960x576 with the aspect kept: 1.5 network pixels a pixel
    assert instances[-1].detections[0].bbox.center.position.x == pytest.approx(200 * scale, abs=1)
    id_mask = image_from_message(ids[-1])
    assert id_mask[int(250 * scale), int(200 * scale)] == 1 and id_mask[5, 5] == 0


def test_infrared_of_16_bit_finds_a_face(graph: Graph) -> None:
    graph.start("facedetect_ir_node")
    faces = graph.listen(Detection2DArray, "/people/faces")
    camera = graph.camera("/people/ir_image")
    warm = np.full((360, 640), 7000, np.uint16)
    warm[132:228, 272:368] = 7900
    for encoding in ("mono16", "16UC1"):
        faces.clear()

        def make(encoding: str = encoding) -> Image:
            message = graph.image(warm, "mono16")
            message.encoding = encoding
            return message

        assert "face" in labels(graph.send_until(camera, make, lambda: faces and faces[-1]))


def test_compressed_images(graph: Graph) -> None:
    import cv2

    graph.start("peoplenet_node", "image_transport:=compressed", "-r image:=/front/image_raw")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera("/front/image_raw/compressed", kind=CompressedImage)
    data = cv2.imencode(".jpg", square(GREEN))[1].tobytes()

    def make() -> CompressedImage:
        return CompressedImage(header=graph.image(square(GREEN)).header, format="bgr8; jpeg compressed bgr8", data=data)

    message = graph.send_until(camera, make, lambda: found and found[-1])
    assert labels(message) == ["bag"]


def test_two_cameras_do_not_mix(graph: Graph) -> None:
    graph.start("peoplenet_node", namespace="/left")
    graph.start("peoplenet_node", namespace="/right")
    left, right = (
        graph.listen(Detection2DArray, "/left/detections"),
        graph.listen(Detection2DArray, "/right/detections"),
    )
    left_camera, right_camera = graph.camera("/left/image"), graph.camera("/right/image")
    end = time.monotonic() + 20
    while (len(left) < 10 or len(right) < 10) and time.monotonic() < end:
        left_camera.publish(graph.image(square(RED), frame_id="left"))
        right_camera.publish(graph.image(square(BLUE), frame_id="right"))
        graph.spin_for(0.05)
    assert len(left) >= 10 and len(right) >= 10
    assert {(m.header.frame_id, *labels(m)) for m in left} == {("left", "person")}
    assert {(m.header.frame_id, *labels(m)) for m in right} == {("right", "face")}


def test_nobody_listens_nothing_is_subscribed_and_work_resumes(graph: Graph) -> None:
    process = graph.start("peoplenet_node")
    camera = graph.camera()
    graph.spin_until(lambda: graph.node.count_publishers("/people/detections"))
    graph.spin_for(1.0)
    assert camera.get_subscription_count() == 0

    def cpu_seconds() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    graph.spin_for(1.0)
    before, start = cpu_seconds(), time.monotonic()
    while time.monotonic() - start < 4.0:
        camera.publish(graph.image(np.zeros((720, 1280, 3), np.uint8)))
        graph.spin_for(0.03)
    load = (cpu_seconds() - before) / (time.monotonic() - start)
    assert load < 0.02, f"an idle node takes {load:.1%} of a core"
    found = graph.listen(Detection2DArray, "/people/detections")
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found, timeout=5.0)
    assert camera.get_subscription_count() == 1


@pytest.mark.parametrize(
    "parameter", ["qos.image.reliability:=reliable", "qos_overrides./people/image.subscription.reliability:=reliable"]
)
def test_qos_by_parameter_and_by_override(graph: Graph, parameter: str) -> None:
    graph.start("peoplenet_node", parameter)
    found = graph.listen(Detection2DArray, "/people/detections")
    graph.send_until(graph.camera(reliable=True), lambda: graph.image(square(RED)), lambda: found)
    (subscription,) = graph.node.get_subscriptions_info_by_topic("/people/image")
    assert subscription.qos_profile.reliability == ReliabilityPolicy.RELIABLE


def test_max_rate(graph: Graph) -> None:
    graph.start("peoplenet_node", "max_rate:=5")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(RED)), lambda: found)
    found.clear()
    start = time.monotonic()
    while time.monotonic() - start < 3.0:
        camera.publish(graph.image(square(RED)))
        graph.spin_for(0.03)
    assert 10 <= len(found) <= 17


def test_simulated_time(graph: Graph) -> None:
    graph.start("peoplenet_node", "use_sim_time:=true")
    found = graph.listen(Detection2DArray, "/people/detections")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    clock = graph.node.create_publisher(Clock, "/clock", 1)
    camera = graph.camera()
    second = iter(range(1000, 100_000))

    def make() -> Image:
        message = graph.image(square(RED))
        message.header.stamp = Time(sec=next(second))
        clock.publish(Clock(clock=message.header.stamp))
        return message

    graph.send_until(camera, make, lambda: len(found) > 10)

    def latency() -> str | None:
        values = {v.key: v.value for r in reports[-1:] for s in r.status for v in s.values}
        return values.get("capture_to_publish_p50_ms")

    reports.clear()
    assert float(graph.send_until(camera, make, latency)) <= 2000


def test_diagnostics_tell_engine_rates_and_latency(graph: Graph) -> None:
    graph.start("peoplenet_node", "diagnostics.stale_after:=0.5")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    found = graph.listen(Detection2DArray, "/people/detections")
    camera = graph.camera()
    graph.send_until(camera, lambda: graph.image(square(BLACK)), lambda: len(found) > 20)
    reports.clear()
    graph.send_until(camera, lambda: graph.image(square(BLACK)), lambda: reports)
    states, model = reports[-1].status[0], reports[-1].status[1]
    assert states.message == "active"
    assert model.name == "people/peoplenet: peoplenet"
    values = {v.key: v.value for v in model.values}
    assert values["engine"] == "onnxruntime" and "TensorRT" in values["reason"]
    assert float(values["rate_in_hz"]) > 5 and float(values["rate_out_hz"]) > 5
    for key in (
        "capture_to_publish_p95_ms",
        "wait_p50_ms",
        "convert_p50_ms",
        "inference_p50_ms",
        "inference_p99_ms",
        "input_age_s",
        "dropped_busy",
    ):
        assert float(values[key]) >= 0
    assert values["people"] == "0"
    graph.spin_for(1.0)
    stale = graph.spin_until(lambda: next((s for r in reports for s in r.status if "no image on" in s.message), None))
    assert "/people/image" in stale.message
