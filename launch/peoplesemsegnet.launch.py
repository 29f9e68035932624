# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A person mask for every pixel.

Every argument: ros2 launch people_perception peoplesemsegnet.launch.py --show-args
"""

from launch import LaunchDescription

from people_perception.ros.launch_graph import graph


def generate_launch_description() -> LaunchDescription:
    """PeopleSemSegNet."""
    return graph("peoplesemsegnet")
