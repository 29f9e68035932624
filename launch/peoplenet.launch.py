# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of persons, bags and faces.

Every argument: ros2 launch people_perception peoplenet.launch.py --show-args
"""

from launch import LaunchDescription

from people_perception.ros.launch_graph import graph


def generate_launch_description() -> LaunchDescription:
    """PeopleNet."""
    return graph("peoplenet")
