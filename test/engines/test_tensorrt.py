# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The runtime on simulated machines: every TensorRT, threads, failures, and what is freed when."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import plans
import pytest
from standin import gpu
from standin.tensorrt_runtime import expected_output

from people_perception.engines.cuda_graph import CudaGraph
from people_perception.engines.tensorrt import TensorRtEngine, tensorrt_problem
from people_perception.errors import PerceptionError

Install = Callable[[str], ModuleType]


def image(batch: int = 1, seed: int = 0, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).random((batch, 3, 32, 48), np.float32).astype(dtype)


def check(outputs: dict[str, np.ndarray], x: np.ndarray) -> None:
    """The outputs are those of the simulated network for ``x``."""
    assert list(outputs) == ["output_cov/Sigmoid:0", "output_bbox/BiasAdd:0"]
    for index, (value, channels) in enumerate(zip(outputs.values(), (3, 12), strict=True)):
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, expected_output([x], index, (len(x), channels, 2, 3), "float32"))


@pytest.fixture
def plan(trt: ModuleType, tmp_path: Path) -> Path:
    """A plan of the installed version."""
    return plans.write(tmp_path / "a.plan", trt.__version__)


def test_runs_a_plan_on_every_version(plan: Path) -> None:
    engine = TensorRtEngine(plan)
    assert engine.device == "Orin sm_87"
    assert [(t.name, t.shape, t.dtype) for t in engine.inputs] == [("input_1:0", (1, 3, 32, 48), "float32")]
    assert [t.shape for t in engine.outputs] == [(1, 3, 2, 3), (1, 12, 2, 3)]
    for seed in range(4):
        x = image(seed=seed)
        check(engine.run({"input_1:0": x}), x)
    engine.close()


def test_frees_everything_in_order(machine: gpu.Machine, plan: Path) -> None:
    engine = TensorRtEngine(plan)
    for _ in range(3):
        engine.run({"input_1:0": image()})
    engine.close()
    engine.close()
    assert machine.memory == {}
    assert len(machine.streams) == 0
    order = [kind for kind in machine.freed if "memory" not in kind]
    assert order == ["graph", "context", "event", "stream", "engine", "runtime"]
    first_memory = next(i for i, kind in enumerate(machine.freed) if "memory" in kind)
    assert machine.freed.index("context") < first_memory < machine.freed.index("stream")


def test_frees_in_another_thread_and_without_close(machine: gpu.Machine, plan: Path) -> None:
    def use() -> None:
        engine = TensorRtEngine(plan)
        engine.run({"input_1:0": image()})
        kept.append(engine)

    kept: list[TensorRtEngine] = []
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    kept.clear()  # dropped in the main thread, never closed
    assert machine.memory == {}
    assert machine.violations == []


def test_the_end_of_the_process_closes_what_is_open(machine: gpu.Machine, plan: Path) -> None:
    engine = TensorRtEngine(plan)
    engine.run({"input_1:0": image()})
    engine._gpu._finish()
    assert machine.memory == {}
    assert machine.freed[-1] == "primary context"
    with pytest.raises(PerceptionError, match="closed"):
        engine.run({"input_1:0": image()})


def test_two_threads_overlap_and_more_wait(machine: gpu.Machine, plan: Path) -> None:
    engine = TensorRtEngine(plan)
    failures: list[Exception] = []
    start = threading.Barrier(4)

    def use(seed: int) -> None:
        try:
            start.wait()
            for n in range(25):
                x = image(seed=100 * seed + n)
                check(engine.run({"input_1:0": x}), x)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert 1 <= len(machine.streams) <= 2
    engine.close()
    assert machine.memory == {}


def test_no_memory_for_a_second_lane_means_one_call_at_a_time(
    machine: gpu.Machine, plan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = TensorRtEngine(plan)
    machine.memory_limit = sum(m.nbytes for m in machine.memory.values())
    results: list[dict[str, np.ndarray]] = []
    x = image()
    with engine._lane():
        thread = threading.Thread(target=lambda: results.append(engine.run({"input_1:0": x})))
        thread.start()
        thread.join(0.2)
        assert results == []
    thread.join()
    check(results[0], x)
    assert "out of memory; one call at a time then" in caplog.text.replace(" on Orin sm_87", "")
    engine.close()
    assert machine.memory == {}


def test_close_waits_for_a_running_call(machine: gpu.Machine, plan: Path) -> None:
    engine = TensorRtEngine(plan)
    entered, go_on, closed = threading.Event(), threading.Event(), threading.Event()
    with engine._lane():
        thread = threading.Thread(target=lambda: (entered.set(), engine.close(), closed.set()))
        thread.start()
        entered.wait()
        assert not closed.wait(0.05)
        assert machine.memory
    go_on.set()
    thread.join()
    assert machine.memory == {}
    with pytest.raises(PerceptionError, match="closed; load the model again"):
        engine.run({"input_1:0": image()})


def test_static_shapes_run_as_a_graph_from_the_second_call(machine: gpu.Machine, plan: Path) -> None:
    engine = TensorRtEngine(plan)
    for seed in range(4):
        x = image(seed=seed)
        check(engine.run({"input_1:0": x}), x)
    assert machine.launches == ["graph"] * 3
    engine.close()
    plain = TensorRtEngine(plan, cuda_graph=False)
    plain.run({"input_1:0": image()})
    plain.run({"input_1:0": image()})
    assert machine.launches == ["graph"] * 3
    plain.close()


def test_a_graph_that_cannot_be_recorded_is_done_without(
    machine: gpu.Machine, plan: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = TensorRtEngine(plan)
    engine.run({"input_1:0": image()})
    machine.fail_next["enqueue"] = Exception()
    with caplog.at_level(logging.INFO):
        for seed in range(2):
            x = image(seed=seed)
            check(engine.run({"input_1:0": x}), x)
    assert "runs without a CUDA graph" in caplog.text
    engine.close()


def test_a_machine_without_the_driver_has_no_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", absent)
    with pytest.raises(PerceptionError, match=r"CUDA graph: libcuda\.so\.1: cannot open"):
        CudaGraph(0, lambda: None)


def test_batches_up_to_the_profiles_largest(trt: ModuleType, tmp_path: Path) -> None:
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__, plans.free_batch()))
    assert engine.inputs[0].shape == (-1, 3, 32, 48)
    for batch in (1, 4, 2):
        x = image(batch, seed=batch)
        check(engine.run({"input_1:0": x}), x)
    with pytest.raises(PerceptionError, match=r"'input_1:0' is \(5, 3, 32, 48\); it takes .* up to \(4, 3, 32, 48\)"):
        engine.run({"input_1:0": image(5)})
    engine.close()


def test_two_threads_share_one_lane_where_profiles_cannot_be_shared(
    tensorrt: Install, machine: gpu.Machine, tmp_path: Path
) -> None:
    for version, lanes in (("8.6", 1), ("10.3", 2)):
        trt = tensorrt(version)
        engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__, plans.free_batch()))
        assert engine._most == lanes
        engine.close()


@pytest.mark.parametrize("version", ["8.5", "8.6"])
def test_implicit_batch_of_uff_plans(tensorrt: Install, tmp_path: Path, version: str) -> None:
    trt = tensorrt(version)
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__, **plans.implicit()))
    assert engine.inputs[0].shape == (-1, 3, 32, 48)
    for batch in (1, 2):
        x = image(batch, seed=batch)
        check(engine.run({"input_1:0": x}), x)
    with pytest.raises(PerceptionError, match=r"up to \(2, 3, 32, 48\)"):
        engine.run({"input_1:0": image(3)})
    engine.close()


@pytest.mark.parametrize(("dtype", "name"), [("INT32", "int32"), ("INT64", "int64"), ("HALF", "float16")])
def test_output_types(tensorrt: Install, tmp_path: Path, dtype: str, name: str) -> None:
    trt = tensorrt("10.3")
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__, plans.segmenter(dtype)))
    x = image()
    result = engine.run({"input_2:0": x})["argmax_1"]
    assert result.dtype.name == name == engine.outputs[0].dtype
    np.testing.assert_array_equal(result, expected_output([x], 0, (1, 32, 48, 1), name))
    engine.close()


def test_results_outlive_the_next_call_and_the_engine(plan: Path) -> None:
    engine = TensorRtEngine(plan)
    x = image(seed=1)
    first = engine.run({"input_1:0": x})
    engine.run({"input_1:0": image(seed=2)})
    engine.close()
    check(first, x)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"wrong": image()}, "no input 'wrong'; the inputs are 'input_1:0'"),
        ({}, "input 'input_1:0' is missing"),
        ({"input_1:0": image(dtype="float64")}, "input 'input_1:0' is float64; it takes float32"),
        ({"input_1:0": image()[:, :, :31]}, r"input 'input_1:0' is \(1, 3, 31, 48\); it takes \(1, 3, 32, 48\)"),
        ({"input_1:0": image()[0]}, r"input 'input_1:0' is \(3, 32, 48\); it takes"),
    ],
)
def test_wrong_inputs_are_named(tensorrt: Install, tmp_path: Path, inputs: dict[str, np.ndarray], message: str) -> None:
    trt = tensorrt("10.3")
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__))
    with pytest.raises(PerceptionError, match=message):
        engine.run(inputs)
    x = image()
    check(engine.run({"input_1:0": x}), x)
    engine.close()


def test_inputs_need_not_be_contiguous(tensorrt: Install, tmp_path: Path) -> None:
    engine = TensorRtEngine(plans.write(tmp_path / "a.plan", tensorrt("10.3").__version__))
    x = np.asfortranarray(image())
    check(engine.run({"input_1:0": x}), x)
    engine.close()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (plans.detector(format="CHW4"), "tensor 'input_1:0' has the format CHW4; build it linear"),
        (plans.detector(dtype="FP8"), "tensor 'input_1:0' is FP8; expected one of FLOAT"),
        (plans.detector(shape_tensor=True), "tensor 'input_1:0' sets shapes"),
        ([plans.DETECTOR[0], {**plans.DETECTOR[1], "shape": [-1, 6], "data_dependent": True}], "depends on the data"),
    ],
)
def test_tensors_that_cannot_be_used_are_named(
    tensorrt: Install, machine: gpu.Machine, tmp_path: Path, tensors: list, message: str
) -> None:
    trt = tensorrt("10.3")
    with pytest.raises(PerceptionError, match=message):
        TensorRtEngine(plans.write(tmp_path / "a.plan", trt.__version__, tensors))
    assert machine.memory == {}


def test_failures_of_cuda_are_one_line(tensorrt: Install, machine: gpu.Machine, tmp_path: Path) -> None:
    trt = tensorrt("10.3")
    plan = plans.write(tmp_path / "a.plan", trt.__version__)
    machine.memory_limit = 1000
    with pytest.raises(
        PerceptionError, match="input 'input_1:0': cannot get 18432 bytes of GPU memory: .*out of memory"
    ):
        TensorRtEngine(plan)
    assert machine.memory == {}
    machine.memory_limit = 1 << 32
    machine.fail_next["context"] = Exception()
    with pytest.raises(PerceptionError, match="TensorRT makes no execution context"):
        TensorRtEngine(plan)
    engine = TensorRtEngine(plan, cuda_graph=False)
    machine.fail_next["enqueue"] = Exception()
    with pytest.raises(PerceptionError, match="TensorRT does not run the network: Cuda error in enqueue"):
        engine.run({"input_1:0": image()})
    x = image()
    check(engine.run({"input_1:0": x}), x)
    machine.fail_next["cuEventSynchronize"] = gpu.LaunchError("cuEventSynchronize failed: unspecified launch failure")
    with pytest.raises(PerceptionError, match=r"a\.plan on Orin sm_87: cuEventSynchronize .*; restart the process"):
        engine.run({"input_1:0": image()})
    engine.close()


def test_a_plan_of_another_version_is_refused(tensorrt: Install, machine: gpu.Machine, tmp_path: Path) -> None:
    tensorrt("10.3")
    plan = plans.write(tmp_path / "a.plan", "8.5.2.2")
    with pytest.raises(
        PerceptionError, match=r"TensorRT 10\.3\.0 does not load it: .*not compatible.*; build it again"
    ):
        TensorRtEngine(plan)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a TensorRT plan"),
        (b"\x08\x08onnx" * 10, "not a TensorRT plan"),
        (b"vtrt" + bytes(40), "a plan of tensorrt_rtx; this is tensorrt"),
        (None, "truncated at 100 bytes"),
    ],
)
def test_a_damaged_plan_never_reaches_tensorrt(
    tensorrt: Install, tmp_path: Path, content: bytes | None, message: str
) -> None:
    trt = tensorrt("10.3")
    plan = plans.write(tmp_path / "a.plan", trt.__version__)
    plan.write_bytes(plan.read_bytes()[:100] if content is None else content)
    with pytest.raises(PerceptionError, match=message):
        TensorRtEngine(plan)


def test_what_is_missing_is_named(machine: gpu.Machine, tensorrt: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "TensorRT is not installed (no Python module tensorrt)" in (tensorrt_problem() or "")
    tensorrt("10.3")
    assert tensorrt_problem() is None
    machine.gpus = []
    assert "no CUDA-capable device is detected" in (tensorrt_problem() or "")
    machine.gpus = [("Orin", (8, 7))]
    monkeypatch.setattr("importlib.util.find_spec", _without("pycuda"))
    assert "pycuda is not installed" in (tensorrt_problem() or "")


def test_a_gpu_that_is_not_there(tensorrt: Install, tmp_path: Path) -> None:
    plan = plans.write(tmp_path / "a.plan", tensorrt("10.3").__version__)
    with pytest.raises(PerceptionError, match=r"device=1: this machine has 1 NVIDIA GPU\(s\), counted from 0"):
        TensorRtEngine(plan, device=1)


def _without(package: str) -> Callable[..., object]:
    import importlib.util

    real = importlib.util.find_spec
    return lambda name, *more: None if name == package else real(name, *more)
