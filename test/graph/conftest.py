# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Real nodes in processes of their own, a camera and listeners in the test's process, Fast DDS between them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from networks import model_folder
from people_perception.ros.messages import image_message
from people_perception.transports import missing

RED, GREEN, BLUE, BLACK = (0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 0, 0)


def square(colour: tuple[int, int, int], centre: tuple[int, int] = (320, 180), side: int = 96) -> np.ndarray:
    """A 640x360 black BGR image with one square."""
    image = np.zeros((360, 640, 3), np.uint8)
    x, y = centre
    image[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2] = colour
    return image


class Graph:
    """Processes under test, and a node of the test's own to talk with them."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, **missing(), "PP_MODEL_DIR": str(models), "PYTHONUNBUFFERED": "1"}
        self.node = Node("test")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.logs: dict[int, Path] = {}
        self._stamp = 0
        self._clients: dict[str, Any] = {}

    def start(self, executable: str, *parameters: str, namespace: str = "/people") -> subprocess.Popen[bytes]:
        """Start an executable; ``parameters`` are ``name:=value`` or remappings ``-r from:=to``."""
        code = f"import sys; from people_perception.ros.executables import {executable} as main; sys.exit(main())"
        arguments = ["--ros-args", "-r", f"__ns:={namespace}"]
        for parameter in parameters:
            arguments += parameter.split() if parameter.startswith("-") else ["-p", parameter]
        log = Path(tempfile.mkstemp(dir=self.folder, prefix=f"{executable}_", suffix=".log")[1])
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", code, *arguments], env=self.environment, stdout=file, stderr=subprocess.STDOUT
            )
        self.processes.append(process)
        self.logs[process.pid] = log
        return process

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """What a process printed so far."""
        return self.logs[process.pid].read_text()

    def camera(self, topic: str = "/people/image", reliable: bool = False, kind: type = Image) -> Any:
        """A publisher of images."""
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        return self.node.create_publisher(kind, topic, QoSProfile(depth=1, reliability=reliability))

    def listen(self, kind: type, topic: str, **qos: Any) -> list[Any]:
        """A list that grows with every message on a topic."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, QoSProfile(depth=50, **qos))
        return received

    def image(self, array: np.ndarray, encoding: str = "bgr8", frame_id: str = "camera_optical") -> Image:
        """An image message with a stamp of its own, near the present."""
        now = self.node.get_clock().now().nanoseconds
        self._stamp = max(now, self._stamp + 1)
        stamp = Time(sec=self._stamp // 1_000_000_000, nanosec=self._stamp % 1_000_000_000)
        return image_message(array, encoding, Header(stamp=stamp, frame_id=frame_id))

    def spin_until(self, condition: Callable[[], Any], timeout: float = 15.0) -> Any:
        """Spin until a condition holds, and return its value; fails with what the processes printed."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            self.executor.spin_once(timeout_sec=0.02)
        logs = "\n".join(f"--- {path.name}\n{path.read_text()}" for path in self.logs.values())
        raise AssertionError(f"nothing came within {timeout} s\n{logs}")

    def spin_for(self, seconds: float) -> None:
        """Spin for some time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def send_until(
        self, camera: Any, make: Callable[[], Any], condition: Callable[[], Any], timeout: float = 20.0
    ) -> Any:
        """Publish ``make()`` at 20 Hz until a condition holds, and return its value."""
        end = time.monotonic() + timeout
        due = 0.0
        while time.monotonic() < end:
            if time.monotonic() >= due:
                camera.publish(make())
                due = time.monotonic() + 0.05
            self.executor.spin_once(timeout_sec=0.01)
            value = condition()
            if value:
                return value
        return self.spin_until(condition, 0.0)

    def call(self, kind: type, name: str, request: Any, timeout: float = 15.0) -> Any:
        """Call a service and return its response."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
            self.spin_until(self._clients[name].service_is_ready, timeout)
            self.spin_for(0.2)  # until the service knows this client, too: its response is lost otherwise
        future = self._clients[name].call_async(request)
        self.spin_until(future.done, timeout)
        return future.result()

    def interrupt(self, process: subprocess.Popen[bytes], times: int = 1) -> float:
        """SIGINT, ``times`` in a row, and how many seconds the process took to end."""
        start = time.monotonic()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        process.wait(timeout=20)
        return time.monotonic() - start

    def close(self) -> None:
        """End everything."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.executor.shutdown()
        self.node.destroy_node()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store with small networks of foreseeable answers."""
    return model_folder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def graph(tmp_path: Path, models: Path) -> Iterator[Graph]:
    """A running ROS context and what a graph test needs."""
    rclpy.init()
    made = Graph(tmp_path, models)
    try:
        yield made
    finally:
        made.close()
        rclpy.try_shutdown()
