# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Tracking is measured as MOTChallenge measures it; every figure here can be counted by hand."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sequences
from tflite_networks import real_weights

from people_perception.errors import PerceptionError
from people_perception.evaluation.mot import TruthRow, evaluate_tracking, figures, read_sequence
from people_perception.loading import load_model

pytest.importorskip("trackers")

BLANK = np.zeros((20, 20, 3), np.uint8)


def truth(frames: int, *persons: int) -> list[TruthRow]:
    """Persons who stand 100 pixels apart."""
    return [TruthRow(f, p, 100.0 * p, 1, 50, 100) for f in range(1, frames + 1) for p in persons]


def track(row: TruthRow, number: int, shift: float = 0.0) -> str:
    return f"{row.frame},{number},{row.left + shift},{row.top},{row.width},{row.height},1"


def approx(**values: float) -> dict[str, Any]:
    return {name: pytest.approx(value) for name, value in values.items()}


def chosen(report: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {name: report[name] for name in expected}


class TestFigures:
    def test_of_perfect_tracks(self) -> None:
        rows = truth(10, 1, 2)
        expected = approx(MOTA=1, MOTP=1, IDF1=1, HOTA=1, DetA=1, AssA=1, id_switches=0, mostly_tracked=2)
        assert chosen(figures(rows, [track(r, r.id + 40) for r in rows]), expected) == expected

    def test_of_two_whose_ids_are_exchanged_half_way(self) -> None:
        rows = truth(10, 1, 2)
        found = figures(rows, [track(r, r.id if r.frame <= 5 else 3 - r.id) for r in rows])
        # Two of 20 boxes are switches; each person has the right id in 5 of 10 images, whichever that is.
        expected = approx(MOTA=1 - 2 / 20, MOTP=1, IDF1=10 / 20, DetA=1, id_switches=2, false_positives=0)
        assert chosen(found, expected) == expected
        # Each box shares its pair of ids with 5 of the 10 boxes of its person and of the 10 of its track.
        assert found["AssA"] == pytest.approx(5 / 15)
        assert found["HOTA"] == pytest.approx((5 / 15) ** 0.5)

    def test_of_misses_false_alarms_and_shifted_boxes(self) -> None:
        rows = truth(10, 1)
        # A fifth of the width aside: the IoU is 40 / 60. Seen in 8 images, with a gap; one alarm far away.
        tracks = [track(r, 7, shift=10) for r in rows if r.frame not in (4, 5)] + ["4,8,700,1,50,100,1"]
        found = figures(rows, tracks)
        expected = approx(true_positives=8, false_negatives=2, false_positives=1, id_switches=0, fragmentations=1)
        assert chosen(found, expected) == expected
        assert found["MOTA"] == pytest.approx((8 - 1) / 10)
        assert found["MOTP"] == pytest.approx(40 / 60)
        assert found["IDF1"] == pytest.approx(2 * 8 / (10 + 9))

    def test_of_nothing_found(self) -> None:
        expected = approx(MOTA=0, IDF1=0, HOTA=0, false_negatives=4, mostly_lost=2)
        assert chosen(figures(truth(2, 1, 2), []), expected) == expected
        assert chosen(figures(truth(2, 1, 2), ["1,-1,100,1,50,100,1"]), expected) == expected

    def test_of_who_looks_like_a_person_and_does_not_count(self) -> None:
        rows = truth(4, 1)
        statue = [TruthRow(f, 5, 500, 1, 50, 100, counts=0, kind=8) for f in range(1, 5)]
        found = figures([*rows, *statue], [track(r, 1) for r in rows] + [track(r, 2) for r in statue])
        assert (found["MOTA"], found["false_positives"]) == (1, 0)
        without = figures(rows, [track(r, 1) for r in rows] + [track(r, 2) for r in statue])
        assert (without["MOTA"], without["false_positives"]) == (0, 4)


class TestRealSequence:
    """Two persons cut from photographs; the camera pans and zooms. An id comes with the second image."""

    @pytest.fixture
    def report(self, assets: Path, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
        real_weights("open_person")
        folder = sequences.two_persons(assets, tmp_path / "pan", 20, request.param)
        steps: list[int] = []
        with closing(load_model("open_person")) as model:
            report = evaluate_tracking(model, read_sequence(folder), lambda: steps.append(1))
        assert len(steps) == report["frames"] == 20
        assert report["ms_per_frame"] > 0 and report["tracking_ms_per_frame"] > 0
        return report

    @pytest.mark.parametrize("report", [None], indirect=True)
    def test_two_persons_keep_their_ids(self, report: dict[str, Any]) -> None:
        expected = approx(true_positives=38, false_negatives=2, false_positives=0, id_switches=0, mostly_tracked=2)
        assert chosen(report, expected) == expected
        assert report["MOTA"] == pytest.approx(38 / 40)
        assert report["IDF1"] == pytest.approx(2 * 38 / (38 + 40))
        assert 0.8 < report["MOTP"] < 0.95
        assert report["HOTA"] > 0.8

    @pytest.mark.parametrize("report", [11], indirect=True)
    def test_two_who_change_places_between_two_images_take_each_others(self, report: dict[str, Any]) -> None:
        expected = approx(true_positives=38, false_negatives=2, false_positives=0, id_switches=2)
        assert chosen(report, expected) == expected
        assert report["MOTA"] == pytest.approx((38 - 2) / 40)
        # The best that one id can do for one person are the ten images after the exchange.
        assert report["IDF1"] == pytest.approx(2 * 20 / (38 + 40))
        assert report["HOTA"] < 0.6


class TestReading:
    def test_a_folder_and_its_file_are_the_same(self, tmp_path: Path) -> None:
        folder = sequences.write(tmp_path / "walk", [BLANK] * 3, ["1,1,2.5,3,4,5,1,1,1", "2,1,2,3,4,5", ""], rate=12.5)
        sequence = read_sequence(folder)
        assert sequence == read_sequence(folder / "gt" / "gt.txt")
        assert (sequence.name, sequence.rate, list(sequence.images)) == ("walk", 12.5, [1, 2, 3])
        assert sequence.truth == (TruthRow(1, 1, 2.5, 3, 4, 5), TruthRow(2, 1, 2, 3, 4, 5))

    def test_images_may_lie_elsewhere_and_be_named_otherwise(self, tmp_path: Path) -> None:
        folder = sequences.write(tmp_path / "walk", [BLANK] * 2, ["2,1,2,3,4,5,1,1,1"])
        (folder / "seqinfo.ini").unlink()
        images = (folder / "img1").rename(tmp_path / "other")
        (images / "000002.png").rename(images / "2.png")
        (images / "cover.png").write_bytes(b"")
        sequence = read_sequence(folder, images)
        assert (sequence.rate, [p.name for p in sequence.images.values()]) == (30.0, ["000001.png", "2.png"])

    def test_the_first_challenge_has_no_classes(self, tmp_path: Path) -> None:
        folder = sequences.write(tmp_path / "old", [BLANK], ["1,1,2,3,4,5,1,-1,-1,-1", "1,2,2,3,4,5,0,13.2,4.1,0"])
        assert [(row.counts, row.kind) for row in read_sequence(folder).truth] == [(1, 1), (0, 1)]

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (["1,1,2,3,4,5,1,1,1", "1,2,x,3,4,5"], r"gt.txt:2: expected frame,id,left,top,width,height"),
            (["1,1,2,3,4"], r"gt.txt:1: expected frame"),
            (["1,1,2,3,nan,5"], r"gt.txt:1: expected frame"),
            (["1,1,2,3,4,5", "1,1,9,3,4,5"], r"gt.txt:2: id 1 occurs twice in frame 1"),
            (["1,1,2,3,4,5,0,1,1", "1,2,2,3,4,5,1,3,1"], r"no row counts as a person: the seventh column not 0"),
            ([], r"no row counts as a person"),
            (["7,1,2,3,4,5"], r"img1: no image of frame 7 of gt.txt; expected one like 000007.jpg"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, rows: list[str], message: str) -> None:
        with pytest.raises(PerceptionError, match=message):
            read_sequence(sequences.write(tmp_path / "walk", [BLANK], rows))

    def test_what_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(PerceptionError, match=r"gt.txt: No such file"):
            read_sequence(tmp_path)
        folder = sequences.write(tmp_path / "walk", [BLANK], ["1,1,2,3,4,5"])
        for text, message in (("frameRate=fast", "fast"), ("frameRate=0", "frameRate=0: expected images a second")):
            (folder / "seqinfo.ini").write_text(f"[Sequence]\n{text}\n")
            with pytest.raises(PerceptionError, match=f"seqinfo.ini: .*{message}"):
                read_sequence(folder)


def test_without_the_library_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trackers.eval", None)
    with pytest.raises(PerceptionError, match=r"the metrics of tracking need trackers 2.6 .* docs/tracking.md"):
        figures(truth(1, 1), [])
