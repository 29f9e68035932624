# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.runs import OUTPUTS, make_run, model, without_answers

from people_perception.report.summary import (
    Flow,
    evenly,
    flow,
    latencies,
    latency,
    main_camera,
    notable,
    people,
    pictured,
    slowest_answer,
)


def test_latency_is_in_milliseconds_over_all_answers() -> None:
    values = latencies(make_run(), OUTPUTS[0])
    assert len(values) == 9
    summary = latency(values)
    assert summary is not None
    assert (summary.p50, summary.worst) == (pytest.approx(20), pytest.approx(500))
    assert summary.p50 <= summary.p95 <= summary.p99 <= summary.worst
    assert latency([]) is None


def test_each_image_that_was_sent_is_accounted_for_once() -> None:
    run = make_run()
    assert flow(run, OUTPUTS[0]) == Flow(sent=10, answered=9, busy=1, limited=0, failed=0, lost=0)
    assert flow(run, OUTPUTS[2]) == Flow(10, 10, 0, 0, 0, 0)
    # The node counts no drop for the overlay's missing frame.
    assert flow(run, OUTPUTS[3]).lost == 1


@pytest.mark.parametrize(
    ("statistics", "expected"),
    [
        ({"dropped_busy": "4", "dropped_max_rate": "3", "failed": "1", "malformed": "1"}, (4, 3, 2, 1)),
        # More than is missing here: it counted before the camera of this run.
        ({"dropped_busy": "99", "failed": "5"}, (10, 0, 0, 0)),
        ({"dropped_busy": "many"}, (0, 0, 0, 10)),
        ({}, (0, 0, 0, 10)),
    ],
)
def test_reasons_for_missing_answers_come_from_the_node(statistics: dict[str, str], expected: tuple[int, ...]) -> None:
    run = without_answers(make_run())
    run = replace(run, models=(model("peoplenet", "peoplenet", **statistics),))
    f = flow(run, OUTPUTS[0])
    assert (f.busy, f.limited, f.failed, f.lost) == expected
    assert f.answered + f.busy + f.limited + f.failed + f.lost == f.sent


def test_people_of_a_frame_are_the_most_that_any_output_found() -> None:
    run = make_run()
    frames = run.of_camera("image")
    assert [people(run, frames[i]) for i in (0, 3, 7)] == [1, 3, 0]
    assert people(run, frames[5]) == 1, "only the mask shows somebody"


def test_notable_frames() -> None:
    run = make_run()
    chosen = notable(run, "image")
    assert {title: frame.index for title, frame in chosen.items()} == {"busiest": 3, "emptiest": 7, "slowest": 8}
    assert slowest_answer(run, chosen["slowest"]) == pytest.approx(500)
    assert notable(run, "no such camera") == {}


def test_the_camera_that_models_read_comes_first() -> None:
    run = make_run()
    assert main_camera(run) == "image"
    assert main_camera(replace(run, outputs=OUTPUTS[2:])) == "ir_image"
    assert main_camera(replace(run, outputs=OUTPUTS[3:])) == "image"


def test_a_run_of_one_frame_has_one_notable_frame() -> None:
    assert list(notable(make_run(frames=1), "image")) == ["busiest"]


def test_frames_with_a_picture() -> None:
    assert [frame.index for frame in pictured(make_run(), "image")] == list(range(9))


@pytest.mark.parametrize(("count", "expected"), [(3, [0, 3, 7]), (5, [0, 2, 4, 6, 8]), (20, list(range(10))), (1, [0])])
def test_frames_are_spread_evenly(count: int, expected: list[int]) -> None:
    assert [frame.index for frame in evenly(make_run().of_camera("image"), count)] == expected


def test_of_neighbours_the_one_with_most_answers_is_shown() -> None:
    frames = make_run().of_camera("image")[5:9]
    assert [frame.index for frame in evenly(frames, 2)] == [6, 7], "5 lacks an answer"
