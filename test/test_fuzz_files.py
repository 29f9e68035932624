# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Files that may hold anything: read, or refused with one line for users; nothing else comes out."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from people_perception.bags.journal import FrameRecord, Journal
from people_perception.bags.reader import Bag
from people_perception.bags.resume import find_earlier
from people_perception.bags.run_report import read_run_record
from people_perception.bags.summary import Summary
from people_perception.catalogue import load_catalogue, read_spec
from people_perception.decoders import make_decoder
from people_perception.engines import cache
from people_perception.errors import PerceptionError
from people_perception.options import Option
from people_perception.store.eula import is_accepted
from people_perception.store.records import FileRecord, read_record, update_record
from recordings import record, squares

SPECS = load_catalogue()
DEEP = 100_000  # brackets: more than any parser that calls itself can take

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(["", "nan", "../../etc/passwd", "/", "a" * 300, "1e999", "rgb", "nchw", "person"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def fuzzed(examples: int) -> Callable[[Any], Any]:
    """Hypothesis without its own files, and the same examples each time: a rare failure must not be somebody else's."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """What is inside may succeed, or raise an error for users."""
    try:
        yield
    except (PerceptionError, ValueError) as error:
        assert "\n" not in str(error), repr(error)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in nested lists and mappings."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, data: Any) -> Any:
    """The data with one to three places changed, removed or added to."""
    data = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(data))))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return draw(values)
            continue
        holder = data
        for key in path[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(["change", "change", "remove", "add"]))
        if action == "change":
            holder[path[-1]] = draw(values)
        elif action == "remove":
            del holder[path[-1]]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = draw(values)
        else:
            holder.append(draw(values))
    return data


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with some changed, some missing, or cut off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        action = draw(st.sampled_from(["flip", "flip", "cut", "insert", "zero"]))
        if action == "flip" and content:
            content[place] ^= draw(st.integers(1, 255))
        elif action == "cut":
            del content[place : place + draw(st.integers(1, 2000))]
        elif action == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=8))
        else:
            content[place : place + 16] = bytes(len(content[place : place + 16]))
    return bytes(content)


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder for each example: readers remember files by their path and time."""
    made = Path(tempfile.mkdtemp(prefix="people_perception_fuzz_"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def read_model(content: bytes, name: str) -> None:
    with folder() as where:
        path = where / f"{name}.yaml"
        path.write_bytes(content)
        with refused_in_one_line():
            spec = read_spec(path)
            make_decoder(spec)
            spec.input.geometry((640, 480))


class TestModels:
    @pytest.mark.parametrize("name", SPECS)
    def test_any_change_of_a_value(self, name: str) -> None:
        data = yaml.safe_load(SPECS[name].path.read_text())

        @fuzzed(60)
        @given(changed=mutated(data))
        def fuzz(changed: Any) -> None:
            read_model(yaml.safe_dump(changed).encode(), name)

        fuzz()

    @fuzzed(100)
    @given(content=damaged(SPECS["peoplenet"].path.read_bytes()))
    def test_any_damage_of_the_text(self, content: bytes) -> None:
        read_model(content, "peoplenet")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\0",
            b"\xff\xfe",
            b"a: 2001-99-99",
            b"a: 0x_",
            b"a: !!python/object/apply:os.system [ls]",
            b"[" * DEEP,
            b"? [a]\n: b",
        ],
    )
    def test_texts_that_parsers_stumble_over(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "peoplenet.yaml"
        path.write_bytes(content)
        with pytest.raises(PerceptionError, match="peoplenet.yaml"):
            read_spec(path)

    def test_a_text_that_grows_while_it_is_read(self, tmp_path: Path) -> None:
        levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
        path = tmp_path / "peoplenet.yaml"
        path.write_text("\n".join(["a0: &a0 [x]", *levels]))  # nine to the power of eleven entries
        with pytest.raises(PerceptionError, match=r"peoplenet.yaml: not valid YAML: the reference \*a0 is not taken"):
            read_spec(path)

    @pytest.mark.parametrize("number", [".nan", ".inf", "-.inf"])
    @pytest.mark.parametrize("field", ["scale", "mean"])
    def test_numbers_that_are_none_are_refused(self, field: str, number: str, tmp_path: Path) -> None:
        data = yaml.safe_load(SPECS["peoplenet"].path.read_text())
        data["input"][field] = float(number.replace(".", ""))
        path = tmp_path / "peoplenet.yaml"
        path.write_text(yaml.safe_dump(data))
        with pytest.raises(PerceptionError, match=f"input.{field}"):
            read_spec(path)


KEY = cache.EngineKey("peoplenet", "n" * 64, "tensorrt", "10.3.0", "GPU 8.7", "fp16", (1, 1, 1), (960, 544))
PLAN = b"ftrt" + bytes(12) + (64).to_bytes(8, "little") + bytes(40)


def stored(where: Path) -> Path:
    """An engine in the cache."""
    finished = where / "finished"
    finished.write_bytes(PLAN)
    return cache.store_plan(where, KEY, finished, {"timings": {"total_s": 1.0}})


class TestEngines:
    def look(self, where: Path, plan: Path) -> None:
        with refused_in_one_line():
            cache.check_plan(plan)
        found, why = cache.find_plan(where, KEY)
        assert found is not None or why
        # The engine of another key, whose reason names this one.
        cache.find_plan(where, cache.EngineKey(**{**vars(KEY), "version": "10.4.0"}))

    def test_any_change_of_a_sidecar(self, tmp_path: Path) -> None:
        data = json.loads(cache.sidecar_path(stored(tmp_path)).read_text())

        @fuzzed(150)
        @given(changed=mutated(data))
        def fuzz(changed: Any) -> None:
            with folder() as where:
                plan = stored(where)
                cache.sidecar_path(plan).write_text(json.dumps(changed, default=str))
                self.look(where, plan)

        fuzz()

    @fuzzed(80)
    @given(data=st.data())
    def test_any_damage_of_a_sidecar_or_plan(self, data: st.DataObject) -> None:
        with folder() as where:
            plan = stored(where)
            victim = data.draw(st.sampled_from([plan, cache.sidecar_path(plan)]))
            victim.write_bytes(data.draw(damaged(victim.read_bytes())))
            self.look(where, plan)

    def test_a_deep_sidecar(self, tmp_path: Path) -> None:
        plan = stored(tmp_path)
        cache.sidecar_path(plan).write_text("[" * DEEP)
        with pytest.raises(PerceptionError, match="remove it and its plan"):
            cache.read_sidecar(plan)


class TestStore:
    ENTRY = FileRecord(3, "a" * 64, "ngc", "v1", "amr", "cache.txt")

    def test_any_change_of_a_record(self, tmp_path: Path) -> None:
        update_record(tmp_path, {"a.onnx": self.ENTRY})
        data = json.loads((tmp_path / "models.lock.json").read_text())

        @fuzzed(150)
        @given(changed=mutated(data))
        def fuzz(changed: Any) -> None:
            with folder() as where:
                (where / "models.lock.json").write_text(json.dumps(changed, default=str))
                with refused_in_one_line():
                    for name, entry in read_record(where).files.items():
                        assert "/" not in name and isinstance(entry.size, int)
                        assert all(
                            isinstance(text, str) for text in (entry.sha256, entry.source, entry.origin, entry.variant)
                        )
                        assert entry.int8_cache is None or "/" not in entry.int8_cache

        fuzz()

    @pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"files": []}', "[" * DEEP, '{"files": {"a": 1}}'])
    def test_records_that_are_none(self, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PP_MODEL_DIR", str(tmp_path))
        for name in ("models.lock.json", "accepted_licences.json"):
            (tmp_path / name).write_text(content)
        with refused_in_one_line():
            read_record(tmp_path)
        with refused_in_one_line():
            is_accepted({"name": "a licence", "url": "https://example.com"})


_TEXTS = ("requested", "model", "title", "engine", "device", "weights", "reason", "licence", "licence_url")
RUN = {
    "input": "/bags/a",
    "command": "replay a",
    "started": "2026-01-01T00:00:00+00:00",
    "models": [dict.fromkeys(_TEXTS, "x")],
    "streams": [{"camera": "/image", "model": "x", "topics": ["/people/detections"], "counts": "people"}],
    "machine": {"memory": "1 GiB"},
    "identity": {"models": {"x": {"options": {}}}},
}


class TestReplays:
    def written(self, folder: Path) -> Path:
        """The journal of a replay of one frame."""
        folder.mkdir()
        journal = Journal(folder, RUN)
        topic = "/people/detections"
        journal.add(FrameRecord("/image", 5, 6, 1, 1, seconds={topic: 0.1}, values={topic: 1.0}))
        journal.finish(Summary("a", "out", frames=1, expected=1, finished=True).plain())
        return folder

    def look(self, where: Path) -> int:
        with refused_in_one_line():
            find_earlier(where, {"models": {"x": {"options": {}}}})
        with refused_in_one_line():
            return len(read_run_record(where).frames)
        return 0

    @pytest.mark.parametrize("name", ["replay.json", "frames.jsonl"])
    def test_any_change(self, name: str, tmp_path: Path) -> None:
        data = json.loads((self.written(tmp_path / "out") / name).read_text())
        assert self.look(tmp_path / "out") == 1

        @fuzzed(150)
        @given(changed=mutated(data))
        def fuzz(changed: Any) -> None:
            with folder() as where:
                (self.written(where / "out") / name).write_text(json.dumps(changed, default=str))
                self.look(where / "out")

        fuzz()

    @pytest.mark.parametrize("name", ["replay.json", "frames.jsonl"])
    def test_a_deep_one(self, name: str, tmp_path: Path) -> None:
        (self.written(tmp_path / "out") / name).write_text("[" * DEEP)
        assert self.look(tmp_path / "out") == 0

    def test_one_of_an_older_version_is_understood(self, tmp_path: Path) -> None:
        path = self.written(tmp_path / "out") / "replay.json"
        run = json.loads(path.read_text())
        del run["finished"]["withheld"]
        path.write_text(json.dumps(run))
        earlier = find_earlier(tmp_path / "out", {"models": {"x": {"options": {}}}})
        assert earlier.summary is not None and earlier.summary.frames == 1


class TestParameters:
    @fuzzed(100)
    @given(value=values)
    def test_any_value_is_checked(self, value: Any) -> None:
        from people_perception.ros.parameters import OVERLAY, PERCEPTION

        for parameter in (*PERCEPTION, *OVERLAY):
            with refused_in_one_line():
                checked = parameter.check(value)
                assert isinstance(checked, parameter.kind)
                if parameter.minimum is not None and parameter.maximum is not None:
                    assert parameter.minimum <= checked <= parameter.maximum

    @fuzzed(100)
    @given(value=values)
    def test_any_value_of_an_option(self, value: Any) -> None:
        for name, spec in SPECS.items():
            decoder = make_decoder(spec)
            for option in decoder.OPTIONS:
                assert isinstance(option, Option)
                before = dict(decoder.options)
                try:
                    decoder.configure(**{option.name: value})
                except ValueError as error:
                    assert option.name in str(error) and "\n" not in str(error), name
                    assert dict(decoder.options) == before
                else:
                    numbers = [
                        n for v in decoder.options.values() for n in (v.values() if isinstance(v, dict) else [v])
                    ]
                    assert all(isinstance(n, str) or np.isfinite(n) for n in numbers)


class TestRecordings:
    @pytest.mark.parametrize(
        ("storage", "mode"), [("mcap", "NONE"), ("sqlite3", "NONE"), ("mcap", "FILE"), ("mcap", "MESSAGE")]
    )
    def test_any_damage(self, storage: str, mode: str, tmp_path: Path) -> None:
        bag = record(tmp_path / "bag", {"/camera": squares(4, (96, 64))}, storage, mode=mode)
        names = sorted(path.name for path in bag.iterdir())

        @fuzzed(40)
        @given(data=st.data())
        def fuzz(data: st.DataObject) -> None:
            with folder() as where:
                copied = where / "bag"
                shutil.copytree(bag, copied)
                victim = copied / data.draw(st.sampled_from(names))
                victim.write_bytes(data.draw(damaged(victim.read_bytes())))
                with refused_in_one_line(), Bag(copied) as opened:
                    for message in opened.messages():
                        assert isinstance(message.data, (bytes, bytearray, memoryview))
                    assert all("\n" not in problem for problem in opened.problems)

        fuzz()

    def test_deep_metadata(self, tmp_path: Path) -> None:
        bag = record(tmp_path / "bag", {"/camera": squares(2, (96, 64))})
        (bag / "metadata.yaml").write_text("[" * DEEP)
        with Bag(bag) as opened:
            assert len(list(opened.messages())) == 2
            assert "metadata.yaml is damaged" in opened.problems[0]

    def test_metadata_that_grows_while_it_is_read(self, tmp_path: Path) -> None:
        bag = record(tmp_path / "bag", {"/camera": squares(2, (96, 64))})
        levels = [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)]
        text = "\n".join(["a0: &a0 {k: v}", *levels])  # nine to the power of eleven entries
        assert len(text) < 1000
        (bag / "metadata.yaml").write_text(text)
        with Bag(bag) as opened:
            assert len(list(opened.messages())) == 2
            assert "metadata.yaml is damaged" in opened.problems[0]
            assert "the reference *a0 is not taken" in opened.problems[0]

    @pytest.mark.parametrize("name", ["../other", "/etc/passwd", "..", "", 5, None, ["a"]])
    def test_metadata_cannot_name_files_elsewhere(self, name: Any, tmp_path: Path) -> None:
        bag = record(tmp_path / "bag", {"/camera": squares(2, (96, 64))})
        (tmp_path / "other").write_bytes(next(bag.glob("*.mcap")).read_bytes())
        metadata = yaml.safe_load((bag / "metadata.yaml").read_text())
        metadata["rosbag2_bagfile_information"]["relative_file_paths"] = [name]
        (bag / "metadata.yaml").write_text(yaml.safe_dump(metadata))
        with refused_in_one_line(), Bag(bag) as opened:
            assert opened.problems
            assert all(part.name.endswith(".mcap") for part in opened._parts)
