# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Where models live and which are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.share import source_checkout
from people_perception.store import paths
from people_perception.store.paths import find_weights, model_dir
from people_perception.store.records import RECORD, FileRecord, update_record


def put(folder: Path, name: str, **record: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")
    if record:
        update_record(folder, {name: FileRecord(1, "", origin="", **record)})
    return folder / name


def found(name: str) -> list[Path]:
    return [path for _, path in find_weights(get_spec(name))]


def test_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", "~/models")
    assert model_dir() == Path.home() / "models"


def test_a_checkout_keeps_models_beside_their_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PP_MODEL_DIR", raising=False)
    assert model_dir() == source_checkout() / "models"  # type: ignore[operator]


def test_an_install_keeps_models_in_the_users_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PP_MODEL_DIR", raising=False)
    monkeypatch.setattr(paths, "source_checkout", lambda: None)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert model_dir() == Path("/data/people_perception")
    monkeypatch.setenv("XDG_DATA_HOME", "")
    assert model_dir() == Path.home() / ".local" / "share" / "people_perception"


def test_nothing_there(store: Path) -> None:
    assert found("peoplenet") == []


def test_the_catalogues_order_then_imports(store: Path) -> None:
    own = put(store / "peoplenet", "mine.onnx", source="import")
    second = put(store / "peoplenet", "resnet34_peoplenet_int8.onnx")
    first = put(store / "peoplenet", "resnet34_peoplenet.onnx")
    assert found("peoplenet") == [first, second, own]


def test_a_file_that_nobody_imported_is_not_used(store: Path) -> None:
    put(store / "peoplenet", "other.onnx")
    put(store / "peoplenet", "labels.txt", source="import")
    assert found("peoplenet") == []


def test_imports_keep_to_their_variant(store: Path) -> None:
    plain = put(store / "peoplesemsegnet", "plain.onnx", source="import")
    vanilla = put(store / "peoplesemsegnet", "vanilla.onnx", source="import", variant="vanilla")
    listed = put(store / "peoplesemsegnet", "peoplesemsegnet_shuffleseg.onnx")
    assert found("peoplesemsegnet") == [listed, plain]
    assert found("peoplesemsegnet:vanilla") == [vanilla]
    assert found("peoplesemsegnet:shuffleseg") == [listed]


def test_an_imported_calibration_cache_is_named(store: Path) -> None:
    folder = store / "peoplenet"
    put(folder, "mine.onnx", source="import", int8_cache="mine.txt")
    assert find_weights(get_spec("peoplenet"))[0][0].int8_cache is None  # it is not there
    put(folder, "mine.txt")
    assert find_weights(get_spec("peoplenet"))[0][0].int8_cache == "mine.txt"


def test_models_that_came_with_a_read_only_install(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "share"
    monkeypatch.setattr(paths, "share_folder", lambda kind: installed)
    shipped = put(installed / "peoplenet", "resnet34_peoplenet.onnx")
    assert found("peoplenet") == [shipped]
    own = put(store / "peoplenet", "resnet34_peoplenet.onnx")
    assert found("peoplenet") == [own]


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", '{"files": []}', '{"files": {"a": {"size": 1}}}', '{"files": {"a": {"unknown": 1}}}'],
)
def test_a_damaged_record_is_named(store: Path, text: str) -> None:
    (store / "peoplenet").mkdir(parents=True)
    (store / "peoplenet" / RECORD).write_text(text)
    with pytest.raises(PerceptionError, match=r"peoplenet/models\.lock\.json: damaged .*; delete it and fetch"):
        found("peoplenet")


@pytest.mark.parametrize("name", ["../../etc/passwd.onnx", "/etc/passwd.onnx", "a/b.onnx", ".hidden.onnx", ""])
def test_a_record_cannot_name_files_elsewhere(store: Path, name: str) -> None:
    (store / "peoplenet").mkdir(parents=True)
    entry = {"size": 1, "sha256": "", "source": "import", "origin": ""}
    (store / "peoplenet" / RECORD).write_text(json.dumps({"files": {name: entry}}))
    with pytest.raises(PerceptionError, match="is no plain file name"):
        found("peoplenet")
