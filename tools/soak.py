#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Play through the real graph as fast as it answers, and look whether it keeps anything.

A perception node with three models and an overlay node run in processes of their own. Time passes in pieces: images of
changing sizes and encodings, a listener that comes and goes, and between pieces the lifecycle down to unconfigured and
up again. After each piece memory, threads, file descriptors and shared-memory segments of both processes are noted. The
first third is for warming up; after it nothing may grow.

example: . tools/env.sh && tools/soak.py --minutes 5
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "test")]

SIZES = ((640, 360), (320, 240), (1280, 720), (641, 359))
ENCODINGS = ("bgr8", "rgb8", "mono8")
RISE = {"memory_mib": 16.0, "threads": 0, "descriptors": 2, "segments": 0}
"""By how much each may be higher at the end than after warming up."""


def usage(pid: int) -> dict[str, float]:
    """What a process holds: anonymous memory, threads, descriptors, and mapped segments of /dev/shm."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    mapped = {line.split(maxsplit=5)[5] for line in (process / "maps").read_text().splitlines() if "/dev/shm/" in line}
    return {
        "memory_mib": round(int(status["RssAnon"].split()[0]) / 1024, 1),
        "threads": int(status["Threads"]),
        "descriptors": len(os.listdir(process / "fd")),
        "segments": len(mapped),
    }


class Soak:
    """The graph under test and the camera that feeds it."""

    def __init__(self, folder: Path) -> None:
        from sensor_msgs.msg import Image
        from vision_msgs.msg import Detection2DArray

        from graph.conftest import Graph
        from networks import model_folder

        self.graph = Graph(folder, model_folder(folder / "models"))
        for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):  # or malloc keeps what is freed
            self.graph.environment.pop(name, None)
        models = "models:=[peoplenet,peoplesemsegnet,peoplesegnet]"
        self.processes = {
            "perception": self.graph.start(
                "people_perception_node", models, "threads:=1", "qos.image.reliability:=reliable"
            ),
            "overlay": self.graph.start("overlay_node", "qos.image.reliability:=reliable"),
        }
        self.answers = self.graph.listen(Detection2DArray, "/people/detections")
        self.camera = self.graph.camera(reliable=True)
        self._picture = Image
        self._random = np.random.default_rng(0)
        self.images = 0

    def piece(self, seconds: float) -> dict[str, dict[str, float]]:
        """Play for a while; what each process holds afterwards."""
        received: list[Any] = []  # the overlay is looked at during a piece only
        subscription = self.graph.node.create_subscription(self._picture, "/people/overlay", received.append, 1)
        self.graph.spin_until(lambda: self.camera.get_subscription_count() == len(self.processes), timeout=20)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._send()
            received[:-1] = []
        self.graph.spin_until(lambda: received, timeout=20)
        self.graph.node.destroy_subscription(subscription)
        return {name: usage(process.pid) for name, process in self.processes.items()}

    def _send(self) -> None:
        """One image of any size and encoding, and its answer."""
        width, height = SIZES[self.images // 20 % len(SIZES)]
        encoding = ENCODINGS[self.images // 7 % len(ENCODINGS)]
        pixels = self._random.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        pixels = np.ascontiguousarray(np.kron(pixels, np.ones((8, 8, 1), np.uint8))[:height, :width])
        mono = encoding == "mono8"
        message = self.graph.image(pixels[..., 0].copy() if mono else pixels, "mono8" if mono else "bgr8")
        message.encoding = encoding
        self.answers.clear()
        self.camera.publish(message)
        self.images += 1
        end = time.monotonic() + 2
        while not self.answers and time.monotonic() < end:
            self.graph.executor.spin_once(timeout_sec=0.01)

    def cycle(self) -> None:
        """The perception node down to unconfigured and up again."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        for name in ("DEACTIVATE", "CLEANUP", "CONFIGURE", "ACTIVATE"):
            transition = Transition(id=getattr(Transition, f"TRANSITION_{name}"))
            request = ChangeState.Request(transition=transition)
            if not self.graph.call(ChangeState, "/people/people_perception/change_state", request, 30).success:
                raise SystemExit(f"{name} failed:\n{self.graph.log(self.processes['perception'])}")

    def tracebacks(self) -> int:
        """In the logs of the processes."""
        return sum(self.graph.log(process).count("Traceback") for process in self.processes.values())


def soak(minutes: float, piece: float) -> dict[str, Any]:
    """Run everything; the pieces, and how much each thing rose after warming up."""
    with tempfile.TemporaryDirectory(prefix="people_perception_soak_") as folder:
        run = Soak(Path(folder))
        pieces: list[dict[str, dict[str, float]]] = []
        try:
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end or len(pieces) < 4:
                pieces.append(run.piece(piece))
                print(f"{run.images} images: {json.dumps(pieces[-1])}", file=sys.stderr, flush=True)
                run.cycle()
            tracebacks = run.tracebacks()
            alive = all(process.poll() is None for process in run.processes.values())
        finally:
            run.graph.close()
    return {
        "images": run.images, "pieces": len(pieces), "rise": rises(pieces), "last": pieces[-1],
        "tracebacks": tracebacks, "alive": alive,
    }  # fmt: skip


def rises(pieces: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """By how much the last pieces are above those after warming up: the lowest of each, which jitter does not raise."""
    third = max(len(pieces) // 3, 1)
    early, late = pieces[third : 2 * third] or pieces[:1], pieces[-third:]
    return {
        name: {key: round(min(p[name][key] for p in late) - min(p[name][key] for p in early), 1) for key in RISE}
        for name in pieces[0]
    }


def problems(found: dict[str, Any]) -> list[str]:
    """What should not be, of the answer of `soak`."""
    grown = [
        f"{name}: {key} rose by {rise}"
        for name, values in found["rise"].items()
        for key, rise in values.items()
        if rise > RISE[key]
    ]
    dead = [] if found["alive"] else ["a node died"]
    return grown + dead + ([f"{found['tracebacks']} tracebacks"] if found["tracebacks"] else [])


def main() -> int:
    """Soak and print the account as JSON; 1 when something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--piece", type=float, default=10.0, help="seconds between two changes of the lifecycle")
    arguments = parser.parse_args()
    import conftest  # noqa: F401  # a ROS domain that nobody else uses
    import rclpy

    rclpy.init()
    found = soak(arguments.minutes, arguments.piece)
    rclpy.try_shutdown()
    found["problems"] = problems(found)
    print(json.dumps(found))
    return int(bool(found["problems"]))


if __name__ == "__main__":
    sys.exit(main())
