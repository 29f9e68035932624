# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What all decoders share: options that can be changed at any time, and one way in."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from people_perception.catalogue import ModelSpec
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.options import Option, Value, check_options
from people_perception.results import Result


class Decoder(ABC):
    """Turns one image's network outputs into a result in source pixels.

    A call reads ``options`` once, and `configure` replaces them as a whole, so a change from another thread takes
    effect between two images.
    """

    OPTIONS: ClassVar[tuple[Option, ...]] = ()

    def __init__(self, spec: ModelSpec, **options: Any) -> None:
        self.spec = spec
        self._lock = threading.Lock()
        self._options: Mapping[str, Value] = MappingProxyType({})
        self.configure(**{**self.default_options(), **spec.options})
        if options.get("clustering") == "nms":
            self.configure(**spec.nms_options)
        self.configure(**options)  # on top, so that {label: number} leaves the other labels at their defaults
        self._check_complete()

    def default_options(self) -> Mapping[str, Any]:
        """What holds where a model's description says nothing of an option."""
        return {}

    @property
    def options(self) -> Mapping[str, Value]:
        """The current options, read-only."""
        return self._options

    def configure(self, **changes: Any) -> None:
        """Change options, all of them or none.

        A ``{label: number}`` changes only the labels that it names; a number holds for every label.

        Raises:
            ValueError: an option is unknown or out of range.
        """
        checked = check_options(self.OPTIONS, changes, self.spec.labels, self.spec.name)
        with self._lock:
            merged = dict(self._options)
            for name, value in checked.items():
                before = merged.get(name)
                if isinstance(value, dict) and isinstance(before, dict):
                    value = {**before, **value}
                elif isinstance(value, dict) and before is not None:
                    value = {**dict.fromkeys(self.spec.labels, number(merged, name)), **value}
                merged[name] = value
            self._options = MappingProxyType(merged)

    def __call__(self, outputs: Mapping[str, np.ndarray], image_size: Size | None = None) -> Result:
        """The result for one image.

        Args:
            outputs: network tensors by name, with or without ``:0`` and with or without the batch axis.
            image_size: (width, height) of the source image; the network's size when None.

        Raises:
            PerceptionError: a tensor is missing, has another shape than expected, or holds NaN.
        """
        return self.decode(outputs, self.network_size(outputs) if image_size is None else image_size)

    def network_size(self, outputs: Mapping[str, np.ndarray]) -> Size:
        """(width, height) of the network's input, from the tensors where they tell."""
        return self.spec.input.size

    @abstractmethod
    def decode(self, outputs: Mapping[str, np.ndarray], image_size: Size) -> Result:
        """As ``__call__``, with the size known."""

    def _check_complete(self) -> None:
        for option in self.OPTIONS:
            value = self._options.get(option.name)
            if value is None:
                raise PerceptionError(f"{self.spec.path}: options has no {option.name!r}; it is: {option.description}")
            missing = [label for label in self.spec.labels if isinstance(value, dict) and label not in value]
            if missing:
                raise PerceptionError(f"{self.spec.path}: options.{option.name} has no value for label {missing[0]!r}")


def number(options: Mapping[str, Value], name: str) -> float:
    """The value of an option that is a number."""
    value = options[name]
    assert isinstance(value, (int, float)), name
    return value
