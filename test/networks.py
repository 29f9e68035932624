# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Small networks with the real tensor names and shapes, whose answers a test can foresee.

- detectnet: coverage of class c is the mean of colour channel c of a cell, so a red square is a person, a green one a
  bag and a blue one a face; each cell votes for a box of 160x160 network pixels around its centre.
- semantic: person where the image is bright.
- mask_rcnn: one person in the left half of the input with a full mask.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HALF_BOX = 80.0


def detectnet(path: Path, classes: int = 3, size: tuple[int, int] = (960, 544)) -> Path:
    """A DetectNet_v2: input_1:0 -> output_cov/Sigmoid:0, output_bbox/BiasAdd:0."""
    width, height = size
    pick = np.eye(3, dtype=np.float32)[:classes].reshape(classes, 3, 1, 1)
    zeros = np.zeros((4 * classes, 3, 1, 1), np.float32)
    half = np.full(4 * classes, HALF_BOX / 35, np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input_1:0"], ["cells"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Conv", ["cells", "pick"], ["output_cov/Sigmoid:0"]),
        helper.make_node("Conv", ["cells", "zeros", "half"], ["output_bbox/BiasAdd:0"]),
    ]
    grid = [height // 16, width // 16]
    return _save(
        path,
        nodes,
        ("input_1:0", [1, 3, height, width]),
        [
            ("output_cov/Sigmoid:0", TensorProto.FLOAT, [1, classes, *grid]),
            ("output_bbox/BiasAdd:0", TensorProto.FLOAT, [1, 4 * classes, *grid]),
        ],
        {"pick": pick, "zeros": zeros, "half": half},
    )


def fragile(path: Path, size: tuple[int, int] = (960, 544)) -> Path:
    """A detectnet whose coverage is NaN when the image is black all over."""
    width, height = size
    grid = [height // 16, width // 16]
    pick = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    zeros, half = np.zeros((12, 3, 1, 1), np.float32), np.full(12, HALF_BOX / 35, np.float32)
    nodes = [
        helper.make_node("AveragePool", ["input_1:0"], ["cells"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Conv", ["cells", "pick"], ["coverage"]),
        helper.make_node("ReduceMax", ["input_1:0"], ["brightest"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Div", ["brightest", "brightest"], ["one"]),
        helper.make_node("Mul", ["coverage", "one"], ["output_cov/Sigmoid:0"]),
        helper.make_node("Conv", ["cells", "zeros", "half"], ["output_bbox/BiasAdd:0"]),
    ]
    outputs = [
        ("output_cov/Sigmoid:0", TensorProto.FLOAT, [1, 3, *grid]),
        ("output_bbox/BiasAdd:0", TensorProto.FLOAT, [1, 12, *grid]),
    ]
    constants = {"pick": pick, "zeros": zeros, "half": half}
    return _save(path, nodes, ("input_1:0", [1, 3, height, width]), outputs, constants)


def semantic(path: Path, size: tuple[int, int] = (960, 544)) -> Path:
    """A PeopleSemSegNet: input_2:0 -> argmax_1, INT64."""
    width, height = size
    nodes = [
        helper.make_node("ReduceMean", ["input_2:0"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Greater", ["mean", "zero"], ["bright"]),
        helper.make_node("Cast", ["bright"], ["ids"], to=TensorProto.INT64),
        helper.make_node("Transpose", ["ids"], ["argmax_1"], perm=[0, 2, 3, 1]),
    ]
    output = ("argmax_1", TensorProto.INT64, [1, height, width, 1])
    return _save(path, nodes, ("input_2:0", [1, 3, height, width]), [output], {"zero": np.float32(0)})


def mask_rcnn(path: Path, size: tuple[int, int] = (960, 576)) -> Path:
    """A PeopleSegNet: Input -> generate_detections, mask_fcn_logits/BiasAdd."""
    width, height = size
    rows = np.zeros((1, 100, 6), np.float32)
    rows[0, 0] = (100, 100, 400, 300, 1, 0.95)  # y1, x1, y2, x2, class, score
    logits = np.full((1, 100, 2, 28, 28), 4.0, np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["Input"], ["mean"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["generate_detections"]),
        helper.make_node("Add", ["logits", "nothing"], ["mask_fcn_logits/BiasAdd"]),
    ]
    outputs = [
        ("generate_detections", TensorProto.FLOAT, [1, 100, 6]),
        ("mask_fcn_logits/BiasAdd", TensorProto.FLOAT, [1, 100, 2, 28, 28]),
    ]
    constants = {"zero": np.float32(0), "rows": rows, "logits": logits}
    return _save(path, nodes, ("Input", [1, 3, height, width]), outputs, constants)


def model_folder(folder: Path) -> Path:
    """A model store with all four networks under the names that the catalogue expects."""
    for name in ("peoplenet", "facedetect_ir", "peoplesemsegnet", "peoplesegnet"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    detectnet(folder / "peoplenet" / "resnet34_peoplenet.onnx")
    detectnet(folder / "facedetect_ir" / "resnet18_facedetectir.onnx", classes=1, size=(384, 240))
    semantic(folder / "peoplesemsegnet" / "peoplesemsegnet_amr_rel.onnx")
    mask_rcnn(folder / "peoplesegnet" / "peoplesegnet_resnet50.onnx")
    return folder


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    source: tuple[str, list[int]],
    outputs: list[tuple[str, int, list[int]]],
    constants: dict[str, np.ndarray | np.float32],
) -> Path:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, source[1])],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
