# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Files that people bring, right and wrong ones."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from model_server import network

from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.store import accept, importer
from people_perception.store.importer import import_files
from people_perception.store.inventory import remove
from people_perception.store.paths import find_weights
from people_perception.store.records import RECORD, file_sha256, read_record

CACHE = b"TRT-8503-EntropyCalibration2\ninput_1: 3c010a14\noutput_cov/Sigmoid: 3c010a14\n"
ETLT = b"\x07\0\0\0input_1" + bytes(range(256))


def put(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_network_is_copied_recorded_and_found(store: Path, tmp_path: Path) -> None:
    source = put(tmp_path, "mine.onnx", network())
    assert import_files(get_spec("peoplenet"), [source]) == [store / "peoplenet" / "mine.onnx"]
    assert names(store / "peoplenet") == [".lock", "mine.onnx", RECORD]
    entry = read_record(store / "peoplenet").files["mine.onnx"]
    assert (entry.sha256, entry.source, entry.origin) == (file_sha256(source), "import", str(source))
    assert [path.name for _, path in find_weights(get_spec("peoplenet"))] == ["mine.onnx"]


def test_a_later_import_replaces_an_earlier_one(store: Path, tmp_path: Path) -> None:
    for _ in range(2):
        content = network()
        import_files(get_spec("peoplenet"), [put(tmp_path, "mine.onnx", content)])
        assert (store / "peoplenet" / "mine.onnx").read_bytes() == content


def test_a_network_with_another_layout_and_size_fits(store: Path, tmp_path: Path) -> None:
    source = put(tmp_path, "nhwc.onnx", network("input_2", ("argmax_1",), (1, 272, 480, 3)))
    import_files(get_spec("peoplesemsegnet:amr"), [source])
    assert read_record(store / "peoplesemsegnet").files["nhwc.onnx"].variant == "amr"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.onnx", network("images"), "a.onnx: its inputs are images; PeopleNet has input_1; is it that"),
        ("a.onnx", network(outputs=("output_cov/Sigmoid", "x")), r"no output output_bbox/BiasAdd \(boxes\)"),
        ("a.onnx", network(shape=(1, 1, 544, 960)), "expected a batch of images with 3 channels"),
        ("a.onnx", network(shape=(3, 544, 960)), "expected a batch of images with 3 channels"),
        ("a.onnx", b"no network", "ONNX Runtime cannot load it"),
        ("a.onnx", b"", "ONNX Runtime cannot load it"),
        ("a.tflite", b"no network", "LiteRT cannot load it"),
        ("a.etlt", b"\x05\0\0\0Input" + bytes(9), "its input is 'Input'; PeopleNet has input_1; is it that"),
        ("a.etlt", b"\x00\0\0\0", "not an etlt file"),
        ("a.etlt", b"<html>", "not an etlt file"),
        ("a.txt", b"TRT-8503-EntropyCalibration2\nno line\n", "line 2: expected <tensor>: <8 hexadecimal digits>"),
        ("a.txt", b"TRT-nonsense\na: 3c010a14\n", "not a TensorRT calibration cache"),
        ("a.txt", b"TRT-8503-EntropyCalibration2\n", "a calibration cache without a single tensor"),
        ("a.txt", b"TRT-\xff\xfe", "not a TensorRT calibration cache"),
        ("labels.txt", b"cat\ndog\n", "its labels are cat, dog; PeopleNet's are person, bag, face"),
        ("labels.txt", b"\xff\xfe", "labels are UTF-8 text"),
        ("a.pt", b"whatever", "unknown kind of file; expected .onnx, .tflite, .etlt, .plan, .engine"),
    ],
)
def test_a_wrong_file_is_refused(store: Path, tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    good = put(tmp_path, "good.onnx", network())
    with pytest.raises(PerceptionError, match=reason):
        import_files(get_spec("peoplenet"), [good, put(tmp_path, name, content)])
    assert names(store / "peoplenet") in ([], [".lock"])  # nor the good one


def test_a_file_that_is_not_there(store: Path, tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match=r"absent\.onnx: no such file"):
        import_files(get_spec("peoplenet"), [tmp_path / "absent.onnx"])


def test_a_plan_needs_the_runtime_that_can_check_it(store: Path, tmp_path: Path) -> None:
    from importlib.util import find_spec

    if find_spec("tensorrt"):
        pytest.skip("TensorRT is installed here")
    with pytest.raises(PerceptionError, match="cannot be checked here because tensorrt is not installed"):
        import_files(get_spec("peoplenet"), [put(tmp_path, "a.plan", bytes(100))])


def test_a_plan_brings_its_record(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Only a machine with a GPU opens a plan; what is copied does not depend on that.
    monkeypatch.setattr(importer, "check_content", lambda *_, **__: None)
    monkeypatch.setattr(accept, "check_content", lambda *_, **__: None)
    plan = put(tmp_path, "mine.plan", b"ftrt" + bytes(100))
    put(tmp_path, "mine.plan.json", b"{}")
    import_files(get_spec("peoplenet"), [plan])
    assert names(store / "peoplenet") == [".lock", "mine.plan", "mine.plan.json", RECORD]
    assert [w.format for w, _ in find_weights(get_spec("peoplenet"))] == ["plan"]
    (tmp_path / "mine.plan.json").unlink()
    import_files(get_spec("peoplenet"), [plan])
    assert names(store / "peoplenet") == [".lock", "mine.plan", RECORD]
    put(store / "peoplenet", "mine.plan.json", b"{}")
    remove(get_spec("peoplenet"))
    assert names(store / "peoplenet") == [".lock"]


@pytest.mark.parametrize("content", [ETLT, b"\0\0\0\0" + bytes(range(64))])
def test_an_etlt_of_either_kind(store: Path, tmp_path: Path, content: bytes) -> None:
    import_files(get_spec("facedetect_ir"), [put(tmp_path, "resnet18_facedetectir_pruned.etlt", content)])
    assert [w.format for w, _ in find_weights(get_spec("facedetect_ir"))] == ["etlt"]


@pytest.mark.parametrize("text", ["Person\nBag\nFace", "person;bag;face\n", "BG\nperson\nbag\nface\n"])
def test_labels_as_the_vendor_writes_them(store: Path, tmp_path: Path, text: str) -> None:
    paths = import_files(get_spec("peoplenet"), [put(tmp_path, "labels.txt", text.encode())])
    assert paths[0].read_text() == text


def test_a_calibration_cache_alone_gets_the_catalogues_name(store: Path, tmp_path: Path) -> None:
    paths = import_files(get_spec("peoplenet"), [put(tmp_path, "cal.txt", CACHE)])
    assert [path.name for path in paths] == ["resnet34_peoplenet_int8.txt"]


def test_a_calibration_cache_belongs_to_the_network_it_came_with(store: Path, tmp_path: Path) -> None:
    files = [put(tmp_path, "mine.onnx", network()), put(tmp_path, "cal.txt", CACHE)]
    paths = import_files(get_spec("peoplenet"), files)
    assert [path.name for path in paths] == ["mine.onnx", "cal.txt"]
    assert find_weights(get_spec("peoplenet"))[0][0].int8_cache == "cal.txt"


def test_a_calibration_cache_with_a_network_of_the_catalogue(store: Path, tmp_path: Path) -> None:
    files = [put(tmp_path, "resnet34_peoplenet.onnx", network()), put(tmp_path, "cal.txt", CACHE)]
    assert import_files(get_spec("peoplenet"), files)[1].name == "resnet34_peoplenet_int8.txt"


def test_an_archive_of_files(store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "files.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("v1/mine.onnx", network())
        zipped.writestr("v1/labels.txt", "person\nbag\nface\n")
        zipped.writestr("v1/README.md", "not imported")
    paths = import_files(get_spec("peoplenet"), [archive])
    assert [path.name for path in paths] == ["mine.onnx", "labels.txt"]


def test_an_archive_of_nothing(store: Path, tmp_path: Path) -> None:
    archive = tmp_path / "files.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("README.md", "")
    with pytest.raises(PerceptionError, match="no .onnx, .*in this archive"):
        import_files(get_spec("peoplenet"), [archive])


def test_a_name_that_is_no_plain_name(store: Path, tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match="rename it to letters, digits"):
        import_files(get_spec("peoplenet"), [put(tmp_path, "my network.onnx", network())])


def test_two_files_of_one_name(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    files = [put(folder, "mine.onnx", network()) for folder in (tmp_path, other)]
    with pytest.raises(PerceptionError, match="two of the files would get one name: mine.onnx, mine.onnx"):
        import_files(get_spec("peoplenet"), files)


def test_a_full_disk_while_copying(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    source = put(tmp_path, "mine.onnx", network())
    monkeypatch.setattr(importer.shutil, "copyfile", fail)
    with pytest.raises(PerceptionError, match=r"cannot copy mine\.onnx: No space left on device; make room there"):
        import_files(get_spec("peoplenet"), [source])
    assert names(store / "peoplenet") == [".lock"]


def test_the_real_networks(store: Path, assets: Path) -> None:
    weights = assets / "weights"
    import_files(get_spec("peoplenet"), [weights / "peoplenet.onnx"])
    files = [weights / "peoplesemsegnet_shuffleseg.onnx", weights / "peoplesemsegnet_shuffleseg_int8.txt"]
    import_files(get_spec("peoplesemsegnet:shuffleseg"), files)
    with pytest.raises(PerceptionError, match="is it that"):
        import_files(get_spec("peoplenet"), files[:1])
