#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Send random image messages to a live node over DDS, and account for every one of them.

Half of the messages are broken in one way or another. The node must live, its memory must not grow, and its diagnostics
must count each broken message that it looked at: received = published + malformed + failed + dropped.

example: . tools/env.sh && tools/fuzz_node.py --messages 100000
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "test")]

MODEL = "fuzzed"
BYTES = {  # of a pixel in a row
    "bgr8": 3, "rgb8": 3, "8UC3": 3, "bgra8": 4, "rgba8": 4, "mono8": 1, "8UC1": 1, "mono16": 2, "16UC1": 2,
    "bayer_rggb8": 1, "bayer_bggr8": 1, "bayer_gbrg8": 1, "bayer_grbg8": 1,
    "yuv422": 2, "uyvy": 2, "yuv422_yuy2": 2, "yuyv": 2, "nv12": 1, "nv21": 1,
}  # fmt: skip
STRANGE = ("", "32FC1", "BGR8", "64FC4", "bgr8 ", "bgr16", "jpeg", "nv12\n", "ünïcode", "x" * 3000, "%s%n", "../../etc")
LARGEST = (7680, 4320)
DEPTH = 5
HUGE = (2**16, 2**31 - 1, 2**31, 2**32 - 1)


def raw(random: np.random.Generator, large: bool = False) -> tuple[Any, bool]:
    """A random Image, now and then of the largest size, and whether it was broken on purpose."""
    from sensor_msgs.msg import Image

    encoding = str(random.choice(list(BYTES)))
    width, height = (int(n) for n in random.integers(2, 65, 2) * 2)
    if large and random.random() < 5e-3:
        (width, height), encoding = LARGEST, "mono8"
    step = width * BYTES[encoding] + int(random.integers(0, 5))
    rows = height * 3 // 2 if encoding.startswith("nv") else height
    length = rows * step
    fault = int(random.integers(0, 16))
    if fault == 0:
        encoding = str(random.choice(STRANGE))
    elif fault == 1:
        length = int(random.integers(0, length))
    elif fault == 2:
        step = int(random.integers(0, width * BYTES[encoding]))
    elif fault == 3:
        width = int(random.choice((0, *HUGE)))
    elif fault == 4:
        height = int(random.choice((0, *HUGE)))
    elif fault == 5:
        step = int(random.choice(HUGE))
    elif fault == 6:
        width, height, step = (int(random.choice(HUGE)) for _ in range(3))
    elif fault == 7:
        length = 0
    message = Image(encoding=encoding, width=width, height=height, step=step)
    message.is_bigendian = int(random.choice((0, 1, 255)))
    message.data.frombytes(
        random.bytes(min(length, 4096)) * (length // 4096 + 1) if length > 4096 else random.bytes(length)
    )
    if len(message.data) > length:
        del message.data[length:]
    return message, fault < 8


def compressed(random: np.random.Generator, large: bool = False) -> tuple[Any, bool]:
    """A random CompressedImage, and whether it was broken on purpose."""
    from sensor_msgs.msg import CompressedImage

    width, height = (int(n) for n in random.integers(1, 129, 2))
    kind = str(random.choice((".jpg", ".png")))
    shape = (height, width) if random.random() < 0.4 else (height, width, 3)
    dtype = np.uint16 if kind == ".png" and random.random() < 0.3 else np.uint8
    pixels = random.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    data = bytearray(cv2.imencode(kind, pixels)[1].tobytes())
    fault = int(random.integers(0, 16))
    if fault == 0:
        data = data[: int(random.integers(0, len(data)))]
    elif fault == 1:
        data = bytearray(random.bytes(int(random.integers(0, 3000))))
    elif fault == 2:
        data = bytearray(
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", *random.integers(2**16, 2**31, 2)) + data[24:]
        )
    elif fault == 3:
        data = bytearray(b"\xff\xd8" + random.bytes(int(random.integers(0, 3000))))
    elif fault == 4:
        data.clear()
    elif fault < 8:  # may still be readable
        for place in random.integers(0, len(data), 1 + int(random.integers(0, 20))):
            data[place] = int(random.integers(0, 256))
    formats = (
        "jpeg",
        "png",
        "rgb8; jpeg compressed bgr8",
        "mono16; png compressed",
        "",
        "x" * 2000,
        "bayer_rggb8; png compressed",
    )
    message = CompressedImage(format=str(random.choice(formats)))
    message.data.frombytes(bytes(data))
    return message, fault < 8


class Node:
    """A perception node in a process of its own, with a network so small that messages are what takes the time."""

    def __init__(self, folder: Path, transport: str) -> None:
        from networks import detectnet

        description = yaml.safe_load((ROOT / "models" / "peoplenet.yaml").read_text(encoding="utf-8"))
        description["name"] = MODEL
        description["input"] |= {"size": [96, 64], "resize": "letterbox"}
        description["weights"] = [{"file": "fuzzed.onnx", "format": "onnx"}]
        description.pop("fallback", None)
        (folder / f"{MODEL}.yaml").write_text(yaml.safe_dump(description), encoding="utf-8")
        network = detectnet(folder / "fuzzed.onnx", size=(96, 64))
        values = {
            "models": f"[{MODEL}]", "weights": network, "engine": "onnxruntime", "threads": 1,
            "image_transport": transport, "diagnostics.period": 0.1,
            "qos.image.reliability": "reliable", "qos.image.depth": DEPTH, "qos.output.depth": 100,
        }  # fmt: skip
        arguments = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
        code = "import sys; from people_perception.ros.executables import people_perception_node as m; sys.exit(m())"
        # tools/env.sh lets malloc keep what is freed for the next image. Holes between images of all sizes then look
        # like a leak, so here it gives memory back.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        self.log = folder / "log.txt"
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "--ros-args", "-r", "__ns:=/fuzz", *arguments],
                env={**environment, "PP_MODEL_PATH": str(folder)},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def memory_mib(self) -> float:
        """Resident memory that is not shared with others: DDS's shared memory is not the node's."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1024

    def end(self) -> int:
        """Its exit status after SIGINT."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Fuzz:
    """The camera and the listener.

    Args:
        node: the node under test.
        transport: ``raw`` or ``compressed``.
        seed: of the messages.
    """

    def __init__(self, node: Node, transport: str, seed: int) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.node import Node as RosNode
        from rclpy.qos import QoSProfile
        from sensor_msgs.msg import CompressedImage, Image
        from vision_msgs.msg import Detection2DArray

        from people_perception.ros.image import image_from_compressed, image_from_message

        self.tested = node
        self.random = np.random.default_rng(seed)
        is_raw = transport == "raw"
        self._make, self._read = (raw, image_from_message) if is_raw else (compressed, image_from_compressed)
        self._node = RosNode("fuzz")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        topic = "/fuzz/image" if is_raw else "/fuzz/image/compressed"
        self._camera = self._node.create_publisher(Image if is_raw else CompressedImage, topic, QoSProfile(depth=100))
        self.results = 0
        self.values: dict[str, int] = {}
        self.reports = 0
        self._node.create_subscription(Detection2DArray, "/fuzz/detections", self._on_result, QoSProfile(depth=100))
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_report, 10)
        self.sent = self.bad = self.misjudged = 0

    def _on_result(self, _: Any) -> None:
        self.results += 1

    def _on_report(self, message: Any) -> None:
        for status in message.status:
            if status.name.endswith(f": {MODEL}"):
                self.values = {pair.key: int(pair.value) for pair in status.values if pair.value.isdigit()}
                self.reports += 1

    def wait(self, condition: Callable[[], Any], seconds: float) -> bool:
        """Spin until a condition holds; whether it did."""
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.005)
        return bool(condition())

    def _largest(self) -> Any:
        from sensor_msgs.msg import CompressedImage, Image

        width, height = LARGEST
        pixels = np.zeros((height, width), np.uint8)
        message: Any = CompressedImage(format="png")
        if self._make is raw:
            message = Image(encoding="mono8", width=width, height=height, step=width)
        message.data.frombytes(pixels if self._make is raw else cv2.imencode(".png", pixels)[1].tobytes())
        return message

    def _readable(self, message: Any) -> bool:
        from people_perception.errors import PerceptionError

        try:
            self._read(message)
        except PerceptionError:
            return False
        return True

    def begin(self) -> None:
        """Bring the node to work, and forget what it counted until then."""
        if not self.wait(lambda: self._camera.get_subscription_count() and self.values, 60):
            raise SystemExit(f"the node did not start:\n{self.tested.log.read_text()}")
        # Each place in the queue of DDS keeps the memory of the largest message that it ever held.
        for _ in range(10):
            self.send(self._largest(), False)
        self.settle()
        self.before, self.sent, self.bad, self.results = dict(self.values), 0, 0, 0

    def send(self, message: Any, broken: bool) -> None:
        """Publish a message with a random stamp, and give the node time to look at it before the next one."""
        message.header.stamp.sec = int(self.random.integers(-(2**31), 2**31))
        message.header.stamp.nanosec = int(self.random.integers(0, 2**32))
        readable = self._readable(message)
        self.misjudged += not readable and not broken
        self.sent += 1
        self.bad += not readable
        before = self.results
        self._camera.publish(message)
        if readable:
            self.wait(lambda: self.results > before, 2.0)
        else:
            time.sleep(0.002)

    def one(self, large: bool) -> None:
        """Send a random message."""
        self.send(*self._make(self.random, large))

    def settle(self) -> None:
        """Wait until diagnostics are newer than the last message."""
        reports = self.reports
        self.wait(lambda: self.reports >= reports + 3, 10)

    def counted(self, name: str) -> int:
        """How much a value of the diagnostics has grown."""
        return self.values.get(name, 0) - self.before.get(name, 0)


def fuzz(transport: str, messages: int, seed: int) -> dict[str, Any]:
    """Everything for one transport: what was sent, what the node counted, and its memory after every tenth."""
    with tempfile.TemporaryDirectory(prefix="people_perception_fuzz_") as folder:
        node = Node(Path(folder), transport)
        try:
            run = Fuzz(node, transport, seed)
            run.begin()
            start, memory = time.monotonic(), []
            for number in range(messages):
                run.one(large=number < messages / 10)  # DDS keeps buffers of that size for as long as it likes
                if (number + 1) % max(messages // 10, 1) == 0:
                    if node.process.poll() is not None:
                        break
                    memory.append(round(node.memory_mib(), 1))
                    print(f"{transport}: {number + 1} sent, {memory[-1]} MiB", file=sys.stderr, flush=True)
            seconds = time.monotonic() - start
            run.settle()
            names = ("received", "published", "malformed", "failed", "dropped_busy", "dropped_max_rate")
            lived = node.process.poll() is None
        finally:
            status = node.end()
        return {
            "transport": transport, "sent": run.sent, "bad": run.bad, "misjudged": run.misjudged,
            **{name: run.counted(name) for name in names}, "memory_mib": memory, "lived": lived,
            "exit_status": status, "tracebacks": node.log.read_text(errors="replace").count("Traceback"),
            "seconds": round(seconds, 1),
        }  # fmt: skip


def problems(found: dict[str, Any]) -> list[str]:
    """What should not be, of the answer of `fuzz`."""
    looked_at = sum(found[name] for name in ("published", "malformed", "failed", "dropped_busy", "dropped_max_rate"))
    memory, lost = found["memory_mib"], found["sent"] - found["received"]
    seen_at_least = found["bad"] - found["dropped_busy"] - lost
    checks = {
        "the node died": not found["lived"] or found["exit_status"] != 0,
        "tracebacks in its log": found["tracebacks"] > 0,
        "messages were lost on the way": lost > found["sent"] / 1000,  # the queue is short, and machines are busy
        "messages are unaccounted for": looked_at != found["received"],
        "bad messages were not counted": not seen_at_least <= found["malformed"] <= found["bad"],
        "messages that are right were refused": found["misjudged"] > 0,
        "frames failed": found["failed"] > 0,
        "memory grew by more than 10 MiB after the first fifth": len(memory) > 2 and max(memory) - max(memory[:2]) > 10,
    }
    return [text for text, wrong in checks.items() if wrong]


def main() -> int:
    """Fuzz and print the account as JSON; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000, help="how many, for each transport")
    parser.add_argument("--transport", choices=("raw", "compressed"), action="append", help="both unless given")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    import rclpy

    rclpy.init()
    wrong = False
    for transport in arguments.transport or ("raw", "compressed"):
        found = fuzz(transport, arguments.messages, arguments.seed)
        found["problems"] = problems(found)
        wrong |= bool(found["problems"])
        print(json.dumps(found), flush=True)
    rclpy.try_shutdown()
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
