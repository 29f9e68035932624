# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for tensorrt."""

from standin.tensorrt_api import module

__version__ = "10.3.0"

globals().update(module(__version__))
