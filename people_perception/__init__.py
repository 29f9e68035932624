# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Sees people for mobile robots: boxes of persons, bags and faces, person masks, one mask per person."""

from people_perception.loading import available_models, decoder, load_model
from people_perception.results import Detections, Instances, Segmentation

__all__ = ["Detections", "Instances", "Segmentation", "available_models", "decoder", "load_model"]
