# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Model files on disk: where they live, how they come there, and whether they are what they should be."""
