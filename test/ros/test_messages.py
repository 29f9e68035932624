# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Results become messages that survive the wire, and come back as the same results."""

from __future__ import annotations

from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    Point2D,
    Pose2D,
)

from people_perception.results import Detections, Instances
from people_perception.ros.image import image_from_message
from people_perception.ros.messages import (
    detection_array,
    detections_from_message,
    image_message,
    instance_array,
    label_info,
)

HEADER = Header(stamp=Time(sec=12, nanosec=345), frame_id="camera_optical")
LABELS = ("person", "bag", "face")


def three(track_ids: list[int] | None = None) -> Detections:
    return Detections(
        boxes=np.array([[10, 20, 50, 100], [0.25, 0, 3.75, 8.5], [7, 7, 7, 7]], np.float32),
        scores=np.array([0.5, 1.75, 0.125], np.float32),
        class_ids=np.array([2, 0, 0]),
        labels=LABELS,
        track_ids=None if track_ids is None else np.array(track_ids),
    )


def over_the_wire(message: object) -> object:
    """The message as a subscriber gets it."""
    return deserialize_message(serialize_message(message), type(message))


class TestDetectionArray:
    def test_has_centres_sizes_label_texts_and_scores(self) -> None:
        received = over_the_wire(detection_array(three(), HEADER))
        boxes = [d.bbox for d in received.detections]
        values = [(box.center.position.x, box.center.position.y, box.size_x, box.size_y) for box in boxes]
        assert values == [(30.0, 60.0, 40.0, 80.0), (2.0, 4.25, 3.5, 8.5), (7.0, 7.0, 0.0, 0.0)]
        assert [box.center.theta for box in boxes] == [0.0] * 3
        assert [len(d.results) for d in received.detections] == [1] * 3
        hypotheses = [d.results[0].hypothesis for d in received.detections]
        assert [h.class_id for h in hypotheses] == ["face", "person", "person"]
        assert [h.score for h in hypotheses] == [0.5, 1.75, 0.125]

    def test_has_the_header_of_the_image_everywhere(self) -> None:
        received = over_the_wire(detection_array(three(), HEADER))
        assert received.header == HEADER
        assert [d.header for d in received.detections] == [HEADER] * 3

    def test_of_nobody_is_empty(self) -> None:
        received = over_the_wire(detection_array(Detections.empty(LABELS), HEADER))
        assert received.header == HEADER and len(received.detections) == 0

    def test_id_is_the_track(self) -> None:
        assert [d.id for d in detection_array(three(), HEADER).detections] == ["", "", ""]
        assert [d.id for d in detection_array(three([7, 0, 2**40]), HEADER).detections] == ["7", "0", "1099511627776"]

    def test_fields_have_the_types_that_rclpy_asserts(self) -> None:
        detection = detection_array(three([1, 2, 3]), HEADER).detections[0]
        box, hypothesis = detection.bbox, detection.results[0].hypothesis
        numbers = (box.center.position.x, box.center.position.y, box.size_x, box.size_y, hypothesis.score)
        assert {type(number) for number in numbers} == {float}
        assert type(detection.id) is str and type(hypothesis.class_id) is str


def test_instance_ids_are_the_values_in_the_mask() -> None:
    masks = np.zeros((3, 6, 8), bool)
    masks[0, :2], masks[1, 2:4], masks[2, 4:] = True, True, True
    instances = Instances(three(track_ids=[50, 60, 70]), masks)

    received = over_the_wire(instance_array(instances, HEADER))
    mask = image_from_message(over_the_wire(image_message(instances.id_mask(), "mono16", HEADER)))

    assert received.header == HEADER
    assert [d.results[0].hypothesis.class_id for d in received.detections] == ["face", "person", "person"]
    for i, detection in enumerate(received.detections):
        assert np.array_equal(mask == int(detection.id), masks[i])


class TestDetectionsFromMessage:
    @pytest.mark.parametrize("track_ids", [None, [3, 1, 2]])
    def test_is_the_inverse(self, track_ids: list[int] | None) -> None:
        sent = three(track_ids)
        back = detections_from_message(over_the_wire(detection_array(sent, HEADER)), LABELS)
        assert back.labels == LABELS
        for name in ("boxes", "scores", "class_ids"):
            assert np.array_equal(getattr(back, name), getattr(sent, name)), name
            assert getattr(back, name).dtype == getattr(sent, name).dtype, name
        assert back.track_ids is None if track_ids is None else back.track_ids.tolist() == track_ids

    def test_of_an_empty_array(self) -> None:
        back = detections_from_message(Detection2DArray(), LABELS)
        assert len(back) == 0 and back.labels == LABELS and back.track_ids is None

    def test_labels_are_numbered_as_they_appear(self) -> None:
        back = detections_from_message(detection_array(three(), HEADER))
        assert back.labels == ("face", "person") and back.class_ids.tolist() == [0, 1, 1]

    def test_unknown_labels_come_after_the_known(self) -> None:
        back = detections_from_message(detection_array(three(), HEADER), ("person", "dog"))
        assert back.labels == ("person", "dog", "face") and back.names() == ["face", "person", "person"]

    def test_ids_that_are_no_numbers_are_no_tracks(self) -> None:
        message = detection_array(three([1, 2, 3]), HEADER)
        message.detections[1].id = "a0c5"
        assert detections_from_message(message).track_ids is None

    def test_the_best_hypothesis_counts(self) -> None:
        message = detection_array(three(), HEADER)
        better = ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id="bag", score=0.75))
        message.detections[0].results = [*message.detections[0].results, better]
        back = detections_from_message(message, LABELS)
        assert back.names()[0] == "bag" and back.scores[0] == 0.75

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
    def test_boxes_that_are_not_finite_are_left_out(self, value: float) -> None:
        for spoil in (
            lambda d: setattr(d.bbox, "size_x", value),
            lambda d: setattr(d.bbox.center.position, "y", value),
            lambda d: setattr(d.results[0].hypothesis, "score", value),
            lambda d: setattr(d, "results", []),
        ):
            message = detection_array(three(), HEADER)
            spoil(message.detections[1])
            back = detections_from_message(message, LABELS)
            assert np.array_equal(back.boxes, three().boxes[[0, 2]]) and back.names() == ["face", "person"]

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.lists(st.floats(), min_size=5, max_size=5),
                st.lists(st.tuples(st.text(max_size=4), st.floats()), max_size=2),
                st.text(max_size=3) | st.integers(0, 2**70).map(str),
            ),
            max_size=4,
        )
    )
    def test_takes_any_message(self, drawn: list[tuple[list[float], list[tuple[str, float]], str]]) -> None:
        message = Detection2DArray(
            detections=[
                Detection2D(
                    id=identity,
                    bbox=BoundingBox2D(center=Pose2D(position=Point2D(x=x, y=y), theta=t), size_x=w, size_y=h),
                    results=[
                        ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id=label, score=score))
                        for label, score in hypotheses
                    ],
                )
                for (x, y, t, w, h), hypotheses, identity in drawn
            ]
        )
        back = detections_from_message(message)
        assert np.isfinite(back.boxes).all() and np.isfinite(back.scores).all()
        assert len(back.names()) == len(back) <= len(drawn)


class TestImageMessage:
    @pytest.mark.parametrize(
        ("encoding", "shape", "dtype", "step"),
        [("mono8", (3, 5), np.uint8, 5), ("mono16", (3, 5), np.uint16, 10), ("bgr8", (3, 5, 3), np.uint8, 15)],
    )
    @pytest.mark.parametrize(
        "arrange", [np.copy, np.asfortranarray, lambda a: a[::-1, ::-1]], ids=["C", "F", "reversed"]
    )
    def test_comes_back_as_it_was(
        self, encoding: str, shape: tuple[int, ...], dtype: type, step: int, arrange: type
    ) -> None:
        picture: NDArray = arrange(
            np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
        )
        sent = image_message(picture, encoding, HEADER)
        assert isinstance(sent.data, array)

        received = over_the_wire(sent)

        assert isinstance(received, Image) and received.header == HEADER
        assert (received.height, received.width, received.encoding, received.step) == (3, 5, encoding, step)
        assert len(received.data) == 3 * step
        back = image_from_message(received)
        assert back.dtype == dtype and np.array_equal(back, picture)

    @pytest.mark.parametrize(
        ("encoding", "shape", "dtype"),
        [
            ("mono8", (3, 5), np.uint16),
            ("mono8", (3, 5, 3), np.uint8),
            ("mono16", (3, 5), np.int32),
            ("bgr8", (3, 5), np.uint8),
            ("bgr8", (3, 5, 4), np.uint8),
            ("bgr8", (3, 5, 3), np.float32),
            ("rgb8", (3, 5, 3), np.uint8),
        ],
    )
    def test_refuses_what_the_encoding_does_not_say(self, encoding: str, shape: tuple[int, ...], dtype: type) -> None:
        with pytest.raises(ValueError, match=rf"for {encoding}; expected uint8 \(H, W\) for mono8"):
            image_message(np.zeros(shape, dtype), encoding, HEADER)


def test_label_info_names_the_class_ids() -> None:
    received = over_the_wire(label_info(("background", "person"), np.float32(0.25), HEADER))
    assert isinstance(received, LabelInfo) and received.header == HEADER and received.threshold == 0.25
    assert [(c.class_id, c.class_name) for c in received.class_map] == [(0, "background"), (1, "person")]
