# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C for work that must end in good order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from people_perception.cli.output import note


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one ends the program at once, as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    reader, writer = os.pipe()

    def handle(number: int, frame: FrameType | None) -> None:
        # It runs between any two steps of the main thread, which may hold the event's lock or be writing to the
        # terminal: so another thread does the rest.
        restore()
        os.write(writer, b"!")

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def wait() -> None:
        if os.read(reader, 1):
            stop.set()
            note("stopping; once more to stop at once")

    waiter = threading.Thread(target=wait, name="signals", daemon=True)
    waiter.start()
    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        restore()
        os.close(writer)
        waiter.join()
        os.close(reader)
