#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Record what cv_bridge makes of an image in every encoding that it converts to bgr8.

Run where ROS 2 and cv_bridge are installed; test_image.py compares with the file. Each array ``<encoding>`` of it holds
the message's data, (rows, row bytes) uint8, and ``<encoding>.bgr8`` what `CvBridge.imgmsg_to_cv2` gave for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

RECORDING = Path(__file__).parent / "data" / "cv_bridge.npz"
WIDTH, HEIGHT = 26, 15
CHANNELS = {"rgb8": 3, "rgba8": 4, "bgra8": 4, "yuv422": 2, "yuv422_yuy2": 2} | {
    f"bayer_{pattern}8": 1 for pattern in ("rggb", "bggr", "gbrg", "grbg")
}


def main() -> None:
    """Write `RECORDING`."""
    from cv_bridge import CvBridge
    from sensor_msgs.msg import Image

    random = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for encoding, channels in CHANNELS.items():
        step = WIDTH * channels
        data = random.integers(0, 256, (HEIGHT, step), np.uint8)
        message = Image(height=HEIGHT, width=WIDTH, encoding=encoding, step=step, data=data.tobytes())
        arrays[encoding] = data
        arrays[f"{encoding}.bgr8"] = CvBridge().imgmsg_to_cv2(message, "bgr8")
    np.savez_compressed(RECORDING, **arrays)


if __name__ == "__main__":
    main()
