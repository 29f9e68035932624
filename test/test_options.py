# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

from people_perception.catalogue import get_spec
from people_perception.decoders import decoder_class, make_decoder
from people_perception.options import Option, check_options

LABELS = ("person", "bag")
NUMBER = Option("threshold", float, "A number.", 0.0, 1.0, per_label=True)
COUNT = Option("top_k", int, "A count.", 1, 100)
CHOICE = Option("clustering", str, "A choice.", choices=("dbscan", "nms"))
DECODERS = ("detectnet", "semantic", "mask_rcnn", "ssd", "face", "person_crops")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        (NUMBER, 0.5, 0.5),
        (NUMBER, 1, 1.0),
        (NUMBER, 0, 0.0),
        (NUMBER, np.float32(0.5), 0.5),
        (NUMBER, {"bag": 1}, {"bag": 1.0}),
        (NUMBER, {}, {}),
        (COUNT, 5, 5),
        (COUNT, 5.0, 5),
        (COUNT, np.int64(5), 5),
        (CHOICE, "nms", "nms"),
    ],
)
def test_accepted(option: Option, value: Any, expected: Any) -> None:
    checked = option.check(value, LABELS)
    assert checked == expected
    assert type(checked) is type(expected)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (NUMBER, 1.01, "threshold=1.01: expected a number from 0.0 to 1.0"),
        (NUMBER, -0.01, "threshold=-0.01: expected a number from 0.0 to 1.0"),
        (NUMBER, math.nan, "threshold=nan: expected a number"),
        (NUMBER, math.inf, "threshold=inf: expected a number"),
        (NUMBER, "0.5", "threshold='0.5': expected a number"),
        (NUMBER, True, "threshold=True: expected a number"),
        (NUMBER, None, "threshold=None: expected a number"),
        (NUMBER, {"dog": 0.5}, "threshold: unknown label 'dog'; the labels are person, bag"),
        (NUMBER, {"bag": 2}, r"threshold\[bag\]=2: expected a number from 0.0 to 1.0"),
        (COUNT, 0, "top_k=0: expected an integer from 1 to 100"),
        (COUNT, 1.5, "top_k=1.5: expected an integer from 1 to 100"),
        (COUNT, {"bag": 5}, "top_k={'bag': 5}: expected an integer"),
        (CHOICE, "hybrid", "clustering='hybrid': expected one of dbscan, nms"),
        (CHOICE, 1, "clustering=1: expected one of dbscan, nms"),
    ],
)
def test_refused(option: Option, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        option.check(value, LABELS)


def test_unknown_option_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="peoplenet has no option 'tresh'; it has threshold, top_k"):
        check_options((NUMBER, COUNT), {"tresh": 1}, LABELS, "peoplenet")
    with pytest.raises(ValueError, match="x has no option 'tresh'; it has none"):
        check_options((), {"tresh": 1}, LABELS, "x")


@pytest.mark.parametrize("name", DECODERS)
def test_declarations_say_what_they_accept(name: str) -> None:
    for option in decoder_class(name).OPTIONS:
        assert option.description.endswith(".")
        assert bool(option.choices) == (option.kind is str)
        if option.kind is not str:
            assert option.minimum is not None and option.maximum is not None and option.minimum < option.maximum


def test_unknown_decoder() -> None:
    with pytest.raises(ValueError, match="unknown decoder 'yolo'"):
        decoder_class("yolo")


class TestConfigure:
    def test_a_label_s_value_leaves_the_others(self) -> None:
        decoder = make_decoder(get_spec("peoplenet"), confidence_threshold=0.5)
        assert decoder.options["confidence_threshold"] == 0.5
        decoder.configure(confidence_threshold={"bag": 0.2})
        assert decoder.options["confidence_threshold"] == {"person": 0.5, "bag": 0.2, "face": 0.5}
        decoder.configure(confidence_threshold=0.3)
        assert decoder.options["confidence_threshold"] == 0.3

    def test_all_or_nothing(self) -> None:
        decoder = make_decoder(get_spec("peoplenet"))
        before = decoder.options
        with pytest.raises(ValueError, match="top_k=-1"):
            decoder.configure(clustering="nms", top_k=-1)
        assert decoder.options is before

    def test_options_are_read_only(self) -> None:
        options = make_decoder(get_spec("peoplenet")).options
        with pytest.raises(TypeError):
            options["top_k"] = 3  # type: ignore[index]

    def test_from_several_threads(self) -> None:
        """No change is lost, and a reader never sees half of one."""
        decoder = make_decoder(get_spec("peoplenet"), confidence_threshold=0.0, coverage_threshold=0.0)
        torn = []

        def write(name: str) -> None:
            for i in range(200):
                decoder.configure(confidence_threshold={name: i / 1000}, min_height=i, top_k=i + 1)
                options = decoder.options
                torn.append(options["min_height"] != options["top_k"] - 1)  # type: ignore[operator]

        threads = [threading.Thread(target=write, args=(label,)) for label in ("person", "bag", "face")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not any(torn)
        assert decoder.options["confidence_threshold"] == dict.fromkeys(("person", "bag", "face"), 0.199)
