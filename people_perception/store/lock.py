# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""One writer at a time in a model's folder."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from people_perception.errors import PerceptionError

LOCK = ".lock"


@contextmanager
def folder_lock(folder: Path, on_wait: Callable[[Path], None] = lambda folder: None) -> Iterator[None]:
    """Hold a model's folder, which is made if it is missing; other processes and threads wait.

    The kernel drops the lock when its holder dies, so none is ever left behind. Readers take no lock: every file
    appears under its name whole.

    Args:
        folder: the model's folder.
        on_wait: called once when somebody else holds it.

    Raises:
        PerceptionError: the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o775, parents=True, exist_ok=True)
        # Not through a link, which somebody may have put into a shared folder.
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise PerceptionError(f"{folder}: {reason}; set PP_MODEL_DIR to a folder that you may write") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait(folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
