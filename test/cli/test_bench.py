# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``bench`` as people and programs use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from people_perception.cli.bench import _arguments
from people_perception.transports import missing


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "people_perception", "bench", *arguments]
    environment = {**os.environ, **missing()}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_json_for_programs_and_a_plot(tmp_path: Path) -> None:
    result = bench(
        tmp_path, "decode", "--size", "64x48,128x96", "--people", "1", "--rounds", "5", "--plot", "b.svg", "--json"
    )
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert set(answer) == {"machine", "load", "measurements"}
    sizes = [line["where"]["size"] for line in answer["measurements"]]
    assert sizes == ["64x48"] * 6 + ["128x96"] * 6
    first = answer["measurements"][0]
    assert {"subject", "case", "value", "unit", "p95", "p99", "cpu", "count", "against", "other", "ratio"} < set(first)
    assert "<svg" in (tmp_path / "b.svg").read_text()


def test_a_table_for_people(tmp_path: Path) -> None:
    result = bench(tmp_path, "decode", "--model", "peoplesemsegnet", "--size", "64x48", "--rounds", "5")
    assert result.returncode == 0, result.stderr
    header, line = result.stdout.splitlines()
    assert header.split()[:5] == ["what", "case", "with", "median", "p95"]
    assert line.startswith("decode  semantic  peoplesemsegnet, 64x48, 6 people")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "unknown stage 'nonsense'; expected some of receive, convert"),
        (["decode", "--model", "nonsense"], "unknown model 'nonsense'"),
        (["decode", "--model", "open_face", "--rounds", "5"], "outputs of open_face are not simulated"),
        (["--size", "big"], "argument --size: 'big': expected WxH"),
        (["--size", "640x480,"], "argument --size: '': expected WxH"),
        (["--people", "-1"], "argument --people: "),
        (["--cameras", "0"], "argument --cameras: '0': expected whole numbers from 1"),
        (["--rate", "0"], "argument --rate: '0': expected Hz"),
        (["--rounds", "1"], "argument --rounds: '1': expected a whole number of 5 or more"),
        (["convert", "--size", "64x48", "--rounds", "5", "--plot", "b.svg"], "--plot: nothing was varied"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = bench(tmp_path, *arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert message in result.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_arguments_survive_a_restart() -> None:
    import argparse

    from people_perception.cli.bench import add_parser

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    given = "bench path --size 640x480,64x48 --people 0,2 --cameras 1 --model m --weights w --rate 5 --rounds 7"
    args = parser.parse_args([*given.split(), "--frames", "8", "--endurance", "9", "--plot", "x.svg", "--json"])
    args.debug = True
    again = parser.parse_args(["bench", *_arguments(args)])
    assert vars(again) == vars(args)
