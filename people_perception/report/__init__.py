# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What a run was, as data and as one self-contained HTML page."""
