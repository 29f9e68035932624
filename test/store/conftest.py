# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Servers on this machine and a model store of its own for each test."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from model_server import Certificate, Handler, Site


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    """Starts servers on 127.0.0.1, over TLS when given a certificate."""
    servers = []

    def start(certificate: Certificate | None = None) -> Site:
        site = Site()
        handler = type("Handler", (Handler,), {"site": site})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        # A TLS handshake that a client breaks off is printed otherwise.
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        site.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
        return site

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """A server without TLS."""
    return serve()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model store."""
    folder = tmp_path / "store"
    monkeypatch.setenv("PP_MODEL_DIR", str(folder))
    monkeypatch.delenv("NGC_API_KEY", raising=False)
    return folder
