# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from people_perception.catalogue import get_spec
from people_perception.decoders.ssd import SsdDecoder, decode_boxes, ssd_anchors
from people_perception.errors import PerceptionError

PERSON = 4  # the class's place among the 24
WIDE = 19 * 19 * 3 + 1  # an anchor of the second grid's first cell with ratio 2


def outputs(**logits: float) -> dict[str, np.ndarray]:
    """Tensors in which the anchors ``a<number>`` have those logits of a person and sit exactly on their anchor."""
    scores = np.full((1, 1917, 24), -20.0, np.float32)
    for name, logit in logits.items():
        scores[0, int(name[1:]), PERSON] = logit
    return {
        "raw_outputs/box_encodings": np.zeros((1, 1917, 4), np.float32),
        "raw_outputs/class_predictions": scores,
    }


def decoder(**options: float) -> SsdDecoder:
    return SsdDecoder(get_spec("open_person"), **{"confidence_threshold": 0.25, **options})


class TestAnchors:
    def test_count_and_order(self) -> None:
        anchors = ssd_anchors()
        assert anchors.shape == (1917, 4)
        np.testing.assert_allclose(anchors[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1], rtol=1e-6)
        np.testing.assert_allclose(anchors[3, :2], [1.5 / 19, 0.5 / 19], rtol=1e-6)  # x runs first
        np.testing.assert_allclose(anchors[-1], [0.5, 0.5, (0.95 * 1.0) ** 0.5, (0.95 * 1.0) ** 0.5], rtol=1e-6)

    def test_shapes_of_a_cell(self) -> None:
        cell = ssd_anchors()[19 * 19 * 3 :][:6]
        np.testing.assert_allclose(cell[:, 2] / cell[:, 3], [1, 2, 1 / 2, 3, 1 / 3, 1], rtol=1e-5)
        np.testing.assert_allclose((cell[:, 2] * cell[:, 3]) ** 0.5, [0.35] * 5 + [(0.35 * 0.5) ** 0.5], rtol=1e-5)


def test_box_encodings_are_y_x_height_width() -> None:
    anchors = np.array([[0.5, 0.4, 0.2, 0.1]], np.float32)
    encodings = np.array([[1.0, 2.0, 5 * np.log(3), 5 * np.log(2)]], np.float32)
    # centre (.5 + 2/10*.2, .4 + 1/10*.1), width .2*2, height .1*3
    expected = [0.54 - 0.2, 0.41 - 0.15, 0.54 + 0.2, 0.41 + 0.15]
    np.testing.assert_allclose(decode_boxes(encodings, anchors)[0], expected, rtol=1e-5)


def test_person_lands_in_source_pixels() -> None:
    last = decoder()(outputs(a1916=2.0), image_size=(640, 480))
    side = 0.95**0.5
    expected = [640 * (0.5 - side / 2), 480 * (0.5 - side / 2), 640 * (0.5 + side / 2), 480 * (0.5 + side / 2)]
    np.testing.assert_allclose(last.boxes, [expected], rtol=1e-5)
    assert last.names() == ["person"]
    np.testing.assert_allclose(last.scores, [1 / (1 + np.exp(-2.0))], rtol=1e-6)


def test_boxes_are_clipped_to_the_image() -> None:
    found = decoder()(outputs(**{f"a{WIDE}": 3.0}), image_size=(1000, 500))
    assert found.boxes.min() == 0
    assert found.boxes[0, 2] > 0


def test_nothing_in_an_empty_image() -> None:
    assert len(decoder()(outputs())) == 0


def test_other_classes_are_not_persons() -> None:
    tensors = outputs()
    tensors["raw_outputs/class_predictions"][:, :, [0, 1, 3, 5, 23]] = 8.0
    assert len(decoder()(tensors)) == 0


def test_threshold_is_the_lowest_score_kept() -> None:
    tensors = outputs(a1916=0.0)
    assert len(decoder(confidence_threshold=0.5)(tensors)) == 1
    assert len(decoder(confidence_threshold=0.51)(tensors)) == 0
    assert len(decoder(confidence_threshold={"person": 0.51})(tensors)) == 0  # type: ignore[arg-type]


def test_best_of_overlapping_boxes_and_best_first() -> None:
    first, same = 0, 1900  # an anchor at the image's corner and one in its middle
    tensors = outputs(**{f"a{first}": 1.0, f"a{same}": 2.0, f"a{same + 1}": -0.5})
    tensors["raw_outputs/box_encodings"][0, same + 1] = 0
    found = decoder(nms_iou=0.3)(tensors)
    assert (np.diff(found.scores) <= 0).all()
    assert len(decoder(nms_iou=1.0)(tensors)) == 3
    assert len(decoder(nms_iou=1.0, top_k=1)(tensors)) == 1
    np.testing.assert_allclose(decoder(nms_iou=1.0, top_k=1)(tensors).scores, found.scores[:1])


def test_several_labels_are_suppressed_each_on_its_own_and_cut_together() -> None:
    spec = replace(get_spec("open_person"), labels=("person", "dog"), class_columns=(PERSON, 20))
    tensors = outputs(a1916=1.0)
    tensors["raw_outputs/class_predictions"][0, 1916, 20] = 3.0
    found = SsdDecoder(spec, confidence_threshold={"person": 0.5, "dog": 0.9})(tensors)
    assert found.names() == ["dog", "person"]
    assert SsdDecoder(spec, top_k=1)(tensors).names() == ["dog"]


def test_tensor_names_and_batch_axis_do_not_matter() -> None:
    tensors = {f"{name}:0": value[0] for name, value in outputs(a1916=2.0).items()}
    assert len(decoder()(tensors)) == 1


def test_extreme_encodings_do_not_overflow() -> None:
    tensors = outputs(a1916=2.0)
    tensors["raw_outputs/box_encodings"][0, 1916] = [0, 0, 5000, 5000]
    with np.errstate(over="raise"):
        np.testing.assert_array_equal(decoder()(tensors).boxes, [[0, 0, 300, 300]])


@pytest.mark.parametrize("shape", [(1, 1917, 4), (1, 900, 24)])
def test_refuses_tensors_of_another_network(shape: tuple[int, ...]) -> None:
    tensors = outputs()
    tensors["raw_outputs/class_predictions"] = np.zeros(shape, np.float32)
    with pytest.raises(PerceptionError, match="open_person has boxes"):
        decoder()(tensors)


@pytest.mark.parametrize("name", ["raw_outputs/box_encodings", "raw_outputs/class_predictions"])
def test_refuses_nan(name: str) -> None:
    tensors = outputs()
    tensors[name][0, 5, 2] = np.nan
    with pytest.raises(PerceptionError, match="NaN"):
        decoder()(tensors)


def test_options_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"nms_iou=1\.5: expected a number from 0\.0 to 1\.0"):
        decoder(nms_iou=1.5)
    with pytest.raises(ValueError, match="no option 'clustering'"):
        SsdDecoder(get_spec("open_person"), clustering="nms")
