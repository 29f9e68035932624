# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Networks to TensorRT plans, in a process of its own that `people_perception.engines.build` starts."""
