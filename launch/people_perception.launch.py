# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The whole graph: several models on one camera, the overlay, and RViz on request.

Every argument: ros2 launch people_perception people_perception.launch.py --show-args
"""

from launch import LaunchDescription

from people_perception.ros.launch_graph import graph


def generate_launch_description() -> LaunchDescription:
    """PeopleNet and PeopleSemSegNet by default."""
    return graph("peoplenet,peoplesemsegnet")
