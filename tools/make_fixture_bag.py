#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Write a small recording with a person in it, from a photograph that scikit-image ships.

A portrait (Eileen Collins, NASA, public domain) passes a camera at 10 Hz; in the last quarter of the frames nobody is
there. /camera/image_raw/compressed has colour, /ir/image_raw the same in 16 bits of grey, and /truth/detections where
the person really is. The same arguments always give the same messages.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from people_perception.bags.messages import (
    COMPRESSED,
    DETECTIONS,
    IMAGE,
    detection_message,
    encode,
    header,
    image_message,
    jpeg_message,
)
from people_perception.bags.writer import STORAGES, OutputBag
from people_perception.errors import PerceptionError
from people_perception.results import Detections

COLOUR, INFRARED, TRUTH = "/camera/image_raw/compressed", "/ir/image_raw", "/truth/detections"
WIDTH, HEIGHT, SIDE = 640, 480, 440
RATE = 10
START = 1_700_000_000_000_000_000
# x1, y1, x2, y2 of the person in the photograph of 512x512 pixels, without the helmet on the table.
PERSON = np.array([18, 14, 364, 512], np.float32)


def main() -> int:
    """Write it; the exit code is 0 when it is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, metavar="OUT", help="folder of the recording, which must not exist")
    parser.add_argument("--frames", type=int, default=24, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--storage", choices=STORAGES, default="mcap", help="(default: %(default)s)")
    args = parser.parse_args()
    try:
        write(args.output, args.frames, args.storage)
    except PerceptionError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def write(path: Path, frames: int, storage: str = "mcap") -> None:
    """Write the recording.

    Raises:
        PerceptionError: the folder exists, or rosbags is not installed.
    """
    from skimage import data

    portrait = cv2.resize(data.astronaut()[..., ::-1], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    wall = np.full((HEIGHT, WIDTH, 3), (150, 160, 165), np.uint8)
    bag = OutputBag(path, storage)
    for topic, kind in ((COLOUR, COMPRESSED), (INFRARED, IMAGE), (TRUTH, DETECTIONS)):
        bag.add(topic, kind)
    shown = frames - frames // 4
    for i in range(frames):
        stamp = START + i * 1_000_000_000 // RATE
        image, boxes = wall.copy(), np.empty((0, 4), np.float32)
        if i < shown:
            x, y = round((WIDTH - SIDE) * i / max(shown - 1, 1)), HEIGHT - SIDE
            image[y:, x : x + SIDE] = portrait
            boxes = PERSON[None] * (SIDE / 512) + np.array([x, y, x, y], np.float32)
        truth = Detections(boxes, np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.int64), ("person",))
        small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (WIDTH // 2, HEIGHT // 2))
        # Counts as an infrared camera of 14 bits gives them: a narrow range far from zero.
        infrared = small.astype(np.uint16) * 12 + 7000
        head = header(stamp, "camera_optical_frame")
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
        for topic, message in (
            (COLOUR, jpeg_message(jpeg, head)),
            (INFRARED, image_message(infrared, "mono16", header(stamp, "ir_optical_frame"))),
            (TRUTH, detection_message(truth, head)),
        ):
            bag.write(topic, stamp, encode(message))
    bag.close()


if __name__ == "__main__":
    sys.exit(main())
