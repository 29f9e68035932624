# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The images that results belong to, found again in the recording that they came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from numpy.typing import NDArray

from people_perception.bags.journal import read_run
from people_perception.bags.messages import COMPRESSED, IMAGE, decode, image_from, recorded_stamp
from people_perception.bags.reader import Bag
from people_perception.errors import PerceptionError


def find_source(output: Path, given: Path | None = None) -> Path | None:
    """The recording with the images of an output of replay: a given one, else the output's own input if it is there.

    An output whose images are covered is its own: nobody is to see the others by accident.
    """
    if given is not None:
        return given
    try:
        run = read_run(output)
    except PerceptionError:
        return None
    if run["identity"].get("anonymize"):
        return output
    source = Path(run["input"])
    return source if source.exists() else None


def cameras_of(output: Path) -> dict[str, str]:
    """The camera of each topic of results, as far as a journal says."""
    try:
        streams = read_run(output)["streams"]
    except PerceptionError:
        return {}
    return {topic: stream["camera"] for stream in streams for topic in stream["topics"]}


def find_images(source: Path, wanted: Mapping[str, Collection[int]]) -> dict[tuple[str, int], NDArray]:
    """Images by camera and stamp.

    Args:
        source: a recording.
        wanted: stamps in nanoseconds by camera; the camera "" means whichever has an image of that stamp.

    Raises:
        PerceptionError: the recording cannot be read.
    """
    found: dict[tuple[str, int], NDArray] = {}
    left = {(camera, stamp) for camera, stamps in wanted.items() for stamp in stamps}
    with Bag(source) as bag:
        topics = [name for name, topic in bag.topics.items() if topic.kind in (IMAGE, COMPRESSED)]
        if "" not in wanted:
            topics = [name for name in topics if name in wanted]
        for message in bag.messages(topics):
            stamp = recorded_stamp(message.data)
            for key in ((message.topic, stamp), ("", stamp)):
                if key in left:
                    try:
                        found[key] = image_from(decode(message.data, message.kind), message.kind)
                    except PerceptionError:
                        continue  # another camera may have one that can be shown
                    left.remove(key)
            if not left:
                break
    return found
