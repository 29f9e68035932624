# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Engines from NVIDIA's encrypted etlt files, by NVIDIA's own tools: ``tao-converter``, or its decoder when installed.

An etlt starts with a little-endian int32 n and n bytes, the name of the input: with a name the encrypted rest is UFF,
which TensorRT read up to 8.6; without one it is ONNX.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from people_perception.engines.builder.plan import Report, Request
from people_perception.engines.tensorrt_installation import version_numbers
from people_perception.errors import PerceptionError

CONVERTER = "tao-converter"
_WITHOUT_UFF = (9,)
"""The first TensorRT that reads no UFF, and that no tao-converter was built for."""


class Etlt:
    """An etlt file.

    Attributes:
        path: the file.
        uff: whether it holds UFF rather than ONNX.

    Raises:
        PerceptionError: not an etlt.
    """

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self._content = path, content
        length = int.from_bytes(content[:4], "little", signed=True)
        if len(content) < 20 or not 0 <= length <= 256 or not content[4 : 4 + length].isascii():
            raise PerceptionError(f"{path}: not an etlt file")
        self._start = 4 + length
        self.uff = length > 0

    def to_onnx(self, key: str) -> bytes:
        """The ONNX inside; garbage with a wrong key.

        Raises:
            PerceptionError: NVIDIA's decoder is not installed.
        """
        try:
            from eff_tao_encryption.tao_codec import decrypt_stream
        except ImportError as error:
            raise PerceptionError(
                f"{self.path.name}: an etlt needs NVIDIA's decoder; on x86-64 with Python 3.10 or 3.12 run "
                f'"pip install nvidia-eff-tao-encryption", on JetPack 5 put {CONVERTER} on the PATH, or bring the ONNX'
            ) from error
        decoded = io.BytesIO()
        decrypt_stream(io.BytesIO(self._content[self._start :]), decoded, key.encode(), encryption=True, rewind=False)
        return decoded.getvalue()


def converter_for(etlt: Etlt, version: str) -> str | None:
    """The ``tao-converter`` to use; None where the ONNX inside can go the usual way.

    Args:
        etlt: the file.
        version: of the installed TensorRT.

    Raises:
        PerceptionError: neither way is open; names those that are.
    """
    tool = shutil.which(CONVERTER)
    if version_numbers(version) < _WITHOUT_UFF and tool:
        return tool
    if not etlt.uff:
        return None
    if version_numbers(version) < _WITHOUT_UFF:
        raise PerceptionError(
            f"{etlt.path.name}: holds UFF, which needs {CONVERTER} on the PATH; get the one for TensorRT {version} "
            "from NGC (docs/jetson.md)"
        )
    raise PerceptionError(
        f"{etlt.path.name}: holds UFF, which ended with TensorRT 8.6, and this is {version}; use it on JetPack 5, "
        "bring an ONNX file or a plan of this network (--weights), or use the open model (--engine auto)"
    )


def run_converter(
    tool: str,
    etlt: Etlt,
    request: Request,
    target: Path,
    report: Report,
    started: Callable[[subprocess.Popen[str]], None],
) -> None:
    """Let ``tao-converter`` write the plan.

    Args:
        tool: the program.
        etlt: the file.
        request: how; its settings have a key.
        target: where the plan goes.
        report: told of the program's lines.
        started: given the process, so that somebody can end it.

    Raises:
        PerceptionError: it failed, which a wrong key makes it do too.
    """
    device = request.settings.device
    process = subprocess.Popen(
        [tool, *converter_arguments(etlt, request, target)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **({"CUDA_VISIBLE_DEVICES": str(device)} if device else {})},
    )
    started(process)
    last = ""
    assert process.stdout
    for line in process.stdout:
        text = " ".join(line.split())
        level = "error" if re.search(r"\berror\b", text, re.IGNORECASE) else "info"
        last = text if level == "error" else last
        if level == "error" or request.settings.log_level in ("info", "verbose"):
            report.log(level, text)
    status = process.wait()
    # It exits with 0 after some failures.
    if status or not target.is_file() or target.stat().st_size == 0:
        raise PerceptionError(f"{etlt.path}: {CONVERTER} failed ({last or f'status {status}'}); is the key right?")


def converter_arguments(etlt: Etlt, request: Request, target: Path) -> list[str]:
    """The arguments of ``tao-converter``; see `run_converter`."""
    settings, shape = request.settings, request.image_shape
    arguments = [
        "-k",
        settings.key or "",
        "-o",
        ",".join(request.outputs),
        "-t",
        settings.precision,
        "-i",
        request.layout,
    ]
    arguments += ["-m", str(settings.batch[2]), "-e", str(target), "-d", ",".join(map(str, shape))]
    if not etlt.uff:
        sizes = ["x".join(map(str, (batch, *shape))) for batch in settings.batch]
        arguments += ["-p", ",".join([request.input_name, *sizes])]
    if settings.calibration_cache:
        arguments += ["-c", str(settings.calibration_cache)]
    if settings.workspace_mib is not None:
        arguments += ["-w", str(settings.workspace_mib << 20)]
    if settings.dla_core is not None:
        arguments += ["-u", str(settings.dla_core)]
    return [*arguments, str(etlt.path)]


class Running:
    """The converter that runs, so that the end of the parent ends it too."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._process = process

    def kill(self) -> None:
        with self._lock:
            if self._process and self._process.poll() is None:
                self._process.kill()
                self._process.wait()
