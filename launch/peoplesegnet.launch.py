# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A box and a mask for each person.

Every argument: ros2 launch people_perception peoplesegnet.launch.py --show-args
"""

from launch import LaunchDescription

from people_perception.ros.launch_graph import graph


def generate_launch_description() -> LaunchDescription:
    """PeopleSegNet."""
    return graph("peoplesegnet")
