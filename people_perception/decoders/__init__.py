# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Network tensors to results. A decoder knows arrays and geometry, nothing of engines or ROS."""

from __future__ import annotations

from typing import Any

from people_perception.catalogue import ModelSpec
from people_perception.decoders.base import Decoder


def make_decoder(spec: ModelSpec, **options: Any) -> Decoder:
    """The decoder that a model's description names, with its defaults changed by ``options``.

    Raises:
        ValueError: an option is unknown or out of range.
    """
    return decoder_class(spec.decoder)(spec, **options)


def decoder_class(name: str) -> type[Decoder]:
    """The class behind a name in ``models/*.yaml``."""
    if name == "detectnet":
        from people_perception.decoders.detectnet import DetectNetDecoder

        return DetectNetDecoder
    if name == "semantic":
        from people_perception.decoders.semantic import SemanticDecoder

        return SemanticDecoder
    if name == "mask_rcnn":
        from people_perception.decoders.mask_rcnn import MaskRcnnDecoder

        return MaskRcnnDecoder
    if name == "ssd":
        from people_perception.decoders.ssd import SsdDecoder

        return SsdDecoder
    if name == "face":
        from people_perception.decoders.face import FaceDecoder

        return FaceDecoder
    if name == "person_crops":
        from people_perception.decoders.person_crops import PersonCropsDecoder

        return PersonCropsDecoder
    raise ValueError(f"unknown decoder {name!r}")
