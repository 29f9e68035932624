# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A bag played through the whole graph, with RViz.

ros2 launch people_perception replay.launch.py bag:=last_week image:=/camera/image_raw
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource

from people_perception.share import share_folder


def generate_launch_description() -> LaunchDescription:
    """Arguments of people_perception.launch.py hold here too."""
    graph = PythonLaunchDescriptionSource(str(share_folder("launch") / "people_perception.launch.py"))
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="Folder or file of the rosbag2 to play."),
            DeclareLaunchArgument("rate", default_value="1.0", description="Speed, 1.0 is real time."),
            DeclareLaunchArgument("loop", default_value="false", choices=["true", "false"], description="Play again."),
            DeclareLaunchArgument("rviz", default_value="true", choices=["true", "false"], description="Start RViz."),
            DeclareLaunchArgument("use_sim_time", default_value="true", description="Take time from the bag."),
            IncludeLaunchDescription(graph),
            OpaqueFunction(function=_play),
        ]
    )


def _play(context: LaunchContext) -> list[ExecuteProcess]:
    argument = context.launch_configurations
    loop = ["--loop"] if argument["loop"] == "true" else []
    # The models load while the player waits: the first images of a bag are seen as well.
    command = ["ros2", "bag", "play", argument["bag"], "--clock", "--rate", argument["rate"], "--delay", "5", *loop]
    return [ExecuteProcess(cmd=command, output="both")]
