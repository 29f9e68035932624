# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Networks for the tests of recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from networks import model_folder


@pytest.fixture(scope="session")
def network_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def models(network_files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model store holds the networks of networks.py, and nothing of the machine's own."""
    monkeypatch.setenv("PP_MODEL_DIR", str(network_files))
    monkeypatch.delenv("PP_MODEL_PATH", raising=False)
    return network_files
