# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What every engine offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class TensorInfo:
    """A tensor as the network declares it.

    Attributes:
        name: as the network spells it.
        shape: with -1 for an axis that is free.
        dtype: numpy's name of the type, such as ``float32``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


class Engine(Protocol):
    """A network that is ready to run.

    Attributes:
        name: the runtime, such as ``onnxruntime``.
        device: what really computes, such as ``CPUExecutionProvider``.
        inputs, outputs: the network's tensors.
    """

    name: str
    device: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All outputs for one set of inputs, by the network's own names.

        The arrays returned may be reused by the next call: copy what must outlive it.

        Raises:
            PerceptionError: a tensor has the wrong name, shape or type, or the runtime failed.
        """
        ...

    def close(self) -> None:
        """Free everything; the engine cannot run afterwards. May be called twice."""
        ...
