# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What else in a recording may show what is covered in its images."""

from __future__ import annotations

import re

from people_perception.bags.cameras import is_infrared
from people_perception.bags.messages import COMPRESSED, IMAGE, POINTS, decode
from people_perception.bags.reader import Message, Topic
from people_perception.errors import PerceptionError

_NAMES = re.compile(r"image|video|packet|jpeg|rgbd", re.IGNORECASE)
_PARTS = re.compile(r"sensor_msgs/(msg/)?(Compressed)?Image\b")
_DEPTHS = ("16UC1", "32FC1")
_COLOURS = frozenset(("rgb", "rgba", "bgr", "bgra", "r", "g", "b"))


def may_reveal(topic: Topic) -> bool:
    """Whether a type can hold pictures, so that none of its messages may be copied unless `reveals` clears it."""
    if topic.kind.startswith("visualization_msgs/") and "Image" not in topic.kind:
        return False  # the texture of a marker is no camera's
    return bool(_NAMES.search(topic.kind) or _PARTS.search(topic.definition))


def can_be_cleared(topic: Topic) -> bool:
    """Whether single messages of a topic may be harmless, as `reveals` finds out."""
    return topic.kind in (IMAGE, COMPRESSED) and "depth" in topic.name.lower() and not is_infrared(topic.name)


def reveals(message: Message) -> bool:
    """Whether a message shows something of what a camera saw.

    Depth is harmless: it has no faces that anybody would recognise. A topic must call itself depth and its images must
    be depth as REP 118 has it. A cloud of points is harmless without colours.
    """
    try:
        if message.kind == POINTS:
            fields = decode(message.data, POINTS).fields
            return bool(_COLOURS & {field.name.lower() for field in fields})
        if message.kind == IMAGE:
            return decode(message.data, IMAGE).encoding not in _DEPTHS
        if message.kind == COMPRESSED:
            return "compresseddepth" not in decode(message.data, COMPRESSED).format.lower()
    except PerceptionError:
        return True
    return False
