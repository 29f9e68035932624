# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The forms in which one ONNX network may be published: half precision, a free or fixed batch, a quantised input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def half(source: Path, target: Path) -> Path:
    """Weights, input and outputs in float16."""
    model = onnx.load(str(source))
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for value in [*model.graph.input, *model.graph.output]:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del model.graph.value_info[:]
    return _save(model, target)


def batch(source: Path, target: Path, size: int | str) -> Path:
    """The first axis of inputs and outputs fixed to a number, or free under a name."""
    model = onnx.load(str(source))
    for value in [*model.graph.input, *model.graph.output]:
        axis = value.type.tensor_type.shape.dim[0]
        axis.Clear()
        if isinstance(size, str):
            axis.dim_param = size
        else:
            axis.dim_value = size
    del model.graph.value_info[:]
    return _save(model, target)


def quantised(source: Path, target: Path, scale: float = 1 / 255, zero: int = 0) -> Path:
    """A QuantizeLinear and a DequantizeLinear after the input; exact for an 8-bit image in steps of ``scale``."""
    model = onnx.load(str(source))
    graph = model.graph
    name = graph.input[0].name
    for node in graph.node:
        for i, tensor in enumerate(node.input):
            if tensor == name:
                node.input[i] = "dequantised"
    graph.initializer.append(numpy_helper.from_array(np.float32(scale), "input_scale"))
    graph.initializer.append(numpy_helper.from_array(np.uint8(zero), "input_zero"))
    parameters = ["input_scale", "input_zero"]
    graph.node.insert(0, helper.make_node("DequantizeLinear", ["quantised", *parameters], ["dequantised"]))
    graph.node.insert(0, helper.make_node("QuantizeLinear", [name, *parameters], ["quantised"]))
    return _save(model, target)


def _save(model: onnx.ModelProto, path: Path) -> Path:
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
