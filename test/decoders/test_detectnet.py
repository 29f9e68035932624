# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""DetectNet_v2 against what TAO Deploy and DeepStream made of the same tensors, and against plain implementations."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people_perception.benchmark import plain_detectnet as reference
from people_perception.catalogue import ModelSpec, get_spec
from people_perception.decoders import make_decoder
from people_perception.decoders.detectnet import DetectNetDecoder, absolute_boxes
from people_perception.errors import PerceptionError

Outputs = dict[str, np.ndarray]

TAO: dict[str, dict[str, Any]] = {
    "dbscan_tao": {
        "coverage_threshold": 0.005,
        "dbscan_eps": 0.3,
        "dbscan_min_samples": 1,
        "min_height": 4,
        "confidence_threshold": {"person": 0.9, "bag": 0.9, "face": 0.7},
    },
    "dbscan_loose": {
        "coverage_threshold": 0.05,
        "dbscan_eps": 0.7,
        "dbscan_min_samples": 1,
        "min_height": 8,
        "confidence_threshold": 0.35,
    },
}


def golden(kind: str) -> list[str]:
    """The names of the recorded frames, one test each; a single name that skips where the assets are absent."""
    folder = Path(os.environ.get("PP_ASSETS", Path(__file__).parents[3] / "shared" / "assets")) / "golden"
    return sorted(p.name for p in folder.glob(kind)) or ["absent"]


FRAMES = golden("peoplenet_*.npz") + golden("facedetectir_*.npz")


def spec_of(frame: str) -> ModelSpec:
    return get_spec("peoplenet" if frame.startswith("peoplenet") else "facedetect_ir")


def outputs(cov: np.ndarray, bbox: np.ndarray) -> Outputs:
    return {"output_cov/Sigmoid": cov, "output_bbox/BiasAdd": bbox}


def cell(
    spec: ModelSpec, label: str, x: int, y: int, coverage: float, box: tuple[float, float, float, float]
) -> Outputs:
    """Empty outputs but for one cell that predicts a box in network pixels."""
    width, height = spec.input.size
    n = len(spec.labels)
    cov = np.zeros((n, height // 16, width // 16), np.float32)
    bbox = np.zeros((4 * n, height // 16, width // 16), np.float32)
    put(cov, bbox, spec.labels.index(label), x, y, coverage, box)
    return outputs(cov, bbox)


def put(
    cov: np.ndarray,
    bbox: np.ndarray,
    index: int,
    x: int,
    y: int,
    coverage: float,
    box: tuple[float, float, float, float],
) -> None:
    cov[index, y, x] = coverage
    centre = np.array([x, y, x, y]) * 16 + 0.5
    bbox[4 * index : 4 * index + 4, y, x] = (np.array(box) - centre) / 35 * [-1, -1, 1, 1]


class TestGolden:
    @pytest.mark.parametrize("frame", FRAMES)
    def test_boxes_before_clustering_are_tao_s_bit_for_bit(self, assets: Path, frame: str) -> None:
        with np.load(assets / "golden" / frame) as recorded:
            bbox, expected = recorded["bbox"], recorded["abs_bbox_c4wh"]
        classes, _, width, height = expected.shape
        boxes = absolute_boxes(bbox, *np.divmod(np.arange(classes * height * width), height * width))
        np.testing.assert_array_equal(boxes.reshape(4, classes, height, width).transpose(1, 0, 3, 2), expected)

    @pytest.mark.parametrize("config", TAO)
    @pytest.mark.parametrize("frame", FRAMES)
    def test_dbscan_is_tao_s(self, assets: Path, frame: str, config: str) -> None:
        spec, options = spec_of(frame), dict(TAO[config])
        if config == "dbscan_tao" and spec.labels == ("face",):
            options["confidence_threshold"] = 0.9
        decode = make_decoder(spec, clustering="dbscan", **options)
        with np.load(assets / "golden" / frame) as recorded:
            tensors = outputs(recorded["cov"], recorded["bbox"])
            in_source, in_network = recorded[f"{config}__orig"], recorded[f"{config}__net"]
            image_size = tuple(recorded["orig_wh"].tolist())
        found = decode(tensors, image_size=image_size)
        np.testing.assert_array_equal(found.class_ids + 1, in_source[:, 0])
        np.testing.assert_array_equal(found.scores, in_source[:, 1])
        np.testing.assert_allclose(found.boxes, in_source[:, 2:6], rtol=0, atol=1.3e-4)  # half an ulp of float32
        found = decode(tensors)
        limit = np.tile(spec.input.size, 2)
        np.testing.assert_array_equal(found.boxes, np.clip(in_network[:, 2:6], 0, limit))

    @pytest.mark.parametrize("frame", FRAMES)
    def test_suppression_is_deepstream_s(self, assets: Path, frame: str) -> None:
        spec = spec_of(frame)
        with np.load(assets / "golden" / f"ds_nms_{frame}") as recorded:
            threshold = dict(zip(spec.labels, recorded["pre_cluster_threshold"].tolist(), strict=True))
            options = {"nms_iou": float(recorded["nms_iou_threshold"]), "top_k": int(recorded["topk"])}
            expected = recorded["cls_score_ltwh"]
        with np.load(assets / "golden" / frame) as recorded:
            tensors = outputs(recorded["cov"], recorded["bbox"])
        found = make_decoder(spec, clustering="nms", confidence_threshold=threshold, **options)(tensors)
        np.testing.assert_array_equal(found.class_ids, expected[:, 0])
        np.testing.assert_array_equal(found.scores, expected[:, 1])
        corners = np.concatenate([expected[:, 2:4], expected[:, 2:4] + expected[:, 4:]], axis=1)
        np.testing.assert_allclose(found.boxes, corners, rtol=0, atol=2e-4)

    @pytest.mark.parametrize("frame", FRAMES)
    def test_tao_s_suppression_has_the_right_boxes_and_ours_the_right_scores(self, assets: Path, frame: str) -> None:
        """TAO counts pixels (IoU with + 1) and shuffles the scores: same boxes where the two conventions agree."""
        with np.load(assets / "golden" / frame) as recorded:
            cov, bbox, theirs = recorded["cov"], recorded["bbox"], recorded["nms__net"]
        boxes, scores = reference.absolute_boxes(bbox), cov.transpose(0, 2, 1)
        for index in range(len(cov)):
            valid = scores[index] > np.float32(0.005)
            candidates, coverage = boxes[index][:, valid].T, scores[index][valid]
            kept = np.array(reference.greedy_nms(candidates.astype(np.float64), coverage, 0.5, plus_one=1), int)
            kept = kept[coverage[kept] > (0.4 if spec_of(frame).labels[index] == "person" else 0.2)]
            expected = theirs[theirs[:, 0] == index, 2:6]
            assert sorted(map(tuple, candidates[kept].tolist())) == sorted(map(tuple, expected.tolist()))


@st.composite
def random_frames(draw: st.DrawFn) -> Outputs:
    """Random tensors of one image: some cells anywhere, or some people seen by many cells each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    height, width = draw(st.sampled_from([(1, 1), (1, 7), (5, 3), (15, 24), (34, 60)]))
    cov = np.where(rng.random((3, height, width)) < draw(st.sampled_from([0.05, 0.5, 1.0])), rng.random(), 0)
    cov = (cov * rng.random(cov.shape)).astype(np.float32)
    bbox = rng.normal(0, draw(st.sampled_from([0.5, 3.0, 50.0])), (12, height, width)).astype(np.float32)
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 4))):
            x1, y1 = rng.uniform(0, [width * 12, height * 12])
            box = np.array([x1, y1, x1 + rng.uniform(20, 300), y1 + rng.uniform(20, 300)])
            index = rng.integers(0, 3)
            for y in range(max(0, int(box[1] // 16)), min(height, int(box[3] // 16) + 1)):
                for x in range(max(0, int(box[0] // 16)), min(width, int(box[2] // 16) + 1)):
                    put(cov, bbox, index, x, y, rng.random(), tuple(box + rng.normal(0, 3, 4)))
    return outputs(cov, bbox)


class TestAgainstPlainImplementation:
    @settings(max_examples=60, deadline=None)
    @given(random_frames(), st.sampled_from([0.1, 0.3, 0.7]), st.sampled_from([0.05, 1.0, 2.5]), st.floats(0, 2))
    def test_dbscan(self, tensors: Outputs, eps: float, min_samples: float, confidence: float) -> None:
        pytest.importorskip("sklearn")
        decode = make_decoder(
            get_spec("peoplenet"),
            clustering="dbscan",
            dbscan_eps=eps,
            dbscan_min_samples=min_samples,
            coverage_threshold=0.02,
            min_height=5,
            confidence_threshold=confidence,
        )
        found = decode(tensors, image_size=(1280, 720))
        expected = reference.decode_dbscan(
            *tensors.values(), 0.02, eps, min_samples, 5, [np.float32(confidence)] * 3, (1280, 720)
        )
        np.testing.assert_array_equal(found.class_ids, expected[:, 0])
        np.testing.assert_array_equal(found.scores, expected[:, 1])
        np.testing.assert_allclose(found.boxes, expected[:, 2:], rtol=0, atol=1e-3)

    @settings(max_examples=60, deadline=None)
    @given(random_frames(), st.sampled_from([0.3, 0.5]), st.sampled_from([1, 5, 1000]), st.floats(0.02, 0.6))
    def test_suppression(self, tensors: Outputs, iou: float, top_k: int, confidence: float) -> None:
        decode = make_decoder(
            get_spec("peoplenet"), clustering="nms", nms_iou=iou, top_k=top_k, confidence_threshold=confidence
        )
        found = decode(tensors, image_size=(1280, 720))
        expected = reference.decode_nms(*tensors.values(), iou, top_k, [confidence] * 3, (1280, 720))
        np.testing.assert_array_equal(found.class_ids, expected[:, 0])
        np.testing.assert_array_equal(found.scores, expected[:, 1])
        np.testing.assert_allclose(found.boxes, expected[:, 2:], rtol=0, atol=1e-3)

    @settings(max_examples=100, deadline=None)
    @given(random_frames(), st.sampled_from(["dbscan", "nms"]), st.sampled_from([1, 1e5, 1e36]))
    def test_boxes_are_inside_the_image_whatever_the_network_says(
        self, tensors: Outputs, clustering: str, size: float
    ) -> None:
        tensors["output_bbox/BiasAdd"] = tensors["output_bbox/BiasAdd"] * np.float32(size)
        decode = make_decoder(get_spec("peoplenet"), clustering=clustering, confidence_threshold=0.01)
        found = decode(tensors, image_size=(641, 479))
        assert np.isfinite(found.boxes).all()
        assert np.isfinite(found.scores).all()
        assert (found.boxes >= 0).all()
        assert (found.boxes <= [641, 479, 641, 479]).all()
        assert (found.boxes[:, :2] <= found.boxes[:, 2:]).all()
        order = np.lexsort((-found.scores, found.class_ids))
        np.testing.assert_array_equal(order, np.arange(len(found)))


class TestDecoding:
    def test_one_cell(self) -> None:
        tensors = cell(get_spec("peoplenet"), "bag", 10, 5, 0.95, (100, 60, 200, 160))
        found = make_decoder(get_spec("peoplenet"), clustering="nms")(tensors, image_size=(1920, 1088))
        assert found.names() == ["bag"]
        np.testing.assert_allclose(found.boxes, [[200, 120, 400, 320]], atol=1e-3)
        np.testing.assert_array_equal(found.scores, np.float32([0.95]))

    @pytest.mark.parametrize("clustering", ["dbscan", "nms"])
    def test_score_at_the_threshold_is_enough(self, clustering: str) -> None:
        spec = get_spec("facedetect_ir")
        tensors = cell(spec, "face", 3, 3, 1.0, (40, 40, 80, 90))
        decode = make_decoder(spec, clustering=clustering, confidence_threshold=1)
        assert len(decode(tensors)) == 1
        decode.configure(confidence_threshold=1.001)
        assert len(decode(tensors)) == 0

    def test_score_of_a_cluster_is_the_sum_of_its_coverage(self) -> None:
        spec = get_spec("facedetect_ir")
        tensors = cell(spec, "face", 3, 3, 0.75, (40, 40, 80, 90))
        put(*tensors.values(), 0, 4, 3, 0.5, (44, 40, 84, 90))
        found = make_decoder(spec)(tensors)
        np.testing.assert_array_equal(found.scores, np.float32([1.25]))
        np.testing.assert_allclose(found.boxes, [[41.6, 40, 81.6, 90]], atol=1e-4)  # weighted 3 : 2

    def test_cells_are_clustered_column_by_column(self) -> None:
        """A cell between two clusters joins the one that begins further left, even if the other begins further up."""
        spec = get_spec("facedetect_ir")
        tensors = cell(spec, "face", 5, 0, 0.75, (50, 50, 60, 60))
        for x, y, coverage, left in ((6, 0, 0.25, 52), (8, 8, 0.125, 55), (2, 9, 0.25, 58), (1, 9, 0.75, 60)):
            put(*tensors.values(), 0, x, y, coverage, (left, 50, left + 10, 60))
        found = make_decoder(spec, dbscan_eps=0.5)(tensors)
        assert found.scores.tolist() == [1.125, 1.0]
        assert found.boxes[0, 0] > found.boxes[1, 0]

    def test_network_size_comes_from_the_grid(self) -> None:
        spec = get_spec("peoplenet")
        small = replace(spec, input=replace(spec.input, size=(480, 272)))
        tensors = cell(small, "person", 5, 5, 0.95, (100, 60, 200, 160))
        decode = make_decoder(spec, clustering="nms")
        np.testing.assert_allclose(decode(tensors).boxes, [[100, 60, 200, 160]], atol=1e-3)
        np.testing.assert_allclose(decode(tensors, image_size=(960, 544)).boxes, [[200, 120, 400, 320]], atol=1e-3)

    def test_size_that_is_no_multiple_of_the_stride(self) -> None:
        spec = get_spec("peoplenet")
        odd = replace(spec, input=replace(spec.input, size=(1000, 500)))
        tensors = outputs(np.zeros((3, 32, 63), np.float32), np.zeros((12, 32, 63), np.float32))
        put(*tensors.values(), 0, 5, 5, 0.95, (100, 60, 200, 160))
        found = make_decoder(odd, clustering="nms")(tensors, image_size=(2000, 1000))
        np.testing.assert_allclose(found.boxes, [[200, 120, 400, 320]], atol=1e-3)

    def test_own_classes(self) -> None:
        spec = replace(
            get_spec("peoplenet"),
            labels=("forklift", "pallet"),
            options={
                **get_spec("peoplenet").options,
                "confidence_threshold": {"forklift": 0.5, "pallet": 0.9},
            },
            nms_options={},
        )
        tensors = cell(spec, "pallet", 5, 5, 0.8, (100, 60, 200, 160))
        decode = make_decoder(spec, clustering="nms")
        assert len(decode(tensors)) == 0
        decode.configure(confidence_threshold={"pallet": 0.7})
        assert decode(tensors).names() == ["pallet"]
        assert decode.options["confidence_threshold"] == {"forklift": 0.5, "pallet": 0.7}

    @pytest.mark.parametrize("clustering", ["dbscan", "nms"])
    def test_nobody(self, clustering: str) -> None:
        tensors = outputs(np.zeros((3, 34, 60), np.float32), np.zeros((12, 34, 60), np.float32))
        found = make_decoder(get_spec("peoplenet"), clustering=clustering)(tensors, image_size=(640, 480))
        assert (len(found), found.boxes.shape, found.labels) == (0, (0, 4), ("person", "bag", "face"))

    def test_boxes_of_small_height_are_dropped(self) -> None:
        spec = get_spec("facedetect_ir")
        decode = make_decoder(spec, confidence_threshold=0.5)
        assert len(decode(cell(spec, "face", 3, 3, 1.0, (40, 40, 80, 43.9)))) == 0
        assert len(decode(cell(spec, "face", 3, 3, 1.0, (40, 40, 80, 44.1)))) == 1

    def test_names_with_suffix_batch_axis_and_half_precision(self) -> None:
        spec = get_spec("peoplenet")
        tensors = cell(spec, "person", 10, 5, 1.0, (100, 60, 200, 160))
        expected = make_decoder(spec)(tensors)
        other = {f"{name}:0": tensor[None].astype(np.float16) for name, tensor in tensors.items()}
        found = make_decoder(spec)(other)
        np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.2)
        assert len(found) == len(expected) == 1


class TestErrors:
    def decoder(self) -> DetectNetDecoder:
        return DetectNetDecoder(get_spec("peoplenet"))

    @pytest.mark.parametrize(
        ("cov", "bbox", "message"),
        [
            ((2, 34, 60), (12, 34, 60), r"'output_cov/Sigmoid' has 2 channels .*expected 3 .*person, bag, face"),
            ((3, 34, 60), (3, 34, 60), r"'output_bbox/BiasAdd' has 3 channels .*expected 12"),
            ((3, 34, 60), (12, 15, 24), r"'output_bbox/BiasAdd' has shape \(12, 15, 24\); .*coverage, \(34, 60\)"),
            ((3, 0, 60), (12, 0, 60), r"'output_cov/Sigmoid' has shape \(3, 0, 60\); expected a grid with cells"),
            (
                (2, 3, 34, 60),
                (12, 34, 60),
                r"'output_cov/Sigmoid' has shape .*expected 3 axes, or one more for a batch",
            ),
            ((34, 60), (12, 34, 60), r"'output_cov/Sigmoid' has shape \(34, 60\); expected 3 axes"),
        ],
    )
    def test_wrong_shape(self, cov: tuple[int, ...], bbox: tuple[int, ...], message: str) -> None:
        with pytest.raises(PerceptionError, match=message):
            self.decoder()(outputs(np.zeros(cov, np.float32), np.zeros(bbox, np.float32)))

    def test_missing_tensor(self) -> None:
        with pytest.raises(PerceptionError, match=r"no tensor 'output_bbox/BiasAdd' .*\('output_cov/Sigmoid', 'x'\)"):
            self.decoder()({"output_cov/Sigmoid": np.zeros((3, 34, 60), np.float32), "x": np.zeros(1)})

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("name", ["output_cov/Sigmoid", "output_bbox/BiasAdd"])
    def test_not_finite(self, name: str, value: float) -> None:
        tensors = outputs(np.zeros((3, 34, 60), np.float32), np.zeros((12, 34, 60), np.float32))
        tensors[name][1, 2, 3] = value
        with pytest.raises(PerceptionError, match=f"'{name}' holds 1 of [0-9]+ values that are NaN or infinite"):
            self.decoder()(tensors)

    def test_wrong_type(self) -> None:
        tensors = outputs(np.zeros((3, 34, 60), np.int32), np.zeros((12, 34, 60), np.float32))
        with pytest.raises(PerceptionError, match=r"'output_cov/Sigmoid' is int32 \(3, 34, 60\); expected float32"):
            self.decoder()(tensors)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"dbscan_epsilon": 0.3},
                "peoplenet has no option 'dbscan_epsilon'; it has clustering, coverage_threshold",
            ),
            ({"dbscan_eps": 1.5}, "dbscan_eps=1.5: expected a number from 0.0 to 0.99"),
            ({"top_k": 0}, "top_k=0: expected an integer from 1 to"),
            ({"top_k": 2.5}, "top_k=2.5: expected an integer"),
            ({"nms_iou": float("nan")}, "nms_iou=nan: expected a number from 0.0 to 1.0"),
            ({"clustering": "hybrid"}, "clustering='hybrid': expected one of dbscan, nms"),
            (
                {"confidence_threshold": {"dog": 0.5}},
                "confidence_threshold: unknown label 'dog'; the labels are person",
            ),
            ({"confidence_threshold": {"bag": -1}}, r"confidence_threshold\[bag\]=-1: expected a number from 0.0"),
        ],
    )
    def test_wrong_option(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            DetectNetDecoder(get_spec("peoplenet"), **options)
        decoder = self.decoder()
        before = dict(decoder.options)
        with pytest.raises(ValueError, match=message):
            decoder.configure(min_height=8, **options)
        assert decoder.options == before

    def test_description_without_an_option(self) -> None:
        spec = get_spec("peoplenet")
        spec = replace(spec, options={k: v for k, v in spec.options.items() if k != "min_height"})
        with pytest.raises(
            PerceptionError, match=r"peoplenet\.yaml: options has no 'min_height'; it is: Boxes of this"
        ):
            DetectNetDecoder(spec)
        spec = get_spec("peoplenet")
        spec = replace(spec, options={**spec.options, "confidence_threshold": {"person": 0.5}})
        with pytest.raises(PerceptionError, match="options.confidence_threshold has no value for label 'bag'"):
            DetectNetDecoder(spec)


def test_the_suppression_brings_deepstreams_thresholds_along() -> None:
    spec = get_spec("peoplenet")
    assert DetectNetDecoder(spec, clustering="nms").options["confidence_threshold"] == {
        "person": 0.4,
        "bag": 0.2,
        "face": 0.2,
    }
    chosen = DetectNetDecoder(spec, clustering="nms", confidence_threshold={"person": 0.3})
    assert chosen.options["confidence_threshold"] == {"person": 0.3, "bag": 0.2, "face": 0.2}
