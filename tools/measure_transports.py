#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Measure how camera images travel between two processes under each transport setting, for docs/environment.md.

Usage, after ". tools/env.sh": tools/measure_transports.py [SECONDS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HEIGHT, WIDTH, RATE = 1080, 1920, 30
PROFILE = str(Path(__file__).resolve().parent.parent / "config" / "fastdds_large_images.xml")
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "536870912", "MALLOC_TRIM_THRESHOLD_": "1073741824"}
LARGE_DATA = {"FASTDDS_BUILTIN_TRANSPORTS": "LARGE_DATA"}
# Fast DDS 2 reads the first and Fast DDS 3 the second; it warns of the first.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
XML = {PROFILE_VARIABLES[os.environ.get("ROS_DISTRO") not in ("humble", "jazzy")]: PROFILE}
SETTINGS: dict[str, dict[str, str]] = {
    "Fast DDS's default": {},
    "LARGE_DATA": LARGE_DATA,
    "LARGE_DATA, malloc": {**LARGE_DATA, **MALLOC},
    "64 MB profile": XML,
    "64 MB profile, malloc": {**XML, **MALLOC},
}


def publish(reliability: str, seconds: float) -> None:
    """Send stamped images at a steady rate, once somebody listens."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    rclpy.init()
    node = rclpy.create_node("camera")
    publisher = node.create_publisher(Image, "image", QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability]))
    while publisher.get_subscription_count() == 0:
        time.sleep(0.05)
    time.sleep(1)
    pixels = os.urandom(HEIGHT * WIDTH * 3)
    begin = time.monotonic()
    for index in range(round(seconds * RATE)):
        image = Image(height=HEIGHT, width=WIDTH, encoding="bgr8", step=WIDTH * 3)
        image.data.frombytes(pixels)
        image.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(image)
        time.sleep(max(0.0, begin + (index + 1) / RATE - time.monotonic()))
    time.sleep(1)


def receive(reliability: str, seconds: float) -> None:
    """Start the publisher, and print how many of its images came and after how many milliseconds."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    delays = []

    def note(image: Image) -> None:
        stamp = image.header.stamp
        delays.append((node.get_clock().now().nanoseconds - stamp.sec * 10**9 - stamp.nanosec) / 1e6)

    rclpy.init()
    node = rclpy.create_node("listener")
    node.create_subscription(Image, "image", note, QoSProfile(depth=1, reliability=ReliabilityPolicy[reliability]))
    publisher = subprocess.Popen([sys.executable, __file__, "publish", reliability, str(seconds)])
    while publisher.poll() is None:
        rclpy.spin_once(node, timeout_sec=0.1)
    median = f"{statistics.median(delays):.1f} ms" if delays else "-"
    print(f"{median}, {len(delays) / (seconds * RATE):.0%}")


def main(seconds: float) -> None:
    """Print the table."""
    varied = {*PROFILE_VARIABLES, *LARGE_DATA, *MALLOC}
    base = {name: value for name, value in os.environ.items() if name not in varied}
    print(f"{WIDTH}x{HEIGHT} bgr8 at {RATE} Hz for {seconds:g} s: median delay, images received")
    print("| setting | reliable | best effort |\n|---|---|---|")
    for name, variables in SETTINGS.items():
        results = []
        for reliability in ("RELIABLE", "BEST_EFFORT"):
            command = [sys.executable, __file__, "receive", reliability, str(seconds)]
            results.append(subprocess.run(command, env={**base, **variables}, stdout=subprocess.PIPE, text=True).stdout)
        print(f"| {name} | {' | '.join(result.strip() for result in results)} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["publish"]:
        publish(sys.argv[2], float(sys.argv[3]))
    elif sys.argv[1:2] == ["receive"]:
        receive(sys.argv[2], float(sys.argv[3]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
