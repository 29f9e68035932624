# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Casting a network to float16: the same answers, the same tensors outside, half the weights."""

from __future__ import annotations

import builtins
from pathlib import Path

import networks_for_builds as nets
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from people_perception.engines.builder.half import to_half
from people_perception.errors import PerceptionError


def run(content: bytes, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


def checked(content: bytes) -> onnx.ModelProto:
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.mark.parametrize("contract", nets.CONTRACTS)
def test_every_contract_keeps_its_tensors_and_answers(tmp_path: Path, contract: str) -> None:
    path = nets.CONTRACTS[contract](tmp_path / "a.onnx")
    before = onnx.load(str(path))
    half = to_half(path.read_bytes(), path)
    after = checked(half)
    for kind in ("input", "output"):
        for a, b in zip(getattr(before.graph, kind), getattr(after.graph, kind), strict=True):
            assert (a.name, a.type) == (b.name, b.type)
    assert not any(w.data_type == TensorProto.FLOAT for w in after.graph.initializer)
    shape = [d.dim_value for d in before.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).random(shape, np.float32)
    for a, b in zip(run(path.read_bytes(), x), run(half, x), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_the_real_networks(assets: Path) -> None:
    x = np.random.default_rng(0).random((1, 3, 544, 960), np.float32)
    path = assets / "weights" / "peoplesemsegnet_shuffleseg.onnx"
    half = to_half(path.read_bytes(), path)
    assert len(half) < 0.55 * path.stat().st_size
    (before,), (after,) = run(path.read_bytes(), x), run(half, x)
    assert (before == after).mean() > 0.999


def small(
    nodes: list[onnx.NodeProto], output: int = TensorProto.FLOAT, opset: int = 13, **weights: np.ndarray
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("y", output, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model.SerializeToString()


def test_what_the_standard_wants_in_float32_stays_so(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["big"], mode="nearest"),
        helper.make_node("Mul", ["big", "scales_too"], ["y"]),
    ]
    content = small(nodes, scales=np.array([1, 1, 2, 2], np.float32), scales_too=np.float32(2))
    model = checked(to_half(content, tmp_path))
    kinds = {w.name: w.data_type for w in model.graph.initializer}
    assert kinds == {"scales": TensorProto.FLOAT, "scales_too": TensorProto.FLOAT16}
    x = np.random.default_rng(0).random((1, 3, 4, 4), np.float32)
    np.testing.assert_allclose(run(content, x)[0], run(model.SerializeToString(), x)[0], rtol=2e-3)


def test_casts_and_constants_inside(tmp_path: Path) -> None:
    value = numpy_helper.from_array(np.array([0.5], np.float32))
    nodes = [
        helper.make_node("Constant", [], ["half"], value=value),
        helper.make_node("Constant", [], ["two"], value_float=2.0),
        helper.make_node("Greater", ["x", "half"], ["bright"]),
        helper.make_node("Cast", ["bright"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["number", "two"], ["y"]),
    ]
    content = small(nodes)
    half = to_half(content, tmp_path)
    checked(half)
    x = np.random.default_rng(0).random((1, 3, 4, 4), np.float32)
    np.testing.assert_array_equal(run(content, x)[0], run(half, x)[0])


def test_operators_without_float16_run_between_casts(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0),
        helper.make_node("Range", ["zero", "top", "step"], ["y"]),
    ]
    content = small(nodes, zero=np.float32(0), step=np.float32(0.25))
    half = to_half(content, tmp_path)
    checked(half)
    x = np.ones((1, 3, 4, 4), np.float32)
    np.testing.assert_array_equal(run(content, x)[0], run(half, x)[0])


def test_large_weights_are_clipped_and_infinities_kept(tmp_path: Path) -> None:
    weights = np.array([1e6, -1e6, np.inf, 1.0], np.float32)
    content = small([helper.make_node("Add", ["x", "w"], ["y"])], w=weights)
    model = checked(to_half(content, tmp_path))
    found = numpy_helper.to_array(model.graph.initializer[0])
    np.testing.assert_array_equal(found, np.array([65504, -65504, np.inf, 1], np.float16))


def test_networks_that_cannot_be_cast_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with pytest.raises(PerceptionError, match=r"a\.onnx: is a quantised network; use int8"):
        to_half(nets.quantised(path).read_bytes(), path)
    with pytest.raises(PerceptionError, match=r"a\.onnx: not a complete ONNX network"):
        to_half(b"\xff\xff\xff", path)
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])],
        "b",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    node = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    with pytest.raises(PerceptionError, match="has functions or control flow.*autocast"):
        to_half(small([node], yes=np.array(True)), path)


def test_the_onnx_package_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *more: object) -> object:
        if name == "onnx":
            raise ImportError(name)
        return real(name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PerceptionError, match='run "pip install onnx" or use fp32'):
        to_half(b"", tmp_path)
