# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The files that a run leaves: ``run.json``, ``contact_sheet.jpg`` and ``report.html``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from people_perception.images import read_image
from people_perception.report.page import render
from people_perception.report.record import Frame, Run
from people_perception.report.summary import evenly, main_camera, notable, pictured

_COLUMNS, _ROWS = 4, 4
_CELL_WIDTH = 400
_INLINE_WIDTH = 960
"""Pixels of a picture in the page: sharp on a screen of twice the density, at a third of the bytes."""


def write_files(run: Run, folder: Path) -> list[Path]:
    """Write them into a folder that holds the pictures of the run; what was written.

    Raises:
        OSError: a file cannot be written.
    """
    record = folder / "run.json"
    record.write_text(run.to_json(), encoding="utf-8")
    written = [record]
    sheet = _contact_sheet(run, folder)
    if sheet is not None:
        written.append(folder / "contact_sheet.jpg")
        written[-1].write_bytes(sheet)
    pictures = {frame.picture: _smaller(folder / frame.picture) for frame in _notable(run)}
    page = folder / "report.html"
    page.write_text(render(run, pictures, sheet), encoding="utf-8")
    return [*written, page]


def shown_frames(run: Run) -> list[Frame]:
    """The frames whose pictures the files show, of those that have one."""
    return [*_notable(run), *_on_sheet(run)]


def _notable(run: Run) -> list[Frame]:
    return [frame for camera in {o.camera for o in run.outputs} for frame in notable(run, camera).values()]


def _on_sheet(run: Run) -> list[Frame]:
    return evenly(pictured(run, main_camera(run)), _COLUMNS * _ROWS)


def _contact_sheet(run: Run, folder: Path) -> bytes | None:
    from people_perception.draw import contact_sheet

    chosen = _on_sheet(run)
    if not chosen:
        return None
    pictures = [_framed(read_image(folder / frame.picture)) for frame in chosen]
    tallest = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    cell = _CELL_WIDTH, round(_CELL_WIDTH * min(tallest, 0.75))
    return _jpeg(contact_sheet(pictures, min(_COLUMNS, len(pictures)), cell), 85)


def _framed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With an edge in the colour of the sheet, so that neighbours do not touch."""
    import cv2

    edge = round(picture.shape[1] / 100)
    return cv2.copyMakeBorder(picture, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(32, 32, 32))


def _smaller(path: Path) -> bytes:
    import cv2

    picture = read_image(path)
    scale = _INLINE_WIDTH / picture.shape[1]
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return _jpeg(picture, 82)


def _jpeg(picture: NDArray[np.uint8], quality: int) -> bytes:
    import cv2

    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
