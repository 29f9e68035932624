# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""How good a model is on annotated images: COCO's average precision and the figures of NVIDIA's model cards."""
