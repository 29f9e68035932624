# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Random image messages through a live node: `tools/fuzz_node.py`, in short. The long run is in docs/security.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "fuzz_node.py"


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_a_node_lives_through_random_images_and_counts_the_bad_ones(transport: str) -> None:
    command = [sys.executable, str(TOOL), "--messages", "600", "--transport", transport, "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    assert done.stdout, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["problems"] == [] and done.returncode == 0
    assert found["sent"] == 600 and found["received"] > 590
    assert found["bad"] > 150 and found["published"] > 200
    assert found["malformed"] >= 0.5 * found["bad"]
