# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`tools/soak.py`, in short: nothing is kept from one round of the lifecycle to the next."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "soak.py"


def test_nothing_is_kept_from_round_to_round() -> None:
    command = [sys.executable, str(TOOL), "--minutes", "0.15", "--piece", "1.5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.stdout, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["alive"] and found["tracebacks"] == 0
    assert found["pieces"] >= 4 and found["images"] > 40
    for name, rise in found["rise"].items():
        assert rise["threads"] <= 0 and rise["descriptors"] <= 2 and rise["segments"] <= 0, (name, rise)
        # So early, malloc still warms up; tools/soak.py --minutes 5 looks for less.
        assert rise["memory_mib"] < 60, (name, rise)
