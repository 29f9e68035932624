# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Recordings in, recordings out: replay a rosbag2 through the models and compare what came out, all without ROS."""
