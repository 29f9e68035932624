# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``replay``: what it prints and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from networks import model_folder
from people_perception.bags.reader import Bag
from people_perception.cli import main
from recordings import record, squares

CAMERA = "/camera/image_raw"


@pytest.fixture(scope="module")
def network_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def models(network_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_MODEL_DIR", str(network_files))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return record(tmp_path / "bag", {CAMERA: squares(6)})


def test_prints_what_was_written(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(path), "--output", str(tmp_path / "out"), "--models", "peoplenet"]) == 0
    out, err = capsys.readouterr()
    assert "6         /people/detections\n" in out
    assert "6 of 6 images" in out and "all of them with every result" in out
    assert "peoplenet: PeopleNet on " in err


def test_json_is_alone_on_stdout(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(path), "--output", str(tmp_path / "out"), "--models", "peoplenet", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["complete"] and summary["frames"] == 6
    assert summary["topics"]["/people/detections"] == 6


def test_options_and_weights_are_for_one_model(
    path: Path, tmp_path: Path, network_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = network_files / "peoplenet" / "resnet34_peoplenet.onnx"
    arguments = ["replay", str(path), "--output", str(tmp_path / "out"), "--json", "--models", "peoplenet,peoplesegnet"]
    more = ["--option", "peoplenet.confidence_threshold=40", "--weights", f"peoplenet={weights}"]
    assert main([*arguments, *more]) == 0
    run = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert run["models"][0]["options"]["confidence_threshold"] == 40
    assert main([*arguments, "--resume", "--option", "clustering=nms"]) == 2
    assert "expected it to begin with the model, one of peoplenet., peoplesegnet." in capsys.readouterr().err


def test_a_partial_result_says_so_and_exits_with_1(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (path / "bag.mcap").read_bytes()
    (path / "bag.mcap").write_bytes(data[: len(data) // 2])
    assert main(["replay", str(path), "--output", str(tmp_path / "out"), "--models", "peoplenet"]) == 1
    out, err = capsys.readouterr()
    assert "not complete, see above" in out
    assert "bag.mcap: cut off or damaged at byte" in err
    with Bag(tmp_path / "out") as bag:
        assert bag.topics["/people/detections"].count > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.rename(p.with_name("moved")), "there is no such recording"),
        (lambda p: (p / "bag.mcap").write_bytes(b""), "bag.mcap: empty"),
        (lambda p: (p / "bag.mcap").write_bytes(b"nonsense"), "bag.mcap is not an mcap file"),
        (lambda p: (p / "bag.mcap").unlink(), "bag.mcap is missing"),
    ],
)
def test_recordings_that_cannot_be_read_are_one_line(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: object, message: str
) -> None:
    change(path)  # type: ignore[operator]
    assert main(["replay", str(path), "--output", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err
    assert not (tmp_path / "out").exists()


def test_a_missing_topic_is_one_line(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(path), "--output", str(tmp_path / "out"), "--topics", "/nothing"]) == 2
    assert "no topic /nothing; it has /camera/image_raw (sensor_msgs/Image, 6)" in capsys.readouterr().err


def test_anonymize_writes_the_input_covered_and_says_what_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(
        tmp_path / "bag", {CAMERA: squares(3), f"{CAMERA}/compressed": squares(3)}, compressed=[f"{CAMERA}/compressed"]
    )
    common = ["replay", str(path), "--output"]
    assert main([*common, str(tmp_path / "persons"), "--anonymize", "person"]) == 0
    out, err = capsys.readouterr()
    assert "peoplenet: PeopleNet on " in err and "facedetect_ir" not in err
    assert f"3 messages of {CAMERA}/compressed are left out: they may show what is to be covered" in err
    assert f"3         {CAMERA}\n" in out and "all of them with every result" in out
    assert main([*common, str(tmp_path / "both"), "--json", "--anonymize", "person", "face"]) == 0
    assert json.loads(capsys.readouterr().out)["withheld"] == {f"{CAMERA}/compressed": 3}
    run = json.loads((tmp_path / "both" / "replay.json").read_text())
    assert [m["requested"] for m in run["models"]] == ["facedetect_ir", "peoplenet"]
    assert run["identity"]["anonymize"] == ["face", "person"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--anonymize", "hands"], "invalid choice: 'hands'"),
        (["--anonymize", "--include-input"], "--include-input writes images as they are; leave it out"),
        (["--anonymize", "--live"], "--include-input and --anonymize do not go with it"),
        (["--anonymize", "--models", "peoplesemsegnet"], "add facedetect_ir to --models"),
    ],
)
def test_what_anonymize_does_not_go_with_is_one_line(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    try:
        status = main(["replay", str(path), "--output", str(tmp_path / "out"), *more])
    except SystemExit as error:
        status = error.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ctrl_c_leaves_a_valid_recording_to_go_on_with(tmp_path: Path) -> None:
    path = record(tmp_path / "bag", {CAMERA: squares(12) * 12})
    output = tmp_path / "out"
    command = [sys.executable, "-m", "people_perception", "replay", str(path), "--output", str(output)]
    command += ["--models", "peoplenet,peoplesemsegnet,peoplesegnet", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    journal = output / "frames.jsonl"
    while process.poll() is None and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    summary = json.loads(out)
    assert 0 < summary["frames"] < 144 and not summary["finished"]
    assert "stopping; once more to stop at once" in err and "--resume goes on" in err
    with Bag(output) as bag:
        assert bag.topics["/people/detections"].count == summary["frames"] and bag.problems == []
    rest = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert json.loads(rest.stdout)["frames"] == 144
    with Bag(output) as bag:
        assert bag.topics["/people/detections"].count == 144


def test_many_recordings_have_one_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record(tmp_path / "in" / "a", {CAMERA: squares(3)})
    record(tmp_path / "in" / "b", {CAMERA: []})
    arguments = ["replay", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--models", "peoplenet"]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert f"3 of 3  yes       {tmp_path / 'out' / 'a'}\n" in out
    assert "1 of 2 recordings are complete" in out
    assert "in/b: the recording is empty: it holds no message" in err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [r["complete"] for r in summary["results"]] == [True, False]
    assert main(arguments) == 2
    assert "--resume to go on with what is there" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--json"]) == 1
    again = json.loads(capsys.readouterr().out)
    assert [r["computed"] for r in again["results"]] == [0, 0]
