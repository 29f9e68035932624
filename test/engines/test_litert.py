# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
from tflite_networks import brightness

from people_perception.engines.base import TensorInfo
from people_perception.engines.litert import LiteRtEngine
from people_perception.errors import PerceptionError


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return brightness(tmp_path / "brightness.tflite", size=8)


def test_tells_its_tensors(network: Path) -> None:
    engine = LiteRtEngine(network)
    assert engine.inputs == (TensorInfo("input_1", (1, 8, 8, 3), "float32"),)
    assert engine.outputs == (TensorInfo("activation_10", (1, 8, 8, 1), "float32"),)


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_computes(network: Path, threads: int) -> None:
    image = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    outputs = LiteRtEngine(network, threads).run({"input_1": image})
    np.testing.assert_allclose(outputs["activation_10"], image.mean(axis=3, keepdims=True), rtol=1e-6)


def test_takes_an_array_that_is_not_contiguous(network: Path) -> None:
    image = np.random.default_rng(0).random((1, 3, 8, 8), np.float32).transpose(0, 2, 3, 1)
    outputs = LiteRtEngine(network).run({"input_1": image})
    np.testing.assert_allclose(outputs["activation_10"], image.mean(axis=3, keepdims=True), rtol=1e-6)


def test_outputs_outlive_the_next_call_and_the_engine(network: Path) -> None:
    engine = LiteRtEngine(network)
    first = engine.run({"input_1": np.ones((1, 8, 8, 3), np.float32)})["activation_10"]
    engine.run({"input_1": np.zeros((1, 8, 8, 3), np.float32)})
    engine.close()
    assert (first == 1).all()


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        ({"input": np.zeros((1, 8, 8, 3), np.float32)}, "'input' given; the network takes 'input_1'"),
        ({}, "none given; the network takes 'input_1'"),
        ({"input_1": np.zeros((1, 4, 8, 3), np.float32)}, "Got 4 but expected 8"),
        ({"input_1": np.zeros((8, 8, 3), np.float32)}, "Got 3 but expected 4"),
        ({"input_1": np.zeros((1, 8, 8, 3), np.float64)}, "FLOAT64 but expected type FLOAT32"),
    ],
)
def test_refuses_other_inputs_and_works_on(network: Path, inputs: dict[str, np.ndarray], complaint: str) -> None:
    engine = LiteRtEngine(network)
    with pytest.raises(PerceptionError, match=complaint):
        engine.run(inputs)
    assert engine.run({"input_1": np.ones((1, 8, 8, 3), np.float32)})["activation_10"].min() == 1


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, None])
def test_refuses_what_is_no_network(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PerceptionError, match=r"broken\.tflite: LiteRT cannot load it: \S") as error:
        LiteRtEngine(path)
    assert "\n" not in str(error.value)


def test_says_what_to_install(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(PerceptionError, match="pip install ai-edge-litert"):
        LiteRtEngine(network)


def test_closed_engine_says_so(network: Path) -> None:
    engine = LiteRtEngine(network)
    engine.close()
    engine.close()
    with pytest.raises(PerceptionError, match="closed"):
        engine.run({"input_1": np.zeros((1, 8, 8, 3), np.float32)})


def test_threads_do_not_mix_their_images(network: Path) -> None:
    engine = LiteRtEngine(network)
    wrong = []

    def work(value: int) -> None:
        image = np.full((1, 8, 8, 3), value, np.float32)
        for _ in range(200):
            if (engine.run({"input_1": image})["activation_10"] != value).any():
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_loading_keeps_stderr_but_for_the_banner(network: Path) -> None:
    code = (
        "import os, sys, people_perception.engines.litert as litert\n"
        "with litert._without_banner():\n"
        "    litert.LiteRtEngine(sys.argv[1])\n"
        "    os.write(2, b'of another thread\\n')\n"
        "os.write(2, b'after\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, network], capture_output=True, text=True, check=True)
    assert done.stderr == "of another thread\nafter\n"


class TestSharing:
    """Models that run the same network do not hold it twice."""

    def test_engines_of_a_file_share_its_network_until_the_last_is_closed(self, network: Path) -> None:
        one, other = LiteRtEngine(network), LiteRtEngine(network)
        assert one._network is other._network
        held = weakref.ref(one._network)
        one.close()
        image = np.ones((1, 8, 8, 3), np.float32)
        assert (other.run({"input_1": image})["activation_10"] == 1).all()
        with pytest.raises(PerceptionError, match="this engine is closed"):
            one.run({"input_1": image})
        other.close()
        gc.collect()
        assert held() is None

    def test_others_do_not(self, network: Path, tmp_path: Path) -> None:
        first = LiteRtEngine(network)
        assert LiteRtEngine(network, threads=2)._network is not first._network
        assert LiteRtEngine(brightness(tmp_path / "other.tflite", size=8))._network is not first._network
        brightness(network, size=16)
        again = LiteRtEngine(network)
        assert (first.inputs[0].shape, again.inputs[0].shape) == ((1, 8, 8, 3), (1, 16, 16, 3))

    def test_answers_do_not_mix_between_threads(self, network: Path) -> None:
        engines = [LiteRtEngine(network) for _ in range(4)]
        wrong: list[int] = []

        def work(number: int) -> None:
            image = np.full((1, 8, 8, 3), number, np.float32)
            for _ in range(200):
                if (engines[number].run({"input_1": image})["activation_10"] != number).any():
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
