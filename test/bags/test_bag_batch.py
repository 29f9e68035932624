# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Many recordings: found, replayed at once, tried again, gone on with."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from people_perception.bags.batch import Job, find_bags, local_runner, output_names, replay_many, run_job
from people_perception.bags.models import ModelSettings
from people_perception.bags.reader import Bag
from people_perception.bags.replay import ReplaySettings
from people_perception.errors import PerceptionError
from recordings import record, squares

CAMERA = "/camera/image_raw"
SETTINGS = ReplaySettings(ModelSettings(("peoplenet", "peoplesemsegnet"), threads=1))


class TestFinding:
    def test_folders_lists_and_recordings(self, tmp_path: Path) -> None:
        names = ("b/two", "b/deep/three", "a")
        paths = {name: record(tmp_path / name, {CAMERA: squares(1, (64, 48))}) for name in names}
        assert find_bags([tmp_path]) == [paths["a"], paths["b/deep/three"], paths["b/two"]]
        assert find_bags([paths["a"], paths["b/two"] / "two.mcap"]) == [paths["a"], paths["b/two"] / "two.mcap"]
        (tmp_path / "list.txt").write_text("# mine\nb/two\n\na\n")
        assert find_bags([tmp_path / "list.txt", paths["a"]]) == [paths["b/two"], paths["a"]]

    def test_a_folder_without_any_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(PerceptionError, match="no recording in this folder"):
            find_bags([tmp_path])

    def test_outputs_have_different_names(self) -> None:
        paths = [Path("/data/monday/run"), Path("/data/tuesday/run"), Path("/data/x.mcap")]
        assert list(output_names(paths).values()) == ["run", "tuesday_run", "x"]


def job(folder: Path, name: str, resume: bool = False) -> Job:
    return Job(str(folder / name), str(folder / f"{name}_out"), SETTINGS, resume)


class TestAttempts:
    def run(self, outcomes: list[Any], retries: int = 2, stop: threading.Event | None = None) -> dict[str, Any]:
        jobs: list[Job] = []

        def runner(job: Job, stop: threading.Event) -> dict[str, Any]:
            jobs.append(job)
            outcome = outcomes[len(jobs) - 1]
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        done: list[dict[str, Any]] = []
        wanted = [job(Path("/data"), "bag")]
        results = replay_many(wanted, runner, 1, retries, stop or threading.Event(), done.append)
        assert done == results
        assert [j.resume for j in jobs] == [i > 0 for i in range(len(jobs))]
        return results[0]

    def test_a_crash_is_tried_again_and_gone_on_with(self) -> None:
        assert self.run([RuntimeError("killed"), {"frames": 3}]) == {"frames": 3, "attempts": 2}

    def test_what_crashes_every_time_is_given_up(self) -> None:
        result = self.run([RuntimeError("killed")] * 3)
        assert (result["attempts"], result["complete"]) == (3, False)
        assert result["error"] == "its process ended: killed"

    def test_bad_input_is_not_tried_again(self) -> None:
        result = self.run([PerceptionError("no camera in it")])
        assert (result["attempts"], result["problems"]) == (1, ["no camera in it"])

    def test_nothing_begins_after_a_stop(self) -> None:
        stop = threading.Event()
        stop.set()
        assert self.run([], stop=stop)["attempts"] == 0


def wait_for_frames(output: Path, count: int) -> None:
    """Return when a replay has written so many frames."""
    journal = output / "frames.jsonl"
    while not (journal.exists() and journal.read_text().count("\n") >= count):
        time.sleep(0.01)


def test_a_killed_process_is_replaced_and_takes_no_other_with_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        record(tmp_path / name, {CAMERA: squares(12) * 5})
    stop = threading.Event()

    def kill_first() -> None:
        wait_for_frames(tmp_path / "a_out", 6)
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)  # type: ignore[arg-type]

    killer = threading.Thread(target=kill_first, daemon=True)
    killer.start()
    results = replay_many([job(tmp_path, "a"), job(tmp_path, "b")], local_runner, 1, 2, stop)
    killer.join()
    assert [(r["complete"], r["frames"]) for r in results] == [(True, 60), (True, 60)]
    assert [r["attempts"] for r in results] == [2, 1]
    with Bag(tmp_path / "a_out") as a, Bag(tmp_path / "b_out") as b:
        assert list(a.messages()) == list(b.messages())


def test_a_stop_reaches_the_processes(tmp_path: Path) -> None:
    record(tmp_path / "a", {CAMERA: squares(12) * 8})
    stop = threading.Event()

    def stop_soon() -> None:
        wait_for_frames(tmp_path / "a_out", 1)
        stop.set()

    threading.Thread(target=stop_soon, daemon=True).start()
    results = replay_many([job(tmp_path, "a"), job(tmp_path, "a")], local_runner, 1, 0, stop)
    assert 0 < results[0]["frames"] < 96 and not results[0]["finished"]
    assert results[1]["attempts"] == 0
    assert run_job(job(tmp_path, "a", resume=True))["complete"]


def test_a_ray_cluster_gives_the_same_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    pytest.importorskip("ray", reason="Ray is optional: 80 MB to download, 15 s for this test; pip install ray")
    from people_perception.bags.cluster import cluster_runner

    record(tmp_path / "a", {CAMERA: squares(6)})
    with cluster_runner("local", 1) as (runner, fitting):  # Ray's word for a cluster of this process's own
        assert fitting >= 1
        jobs = [job(tmp_path, "a"), job(tmp_path, "nothing")]
        results = replay_many(jobs, runner, 2, 1, threading.Event())
    assert results[0]["complete"] and results[0]["frames"] == 6
    assert results[1]["problems"] == [f"{tmp_path / 'nothing'}: there is no such recording"]
    assert results[1]["attempts"] == 1
    with pytest.raises(PerceptionError, match="no Ray cluster at 127.0.0.1:9: "), cluster_runner("127.0.0.1:9", 1):
        pass


def test_without_ray_it_says_how_to_get_it() -> None:
    try:
        import ray  # noqa: F401
    except ImportError:
        from people_perception.bags.cluster import cluster_runner

        with pytest.raises(PerceptionError, match="a cluster needs Ray .*pip install ray"), cluster_runner("auto", 1):
            pass
