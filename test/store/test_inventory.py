# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Verifying and removing what the store holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from model_server import network

from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.store import inventory
from people_perception.store.importer import import_files
from people_perception.store.inventory import remove, verify


@pytest.fixture
def imported(store: Path, tmp_path: Path) -> Path:
    source = tmp_path / "mine.onnx"
    source.write_bytes(network())
    return import_files(get_spec("peoplenet"), [source])[0]


def verdicts(name: str = "peoplenet") -> dict[str, tuple[str, str]]:
    return {v.path.name: (v.state, v.note) for v in verify(get_spec(name))}


def test_an_untouched_file_is_right(imported: Path) -> None:
    assert verdicts() == {"mine.onnx": ("ok", "")}


def test_one_changed_byte_is_found(imported: Path) -> None:
    content = bytearray(imported.read_bytes())
    content[-1] ^= 1
    imported.write_bytes(content)
    state, note = verdicts()["mine.onnx"]
    assert state == "changed"
    assert "sha256 differs from the recorded" in note
    assert "import it again, it came from" in note


def test_a_missing_file_is_found(imported: Path) -> None:
    imported.unlink()
    assert verdicts()["mine.onnx"][0] == "missing"


def test_a_file_put_there_by_hand_is_named(store: Path) -> None:
    (store / "peoplenet").mkdir(parents=True)
    (store / "peoplenet" / "resnet34_peoplenet.onnx").write_bytes(b"x")
    state, note = verdicts()["resnet34_peoplenet.onnx"]
    assert state == "unrecorded"
    assert "models import peoplenet" in note


@pytest.mark.parametrize(
    ("name", "file"),
    [("open_segmentation", "selfie_segmentation.tflite"), ("facedetect_ir", "resnet18_facedetectir_pruned.etlt")],
)
def test_what_the_catalogue_pins_needs_no_record(store: Path, name: str, file: str) -> None:
    (store / name).mkdir(parents=True)
    (store / name / file).write_bytes(b"x")
    state, note = verdicts(name)[file]
    assert (state, note.partition(";")[0]) == ("changed", "not the catalogue's file")


def test_remove_takes_the_files_and_leaves_strangers(imported: Path) -> None:
    (imported.parent / "notes.md").write_text("mine")
    (imported.parent / ".other.onnx.part").write_bytes(b"half")
    assert remove(get_spec("peoplenet")) == [imported]
    assert sorted(path.name for path in imported.parent.iterdir()) == [".lock", "notes.md"]
    with pytest.raises(PerceptionError, match="peoplenet: nothing in .* to remove"):
        remove(get_spec("peoplenet"))


def test_remove_one_variant(store: Path, tmp_path: Path) -> None:
    for variant in ("amr", "vanilla"):
        source = tmp_path / f"{variant}.onnx"
        source.write_bytes(network("input_2", ("argmax_1",)))
        import_files(get_spec(f"peoplesemsegnet:{variant}"), [source])
    assert [path.name for path in remove(get_spec("peoplesemsegnet:amr"))] == ["amr.onnx"]
    assert set(verdicts("peoplesemsegnet")) == {"vanilla.onnx"}


def test_remove_what_was_never_there(store: Path) -> None:
    with pytest.raises(PerceptionError, match="peoplenet: nothing in .* to remove"):
        remove(get_spec("peoplenet"))


def test_a_file_that_cannot_be_deleted(imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(inventory.Path, "unlink", refuse)
    with pytest.raises(PerceptionError, match="Permission denied; it may belong to another user"):
        remove(get_spec("peoplenet"))
