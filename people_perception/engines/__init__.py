# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Engines run a network: numpy arrays in, numpy arrays out. Each runtime is one file here."""

from __future__ import annotations

from people_perception.engines.base import Engine, TensorInfo

__all__ = ["Engine", "TensorInfo"]
