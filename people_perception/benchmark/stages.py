# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The stages that one image goes through, each on its own, and everything but the network at a stretch."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from people_perception.benchmark import alternatives
from people_perception.benchmark.followers import follower_calls
from people_perception.benchmark.measurement import Measurement, measure
from people_perception.benchmark.scenes import model_without_network, picture, sample_outputs
from people_perception.catalogue import ModelSpec, get_spec
from people_perception.decoders import make_decoder
from people_perception.errors import PerceptionError
from people_perception.geometry import Size
from people_perception.model import Perceiver
from people_perception.preprocess import BufferPool, Frame

VARY_WITH_PEOPLE = ("decode", "message", "publish", "path", "followers")

_NEED_ROS = ("receive", "convert", "message", "publish", "path")

_OF_EVERY_MODEL = ("receive", "convert", "followers")

_PATH_GOAL = {"detection": 5.0, "semantic": 8.0}
"""Milliseconds that a 1080p image may take from message to message, by the task of the model."""


@dataclass(frozen=True)
class Setting:
    """What the stages are measured on.

    Attributes:
        model: a name of the catalogue.
        size: (width, height) of the camera's image.
        people: how many of them the network's outputs show.
        rounds: calls of each stage.
        load: opens the model with its network, for the stage ``inference``.
    """

    model: str
    size: Size
    people: int
    rounds: int
    load: Callable[[], Perceiver]

    @cached_property
    def spec(self) -> ModelSpec:
        """Of the model that was asked for."""
        return get_spec(self.model)

    @cached_property
    def picture(self) -> NDArray[np.uint8]:
        """What the camera sees."""
        return picture(self.size)

    def where(self, stage: str) -> dict[str, Any]:
        """What was varied, as far as the stage depends on it."""
        people = {"people": self.people} if stage in VARY_WITH_PEOPLE else {}
        model = {} if stage in _OF_EVERY_MODEL else {"model": self.model}
        return {**model, "size": f"{self.size[0]}x{self.size[1]}", **people}


def measure_stage(stage: str, setting: Setting) -> Iterator[Measurement]:
    """One of `people_perception.benchmark.STAGES`.

    Raises:
        PerceptionError: it needs ROS 2, which is not there, or weights that are not there.
    """
    if stage in _NEED_ROS and importlib.util.find_spec("rclpy") is None:
        raise PerceptionError(f"{stage}: ROS 2 is not there; source its setup file, or tools/env.sh")
    for found in _STAGES[stage](setting):
        where = {**setting.where(stage), **found.where}
        yield replace(found, where={name: value for name, value in where.items() if value is not None})


def _receive(setting: Setting) -> Iterator[Measurement]:
    from people_perception.ros.bench_stages import take_images

    taken = take_images(setting.size, setting.rounds)
    yield taken.measurement("receive", "Image from another process")


def _convert(setting: Setting) -> Iterator[Measurement]:
    from people_perception.ros.bench_stages import encoded_images
    from people_perception.ros.image import image_from_message

    messages = encoded_images(setting.picture)
    calls = {encoding: partial(image_from_message, message) for encoding, message in messages.items()}
    for encoding, samples in measure(calls, setting.rounds).items():
        yield samples.measurement("convert", encoding)


def _preprocess(setting: Setting) -> Iterator[Measurement]:
    spec, layout = setting.spec.input, ("1x3x{1}x{0}" if setting.spec.input.layout == "nchw" else "1x{1}x{0}x3")
    defaults = "malloc's defaults"  # as in any program that calls OpenCV; the goal is for these
    runs = {
        defaults: alternatives.compare_tensors_elsewhere(setting.model, setting.size, setting.rounds),
        "memory kept": alternatives.compare_tensors(spec, setting.picture, setting.rounds),
    }
    for how, samples in runs.items():
        ours = samples.pop("ours")
        for name, other in samples.items():
            goal = 0.25 if name.startswith("cv2") and how == defaults else None
            case = f"to {layout.format(*spec.size)}, {how}"
            yield ours.measurement("preprocess", case, against=name, other=other.median, goal=goal)


def _inference(setting: Setting) -> Iterator[Measurement]:
    model = setting.load()
    stages: list[dict[str, float]] = []

    def infer() -> None:
        stages.append({})
        model.infer(Frame(setting.picture), stages[-1])

    try:
        samples = measure({"model": infer}, setting.rounds)["model"]
    finally:
        model.close()
    spent = np.array([s["inference"] for s in stages[-len(samples.wall) :]]) * 1e3
    case = f"{model.spec.title} on {model.device}"
    yield replace(samples, wall=spent).measurement("inference", case)


def _decode(setting: Setting) -> Iterator[Measurement]:
    outputs, size = sample_outputs(setting.spec, setting.people), setting.size
    if outputs is None:
        raise PerceptionError(f"decode: outputs of {setting.model} are not simulated; take one of NVIDIA's networks")
    if setting.spec.decoder == "detectnet":
        yield from alternatives.compare_detectnet(setting.spec, setting.people, size, setting.rounds)
        return
    decode = make_decoder(setting.spec)
    samples = measure({"decode": lambda: decode(outputs, size)}, setting.rounds)["decode"]
    yield samples.measurement("decode", setting.spec.decoder)


def _message(setting: Setting) -> Iterator[Measurement]:
    from people_perception.ros.bench_stages import message_makers

    result = model_without_network(setting.model, setting.people)(setting.picture)
    for topic, samples in measure(message_makers(result), setting.rounds).items():
        yield samples.measurement("message", topic)


def _publish(setting: Setting) -> Iterator[Measurement]:
    from people_perception.ros.bench_stages import message_makers, publish_messages

    result = model_without_network(setting.model, setting.people)(setting.picture)
    messages = {topic: make() for topic, make in message_makers(result).items()}
    for topic, samples in publish_messages(messages, setting.rounds).items():
        yield samples.measurement("publish", f"{topic} to another process")


def _path(setting: Setting) -> Iterator[Measurement]:
    from people_perception.ros.bench_stages import encoded_images, message_makers
    from people_perception.ros.image import image_from_message

    model, pool = model_without_network(setting.model, setting.people), BufferPool()
    message = encoded_images(setting.picture, ("bgr8",))["bgr8"]
    topics = tuple(message_makers(model(setting.picture)))

    def path(topic: str) -> object:
        result = model.infer(Frame(image_from_message(message), pool))
        return message_makers(result)[topic]()

    goal = _PATH_GOAL.get(setting.spec.task) if setting.size == (1920, 1080) else None
    samples = measure({topic: partial(path, topic) for topic in topics}, setting.rounds)
    for topic, taken in samples.items():
        whole = goal if topic != "segmentation/colored" else None
        yield taken.measurement("path", f"message to message, {topic}", goal=whole)


def _followers(setting: Setting) -> Iterator[Measurement]:
    for name, samples in measure(follower_calls(setting.size, setting.people), setting.rounds).items():
        yield samples.measurement("followers", name)


_STAGES: dict[str, Callable[[Setting], Iterator[Measurement]]] = {
    "receive": _receive,
    "convert": _convert,
    "preprocess": _preprocess,
    "inference": _inference,
    "decode": _decode,
    "message": _message,
    "publish": _publish,
    "path": _path,
    "followers": _followers,
}
