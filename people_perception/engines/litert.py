# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""LiteRT (TensorFlow Lite): the small open networks, on any CPU."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from people_perception.engines.base import TensorInfo
from people_perception.errors import PerceptionError

_BANNER = b"INFO: Created TensorFlow Lite"


class _Network:
    """A LiteRT interpreter, for as long as an engine refers to it."""

    def __init__(self, path: Path, threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise PerceptionError("LiteRT is not installed; install it with: pip install ai-edge-litert") from error
        try:
            with _without_banner():
                self.interpreter: Any = Interpreter(model_path=str(path), num_threads=threads or 1)
                self.interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise PerceptionError(f"{path}: LiteRT cannot load it: {_one_line(error)}") from error
        self.lock = threading.Lock()


_networks: WeakValueDictionary[tuple[Any, ...], _Network] = WeakValueDictionary()
_loading = threading.Lock()


def _network(path: Path, threads: int) -> _Network:
    """The network of a file, which engines share: the person detector takes 50 MB, and three open models run it."""
    try:
        file = os.stat(path)
    except OSError:
        return _Network(path, threads)  # whose error says more
    key = (file.st_dev, file.st_ino, file.st_mtime_ns, file.st_size, threads)
    with _loading:
        network = _networks.get(key)
        if network is None:
            network = _networks[key] = _Network(path, threads)
        return network


class LiteRtEngine:
    """One LiteRT interpreter, shared by the engines of a file.

    Calls from several threads take turns; while one runs, Python's lock is free for others.

    Args:
        path: the tflite file.
        threads: CPU threads of one network. 0 takes one: on the networks here a second thread costs more than it brings
            (the person detector 8.0 ms with one and 8.8 ms with two, the mask network 2.5 and 3.9 ms).

    Raises:
        PerceptionError: not installed, or not a network that it can load.
    """

    name = "litert"
    device = "CPU"

    def __init__(self, path: Path, threads: int = 0) -> None:
        self._network: _Network | None = _network(path, threads)
        self._lock = self._network.lock
        interpreter = self._network.interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs = tuple(_info(x) for x in inputs)
        self.outputs = tuple(_info(x) for x in outputs)
        self._input_ids = {x["name"]: x["index"] for x in inputs}
        self._output_ids = {x["name"]: x["index"] for x in outputs}

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Engine.run`. The arrays are the caller's own: later calls do not change them."""
        if set(inputs) != set(self._input_ids):
            raise PerceptionError(
                f"inputs {', '.join(map(repr, inputs)) or 'none'} given; the network takes "
                f"{', '.join(map(repr, self._input_ids))}"
            )
        with self._lock:
            if self._network is None:
                raise PerceptionError("this engine is closed; load the model again")
            interpreter = self._network.interpreter
            try:
                for name, value in inputs.items():
                    interpreter.set_tensor(self._input_ids[name], value)
                interpreter.invoke()
            except (ValueError, RuntimeError) as error:
                raise PerceptionError(f"LiteRT failed: {_one_line(error)}") from error
            return {name: interpreter.get_tensor(index) for name, index in self._output_ids.items()}

    def close(self) -> None:
        """See `Engine.close`."""
        with self._lock:
            self._network = None


@contextmanager
def _without_banner() -> Iterator[None]:
    """Drop the line that LiteRT writes to stderr with its first network.

    It comes from C++ and no setting turns it off, so stderr goes to a file meanwhile; all else in it is passed on.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # a daemon may have closed it
        yield
        return
    try:
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(stderr, 2)
                held.seek(0)
                kept = b"".join(line for line in held if not line.startswith(_BANNER))
                if kept:
                    os.write(stderr, kept)
    finally:
        os.close(stderr)


def _info(details: Mapping[str, Any]) -> TensorInfo:
    return TensorInfo(details["name"], tuple(map(int, details["shape_signature"])), np.dtype(details["dtype"]).name)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
