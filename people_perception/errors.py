# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The error that a user is meant to read."""

from __future__ import annotations


class PerceptionError(Exception):
    """Something outside the code is wrong: a file, a network, a machine.

    The message is one line that names the thing, the value found and the way out. The command line prints it as it is
    and exits with 2; a node logs it and stays alive.
    """
