# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures and network tensors with as many people as asked for, and a model that answers with them at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from people_perception.catalogue import ModelSpec, get_spec
from people_perception.decoders import make_decoder
from people_perception.engines import TensorInfo
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.model import Model
from people_perception.preprocess import tensor_shape
from people_perception.selection import Selection

Tensors = dict[str, np.ndarray]


def picture(size: Size) -> NDArray[np.uint8]:
    """(H, W, 3) BGR with soft shapes and some noise; what it shows does not matter to the time."""
    import cv2

    rng = np.random.default_rng(0)
    soft = cv2.resize(rng.integers(40, 216, (9, 16, 3), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    return cv2.add(soft, rng.integers(0, 24, (size[1], size[0], 3), np.uint8))


def sample_outputs(spec: ModelSpec, people: int) -> Tensors | None:
    """What a network with an input of the model's size could answer for some people; None for other decoders."""
    make = {"detectnet": detectnet_outputs, "semantic": _semantic_outputs, "mask_rcnn": _mask_rcnn_outputs}
    return make[spec.decoder](spec, people) if spec.decoder in make else None


def detectnet_outputs(spec: ModelSpec, people: int) -> Tensors:
    """Coverage and boxes with a cluster of cells on every person, a face on every third and a bag on every fourth."""
    rng = np.random.default_rng(people)
    width, height = spec.input.size
    coverage = np.zeros((len(spec.labels), height // 16, width // 16), np.float32)
    boxes = rng.normal(0, 1, (len(spec.labels), 4, *coverage.shape[1:])).astype(np.float32)
    parts = {"person": (1, (0.0, 0.0, 1.0, 1.0)), "face": (3, (0.3, 0.0, 0.7, 0.2)), "bag": (4, (0.0, 0.5, 0.6, 0.8))}
    if len(spec.labels) == 1:  # a network of faces only: one for each
        parts = {spec.labels[0]: (1, (0.0, 0.0, 1.0, 1.0))}
    for i, (x1, y1, x2, y2) in enumerate(_people(spec.input.size, people, rng).tolist()):
        for label, (every, part) in parts.items():
            if i % every == 0 and label in spec.labels:
                low, high = np.array([x1, y1] * 2), np.array([x2, y2] * 2)
                index = spec.labels.index(label)
                _cover(coverage[index], boxes[index], low + (high - low) * part, rng)
    return _detectnet_tensors(spec, coverage, boxes)


def detectnet_noise(spec: ModelSpec) -> Tensors:
    """What an untrained or broken network answers: some coverage nearly everywhere, and boxes of any kind."""
    rng = np.random.default_rng(0)
    width, height = spec.input.size
    shape = (len(spec.labels), height // 16, width // 16)
    boxes = rng.normal(0.6, 0.7, (shape[0], 4, *shape[1:])).astype(np.float32)
    return _detectnet_tensors(spec, (rng.random(shape) ** 6).astype(np.float32), boxes)


def _detectnet_tensors(spec: ModelSpec, coverage: np.ndarray, boxes: np.ndarray) -> Tensors:
    count, _, rows, columns = boxes.shape
    return {
        spec.outputs["coverage"][0]: coverage[None],
        spec.outputs["boxes"][0]: boxes.reshape(1, 4 * count, rows, columns),
    }


def _people(size: Size, people: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, 4) boxes, smaller the more there are, as in a crowd further away, and partly hidden by each other."""
    columns = max(1, int(np.ceil(np.sqrt(people * 2))))
    rows = max(1, -(-people // columns))
    cell_width, cell_height = size[0] / columns, size[1] / rows
    height = min(cell_height * 1.5, size[1] / 2)
    width = min(cell_width * 0.9, height / 2.5)
    i = np.arange(people)
    x = (i % columns + 0.5) * cell_width + rng.normal(0, 4, people)
    y = (i // columns + 0.5) * cell_height + rng.normal(0, 4, people)
    return np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)


def _cover(coverage: np.ndarray, boxes: np.ndarray, box: np.ndarray, rng: np.random.Generator) -> None:
    """Let the cells in the middle of a box vote for it, in the units of DetectNet_v2 (see `decoders.detectnet`).

    As many of them, and with such coverage, as PeopleNet has on photographs.
    """
    x1, y1, x2, y2 = box
    rows, columns = np.mgrid[: coverage.shape[0], : coverage.shape[1]]
    x, y = columns * 16 + 0.5, rows * 16 + 0.5
    # 0 in the middle of the box, 1 on its edge; the middle cell counts, however small the box is.
    off = np.maximum(np.abs(2 * x - x1 - x2) / max(x2 - x1, 24), np.abs(2 * y - y1 - y2) / max(y2 - y1, 24))
    inside = off < 0.75
    coverage[inside] = (1 - off[inside]) * rng.uniform(0.5, 1.0, int(inside.sum()))
    distances = np.stack([x - x1, y - y1, x2 - x, y2 - y])[:, inside]
    boxes[:, inside] = (distances + rng.normal(0, 1.5, distances.shape)) / 35


def _semantic_outputs(spec: ModelSpec, people: int) -> Tensors:
    width, height = spec.input.size
    classes = np.zeros((1, height, width, 1), np.int64)
    for x1, y1, x2, y2 in _people(spec.input.size, people, np.random.default_rng(people)).astype(int).clip(0):
        classes[0, y1:y2, x1:x2] = 1
    return {spec.outputs["classes"][0]: classes}


def _mask_rcnn_outputs(spec: ModelSpec, people: int) -> Tensors:
    rng = np.random.default_rng(people)
    count = max(100, people)
    rows = np.zeros((1, count, 6), np.float32)
    rows[..., 4] = -1
    boxes = _people(spec.input.size, people, rng)
    rows[0, :people] = np.column_stack([boxes[:, [1, 0, 3, 2]], np.ones(people), np.full(people, 0.9)])
    logits = rng.normal(0, 1, (1, count, len(spec.labels), 28, 28)).astype(np.float32)
    logits[..., 6:22, 9:19] += 4
    return {spec.outputs["detections"][0]: rows, spec.outputs["masks"][0]: logits}


class AnsweringEngine:
    """An engine without a network: the same outputs for every image, at once."""

    name = "none"
    device = "no network"

    def __init__(self, spec: ModelSpec, outputs: Tensors) -> None:
        self.inputs: tuple[TensorInfo, ...] = (
            TensorInfo(spec.input.names[0], tensor_shape(spec.input), spec.input.dtype),
        )
        self.outputs = tuple(TensorInfo(name, x.shape, x.dtype.name) for name, x in outputs.items())
        self._answer = outputs

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `Engine.run`."""
        return dict(self._answer)

    def close(self) -> None:
        """See `Engine.close`."""


def model_without_network(name: str, people: int) -> Model:
    """A model of the catalogue around an `AnsweringEngine`: everything but the network is as on a robot.

    Raises:
        PerceptionError: unknown model, or its tensors are not simulated.
    """
    spec = get_spec(name)
    outputs = sample_outputs(spec, people)
    if outputs is None:
        raise PerceptionError(f"{name}: its outputs are not simulated; expected peoplenet or another of NVIDIA's")
    selection = Selection(spec, "none", Path(f"{name} without its network"), "for a measurement")
    return Model(selection, AnsweringEngine(spec, outputs), make_decoder(spec))
