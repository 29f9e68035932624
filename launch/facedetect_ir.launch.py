# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of faces in infrared.

Every argument: ros2 launch people_perception facedetect_ir.launch.py --show-args
"""

from launch import LaunchDescription

from people_perception.ros.launch_graph import graph


def generate_launch_description() -> LaunchDescription:
    """FaceDetect-IR."""
    return graph("facedetect_ir")
