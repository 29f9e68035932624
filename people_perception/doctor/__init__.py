# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of a machine and its setup. Each is a plain function that returns a `Finding`, or several.

What needs ROS is in `people_perception.ros.checks` and `people_perception.ros.camera_check`.
"""
