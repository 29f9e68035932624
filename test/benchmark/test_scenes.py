# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated tensors hold the people that they are said to hold."""

from __future__ import annotations

import numpy as np
import pytest

from people_perception.benchmark.scenes import detectnet_noise, model_without_network, picture, sample_outputs
from people_perception.catalogue import get_spec
from people_perception.errors import PerceptionError
from people_perception.results import Detections, Instances, Segmentation


@pytest.mark.parametrize("people", [0, 1, 6, 20])
def test_every_person_is_found_once(people: int) -> None:
    image = picture((640, 360))
    boxes = model_without_network("peoplenet", people)(image)
    assert isinstance(boxes, Detections)
    assert boxes.names().count("person") == people
    instances = model_without_network("peoplesegnet", people)(image)
    assert isinstance(instances, Instances)
    assert len(instances.masks) == people
    assert all(mask.any() for mask in instances.masks)
    mask = model_without_network("peoplesemsegnet", people)(image)
    assert isinstance(mask, Segmentation)
    assert mask.mask.any() == (people > 0)


def test_cells_and_coverage_are_as_on_photographs() -> None:
    # PeopleNet on photographs with some persons: 300 to 500 cells of persons, a median coverage below a half.
    coverage = detectnet_some()[0]
    assert 300 <= np.count_nonzero(coverage > 0.005) <= 500
    assert 0.2 <= np.median(coverage[coverage > 0.005]) <= 0.5


def detectnet_some() -> np.ndarray:
    outputs = sample_outputs(get_spec("peoplenet"), 6)
    assert outputs is not None
    return outputs["output_cov/Sigmoid"][0]


def test_noise_is_nearly_everywhere() -> None:
    coverage = detectnet_noise(get_spec("peoplenet"))["output_cov/Sigmoid"]
    assert 0.5 <= np.mean(coverage > 0.005) <= 0.7


def test_the_tensors_of_other_networks_are_not_simulated() -> None:
    with pytest.raises(PerceptionError, match="open_person: its outputs are not simulated"):
        model_without_network("open_person", 1)
