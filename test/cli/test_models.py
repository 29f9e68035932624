# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The ``models`` command as people and programs use it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from people_perception import cli
from people_perception.catalogue import get_spec, load_catalogue
from people_perception.store.records import file_sha256


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    monkeypatch.setenv("PP_MODEL_DIR", str(folder))
    return folder


@pytest.fixture
def peoplenet(assets: Path) -> Path:
    return assets / "weights" / "peoplenet.onnx"


def test_list_names_every_model(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "list"]) == 0
    out, err = capsys.readouterr()
    header, *lines = out.splitlines()
    assert header.split() == ["model", "task", "here", "runs", "licence", "network"]
    assert [line.split()[0] for line in lines] == list(load_catalogue())
    assert f"in {store}" in err


def test_list_in_json(store: Path, peoplenet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "import", "peoplenet", str(peoplenet)]) == 0
    capsys.readouterr()
    assert cli.main(["models", "list", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert err == ""
    assert answer["folder"] == str(store)
    models = {entry["name"]: entry for entry in answer["models"]}
    assert models["peoplenet"]["files"] == [
        {
            "path": str(store / "peoplenet" / "peoplenet.onnx"),
            "format": "onnx",
            "variant": "",
            "size": peoplenet.stat().st_size,
        }
    ]
    assert models["peoplenet"]["runs"] in ("onnxruntime", "tensorrt")
    assert models["peoplenet"]["licence"] == get_spec("peoplenet").licence
    assert models["facedetect_ir"]["files"] == []
    assert models["facedetect_ir"]["runs"] is None
    assert "models fetch" in models["facedetect_ir"]["reason"]
    assert models["peoplesemsegnet"]["variants"] == ["amr", "shuffleseg", "vanilla"]


def test_import_verify_remove(store: Path, peoplenet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = store / "peoplenet" / "peoplenet.onnx"
    assert cli.main(["models", "import", "peoplenet", str(peoplenet)]) == 0
    assert capsys.readouterr().out == f"peoplenet: {copy}: imported\n"
    assert file_sha256(copy) == file_sha256(peoplenet)

    assert cli.main(["models", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"model": "peoplenet", "path": str(copy), "state": "ok", "note": ""}]
    with copy.open("ab") as file:
        file.write(b"x")
    assert cli.main(["models", "verify", "peoplenet"]) == 1
    assert f"peoplenet: {copy}: changed (sha256 differs" in capsys.readouterr().out

    assert cli.main(["models", "remove", "peoplenet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [str(copy)]
    assert cli.main(["models", "remove", "peoplenet"]) == 2
    assert "peoplenet: nothing in" in capsys.readouterr().err


def test_import_says_when_another_file_is_preferred(
    store: Path, peoplenet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (store / "peoplenet").mkdir(parents=True)
    shutil.copyfile(peoplenet, store / "peoplenet" / "resnet34_peoplenet.onnx")
    assert cli.main(["models", "import", "peoplenet", str(peoplenet)]) == 0
    assert "resnet34_peoplenet.onnx is preferred" in capsys.readouterr().err


def test_verify_of_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "verify"]) == 0
    assert "no model file is here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["fetch", "nonsense"], "unknown model 'nonsense'; the models are"),
        (["fetch", "peoplesemsegnet:nonsense"], "peoplesemsegnet has no variant 'nonsense'; it has amr, shuffleseg"),
        (["fetch", "peoplenet"], "the NVIDIA Model EULA (https://developer.nvidia.com/"),
        (["import", "peoplenet", "absent.onnx"], "absent.onnx: no such file"),
        (["remove", "peoplenet"], "peoplenet: nothing in"),
        (["verify", "nonsense"], "unknown model 'nonsense'"),
    ],
)
def test_a_mistake_is_one_line(
    store: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    assert cli.main(["models", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"people_perception models: error: {error}")
    assert err.count("\n") == 1


def test_all_asks_for_the_licence_before_anything(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "fetch", "all"]) == 2
    assert "so nothing was downloaded" in capsys.readouterr().err
    assert not store.exists()


@pytest.mark.parametrize("answer", ["n", "y"])
def test_the_question_on_a_terminal(store: Path, answer: str) -> None:
    # A mirror where nothing listens: what matters is whether the question was put and its answer kept.
    environment = {**os.environ, "PP_NGC_URL": "http://127.0.0.1:1/"}
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "people_perception", "models", "fetch", "peoplenet"],
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=side,
        env=environment,
        text=True,
    )
    os.close(side)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)
    assert get_spec("peoplenet").licence["url"].encode() in shown
    os.write(terminal, f"{answer}\n".encode())
    accepted = store / "accepted_licences.json"
    if answer == "n":
        assert process.wait(20) == 2
        assert not accepted.exists()
    else:
        while not accepted.exists():
            assert process.poll() is None
        process.terminate()
        process.wait(20)
    os.close(terminal)
