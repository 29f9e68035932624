# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Two outputs of replay are compared, and what is beyond a limit is named with its frames."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from people_perception.bags.compare import compare
from people_perception.bags.comparison import Comparison, Limits
from people_perception.bags.gallery import write_gallery
from people_perception.bags.models import ModelSettings
from people_perception.bags.replay import ReplaySettings, replay
from people_perception.bags.writer import OutputBag
from people_perception.errors import PerceptionError
from recordings import record, squares, stamps

CAMERA = "/camera/image_raw"
COUNT = 8
MODELS = ("peoplenet", "peoplesemsegnet", "peoplesegnet")


def run(path: Path, output: Path, *models: str, **options: float) -> Path:
    chosen = {"peoplenet": options} if options else {}
    replay(path, output, ReplaySettings(ModelSettings(models or MODELS, options=chosen)))
    return output


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory, network_files: Path) -> Path:
    """A folder with a recording, a reference, the same again, and a run whose threshold is too high for anybody."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PP_MODEL_DIR", str(network_files))
        path = record(folder / "bag", {CAMERA: squares(COUNT)})
        run(path, folder / "a")
        run(path, folder / "same")
        run(path, folder / "degraded", confidence_threshold=500.0)
        moved = [cv2.warpAffine(i, shift(40), (960, 544)) for i in squares(COUNT)]
        run(record(folder / "moved_bag", {CAMERA: moved}), folder / "moved")
    return folder


def shift(pixels: int):
    import numpy as np

    return np.array([[1, 0, pixels], [0, 1, 0]], np.float32)


def topic(comparison: Comparison, name: str):
    return next(t for t in comparison.topics if t.topic == f"/people/{name}")


def test_the_same_results_are_identical(bags: Path) -> None:
    comparison = compare(bags / "a", bags / "same", Limits())
    assert comparison.passed
    assert {t.topic: (t.frames, t.identical) for t in comparison.topics} == {
        f"/people/{name}": (COUNT, COUNT) for name in ("detections", "segmentation/mask", "instances", "instances/mask")
    }
    assert topic(comparison, "detections").box_iou == 1
    assert topic(comparison, "segmentation/mask").mask_iou == 1
    assert all(not t.worst for t in comparison.topics)


def test_a_degraded_run_fails_and_names_the_frames(bags: Path) -> None:
    comparison = compare(bags / "a", bags / "degraded", Limits())
    measured = topic(comparison, "detections")
    assert not comparison.passed
    assert (measured.boxes, measured.matched, measured.lost, measured.found) == (6, 0, 6, 0)
    assert measured.by_label == {"person": {"matched": 0, "lost": 6, "found": 0}}
    assert comparison.failures == ["/people/detections: 6 boxes lost, 100.0% of 6; at most 1.0% may be"]
    assert [frame.number for frame in measured.worst] == [0, 1, 2, 4, 5, 6]
    assert measured.worst[2].describe() == "frame 2 at 0.20 s, stamp 1700000000.200000000: 1 lost"


def test_found_boxes_fail_the_other_way_round(bags: Path) -> None:
    comparison = compare(bags / "degraded", bags / "a", Limits())
    assert comparison.failures == ["/people/detections: 6 boxes found, 600.0% of 0; at most 1.0% may be"]


def test_moved_boxes_fail_by_their_overlap(bags: Path) -> None:
    comparison = compare(bags / "a", bags / "moved", Limits())
    measured = topic(comparison, "detections")
    assert measured.lost == measured.found == 0
    assert measured.box_iou is not None and 0.5 < measured.box_iou < 0.9
    assert re.match(r"the mean IoU of boxes is 0\.\d+; at least 0.9 is expected", measured.failures[0])
    assert compare(bags / "a", bags / "moved", Limits(min_box_iou=0.5, max_score_change=None)).passed


def test_limits_may_be_lifted(bags: Path) -> None:
    assert compare(bags / "a", bags / "degraded", Limits(max_lost=1.0)).passed
    assert compare(bags / "a", bags / "degraded", Limits(max_lost=None)).passed


def test_missing_frames_and_topics_are_failures(bags: Path, tmp_path: Path) -> None:
    short = run(record(tmp_path / "short_bag", {CAMERA: squares(COUNT - 3)}), tmp_path / "short", "peoplenet")
    comparison = compare(bags / "a", short, Limits())
    assert topic(comparison, "detections").only_a == 3
    assert comparison.failures[0] == f"/people/instances is in {bags / 'a'} and not in {short}"
    assert comparison.failures[-1] == ("/people/detections: 3 frames are only in A, 0 only in B; at most 0 may be")
    assert topic(comparison, "detections").worst[0].text == "only in A"


def test_latency_is_compared_where_both_have_a_journal(bags: Path, tmp_path: Path) -> None:
    comparison = compare(bags / "a", bags / "same", Limits(max_slower=1000.0))
    assert topic(comparison, "detections").latency_ms.keys() == {"a", "b"}
    assert comparison.passed
    slow = Limits(max_slower=-0.99)
    assert "the median frame takes" in " ".join(compare(bags / "a", bags / "same", slow).failures)
    bare = tmp_path / "bare"
    shutil.copytree(bags / "same", bare, ignore=shutil.ignore_patterns("*.json*"))
    comparison = compare(bags / "a", bare, slow)
    assert comparison.passed and comparison.models["b"] == []
    assert topic(comparison, "detections").latency_ms.keys() == {"a"}


def test_a_damaged_output_is_no_success(bags: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bags / "same", broken)
    data = (broken / "same.mcap").read_bytes()
    (broken / "same.mcap").write_bytes(data[: len(data) // 3])
    comparison = compare(bags / "a", broken, Limits())
    assert not comparison.passed and "same.mcap" in comparison.problems[0]


def test_recordings_without_common_results_are_refused(bags: Path, tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="have no results on a common topic: none there"):
        compare(bags / "bag", bags / "a", Limits())
    empty = OutputBag(tmp_path / "empty")
    empty.close()
    with pytest.raises(PerceptionError, match="none here"):
        compare(bags / "a", tmp_path / "empty", Limits())


class TestGallery:
    def test_shows_the_worst_frames_with_the_images_of_the_input(self, bags: Path, tmp_path: Path) -> None:
        comparison = compare(bags / "a", bags / "degraded", Limits())
        page = write_gallery(comparison, tmp_path / "out", 0.5)
        pictures = sorted(page.parent.glob("*.jpg"))
        assert [p.name for p in pictures] == [
            f"{rank:02}_people_detections_{number:06}.jpg" for rank, number in enumerate([0, 1, 2, 4, 5, 6], 1)
        ]
        picture = cv2.imread(str(pictures[0]))
        assert picture.shape == (544, 960, 3)
        text = page.read_text()
        assert text.count('<img src="data:image/jpeg;base64,') == 6
        assert "beyond the limits" in text and "6 boxes lost" in text
        assert not re.search(r"https?://(?!developer)", text.replace("http://www.w3.org", ""))

    def test_masks_are_drawn_too(self, bags: Path, tmp_path: Path) -> None:
        comparison = compare(bags / "a", bags / "moved", Limits())
        worst = [replace(frame, topic="/people/instances/mask") for frame in topic(comparison, "detections").worst[:1]]
        topic(comparison, "instances/mask").worst = worst
        topic(comparison, "detections").worst = []
        page = write_gallery(comparison, tmp_path / "out", 0.5)
        assert len(list(page.parent.glob("*.jpg"))) == 1

    def test_says_when_the_images_are_gone(self, bags: Path, tmp_path: Path) -> None:
        for name in ("a", "degraded"):
            shutil.copytree(bags / name, tmp_path / name, ignore=shutil.ignore_patterns("*.json*"))
        comparison = compare(tmp_path / "a", tmp_path / "degraded", Limits())
        page = write_gallery(comparison, tmp_path / "out", 0.5)
        assert "name it with --input" in page.read_text()
        page = write_gallery(comparison, tmp_path / "again", 0.5, bags / "bag")
        assert len(list(page.parent.glob("*.jpg"))) == 6

    def test_two_identical_outputs_need_no_picture(self, bags: Path, tmp_path: Path) -> None:
        page = write_gallery(compare(bags / "a", bags / "same", Limits()), tmp_path, 0.5)
        assert "None: they are the same." in page.read_text()


def test_stamps_are_what_frames_are_matched_by(bags: Path) -> None:
    assert topic(compare(bags / "a", bags / "degraded", Limits()), "detections").worst[-1].stamp == stamps(COUNT)[6]
