# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Finding a network's tensors by name and checking them before they are used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from people_perception.errors import PerceptionError


def same_name(a: str, b: str) -> bool:
    """Whether two tensor names mean the same tensor: TensorFlow's output index ``:0`` does not matter."""
    return a.removesuffix(":0") == b.removesuffix(":0")


def find_tensor(outputs: Mapping[str, np.ndarray], names: Iterable[str]) -> np.ndarray:
    """The tensor under one of ``names``.

    Raises:
        PerceptionError: none of them is there; names what is.
    """
    names = tuple(names)
    for name in names:
        if name in outputs:
            return np.asarray(outputs[name])
        for key, value in outputs.items():
            if same_name(key, name):
                return np.asarray(value)
    raise PerceptionError(
        f"no tensor {' or '.join(map(repr, names))} among the network's outputs "
        f"({', '.join(map(repr, outputs)) or 'there are none'}); is this the network of that model?"
    )


def drop_batch(tensor: np.ndarray, ndim: int, name: str) -> np.ndarray:
    """The tensor without its batch axis of 1, with ``ndim`` axes left.

    Raises:
        PerceptionError: another number of axes, or a batch of several images.
    """
    if tensor.ndim == ndim:
        return tensor
    if tensor.ndim == ndim + 1 and tensor.shape[0] == 1:
        return tensor[0]
    raise PerceptionError(
        f"tensor {name!r} has shape {tensor.shape}; expected {ndim} axes, or one more for a batch of 1"
    )


@np.errstate(over="ignore", invalid="ignore")  # of the quick look
def check_finite(tensor: np.ndarray, name: str) -> None:
    """Raises PerceptionError when the tensor holds NaN or infinity."""
    flat = tensor.reshape(-1)
    if tensor.dtype == np.float32 and math.isfinite(flat @ flat):  # large numbers overflow in it
        return
    finite = np.isfinite(tensor)
    if not finite.all():
        bad = tensor.size - int(finite.sum())
        raise PerceptionError(
            f"tensor {name!r} holds {bad} of {tensor.size} values that are NaN or infinite; expected finite ones; "
            "the engine's precision or its input is wrong (try fp32)"
        )


def float_tensor(tensor: np.ndarray, name: str) -> NDArray[np.float32]:
    """The tensor as float32.

    Raises:
        PerceptionError: of no floating-point type, or with NaN or infinity.
    """
    if tensor.dtype.kind != "f":
        raise PerceptionError(f"tensor {name!r} is {tensor.dtype} {tensor.shape}; expected float32 or float16")
    check_finite(tensor, name)
    return np.ascontiguousarray(tensor, np.float32)
