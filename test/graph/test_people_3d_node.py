# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Positions in space from a real graph, and what happens when its inputs do not belong together."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, Quaternion, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, Detection3DArray
from visualization_msgs.msg import Marker, MarkerArray

from graph.conftest import RED, Graph, square
from people_perception.results import Detections, Instances
from people_perception.ros.image import depth_from_message
from people_perception.ros.messages import detection_array, image_message, instance_array

SIZE = (640, 360)
BOX = (270, 80, 370, 280)
K = [500.0, 0.0, 319.5, 0.0, 500.0, 179.5, 0.0, 0.0, 1.0]

FORWARD = (-0.5, 0.5, -0.5, 0.5)
"""The optical frame of a camera that looks along x."""


def depth_image(header: Header, near: float = 2.0, encoding: str = "16UC1", size: tuple[int, int] = SIZE) -> Image:
    """A wall at 6 m, and something nearer in the box."""
    depth = np.full(size[::-1], 6.0)
    depth[BOX[1] : BOX[3], BOX[0] : BOX[2]] = near
    values = np.round(depth * 1000).astype(np.uint16) if encoding == "16UC1" else depth.astype(np.float32)
    message = Image(header=header, height=size[1], width=size[0], encoding=encoding)
    message.step = values.strides[0]
    message.data.frombytes(values.tobytes())
    return message


def camera_info(header: Header, size: tuple[int, int] = SIZE) -> CameraInfo:
    return CameraInfo(header=header, width=size[0], height=size[1], k=K, distortion_model="plumb_bob", d=[0.0] * 5)


def person(*box: float) -> Detections:
    boxes = np.array(box, np.float32).reshape(-1, 4)
    n = len(boxes)
    return Detections(boxes, np.full(n, 0.5, np.float32), np.zeros(n, np.int64), ("person",))


class Bench:
    """The node, with a depth camera and a model that are the test's."""

    def __init__(self, graph: Graph, *parameters: str, source: str = "detections") -> None:
        self.graph = graph
        self.process = graph.start("people_3d_node", "max_wait:=0.2", *parameters)
        self.found = graph.listen(Detection3DArray, "/people/people_3d")
        self.poses = graph.listen(PoseArray, "/people/people_3d/poses")
        self.markers = graph.listen(MarkerArray, "/people/people_3d/markers")
        self.depth = graph.camera("/people/depth", reliable=True)
        self.info = graph.node.create_publisher(CameraInfo, "/people/camera_info", 10)
        self.source = graph.node.create_publisher(Detection2DArray, f"/people/{source}", 10)
        self.mask = graph.node.create_publisher(Image, "/people/instances/mask", 10)
        inputs = [self.depth, self.info, self.source, *([self.mask] if source == "instances" else [])]
        graph.spin_until(lambda: all(p.get_subscription_count() for p in inputs))

    def header(self, frame_id: str = "camera_optical") -> Header:
        return self.graph.image(square(RED), frame_id=frame_id).header

    def good(self) -> Detection3DArray:
        header = self.header()
        self.info.publish(camera_info(header))
        self.depth.publish(depth_image(header))
        self.graph.spin_for(0.1)
        self.source.publish(detection_array(person(*BOX), header))
        return self.answer(header)

    def answer(self, header: Header) -> Detection3DArray:
        return self.graph.spin_until(lambda: next((m for m in self.found if m.header == header), None))

    def log(self) -> str:
        return self.graph.log(self.process)


def centre(message: Detection3DArray, index: int = 0) -> list[float]:
    p = message.detections[index].bbox.center.position
    return [p.x, p.y, p.z]


def test_position_size_covariance_and_every_form(graph: Graph) -> None:
    bench = Bench(graph)
    message = bench.good()
    assert centre(message) == pytest.approx([0, 0, 2], abs=1e-3)
    [detection] = message.detections
    assert (detection.bbox.size.x, detection.bbox.size.y) == pytest.approx((0.4, 0.8), abs=1e-3)
    [result] = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("person", 0.5)
    assert result.pose.pose == detection.bbox.center
    covariance = np.array(result.pose.covariance).reshape(6, 6)
    assert np.linalg.eigvalsh(covariance).min() > 0
    graph.spin_until(lambda: bench.poses and bench.markers)
    assert bench.poses[0].header == message.header
    assert bench.poses[0].poses == [detection.bbox.center]
    kinds = [(m.action, m.type) for m in bench.markers[0].markers]
    assert kinds[0][0] == Marker.DELETEALL
    assert [kind for _, kind in kinds[1:]] == [Marker.CUBE, Marker.TEXT_VIEW_FACING]


def test_nobody_is_an_empty_array_and_somebody_without_depth_is_left_out(graph: Graph) -> None:
    bench = Bench(graph)
    bench.good()
    for found, near in ((person(), 2.0), (person(*BOX), 0.0)):
        header = bench.header()
        bench.depth.publish(depth_image(header, near=near))
        bench.source.publish(detection_array(found, header))
        assert bench.answer(header).detections == []


def test_depth_in_metres_a_little_later_than_the_image(graph: Graph) -> None:
    bench = Bench(graph, "tolerance:=0.03")
    header = bench.header()
    late = copy.deepcopy(header)
    late.stamp.sec, late.stamp.nanosec = divmod(header.stamp.sec * 10**9 + header.stamp.nanosec + 20_000_000, 10**9)
    bench.info.publish(camera_info(header))
    bench.source.publish(detection_array(person(*BOX), header))
    graph.spin_for(0.05)
    bench.depth.publish(depth_image(late, near=3.0, encoding="32FC1"))
    assert centre(bench.answer(header))[2] == pytest.approx(3.0)


def test_instances_are_located_by_their_masks(graph: Graph) -> None:
    bench = Bench(graph, "source:=instances", source="instances")
    header = bench.header()
    masks = np.zeros((1, 360, 640), bool)
    masks[0, BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    # The box is far too large: its inner part is mostly wall.
    instances = Instances(person(20, 0, 620, 360), masks)
    bench.info.publish(camera_info(header))
    bench.depth.publish(depth_image(header))
    bench.mask.publish(image_message(instances.id_mask(), "mono16", header))
    bench.source.publish(instance_array(instances, header))
    message = bench.answer(header)
    assert centre(message)[2] == pytest.approx(2.0)
    assert message.detections[0].id == "1"


def _no_depth(bench: Bench, header: Header) -> None:
    bench.info.publish(camera_info(header))


def _another_stamp(bench: Bench, header: Header) -> None:
    other = copy.deepcopy(header)
    other.stamp.sec -= 1
    bench.info.publish(camera_info(header))
    bench.depth.publish(depth_image(other))


def _another_frame(bench: Bench, header: Header) -> None:
    bench.info.publish(camera_info(header))
    bench.depth.publish(depth_image(Header(stamp=header.stamp, frame_id="depth_optical")))


def _another_size(bench: Bench, header: Header) -> None:
    bench.info.publish(camera_info(header, (1280, 720)))
    bench.depth.publish(depth_image(header))


def _smaller_than_the_image(bench: Bench, header: Header) -> None:
    bench.info.publish(camera_info(header, (320, 180)))
    bench.depth.publish(depth_image(header, size=(320, 180)))


def _not_calibrated(bench: Bench, header: Header) -> None:
    bench.info.publish(CameraInfo(header=header, width=SIZE[0], height=SIZE[1]))
    bench.depth.publish(depth_image(header))


def _no_depth_encoding(bench: Bench, header: Header) -> None:
    bench.info.publish(camera_info(header))
    bench.depth.publish(image_message(np.zeros((360, 640), np.uint8), "mono8", header))


BAD = {
    _no_depth: "on /people/depth",
    _another_stamp: "on /people/depth",
    _another_frame: "frames differ: 'camera_optical', 'depth_optical'",
    _another_size: "depth image 640x360, CameraInfo 1280x720",
    _smaller_than_the_image: "boxes reach beyond the depth image of 320x180",
    _not_calibrated: "the camera is not calibrated",
    _no_depth_encoding: "encoding 'mono8' is no depth",
}


def test_inputs_that_do_not_belong_together_give_a_reason_and_nothing_wrong(graph: Graph) -> None:
    bench = Bench(graph)
    reports = graph.listen(DiagnosticArray, "/diagnostics")

    def reason() -> str:
        mine = [r.status[0] for r in reports if r.status[0].name == "people/people_3d"]
        return next((v.value for v in mine[-1].values if v.key == "last_withheld"), "") if mine else ""

    for bad, said in BAD.items():
        header = bench.header()
        bad(bench, header)
        graph.spin_for(0.1)
        bench.source.publish(detection_array(person(*BOX), header))
        graph.spin_for(0.4)  # longer than max_wait, so that no reason comes late
        graph.spin_until(lambda wanted=said: wanted in reason())  # type: ignore[misc]
        assert bench.found == bench.poses == bench.markers == [], bad.__name__
    assert 1 <= bench.log().count("no positions") < len(BAD)
    assert "Traceback" not in bench.log()
    assert centre(bench.good())[2] == pytest.approx(2.0)


def test_without_camera_info(graph: Graph) -> None:
    bench = Bench(graph)
    header = bench.header()
    bench.depth.publish(depth_image(header))
    bench.source.publish(detection_array(person(*BOX), header))
    graph.spin_until(lambda: "on /people/camera_info" in bench.log())
    assert bench.found == []


class TransformBench(Bench):
    """The node with a target frame; tf2's interface is that of ``tf2_without_core``, its transforms are the test's."""

    def __init__(self, graph: Graph, *parameters: str) -> None:
        path = f"{Path(__file__).parent / 'tf2_without_core'}:{graph.environment.get('PYTHONPATH', '')}"
        graph.environment["PYTHONPATH"] = path
        super().__init__(graph, "target_frame:=map", *parameters)
        self.transforms = graph.node.create_publisher(TransformStamped, "/tf", 10)
        graph.spin_until(self.transforms.get_subscription_count)

    def transform(self, header: Header) -> TransformStamped:
        """The camera looks along x of the map, from 1 m above 10 m, 20 m."""
        message = TransformStamped(child_frame_id=header.frame_id)
        message.header = Header(stamp=header.stamp, frame_id="map")
        x, y, z, w = FORWARD
        message.transform.rotation = Quaternion(x=x, y=y, z=z, w=w)
        message.transform.translation = Vector3(x=10.0, y=20.0, z=1.0)
        return message

    def show(self, header: Header, *, with_transform: bool = True) -> None:
        if with_transform:
            self.transforms.publish(self.transform(header))
        self.info.publish(camera_info(header))
        self.depth.publish(depth_image(header))
        self.graph.spin_for(0.1)
        self.source.publish(detection_array(person(*BOX), header))

    def said(self, header: Header) -> Detection3DArray:
        return self.graph.spin_until(lambda: next((m for m in self.found if m.header.stamp == header.stamp), None))


def test_everything_is_in_the_target_frame_at_the_stamp_of_the_image(graph: Graph) -> None:
    bench = TransformBench(graph)
    header = bench.header()
    bench.show(header)
    message = bench.said(header)
    assert message.header == Header(stamp=header.stamp, frame_id="map")
    assert centre(message) == pytest.approx([12, 20, 1], abs=1e-3)
    [detection] = message.detections
    assert detection.header == message.header
    # The box's own axes are the camera's: it is as wide and high as before, and turned.
    assert (detection.bbox.size.x, detection.bbox.size.y) == pytest.approx((0.4, 0.8), abs=1e-3)
    q = detection.bbox.center.orientation
    assert (q.x, q.y, q.z, q.w) == pytest.approx(FORWARD)
    [result] = detection.results
    assert result.pose.pose == detection.bbox.center
    covariance = np.array(result.pose.covariance).reshape(6, 6)
    across = (2.0 * 0.05 * np.array([100, 200]) / 500) ** 2
    assert np.diag(covariance)[:3] == pytest.approx([1e-4, *across], rel=0.01)  # along the ray, which is x now
    graph.spin_until(lambda: bench.poses and bench.markers)
    assert bench.poses[0].header == message.header
    assert bench.poses[0].poses == [detection.bbox.center]
    _, box, text = bench.markers[0].markers
    assert {m.header.frame_id for m in bench.markers[0].markers} == {"map"}
    assert box.pose == detection.bbox.center
    assert (text.pose.position.x, text.pose.position.z) == pytest.approx((12, 1 + 0.4 + 0.15), abs=1e-3)
    assert text.text == "person 2.0 m"


def test_a_transform_that_comes_late_is_waited_for_and_one_that_never_comes_is_said(graph: Graph) -> None:
    bench = TransformBench(graph, "max_wait:=0.6")
    reports = graph.listen(DiagnosticArray, "/diagnostics")
    header = bench.header()
    bench.show(header, with_transform=False)
    graph.spin_for(0.2)
    bench.transforms.publish(bench.transform(header))
    assert centre(bench.said(header))[0] == pytest.approx(12, abs=1e-3)
    lost = bench.header()
    bench.show(lost, with_transform=False)
    wanted = (
        "no positions: no transform from 'camera_optical' to 'map' at its stamp: Lookup would require extrapolation"
    )
    graph.spin_until(lambda: wanted in bench.log())

    def counted() -> bool:
        mine = [r.status[0] for r in reports if r.status[0].name == "people/people_3d"]
        values = {v.key: v.value for v in mine[-1].values} if mine else {}
        return (values.get("without_transform"), values.get("withheld")) == ("1", "1")

    graph.spin_until(counted)
    assert [m.header.stamp for m in bench.found] == [header.stamp]
    assert len(bench.poses) == 1
    again = bench.header()
    bench.show(again)
    bench.said(again)
    assert "Traceback" not in bench.log()


def test_a_bag_that_begins_anew_is_transformed_too(graph: Graph) -> None:
    bench = TransformBench(graph)
    for shift in (0, -3600, -3599):
        header = bench.header()
        header.stamp.sec += shift
        bench.show(header, with_transform=shift != -3600)  # before the first image after the jump nothing is known
        if shift != -3600:
            assert bench.said(header).header.frame_id == "map"


def test_a_target_frame_without_tf2_refuses_to_configure_and_says_what_to_install(graph: Graph) -> None:
    (graph.folder / "tf2_ros.py").write_text("raise ModuleNotFoundError(\"No module named 'tf2_ros'\")\n")
    graph.environment["PYTHONPATH"] = f"{graph.folder}:{graph.environment.get('PYTHONPATH', '')}"
    graph.environment["ROS_DISTRO"] = "jazzy"
    process = graph.start("people_3d_node", "target_frame:=map")
    graph.spin_until(lambda: "configure failed: parameter target_frame='map' needs tf2's Python" in graph.log(process))
    assert "sudo apt install ros-jazzy-tf2-ros-py (rosdep key tf2_ros_py)" in graph.log(process)
    assert "Traceback" not in graph.log(process)


def test_nobody_looks_tf_is_not_heard(graph: Graph) -> None:
    bench = TransformBench(graph)
    for subscription in list(graph.node.subscriptions):
        if subscription.topic_name.startswith("/people/people_3d"):
            graph.node.destroy_subscription(subscription)
    graph.spin_until(lambda: not bench.transforms.get_subscription_count())


def test_with_a_real_model_node(graph: Graph) -> None:
    graph.start("peoplenet_node")
    graph.start("people_3d_node")
    found = graph.listen(Detection3DArray, "/people/people_3d")
    camera, depth = graph.camera(), graph.camera("/people/depth")
    info = graph.node.create_publisher(CameraInfo, "/people/camera_info", 10)

    def make() -> Image:
        image = graph.image(square(RED))
        info.publish(camera_info(image.header))
        depth.publish(depth_image(image.header))
        return image

    graph.send_until(camera, make, lambda: [m for m in found if m.detections])
    message = next(m for m in found if m.detections)
    assert centre(message) == pytest.approx([0, 0, 2], abs=0.05)


def test_nobody_looks_nothing_is_subscribed(graph: Graph) -> None:
    graph.start("people_3d_node")
    depth = graph.camera("/people/depth")
    graph.spin_until(lambda: graph.node.count_publishers("/people/people_3d"))
    graph.spin_for(0.5)
    assert depth.get_subscription_count() == 0


def test_depths_of_both_encodings_and_byte_orders() -> None:
    header = Header()
    for encoding in ("16UC1", "32FC1"):
        message = depth_image(header, near=2.5, encoding=encoding)
        values, unit = depth_from_message(message)
        assert values[180, 320] * unit == pytest.approx(2.5)
        message.data = values.byteswap().tobytes()
        message.is_bigendian = 1
        assert np.array_equal(depth_from_message(message)[0], values)
