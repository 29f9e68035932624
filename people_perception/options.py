# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What can be set on a decoder: one declaration for the check, the ROS parameter and the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

Value = float | int | str | dict[str, float]


@dataclass(frozen=True)
class Option:
    """One option: its name, its kind, its range and what it does.

    Attributes:
        name: as in the API and in the ROS parameter.
        kind: float, int or str.
        description: one sentence with the unit.
        minimum, maximum: the closed range of a number.
        choices: the accepted texts of a str.
        per_label: also accepts {label: number} with the model's labels.
    """

    name: str
    kind: type
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    per_label: bool = False

    def check(self, value: Any, labels: tuple[str, ...] = ()) -> Value:
        """The value in its proper type.

        Raises:
            ValueError: of the wrong type or out of range; names the option, the value and what is accepted.
        """
        if self.per_label and isinstance(value, Mapping):
            unknown = [label for label in value if label not in labels]
            if unknown:
                raise ValueError(f"{self.name}: unknown label {unknown[0]!r}; the labels are {', '.join(labels)}")
            return {label: self._number(number, f"{self.name}[{label}]") for label, number in value.items()}
        if self.kind is str:
            if value not in self.choices:
                raise ValueError(f"{self.name}={value!r}: expected one of {', '.join(self.choices)}")
            return str(value)
        return self._number(value, self.name)

    def _number(self, value: Any, name: str) -> float | int:
        accepted = f"expected {'an integer' if self.kind is int else 'a number'} from {self.minimum} to {self.maximum}"
        if isinstance(value, bool) or not isinstance(value, Real) or (self.kind is int and value % 1):
            raise ValueError(f"{name}={value!r}: {accepted}")
        low = self.minimum is None or float(value) >= self.minimum
        high = self.maximum is None or float(value) <= self.maximum
        if not (low and high):  # also refuses NaN
            raise ValueError(f"{name}={value!r}: {accepted}")
        return self.kind(value)


def check_options(
    declared: Iterable[Option], given: Mapping[str, Any], labels: tuple[str, ...], owner: str
) -> dict[str, Value]:
    """Every given option checked against its declaration.

    Raises:
        ValueError: an option is unknown or out of range.
    """
    by_name = {option.name: option for option in declared}
    for name in given:
        if name not in by_name:
            raise ValueError(f"{owner} has no option {name!r}; it has {', '.join(by_name) or 'none'}")
    return {name: by_name[name].check(value, labels) for name, value in given.items()}
