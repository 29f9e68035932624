# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m people_perception``: the command line."""

from __future__ import annotations

import sys

from people_perception.cli import main

if __name__ == "__main__":
    sys.exit(main())
