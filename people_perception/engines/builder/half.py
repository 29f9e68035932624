# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A float32 ONNX network in float16, for the TensorRT versions that take the precision from the network.

Inputs and outputs stay float32, so that an engine looks the same whatever it computes in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from people_perception.errors import PerceptionError

_LARGEST = 65504.0
_SUFFIX = "__half"

# Inputs that the ONNX standard wants as float32 whatever the node computes in.
_FLOAT_INPUTS = {"Resize": (1, 2), "Upsample": (1,)}

# Standard operators without a float16 variant; they compute in float32 between two casts, as do plugins.
_FLOAT_NODES = {"NonMaxSuppression", "Range", "RandomNormal", "RandomUniform", "Multinomial"}


def to_half(content: bytes, path: Path) -> bytes:
    """The network with every float32 weight and activation in float16.

    Args:
        content: an ONNX file.
        path: where it came from, for messages and for weights in a file beside it.

    Raises:
        PerceptionError: the onnx package is missing, the file is no ONNX, or it has parts that cannot be cast.
    """
    try:
        import onnx
    except ImportError as error:
        raise PerceptionError(
            "precision fp16: this TensorRT takes the precision from the network, and casting it needs the onnx "
            'package; run "pip install onnx" or use fp32'
        ) from error
    try:
        model = onnx.load_from_string(content)
        onnx.load_external_data_for_model(model, str(path.parent))
        model = onnx.shape_inference.infer_shapes(model)
    except Exception as error:  # protobuf, onnx and the disk have their own types
        raise PerceptionError(f"{path}: not a complete ONNX network: {' '.join(str(error).split())[:200]}") from error
    _Caster(onnx, model, path).run()
    return bytes(model.SerializeToString())


class _Caster:
    """One pass over one graph; the names of what must stay float32 get a twin in float16 or the other way round."""

    def __init__(self, onnx: Any, model: Any, path: Path) -> None:
        self.onnx = onnx
        self.graph = model.graph
        self.float, self.half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
        known = [*self.graph.input, *self.graph.output, *self.graph.value_info]
        self.types = {value.name: value.type.tensor_type.elem_type for value in known}
        self.types.update({tensor.name: tensor.data_type for tensor in self.graph.initializer})
        self.nodes: list[Any] = []
        self.casts: dict[tuple[str, int], str] = {}
        self._refuse(model, path)

    def _refuse(self, model: Any, path: Path) -> None:
        if model.functions or any(a.HasField("g") or a.graphs for n in self.graph.node for a in n.attribute):
            raise PerceptionError(
                f"{path}: has functions or control flow, which are not cast to fp16 here; cast it with NVIDIA's "
                "ModelOpt (modelopt.onnx.autocast) or use fp32"
            )
        if any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in self.graph.node):
            raise PerceptionError(f"{path}: is a quantised network; use int8")

    def run(self) -> None:
        # Tensors that a float32 node or a float32 input wants as they are; everything else changes its type.
        kept = {v.name for v in self.graph.input if self.types[v.name] == self.float}
        kept -= {tensor.name for tensor in self.graph.initializer}
        outputs = {v.name for v in self.graph.output if self.types[v.name] == self.float}
        self.kept = kept | self._only_for_float_inputs() | outputs
        self._cast_initializers()
        for node in self.graph.node:
            if node.op_type in _FLOAT_NODES or node.domain not in ("", "ai.onnx"):
                self._keep(node)
            else:
                self._change(node)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        del self.graph.value_info[:]

    def _only_for_float_inputs(self) -> set[str]:
        wanted: set[str] = set()
        other: set[str] = set()
        for node in self.graph.node:
            for index, name in enumerate(node.input):
                (wanted if index in _FLOAT_INPUTS.get(node.op_type, ()) else other).add(name)
        return (wanted - other) & {tensor.name for tensor in self.graph.initializer}

    def _cast_initializers(self) -> None:
        for tensor in self.graph.initializer:
            if tensor.data_type == self.float and tensor.name not in self.kept:
                tensor.CopyFrom(self._halved(tensor))
        names = {tensor.name for tensor in self.graph.initializer} - self.kept
        for value in self.graph.input:  # older files list their weights among the inputs
            if value.name in names and value.type.tensor_type.elem_type == self.float:
                value.type.tensor_type.elem_type = self.half

    def _halved(self, tensor: Any) -> Any:
        values = self.onnx.numpy_helper.to_array(tensor)
        clipped = np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), values)
        return self.onnx.numpy_helper.from_array(clipped.astype(np.float16), tensor.name)

    def _change(self, node: Any) -> None:
        """The node in float16."""
        for index, name in enumerate(node.input):
            if index in _FLOAT_INPUTS.get(node.op_type, ()):
                node.input[index] = self._as(name, self.float)
            else:
                node.input[index] = self._as(name, self.half)
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == self.float:
                attribute.i = self.half
            if attribute.name == "value" and attribute.t.data_type == self.float:
                attribute.t.CopyFrom(self._halved(attribute.t))
            if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                values = np.array(
                    attribute.f if attribute.name == "value_float" else list(attribute.floats), np.float16
                )
                attribute.CopyFrom(self.onnx.helper.make_attribute("value", self.onnx.numpy_helper.from_array(values)))
        self._emit(node, self.half)

    def _keep(self, node: Any) -> None:
        """The node in float32 between casts."""
        for index, name in enumerate(node.input):
            node.input[index] = self._as(name, self.float)
        self._emit(node, self.float)

    def _emit(self, node: Any, computed: int) -> None:
        """Append the node, and a cast behind each output whose name has another type than the node gives it."""
        casts = []
        for index, name in enumerate(node.output):
            # What inference does not know comes from a plugin, and those give float32.
            if not name or self.types.setdefault(name, self.float) != self.float:
                continue
            final = self.float if name in self.kept else self.half
            if final != computed:
                node.output[index] = f"{name}__raw"
                casts.append(self._cast(f"{name}__raw", name, final))
        self.nodes.append(node)
        self.nodes.extend(casts)

    def _as(self, name: str, wanted: int) -> str:
        """The name of a tensor in the wanted type; adds a cast where it has the other one."""
        if self.types.get(name) != self.float:
            return name  # empty, or never was float32
        now = self.float if name in self.kept else self.half
        if now == wanted:
            return name
        if (name, wanted) not in self.casts:
            twin = self.casts[name, wanted] = f"{name}{_SUFFIX if wanted == self.half else '__float'}"
            self.nodes.append(self._cast(name, twin, wanted))
        return self.casts[name, wanted]

    def _cast(self, source: str, target: str, to: int) -> Any:
        return self.onnx.helper.make_node("Cast", [source], [target], name=f"cast {target}", to=to)
