# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Other ways to do the same work, to be measured in turn with ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.benchmark import plain_detectnet
from people_perception.benchmark.measurement import Measurement, Samples, measure
from people_perception.benchmark.scenes import Tensors, detectnet_noise, picture, sample_outputs
from people_perception.catalogue import InputSpec, ModelSpec, get_spec
from people_perception.decoders import make_decoder
from people_perception.decoders.base import number
from people_perception.decoders.scores import label_threshold
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.preprocess import BufferPool, Frame
from people_perception.transports import MALLOC

USUAL, CROWD = 6, 28
"""People from which on the goal for the decoders holds, and how many make a crowd."""


def blob_from_image(image: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """The tensor of a network that stretches its image, as OpenCV's own function for it makes it."""
    import cv2

    mean = spec.mean if spec.colour == "bgr" else spec.mean[::-1]
    return cv2.dnn.blobFromImage(image, spec.scale[0], spec.size, mean, swapRB=spec.colour == "rgb")


def plain_tensor(image: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """The tensor of any network, line by line as its formula reads."""
    import cv2

    geometry = spec.geometry((image.shape[1], image.shape[0]))
    (x, y), (width, height) = geometry.offset, geometry.content_size
    pixels = np.empty((spec.size[1], spec.size[0], 3), np.float32)
    pixels[:] = spec.pad
    content = cv2.resize(image, (width, height))
    if spec.colour == "grey":
        content = np.stack([cv2.cvtColor(content, cv2.COLOR_BGR2GRAY)] * 3, axis=-1)
    pixels[y : y + height, x : x + width] = content[:, :, ::-1] if spec.colour == "rgb" else content
    tensor = (pixels - np.array(spec.mean, np.float32)) * np.array(spec.scale, np.float32)
    return np.ascontiguousarray(tensor.transpose(2, 0, 1) if spec.layout == "nchw" else tensor)[None]


def compare_tensors(spec: InputSpec, image: NDArray[np.uint8], rounds: int) -> dict[str, Samples]:
    """Ours, in turn with what fits the network of OpenCV's and numpy's way."""
    pool = BufferPool()
    calls: dict[str, Callable[[], object]] = {"ours": lambda: Frame(image, pool).tensor(spec)}
    if spec.resize == "stretch" and spec.layout == "nchw" and spec.colour != "grey" and len(set(spec.scale)) == 1:
        calls["cv2.dnn.blobFromImage"] = lambda: blob_from_image(image, spec)
    calls["plain numpy"] = lambda: plain_tensor(image, spec)
    return measure(calls, rounds)


def compare_tensors_elsewhere(model: str, size: Size, rounds: int) -> dict[str, Samples]:
    """As `compare_tensors`, in a process that gives freed memory back to the system, as any program does by default.

    Raises:
        PerceptionError: that process failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in MALLOC}
    command = [sys.executable, "-m", __name__, model, str(size[0]), str(size[1]), str(rounds)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    if done.returncode:
        raise PerceptionError(f"preprocess: the other process failed: {done.stderr.decode(errors='replace')[-300:]}")
    return {name: Samples(np.array(wall), np.array(cpu)) for name, (wall, cpu) in json.loads(done.stdout).items()}


def compare_detectnet(spec: ModelSpec, people: int, size: Size, rounds: int) -> Iterator[Measurement]:
    """Both ways to cluster, on the number of people asked for, a crowd and noise, in turn with the plain way."""
    try:
        import sklearn.cluster  # noqa: F401
    except ImportError as error:
        raise PerceptionError("scikit-learn is not installed; install it with: pip install scikit-learn") from error
    noise = detectnet_noise(spec)
    scenes = [(n, sample_outputs(spec, n)) for n in (people, CROWD)]
    for clustering in ("dbscan", "nms"):
        for count, outputs in [*scenes, (None, noise)]:
            assert outputs is not None
            samples = measure(detectnet_calls(spec, clustering, outputs, size), rounds)
            yield samples["ours"].measurement(
                "decode",
                clustering if count is not None else f"{clustering}, noise",
                against="plain scikit-learn" if clustering == "dbscan" else "plain numpy",
                other=samples["plain"].median,
                goal=0.05 if count is None else 0.1 if count >= USUAL else None,
                where={"people": count},
            )


def detectnet_calls(spec: ModelSpec, clustering: str, outputs: Tensors, size: Size) -> dict[str, Callable[[], Any]]:
    """The whole decoding of one frame: ``ours`` gives `Detections`, ``plain`` rows (see `plain_detectnet`)."""
    # The scores of suppression are the coverage of one cell, those of clustering the sum of many.
    confidence = {} if clustering == "dbscan" else {"confidence_threshold": 0.4}
    decode = make_decoder(spec, clustering=clustering, **confidence)
    options = decode.options
    levels = [label_threshold(options["confidence_threshold"], label) for label in spec.labels]
    cov, bbox = (outputs[spec.outputs[role][0]][0] for role in ("coverage", "boxes"))

    def dbscan() -> object:
        names = ("coverage_threshold", "dbscan_eps", "dbscan_min_samples", "min_height")
        coverage, eps, samples, height = (number(options, name) for name in names)
        return plain_detectnet.decode_dbscan(cov, bbox, coverage, eps, samples, height, levels, size)

    def nms() -> object:
        iou, top_k = number(options, "nms_iou"), int(number(options, "top_k"))
        return plain_detectnet.decode_nms(cov, bbox, iou, top_k, levels, size)

    return {"ours": lambda: decode(outputs, size), "plain": dbscan if clustering == "dbscan" else nms}


if __name__ == "__main__":
    _model, *_numbers = sys.argv[1:]
    _width, _height, _rounds = map(int, _numbers)
    _found = compare_tensors(get_spec(_model).input, picture((_width, _height)), _rounds)
    print(json.dumps({name: [samples.wall.tolist(), samples.cpu.tolist()] for name, samples in _found.items()}))
