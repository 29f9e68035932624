# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Small tflite networks, whose answers a test can foresee, and the real ones where they are."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from people_perception.catalogue import get_spec
from people_perception.store.paths import find_weights


def brightness(path: Path, size: int = 256, name: str = "input_1", output: str = "activation_10") -> Path:
    """A network (1, size, size, 3) -> (1, size, size, 1): the mean of a pixel's channels."""
    tensors = [
        _tensor(name, [1, size, size, 3], schema.TensorType.FLOAT32, 0),
        _tensor("axis", [1], schema.TensorType.INT32, 1),
        _tensor(output, [1, size, size, 1], schema.TensorType.FLOAT32, 0),
    ]
    constant = schema.BufferT()
    constant.data = np.array([3], np.int32).view(np.uint8)
    mean = schema.OperatorT()
    mean.opcodeIndex, mean.inputs, mean.outputs = 0, [0, 1], [2]
    mean.builtinOptionsType = schema.BuiltinOptions.ReducerOptions
    mean.builtinOptions = schema.ReducerOptionsT()
    mean.builtinOptions.keepDims = True
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [0], [2], [mean]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.MEAN
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [schema.BufferT(), constant]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def real_weights(name: str) -> Path:
    """The file of an open model in the model store; skips the test where it is absent."""
    found = find_weights(get_spec(name))
    if not found:
        pytest.skip(f'{name} is not in the model store; run "python -m people_perception models fetch open"')
    return found[0][1]


def _tensor(name: str, shape: list[int], kind: int, buffer: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, kind, buffer
    return tensor
