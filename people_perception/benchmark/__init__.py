# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What everything around a network costs, stage by stage and in a running graph, beside other ways to do the same."""

from __future__ import annotations

STAGES = ("receive", "convert", "preprocess", "inference", "decode", "message", "publish", "path", "followers")
"""In the order of an image; ``path`` is convert, preprocess, decode and message in one go, ``followers`` what nodes do
with the results."""

GRAPHS = ("transport", "composed", "models", "cameras", "memory")
"""What is measured on nodes that run."""
