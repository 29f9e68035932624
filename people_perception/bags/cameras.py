# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Which recorded topics are cameras, which model looks at which of them, and where its results go."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from people_perception.bags.messages import COMPRESSED, IMAGE
from people_perception.bags.reader import Bag, Topic
from people_perception.catalogue import ModelSpec, get_spec, output_bases
from people_perception.errors import PerceptionError

COLOUR_INPUT, INFRARED_INPUT = "image", "ir_image"
"""The topics that a node reads, which a recorded topic can be given to."""

_INFRARED = frozenset(("ir", "infra", "infra1", "infra2", "infrared", "thermal", "lwir", "nir"))
# What a graph like ours publishes besides its camera.
_RESULTS = ("/mask", "/colored", "/overlay")


@dataclass(frozen=True)
class Stream:
    """One model on one camera.

    Attributes:
        camera: the topic of its images.
        model: as the user named it.
        base: the topic that its results hang from, such as ``/people/detections``.
    """

    camera: str
    model: str
    base: str

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of its results, the one that is counted first."""
        task = get_spec(self.model).task
        mask = f"{self.base}/mask"
        return {"detection": (self.base,), "semantic": (mask,), "instance": (self.base, mask)}[task]

    @property
    def label_topic(self) -> str:
        """Where the names of its classes are told."""
        return f"{self.topics[0]}/label_info"


def plan_streams(
    bag: Bag, models: Sequence[str], wanted: Sequence[str], namespace: str, everywhere: Container[str] = ()
) -> tuple[Stream, ...]:
    """Every model on every camera that it can look at.

    Args:
        bag: the recording.
        models: names of the catalogue.
        wanted: topics of cameras, each as ``TOPIC``, or as ``image:=TOPIC`` or ``ir_image:=TOPIC`` where its name does
            not tell whether it is infrared; none for every camera in the recording.
        namespace: of the results.
        everywhere: models that look at every camera, of whatever kind.

    Raises:
        PerceptionError: no camera, a topic that is missing or of another type, or a model twice.
    """
    if not models:
        raise PerceptionError("no model is named; give at least one, such as peoplenet")
    if len(set(models)) != len(models):
        raise PerceptionError(f"a model is named twice: {', '.join(models)}")
    inputs = _chosen(bag, wanted) if wanted else find_cameras(bag)
    pairs = [
        (camera, model)
        for model in models
        for camera in (inputs if model in everywhere else _cameras_of(get_spec(model), inputs))
    ]
    bases = output_bases(models)
    # The topics are those of a live graph as long as no two cameras share a model.
    names = camera_names(inputs) if len(pairs) > len(models) else dict.fromkeys(inputs, "")
    prefix = "/" + namespace.strip("/") if namespace.strip("/") else ""
    return tuple(Stream(c, m, "/".join(filter(None, (prefix, names[c], bases[m])))) for c, m in pairs)


def camera_names(topics: Iterable[str]) -> dict[str, str]:
    """A short name for each camera: its topic without ``image_raw`` and the like, where that still tells them apart.

    >>> camera_names(["/front/image_raw", "/rear/image_raw/compressed"])
    {'/front/image_raw': 'front', '/rear/image_raw/compressed': 'rear'}
    """
    topics = list(topics)
    short = {topic: _short_name(topic) for topic in topics}
    if "" in short.values() or len(set(short.values())) < len(topics):
        return {topic: topic.strip("/") for topic in topics}
    return short


def _short_name(topic: str) -> str:
    parts = topic.strip("/").split("/")
    if parts[-1] == "compressed":
        parts.pop()
    if parts and parts[-1].startswith("image"):
        parts.pop()
    return "/".join(parts)


def find_cameras(bag: Bag) -> dict[str, str]:
    """Every camera in the recording and the input that it is for.

    Raises:
        PerceptionError: there is none.
    """
    cameras = {
        name: _guess(name)
        for name, topic in bag.topics.items()
        if topic.kind in (IMAGE, COMPRESSED) and topic.count and _is_camera(name, bag.topics)
    }
    if cameras:
        return cameras
    if not any(topic.count for topic in bag.topics.values()):
        raise PerceptionError(f"{bag.path}: the recording is empty: it holds no message")
    raise PerceptionError(
        f"{bag.path}: no camera in it, no topic of sensor_msgs/Image or CompressedImage with messages; "
        f"it has {_listed(bag.topics.values())}"
    )


def _is_camera(name: str, topics: Collection[str]) -> bool:
    """Whether images are a camera's own: no compressed copy, no depth, no result of a graph."""
    copy = name.endswith("/compressed") and name.removesuffix("/compressed") in topics
    depth = "depth" in name.lower() or name.endswith(("/theora", "/ffmpeg"))
    result = name.endswith(_RESULTS) or f"{name}/label_info" in topics
    return not (copy or depth or result)


def _chosen(bag: Bag, wanted: Sequence[str]) -> dict[str, str]:
    """The cameras that the user named and the input that each is for."""
    chosen: dict[str, str] = {}
    for text in wanted:
        given, equals, name = text.rpartition(":=")
        if equals and given not in (COLOUR_INPUT, INFRARED_INPUT):
            raise PerceptionError(f"topic {text!r}: expected TOPIC, {COLOUR_INPUT}:=TOPIC or {INFRARED_INPUT}:=TOPIC")
        topic = bag.topics.get(name) or bag.topics.get(f"/{name}")
        if topic is None:
            raise PerceptionError(f"{bag.path}: no topic {name}; it has {_listed(bag.topics.values())}")
        if topic.kind not in (IMAGE, COMPRESSED):
            raise PerceptionError(
                f"{bag.path}: {name} is of type {topic.kind}; expected sensor_msgs/msg/Image or CompressedImage"
            )
        if not topic.count:
            raise PerceptionError(f"{bag.path}: {name} is empty: it holds no message")
        chosen[topic.name] = given or _guess(topic.name)
    return chosen


def _guess(topic: str) -> str:
    return INFRARED_INPUT if is_infrared(topic) else COLOUR_INPUT


def is_infrared(topic: str) -> bool:
    """Whether the name of a topic says that it is infrared."""
    return bool(set(re.split(r"[/_\-.]", topic.lower())) & _INFRARED)


def _cameras_of(spec: ModelSpec, inputs: Mapping[str, str]) -> list[str]:
    """The cameras of a model's kind; where there is none of its kind, all: a graph may be remapped like this too."""
    return [topic for topic, given in inputs.items() if given == spec.input_topic] or list(inputs)


def _listed(topics: Iterable[Topic]) -> str:
    texts = sorted(f"{topic.name} ({topic.kind.replace('/msg/', '/')}, {topic.count})" for topic in topics)
    more = f" and {len(texts) - 12} more" if len(texts) > 12 else ""
    return (", ".join(texts[:12]) + more) or "no topic at all"
