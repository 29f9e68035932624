# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for tensorrt."""

from standin.tensorrt_api import module

__version__ = "8.6.1"

globals().update(module(__version__))
