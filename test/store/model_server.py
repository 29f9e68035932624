# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A web server on this machine that misbehaves on demand, and small real networks for it to serve."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from people_perception.store.download import Policy

QUICK = Policy(limit=1 << 24, attempts=4, pause=0.01, timeout=1.0)


@dataclass
class Fault:
    """What the server does to one request instead of serving the file.

    Attributes:
        status: answers with this status and no body.
        location: of a redirect.
        cut: closes the connection after that many bytes of the body.
        stall: seconds of silence before the body.
        claim: says that the file has this size.
        retry_after: a header.
        ignore_range: sends the whole file whatever was asked for.
        shift: resumes that many bytes further than asked.
    """

    status: int = 0
    location: str = ""
    cut: int | None = None
    stall: float = 0.0
    claim: int | None = None
    retry_after: str = ""
    ignore_range: bool = False
    shift: int = 0


@dataclass
class Site:
    """What the server serves, does wrong, and was asked for.

    Attributes:
        files: content by path, without query.
        faults: for the next requests of a path, in order; ``"*"`` applies to every path that has none.
        always: a fault of every request to a path.
        requests: path with query and headers of every request so far.
        marks: whether files have an ETag.
        slowness: seconds between blocks of 16 KB.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    always: dict[str, Fault] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    marks: bool = True
    slowness: float = 0.0

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers of every request for a path."""
        return [headers for asked, headers in self.requests if asked.partition("?")[0] == path]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        site, path = self.site, self.path.partition("?")[0]
        site.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        planned = site.faults.get(path)
        fault = planned.pop(0) if planned else site.always.get(path, Fault())
        if fault.status:
            self.send_response(fault.status)
            if fault.location:
                self.send_header("Location", fault.location)
            if fault.retry_after:
                self.send_header("Retry-After", fault.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path not in site.files:
            self.send_error(404)
        else:
            self._send(site.files[path], fault)

    def _send(self, content: bytes, fault: Fault) -> None:
        mark = f'"{hashlib.sha256(content).hexdigest()[:12]}"'
        begin = 0
        asked = self.headers.get("Range", "")
        if asked and self.headers.get("If-Range") == mark and not fault.ignore_range:
            begin = int(asked.removeprefix("bytes=").partition("-")[0]) + fault.shift
            if begin >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if self.site.marks:
            self.send_header("ETag", mark)
        size = len(content) - begin if fault.claim is None else fault.claim
        self.send_header("Content-Length", str(size))
        self.end_headers()
        time.sleep(fault.stall)
        end = len(content) if fault.cut is None else begin + fault.cut
        try:
            for at in range(begin, end, 1 << 14):
                self.wfile.write(content[at : min(at + (1 << 14), end)])
                time.sleep(self.site.slowness)
        except OSError:
            pass  # the reader left
        if fault.cut is not None or fault.claim is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Certificate:
    """Files of a certificate for 127.0.0.1 that nobody but a test trusts."""

    certificate: Path
    key: Path


def network(
    input_name: str = "input_1:0",
    outputs: tuple[str, ...] = ("output_cov/Sigmoid:0", "output_bbox/BiasAdd:0"),
    shape: tuple[int, ...] = (1, 3, 544, 960),
    padding: int = 0,
) -> bytes:
    """A network that ONNX Runtime loads: every output is a copy of the input.

    Args:
        padding: kilobytes of weights that make it larger; random, so that no two networks are alike.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    image = helper.make_tensor_value_info(input_name, TensorProto.FLOAT, shape)
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in outputs]
    nodes = [helper.make_node("Identity", [input_name], [name]) for name in outputs]
    weights = numpy_helper.from_array(np.random.default_rng().standard_normal(padding * 256 + 1, np.float32), "weights")
    graph = helper.make_graph(nodes, "test", [image], tensors, [weights])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    content: bytes = model.SerializeToString()
    return content
