# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service of the topics: by parameter, and by ROS's own ``qos_overrides``."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

RELIABILITY = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}


def qos(reliability: str, depth: int) -> QoSProfile:
    """Keep the last ``depth`` messages, volatile."""
    return QoSProfile(reliability=RELIABILITY[reliability], depth=depth, history=HistoryPolicy.KEEP_LAST)


def latched() -> QoSProfile:
    """One reliable message that late subscribers get too."""
    return QoSProfile(reliability=ReliabilityPolicy.RELIABLE, depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def overridable() -> QoSOverridingOptions:
    """Lets ``qos_overrides.<topic>.<publisher|subscription>.*`` parameters win."""
    return QoSOverridingOptions.with_default_policies()
