# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A model of two networks: one finds persons, the other one masks the crop of each."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.decoders.base import Decoder
from people_perception.decoders.person_crops import grow_boxes
from people_perception.decoders.scores import label_threshold
from people_perception.decoders.tensors import find_tensor
from people_perception.engines import Engine
from people_perception.errors import PerceptionError
from people_perception.model import Model, Perceiver, Stages, network_input
from people_perception.preprocess import Frame, to_tensor
from people_perception.results import Detections, Result
from people_perception.selection import Selection
from people_perception.store.records import file_sha256

_PERSON = "person"


class CropModel(Perceiver):
    """A mask network on the crop of every person that a detector finds.

    The mask network is made for portraits: it expects one person that fills the picture. On crops it finds small people
    too, and gives a mask for each. The time grows with the number of persons, up to the option ``max_people``.

    Args:
        selection: the mask network's.
        engine: runs the mask network, one crop at a time.
        decoder: puts the masks into the image.
        detector: finds the persons. It belongs to this model from now on.

    Raises:
        PerceptionError: the detector has no label ``person``, or the engine's input is no image.
    """

    def __init__(self, selection: Selection, engine: Engine, decoder: Decoder, detector: Model) -> None:
        super().__init__(selection, engine, decoder)
        self.detector = detector
        if _PERSON not in detector.spec.labels:
            raise PerceptionError(
                f"{self.spec.name}: its detector {detector.spec.name} finds {', '.join(detector.spec.labels)}; "
                f"expected one that finds {_PERSON}"
            )
        self.input = network_input(self.spec.input, engine.inputs[0])
        # The weights may lie in several models' folders; their content tells that two models run the same network.
        self._network = (selection.engine, file_sha256(selection.weights))
        self._pass_threshold()

    def configure(self, **changes: Any) -> None:
        """See `Perceiver.configure`; ``confidence_threshold`` is the detector's."""
        super().configure(**changes)
        self._pass_threshold()

    def infer(self, frame: Frame, stages: Stages | None = None) -> Result:
        """See `Perceiver.infer`.

        The boxes are shared with every model whose detector has equal weights and options, and the masks with every
        model that runs the same network on the same crops.
        """
        spent: Stages = {"preprocess": 0.0, "inference": 0.0, "decode": 0.0}
        options = self.options
        persons = self._find(frame, int(options["max_people"]), spent)  # type: ignore[arg-type]
        crops = grow_boxes(persons.boxes, float(options["crop_margin"]), frame.size)  # type: ignore[arg-type]
        key = ("crop masks", self._network, crops.tobytes())
        masks = frame.once(key, lambda: self._mask(frame, crops, spent))
        start = time.perf_counter()
        outputs: dict[str, np.ndarray] = {
            self.spec.outputs["masks"][0]: masks,
            "crops": crops,
            "boxes": persons.boxes,
            "scores": persons.scores,
        }
        result = self.decoder(outputs, image_size=frame.size)
        spent["decode"] += time.perf_counter() - start
        if stages is not None:
            stages.update(spent)
        return result

    def close(self) -> None:
        """Free both engines."""
        super().close()
        self.detector.close()

    def _pass_threshold(self) -> None:
        threshold = label_threshold(self.options["confidence_threshold"], _PERSON)
        # A plain number, as the detector's own default is, so that its results are shared with a model of its own.
        self.detector.configure(confidence_threshold=threshold)

    def _find(self, frame: Frame, most: int, spent: Stages) -> Detections:
        """The best persons, best first."""
        taken: Stages = {}
        found = self.detector.infer(frame, taken)
        for stage, seconds in taken.items():
            spent[stage] += seconds
        assert isinstance(found, Detections)
        persons = found[found.class_ids == found.labels.index(_PERSON)]
        return persons[np.argsort(-persons.scores, kind="stable")[:most]]

    def _mask(self, frame: Frame, crops: NDArray[np.int64], spent: Stages) -> NDArray[np.float32]:
        """(N, h, w) probabilities of the N crops."""
        masks = np.empty((len(crops), self.input.size[1], self.input.size[0]), np.float32)
        for mask, (x1, y1, x2, y2) in zip(masks, crops.tolist(), strict=True):
            start = time.perf_counter()
            tensor = to_tensor(frame.image[y1:y2, x1:x2], self.input)
            ready = time.perf_counter()
            outputs = self.engine.run({self._input_name: tensor})
            spent["preprocess"] += ready - start
            spent["inference"] += time.perf_counter() - ready
            found = find_tensor(outputs, self.spec.outputs["masks"])
            if found.size != mask.size:
                raise PerceptionError(
                    f"{self.selection.weights}: its mask has shape {found.shape}; expected {mask.shape} for one crop"
                )
            mask[...] = found.reshape(mask.shape)  # a copy: the engine may use its memory again
        return masks
