# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The engine folder: whole plans only, one writer, and why a plan does not fit."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import plans
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from people_perception.engines.cache import (
    EngineKey,
    check_plan,
    engine_folder,
    file_sha256,
    find_plan,
    folder_lock,
    plan_path,
    read_sidecar,
    sidecar_path,
    store_plan,
    temporary_path,
)
from people_perception.errors import PerceptionError

_JSON = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20))


def _nested(children: st.SearchStrategy) -> st.SearchStrategy:
    names = st.sampled_from(["format", "built", "key", "plan", "size", "sha256", "options", "x"])
    return st.one_of(st.lists(children, max_size=3), st.dictionaries(names, children, max_size=5))


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()


KEY = EngineKey(
    model="peoplenet",
    network="a" * 64,
    runtime="tensorrt",
    version="10.3.0",
    device="Orin sm_87",
    precision="fp16",
    batch=(1, 1, 1),
    size=(960, 544),
    options={"workspace_mib": None},
)


def stored(folder: Path, key: EngineKey = KEY) -> Path:
    with folder_lock(folder):
        return store_plan(folder, key, plans.write(temporary_path(folder), key.version), {"timings": {"build_s": 1.5}})


def test_a_stored_plan_is_found(tmp_path: Path) -> None:
    plan = stored(tmp_path)
    assert find_plan(tmp_path, KEY) == (plan, "")
    record = json.loads(sidecar_path(plan).read_text())
    assert record["timings"] == {"build_s": 1.5}
    assert record["plan"] == {"file": plan.name, "size": plan.stat().st_size, "sha256": file_sha256(plan)}
    assert record["key"]["device"] == "Orin sm_87"
    assert sorted(p.name for p in tmp_path.iterdir()) == [plan.name, plan.name + ".json"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"network": "b" * 64}, "another network file"),
        ({"calibration": "b" * 64}, "another calibration file"),
        ({"version": "8.5.2.2"}, "version 10.3.0 instead of 8.5.2.2"),
        ({"device": "Xavier sm_72"}, "device Orin sm_87 instead of Xavier sm_72"),
        ({"precision": "int8"}, "precision fp16 instead of int8"),
        ({"batch": (1, 2, 4)}, r"batch \[1, 1, 1\] instead of \[1, 2, 4\]"),
        ({"options": {"workspace_mib": 512}}, "options .*None.* instead of .*512"),
        ({"recipe": 2}, "recipe 1 instead of 2"),
    ],
)
def test_whatever_differs_is_another_engine_and_said(tmp_path: Path, change: dict, reason: str) -> None:
    stored(tmp_path)
    plan, why = find_plan(tmp_path, replace(KEY, **change))
    assert plan is None
    assert why.startswith("the engine built 20")
    assert __import__("re").search(reason, why)


def test_nothing_built_yet(tmp_path: Path) -> None:
    assert find_plan(tmp_path / "absent", KEY) == (None, "never built")
    stored(tmp_path, replace(KEY, model="peoplesegnet"))
    assert find_plan(tmp_path, KEY) == (None, "never built")


def damage_truncate(plan: Path) -> None:
    plan.write_bytes(plan.read_bytes()[:-1])


def damage_byte(plan: Path) -> None:
    content = bytearray(plan.read_bytes())
    content[-1] ^= 1
    plan.write_bytes(content)


def damage_record(plan: Path) -> None:
    sidecar_path(plan).write_text("{")


def damage_no_record(plan: Path) -> None:
    sidecar_path(plan).unlink()


def damage_shape(plan: Path) -> None:
    sidecar_path(plan).write_text(json.dumps({"format": 1, "key": [], "plan": {}}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_truncate, "bytes instead of the recorded"),
        (damage_byte, "its sha256 differs from the recorded"),
        (damage_record, "not readable as JSON"),
        (damage_no_record, "no record of how it was built"),
        (damage_shape, "not a record of this version"),
    ],
)
def test_damage_is_found_before_anything_loads_it(tmp_path: Path, damage, reason: str) -> None:
    plan = stored(tmp_path)
    damage(plan)
    found, why = find_plan(tmp_path, KEY)
    assert found is None
    assert reason in why
    assert "\n" not in why
    assert stored(tmp_path) == plan  # and can be built over
    assert find_plan(tmp_path, KEY) == (plan, "")


@given(st.one_of(st.binary(max_size=300), st.recursive(_JSON, _nested, max_leaves=20).map(_encoded)))
@settings(max_examples=100, deadline=None)
def test_no_sidecar_breaks_the_search(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = stored(Path(folder))
        sidecar_path(plan).write_bytes(content)
        for key in (KEY, replace(KEY, precision="int8")):
            found, reason = find_plan(Path(folder), key)
            assert found is None
            assert reason and "\n" not in reason


@pytest.mark.parametrize(
    "part", [("built",), ("key", "batch"), ("key", "runtime"), ("key", "precision"), ("plan", "sha256")]
)
def test_a_record_puts_no_line_break_into_a_reason(part: tuple[str, ...], tmp_path: Path) -> None:
    plan = stored(tmp_path)
    record = json.loads(sidecar_path(plan).read_text())
    target = record if len(part) == 1 else record[part[0]]
    target[part[-1]] = "a\nb\x1b[2J"
    sidecar_path(plan).write_text(json.dumps(record))
    for key in (KEY, replace(KEY, precision="int8")):
        _, reason = find_plan(tmp_path, key)
        assert "\n" not in reason and "\x1b" not in reason


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_no_changed_field_of_a_record_breaks_the_search(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = stored(Path(folder))
        record = json.loads(sidecar_path(plan).read_text())
        part = data.draw(st.sampled_from([record, record["key"], record["plan"]]))
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(_JSON)
        sidecar_path(plan).write_text(json.dumps(record))
        for key in (KEY, replace(KEY, precision="int8")):
            _, reason = find_plan(Path(folder), key)
            assert "\n" not in reason


def test_a_plan_that_the_user_brings_needs_no_record(tmp_path: Path) -> None:
    plan = plans.write(tmp_path / "own.engine", "10.3.0")
    assert check_plan(plan) is None
    with pytest.raises(PerceptionError, match="a plan of tensorrt_rtx"):
        plan.write_bytes(b"vtrt" + bytes(100))
        check_plan(plan)
    with pytest.raises(PerceptionError, match="no such file"):
        check_plan(tmp_path / "absent.plan")


def test_a_record_of_another_runtime(tmp_path: Path) -> None:
    plan = stored(tmp_path)
    with pytest.raises(PerceptionError, match="built for tensorrt; this is tensorrt_rtx"):
        check_plan(plan, "tensorrt_rtx")


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / ".building-4711"
    leftover.write_bytes(b"half")
    (tmp_path / ".building-4711.json").write_text("{}")
    with folder_lock(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_record_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    stored(tmp_path)
    with folder_lock(tmp_path):
        finished = plans.write(temporary_path(tmp_path), "10.3.0")
        with monkeypatch.context() as patched, pytest.raises(OSError, match="No space left"):
            patched.setattr(Path, "write_text", full)
            store_plan(tmp_path, KEY, finished, {})
        finished.unlink()
    assert not plan_path(tmp_path, KEY).exists()


def test_the_lock_excludes_threads_and_tells_that_it_waits(tmp_path: Path) -> None:
    inside, waited = threading.Event(), threading.Event()

    def second() -> None:
        with folder_lock(tmp_path, waited.set):
            inside.set()

    with folder_lock(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(2)
        assert not inside.is_set()
    thread.join(2)
    assert inside.is_set()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from people_perception.engines.cache import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])): print('locked', flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).resolve().parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=env)
    assert holder.stdout and holder.stdout.readline() == b"locked\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    start = time.monotonic()
    with folder_lock(tmp_path):
        assert time.monotonic() - start < 20


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceptionError, match="set PP_ENGINE_DIR"), folder_lock(tmp_path / "file" / "engines"):
        pass


@pytest.mark.parametrize("victim", ["folder", "plan"])
def test_a_plan_that_everybody_can_write_is_not_loaded(tmp_path: Path, victim: str) -> None:
    plan = stored(tmp_path)
    path = tmp_path if victim == "folder" else plan
    path.chmod(0o777)
    found, why = find_plan(tmp_path, KEY)
    assert found is None and why == f"{path}: everybody can write to it; chmod o-w it, or set PP_ENGINE_DIR"
    if victim == "folder":  # nor is one built there
        with pytest.raises(PerceptionError, match="everybody can write to it"), folder_lock(tmp_path):
            pass
    else:
        rebuilt = stored(tmp_path)
        assert find_plan(tmp_path, KEY) == (rebuilt, "")


def test_what_is_stored_belongs_to_its_owner_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        plan = stored(tmp_path / "engines")
    finally:
        os.umask(before)
    for path in (plan.parent, plan, sidecar_path(plan)):
        assert path.stat().st_mode & stat.S_IWOTH == 0, path
    assert find_plan(plan.parent, KEY) == (plan, "")


def test_where_engines_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PP_ENGINE_DIR", str(tmp_path))
    assert engine_folder() == tmp_path
    monkeypatch.delenv("PP_ENGINE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engine_folder() == tmp_path / "people_perception" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert engine_folder() == tmp_path / ".cache" / "people_perception" / "engines"


def test_names_with_variants_are_file_names(tmp_path: Path) -> None:
    plan = stored(tmp_path, replace(KEY, model="peoplesemsegnet:amr"))
    assert plan.name.startswith("peoplesemsegnet-amr-fp16-")
    assert read_sidecar(plan)
