# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every frame of a recording goes through the models, at its own stamp, always with the same result."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from people_perception.bags.cameras import Stream
from people_perception.bags.journal import read_frames, read_run
from people_perception.bags.messages import (
    DETECTIONS,
    IMAGE,
    LABELS,
    decode,
    header,
    image_from,
    label_message,
    stamp_ns,
)
from people_perception.bags.models import ModelSettings
from people_perception.bags.pipeline import Pipeline
from people_perception.bags.reader import Bag, Message
from people_perception.bags.replay import Listener, ReplaySettings, replay
from people_perception.errors import PerceptionError
from people_perception.message_fields import detections_from_message
from recordings import START, record, squares, stamps

CAMERA = "/camera/image_raw"
ALL = ("peoplenet", "peoplesemsegnet", "peoplesegnet")
COUNT = 6


def settings(*models: str, **more: Any) -> ReplaySettings:
    return ReplaySettings(ModelSettings(models or ("peoplenet",)), **more)


def messages(path: Path) -> list[Message]:
    with Bag(path) as bag:
        found = list(bag.messages())
        assert bag.problems == []
        return found


def decoded(path: Path, topic: str) -> list[Any]:
    return [decode(m.data, m.kind) for m in messages(path) if m.topic == topic]


class Stopper:
    """Ends a replay after some frames."""

    def __init__(self, frames: int) -> None:
        self.stop = threading.Event()
        self._left = frames

    def frame(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.stop.set()


def partly(path: Path, output: Path, wanted: ReplaySettings, frames: int) -> Any:
    """A replay that somebody stops."""
    stopper = Stopper(frames)
    return replay(path, output, wanted, stop=stopper.stop, listener=Listener(frame=stopper.frame))


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory, network_files: Path) -> Path:
    """What three models make of six frames."""
    folder = tmp_path_factory.mktemp("replay")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PP_MODEL_DIR", str(network_files))
        summary = replay(record(folder / "bag", {CAMERA: squares(COUNT)}), folder / "out", settings(*ALL))
    assert summary.complete
    assert (summary.frames, summary.expected, summary.failed) == (COUNT, COUNT, 0)
    return folder / "out"


class TestOutputs:
    def test_every_frame_has_every_output_at_its_stamp(self, output: Path) -> None:
        for topic in ("detections", "segmentation/mask", "instances", "instances/mask"):
            found = decoded(output, f"/people/{topic}")
            assert [stamp_ns(m.header) for m in found] == stamps(COUNT)
            assert {m.header.frame_id for m in found} == {"camera_image_raw"}

    def test_outputs_are_recorded_when_the_images_were(self, output: Path) -> None:
        times = [m.time for m in messages(output) if m.kind == DETECTIONS and m.topic == "/people/detections"]
        assert times == [stamp + 3_000_000 for stamp in stamps(COUNT)]

    def test_results_are_those_of_the_images(self, output: Path) -> None:
        for image, message in zip(squares(COUNT), decoded(output, "/people/detections"), strict=True):
            found = detections_from_message(message)
            assert len(found) == bool(image.any())
            if len(found):
                columns = np.flatnonzero(image.any(axis=(0, 2)))
                assert abs(found.boxes[0, [0, 2]].mean() - columns.mean()) < 8
                assert found.names() == ["person"]

    def test_masks_have_the_size_of_the_images(self, output: Path) -> None:
        for message in decoded(output, "/people/instances/mask"):
            assert message.encoding == "mono16"
            assert np.unique(image_from(message, IMAGE)).tolist() == [0, 1]
        assert {image_from(m, IMAGE).shape for m in decoded(output, "/people/segmentation/mask")} == {(544, 960)}

    def test_labels_come_first_and_once(self, output: Path) -> None:
        labels = decoded(output, "/people/detections/label_info")
        assert [[c.class_name for c in m.class_map] for m in labels] == [["person", "bag", "face"]]
        assert labels[0].threshold == pytest.approx(0.7)
        assert messages(output)[0].kind == LABELS

    def test_labels_are_latched(self, output: Path) -> None:
        with Bag(output) as bag:
            qos = bag.topics["/people/detections/label_info"].qos
            assert [q.durability.name for q in qos] == ["TRANSIENT_LOCAL"]
            assert [q.durability.name for q in bag.topics["/people/detections"].qos] == ["VOLATILE"]

    def test_the_mcap_package_reads_it(self, output: Path) -> None:
        from mcap.reader import make_reader

        with (output / "out.mcap").open("rb") as file:
            read = make_reader(file)
            found = [(c.topic, m.log_time, m.data) for _, c, m in read.iter_messages()]
            assert [(m.topic, m.time, m.data) for m in messages(output)] == found
            names = {schema.name for schema in read.get_summary().schemas.values()}
            assert names == {DETECTIONS, IMAGE, LABELS}

    def test_the_journal_says_what_ran_and_what_was_found(self, output: Path) -> None:
        run = read_run(output)
        assert [m["model"] for m in run["models"]] == list(ALL)
        assert run["finished"]["complete"]
        frames = list(read_frames(output))
        assert [f.stamp for f in frames] == stamps(COUNT)
        assert [f.values["/people/detections"] for f in frames] == [1, 1, 1, 0, 1, 1]
        assert all(f.seconds.keys() == f.values.keys() and not f.errors for f in frames)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_two_runs_are_identical(tmp_path: Path, storage: str) -> None:
    path = record(tmp_path / "bag", {CAMERA: squares(COUNT)})
    for folder in ("a", "b"):
        replay(path, tmp_path / folder / "out", settings(*ALL, storage=storage))
    assert messages(tmp_path / "a/out") == messages(tmp_path / "b/out")
    if storage == "mcap":
        assert (tmp_path / "a/out/out.mcap").read_bytes() == (tmp_path / "b/out/out.mcap").read_bytes()


def test_compressed_images_of_several_cameras(tmp_path: Path) -> None:
    front, rear = "/front/image_raw/compressed", "/rear/image_raw"
    path = record(tmp_path / "bag", {front: squares(COUNT), rear: squares(4)}, compressed=[front])
    summary = replay(path, tmp_path / "out", settings())
    assert summary.complete and summary.frames == COUNT + 4
    found = [detections_from_message(m) for m in decoded(tmp_path / "out", "/people/front/detections")]
    assert [len(f) for f in found] == [1, 1, 1, 0, 1, 1]
    assert len(decoded(tmp_path / "out", "/people/rear/detections")) == 4


def test_the_input_can_be_written_too(tmp_path: Path) -> None:
    other = ("/labels", LABELS, START, label_message(("a",), 0.5, header(START, "")))
    path = record(tmp_path / "bag", {CAMERA: squares(3)}, extra=[other], mode="MESSAGE")
    replay(path, tmp_path / "out", settings(include_input=True))
    own = [m for m in messages(tmp_path / "out") if not m.topic.startswith("/people/")]
    assert own == messages(path)
    with Bag(path) as before, Bag(tmp_path / "out") as after:
        assert after.topics[CAMERA] == before.topics[CAMERA]


def test_recorded_results_are_replaced(tmp_path: Path) -> None:
    first = record(tmp_path / "bag", {CAMERA: squares(3)})
    replay(first, tmp_path / "once", settings(include_input=True))
    summary = replay(tmp_path / "once", tmp_path / "twice", settings(include_input=True))
    assert len(decoded(tmp_path / "twice", "/people/detections")) == 3
    assert "/people/detections of the input is not copied" in " ".join(summary.problems)


class TestDamage:
    def test_a_frame_that_cannot_be_read_is_counted_and_named(self, tmp_path: Path) -> None:
        bad = record(tmp_path / "bad", {CAMERA: squares(COUNT)})
        path = rewritten(bad, tmp_path / "bag", lambda i, data: data[:-500] if i == 2 else data)
        summary = replay(path, tmp_path / "out", settings("peoplenet", "peoplesemsegnet"))
        assert (summary.frames, summary.failed, summary.complete, summary.finished) == (COUNT, 1, False, True)
        assert any("times no result" in problem for problem in summary.problems)
        assert len(decoded(tmp_path / "out", "/people/detections")) == COUNT - 1
        assert [bool(f.errors) for f in read_frames(tmp_path / "out")] == [i == 2 for i in range(COUNT)]

    def test_a_truncated_recording_gives_a_part_that_says_so(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(COUNT)})
        data = (path / "bag.mcap").read_bytes()
        (path / "bag.mcap").write_bytes(data[: len(data) // 2])
        summary = replay(path, tmp_path / "out", settings())
        assert summary.finished and not summary.complete
        assert 0 < summary.frames < COUNT
        assert "cut off" in summary.problems[0]
        assert len(decoded(tmp_path / "out", "/people/detections")) == summary.frames

    def test_a_network_that_always_fails_ends_the_run_with_a_valid_output(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("CUDA error 700")

        monkeypatch.setattr("people_perception.model.Model.infer", fail)
        path = record(tmp_path / "bag", {CAMERA: squares(12, (64, 48))})
        with pytest.raises(
            PerceptionError, match="peoplenet: 10 frames in a row failed, the last with: CUDA error 700"
        ):
            replay(path, tmp_path / "out", settings())
        assert messages(tmp_path / "out") == []
        assert "ended by an error" in read_run(tmp_path / "out")["finished"]["problems"][0]


class TestResume:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A recording whose second camera has 16 bit: what its images look like depends on those before."""
        rng = np.random.default_rng(7)
        heat = [(rng.random((240, 384)) * 900 * (i + 1) + 7000).astype(np.uint16) for i in range(12)]
        for image in heat[1::2]:
            image[80:160, 100:180] = 60000
        return record(tmp_path / "bag", {CAMERA: squares(12), "/ir/image": heat})

    WANTED = settings("peoplenet", "facedetect_ir")

    def test_goes_on_with_what_ctrl_c_left(self, tmp_path: Path, path: Path) -> None:
        whole = replay(path, tmp_path / "whole/out", self.WANTED)
        part = partly(path, tmp_path / "part/out", self.WANTED, 9)
        assert not part.finished and 9 <= part.frames < 24
        assert f"stopped after {part.frames} of 24 images; --resume goes on" in part.problems
        assert len(messages(tmp_path / "part/out")) >= 9
        rest = replay(path, tmp_path / "part/out", self.WANTED, resume=True)
        assert (rest.frames, rest.computed, rest.complete) == (24, 24 - part.frames, True)
        assert rest.topics == whole.topics
        assert (tmp_path / "part/out/out.mcap").read_bytes() == (tmp_path / "whole/out/out.mcap").read_bytes()
        assert [f.values for f in read_frames(tmp_path / "part/out")] == [
            f.values for f in read_frames(tmp_path / "whole/out")
        ]
        assert not list((tmp_path / "part").glob(".*"))

    @pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
    def test_goes_on_with_what_a_crash_left(self, tmp_path: Path, path: Path, storage: str) -> None:
        wanted = replace(self.WANTED, storage=storage)
        replay(path, tmp_path / "whole", wanted)
        partly(path, tmp_path / "out", wanted, 9)
        kill(tmp_path / "out")
        assert replay(path, tmp_path / "out", wanted, resume=True).complete
        assert messages(tmp_path / "out") == messages(tmp_path / "whole")

    def test_goes_on_when_it_was_stopped_while_going_on(self, tmp_path: Path, path: Path) -> None:
        replay(path, tmp_path / "whole", self.WANTED)
        partly(path, tmp_path / "out", self.WANTED, 9)
        shutil.copytree(tmp_path / "out", tmp_path / ".out.earlier")
        kill(tmp_path / "out")
        assert replay(path, tmp_path / "out", self.WANTED, resume=True).complete
        assert messages(tmp_path / "out") == messages(tmp_path / "whole")

    def test_has_nothing_to_do_when_all_is_done(self, tmp_path: Path, path: Path) -> None:
        whole = replay(path, tmp_path / "out", self.WANTED)
        before = (tmp_path / "out/out.mcap").stat().st_mtime_ns
        again = replay(path, tmp_path / "out", self.WANTED, resume=True)
        assert again == replace(whole, computed=0, seconds=0.0)
        assert (tmp_path / "out/out.mcap").stat().st_mtime_ns == before

    def test_begins_where_nothing_is(self, tmp_path: Path, path: Path) -> None:
        assert replay(path, tmp_path / "out", self.WANTED, resume=True).complete

    def test_refuses_to_mix_two_runs(self, tmp_path: Path, path: Path) -> None:
        partly(path, tmp_path / "out", self.WANTED, 3)
        other = ModelSettings(("peoplenet", "facedetect_ir"), options={"peoplenet": {"clustering": "nms"}})
        with pytest.raises(PerceptionError, match=r"written with models peoplenet options  ?.*now clustering"):
            replay(path, tmp_path / "out", replace(self.WANTED, models=other), resume=True)
        with pytest.raises(PerceptionError, match=r"written with namespace /people, now /x"):
            replay(path, tmp_path / "out", replace(self.WANTED, namespace="/x"), resume=True)
        assert len(messages(tmp_path / "out")) > 0

    def test_refuses_a_folder_of_somebody_else(self, tmp_path: Path, path: Path) -> None:
        with pytest.raises(PerceptionError, match="no output of replay"):
            replay(path, path, self.WANTED, resume=True)
        with pytest.raises(PerceptionError, match="bag exists; give another --output, or --resume"):
            replay(path, path, self.WANTED)


class TestPipeline:
    def test_reads_no_more_than_memory_allows(self) -> None:
        read = count()
        large = bytes(40 << 20)

        def endless() -> Iterator[Message]:
            while True:
                next(read)
                yield Message("/other", "x/msg/X", 0, large)

        pipeline = iter(Pipeline(endless(), [], {}, 0, threading.Event()))
        for _ in range(5):
            next(pipeline)
        pipeline.close()  # type: ignore[attr-defined]
        assert next(read) <= 5 + 3 + 1

    def test_an_error_of_the_source_reaches_the_caller(self) -> None:
        def broken() -> Iterator[Message]:
            yield Message("/other", "x/msg/X", 0, b"")
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space left"):
            list(Pipeline(broken(), [], {}, 0, threading.Event()))

    def test_messages_stay_in_order_whoever_is_slow(self, tmp_path: Path) -> None:
        path = record(tmp_path / "bag", {CAMERA: squares(12, (64, 48))})
        delays = iter([0.03, 0.0, 0.01] * 4)

        class Slow:
            def infer(self, *_: object) -> Any:
                threading.Event().wait(next(delays))
                raise ValueError("nothing")

        streams = [Stream(CAMERA, "peoplenet", "/x")]
        with Bag(path) as bag:
            models: Any = {"peoplenet": Slow()}
            pipeline = Pipeline(bag.messages(), streams, models, 0, threading.Event())
            times = []
            with pytest.raises(PerceptionError, match="10 frames in a row"):
                for job in pipeline:
                    times.append(job.message.time)
        assert times == [stamp + 3_000_000 for stamp in stamps(12)][:9]


def kill(output: Path) -> None:
    """What a power cut leaves: no metadata, no index, half a line."""
    (output / "metadata.yaml").unlink()
    run = read_run(output)
    run["finished"] = None
    from people_perception.bags.journal import write_json

    write_json(output / "replay.json", run)
    if (output / "out.mcap").exists():
        data = (output / "out.mcap").read_bytes()
        (output / "out.mcap").write_bytes(data[:-2000])
    else:
        (output / "out.db3-journal").write_bytes(b"not committed")
    with (output / "frames.jsonl").open("a") as file:
        file.write('{"camera": "/cam')


def rewritten(path: Path, output: Path, change: Callable[[int, bytes], bytes]) -> Path:
    """A copy of a recording with other bytes."""
    from people_perception.bags.writer import OutputBag

    copy = OutputBag(output)
    recorded: Sequence[Message] = messages(path)
    for topic in dict.fromkeys(m.topic for m in recorded):
        copy.add(topic, IMAGE)
    for i, message in enumerate(recorded):
        copy.write(message.topic, message.time, change(i, bytes(message.data)))
    copy.close()
    return output
