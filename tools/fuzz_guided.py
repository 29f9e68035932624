#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Let a fuzzer that sees which lines run look for inputs that are neither read nor refused in one line.

It needs atheris, which is not among the requirements: python -m pip install atheris

example: . tools/env.sh && tools/fuzz_guided.py compressed --seconds 60
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MEMORY_MIB = 2048


def image(data: bytes) -> None:
    """A sensor_msgs/Image: 16 bytes of fields, the rest is pixels."""
    from people_perception.ros.image import _ENCODINGS, image_from_message

    if len(data) < 16:
        return
    width, height, step, encoding, big = struct.unpack_from("<IIIBB", data)
    names = [*_ENCODINGS, "32FC1"]
    message = SimpleNamespace(
        encoding=names[encoding % len(names)], width=width, height=height, step=step, is_bigendian=big, data=data[16:]
    )
    image_from_message(message)  # type: ignore[arg-type]


def compressed(data: bytes) -> None:
    """A sensor_msgs/CompressedImage."""
    from people_perception.ros.image import image_from_compressed

    image_from_compressed(SimpleNamespace(format="bayer_rggb8; png compressed", data=data))  # type: ignore[arg-type]


def recording(data: bytes) -> None:
    """A rosbag2 in one mcap file."""
    from people_perception.bags.reader import Bag

    with tempfile.TemporaryDirectory(prefix="people_perception_fuzz_") as folder:
        path = Path(folder) / "bag.mcap"
        path.write_bytes(data)
        with Bag(path) as bag:
            for _ in bag.messages():
                pass


def model(data: bytes) -> None:
    """The description of a model."""
    from people_perception.catalogue import read_spec
    from people_perception.decoders import make_decoder

    with tempfile.TemporaryDirectory(prefix="people_perception_fuzz_") as folder:
        path = Path(folder) / "peoplenet.yaml"
        path.write_bytes(data)
        make_decoder(read_spec(path))


def archive(data: bytes) -> None:
    """A zip or tar."""
    from people_perception.store.archives import unpack

    with tempfile.TemporaryDirectory(prefix="people_perception_fuzz_") as folder:
        path = Path(folder) / "a.zip"
        path.write_bytes(data)
        unpack(path, Path(folder) / "out", limit=1 << 24)


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function for function in (image, compressed, recording, model, archive)
}


MODULES = ("ros.image", "bags.reader", "bags.metadata", "bags.salvage", "catalogue", "decoders", "store.archives")
"""What is watched."""


def seeds(target: str, folder: Path) -> None:
    """Good inputs to begin with."""
    import cv2
    import numpy as np

    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    if target == "image":
        for number in range(20):
            (folder / str(number)).write_bytes(struct.pack("<IIIBBH", 8, 8, 32, number, 0, 0) + bytes(512))
    elif target == "compressed":
        for suffix in (".jpg", ".png"):
            (folder / f"a{suffix}").write_bytes(cv2.imencode(suffix, pixels)[1].tobytes())
    elif target == "recording":
        sys.path.insert(0, str(ROOT / "test"))
        from recordings import record

        bag = record(folder.parent / "bag", {"/camera": [pixels]})
        (folder / "a.mcap").write_bytes(next(bag.glob("*.mcap")).read_bytes())
    elif target == "model":
        for path in (ROOT / "models").glob("*.yaml"):
            (folder / path.name).write_bytes(path.read_bytes())
    else:
        (folder.parent / "files").mkdir()
        (folder.parent / "files" / "a.txt").write_text("labels")
        for kind in ("zip", "tar", "gztar", "xztar"):
            shutil.make_archive(str(folder / "a"), kind, folder.parent / "files")


def main() -> int:
    """Fuzz one target; does not return when atheris runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("fuzz_guided needs atheris: python -m pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["people_perception"]):
        for name in MODULES:
            importlib.import_module(f"people_perception.{name}")
    from people_perception.errors import PerceptionError

    target = TARGETS[arguments.target]

    def once(data: bytes) -> None:
        try:
            target(data)
        except (PerceptionError, ValueError) as error:
            assert "\n" not in str(error), repr(error)

    folder = Path(tempfile.mkdtemp(prefix="people_perception_corpus_")) / "seeds"
    folder.mkdir()
    seeds(arguments.target, folder)
    options = [
        f"-max_total_time={arguments.seconds}",
        f"-rss_limit_mb={MEMORY_MIB}",
        "-max_len=65536",
        f"-artifact_prefix={folder.parent}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], once)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
