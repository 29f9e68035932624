# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Stands in for pycuda."""
