# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every network contract as a small ONNX file, with a fixed and with a free batch, and quantised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import networks

CONTRACTS = {
    "peoplenet": lambda path: networks.detectnet(path),
    "facedetect_ir": lambda path: networks.detectnet(path, classes=1, size=(384, 240)),
    "peoplesemsegnet": lambda path: networks.semantic(path),
    "peoplesegnet": lambda path: networks.mask_rcnn(path),
}


def free_batch(path: Path) -> Path:
    """The same network for any number of images."""
    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.save(model, str(path))
    return path


def quantised(path: Path) -> Path:
    """A convolution between QuantizeLinear and DequantizeLinear nodes."""
    scale, zero = numpy_helper.from_array(np.float32(1 / 127), "scale"), numpy_helper.from_array(np.int8(0), "zero")
    weights = numpy_helper.from_array(np.full((4, 3, 1, 1), 7, np.int8), "weights")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["weights", "scale", "zero"], ["w"]),
        helper.make_node("Conv", ["d", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 16, 16])],
        [scale, zero, weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def calibration(path: Path, *tensors: str, header: str = "TRT-100300-EntropyCalibration2") -> Path:
    """A calibration cache that names these tensors, each with the scale 1/127."""
    lines = [header, *(f"{name}: {np.float32(1 / 127).view(np.uint32):08x}" for name in tensors)]
    path.write_text("\n".join(lines) + "\n")
    return path
