# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Engines from etlt files, by a tao-converter that writes what it was given and a decoder that undoes a xor."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import networks_for_builds as nets
import pytest
from standin.tensorrt_builder import read_plan

from people_perception.catalogue import get_spec
from people_perception.engines.build import BuildSettings, obtain
from people_perception.engines.cache import sidecar_path
from people_perception.errors import PerceptionError

HERE = Path(__file__).parent
SPEC = get_spec("peoplenet")


def etlt(path: Path, input_name: bytes) -> Path:
    path.write_bytes(len(input_name).to_bytes(4, "little") + input_name + bytes(range(64)))
    return path


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name on the PATH; its arguments are in the file that is returned."""
    tools, said = tmp_path / "bin", tmp_path / "arguments.json"
    tools.mkdir()
    program = tools / "tao-converter"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        f"sys.path.insert(0, {str(HERE)!r})\n"
        "from standin.tensorrt_runtime import plan_bytes\n"
        f"json.dump(sys.argv[1:], open({str(said)!r}, 'w'))\n"
        "key = sys.argv[sys.argv.index('-k') + 1]\n"
        "if key == 'wrong': sys.exit(print('[ERROR] UffParser: Unsupported number of graph 0') or 0)\n"
        "print('[INFO] building')\n"
        "open(sys.argv[sys.argv.index('-e') + 1], 'wb').write(plan_bytes({'version': '8.5.2.2', 'tensors': []}))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tools), os.environ["PATH"]]))
    return said


def test_uff_goes_through_tao_converter(simulated, converter: Path, tmp_path: Path) -> None:
    simulated("8.5")
    spec = get_spec("facedetect_ir")
    weights = etlt(tmp_path / "resnet18_facedetectir_pruned.etlt", b"input_1")
    cache = nets.calibration(tmp_path / "facedetectir_int8.txt", "input_1")
    asked = {"precision": "int8", "batch": (1, 1, 2), "workspace_mib": 8, "dla_core": 0, "log_level": "info"}
    settings = BuildSettings.of(spec, weights, **asked)
    lines: list[str] = []
    built = obtain(spec, weights, settings, True, lambda p: lines.append(p.log or ""))
    arguments = json.loads(converter.read_text())
    assert arguments[:2] == ["-k", "tlt_encode"]
    options = dict(zip(arguments[2:-1:2], arguments[3:-1:2], strict=True))
    target = options.pop("-e")
    assert Path(target).parent == built.plan.parent
    assert options == {
        "-o": "output_cov/Sigmoid,output_bbox/BiasAdd",
        "-t": "int8",
        "-i": "nchw",
        "-m": "2",
        "-d": "3,240,384",
        "-c": str(cache),
        "-w": str(8 << 20),
        "-u": "0",
    }
    assert arguments[-1] == str(weights)
    assert "[INFO] building" in lines
    assert "tlt_encode" not in sidecar_path(built.plan).read_text()


def test_onnx_in_an_etlt_gets_a_profile(simulated, converter: Path, tmp_path: Path) -> None:
    simulated("8.6")
    obtain(SPEC, etlt(tmp_path / "a.etlt", b""), BuildSettings(batch=(1, 2, 4), key="mine"), True)
    arguments = json.loads(converter.read_text())
    assert arguments[arguments.index("-p") + 1] == "input_1,1x3x544x960,2x3x544x960,4x3x544x960"
    assert arguments[:2] == ["-k", "mine"]


def test_a_converter_that_fails_quietly_is_noticed(simulated, converter: Path, tmp_path: Path) -> None:
    simulated("8.5")
    with pytest.raises(
        PerceptionError, match=r"a\.etlt: tao-converter failed \(\[ERROR\] UffParser.*\); is the key right\?"
    ):
        obtain(SPEC, etlt(tmp_path / "a.etlt", b"input_1"), BuildSettings(key="wrong"), True)


@pytest.mark.parametrize(
    ("version", "input_name", "message"),
    [
        (
            "10.3",
            b"Input",
            "holds UFF, which ended with TensorRT 8.6, and this is 10.3.0; use it on JetPack 5, bring an ONNX",
        ),
        ("8.5", b"Input", "holds UFF, which needs tao-converter on the PATH; get the one for TensorRT 8.5.2.2"),
        ("10.3", b"", 'an etlt needs NVIDIA\'s decoder; .*"pip install nvidia-eff-tao-encryption"'),
    ],
)
def test_an_etlt_that_nothing_here_can_read(
    simulated, tmp_path: Path, version: str, input_name: bytes, message: str
) -> None:
    simulated(version)
    with pytest.raises(PerceptionError, match=message):
        obtain(SPEC, etlt(tmp_path / "a.etlt", input_name), BuildSettings(key="k"), True)


def test_what_is_no_etlt_or_has_no_key(simulated, tmp_path: Path) -> None:
    simulated("10.3")
    fake = tmp_path / "a.etlt"
    fake.write_bytes(b"\xff\xff\xff\x7f" + bytes(100))
    with pytest.raises(PerceptionError, match=r"a\.etlt: not an etlt file"):
        obtain(SPEC, fake, BuildSettings(key="k"), True)
    with pytest.raises(PerceptionError, match=r"an etlt needs its key; give it \(key, --key\)"):
        obtain(SPEC, etlt(tmp_path / "b.etlt", b""), BuildSettings(), True)


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for NVIDIA's decoder: the ciphertext is the network xor the key's first byte."""
    package = tmp_path / "decoder" / "eff_tao_encryption"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "tao_codec.py").write_text(
        "def decrypt_stream(source, target, key, encryption=False, rewind=True):\n"
        "    assert encryption and not rewind\n"
        "    target.write(bytes(b ^ key[0] for b in source.read()))\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))


def test_onnx_in_an_etlt_through_nvidias_decoder(simulated, decoder: None, network: Path, tmp_path: Path) -> None:
    simulated("11.1")
    weights = tmp_path / "a.etlt"
    weights.write_bytes(bytes(4) + bytes(b ^ ord("k") for b in network.read_bytes()))
    built = obtain(SPEC, weights, BuildSettings(key="k"), True)
    assert read_plan(built.plan.read_bytes())["tensors"][0]["name"] == "input_1:0"
    with pytest.raises(PerceptionError, match=r"\(decoded from an etlt: is the key right\?\)"):
        obtain(SPEC, weights, BuildSettings(key="x", precision="fp32"), True)
