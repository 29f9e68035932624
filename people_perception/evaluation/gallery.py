# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The frames on which a model is most wrong, drawn."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from people_perception.draw import Colour, contact_sheet, draw_box, to_colour
from people_perception.evaluation.coco import AnnotatedImage
from people_perception.evaluation.metrics import Matches, Truth
from people_perception.images import read_image
from people_perception.results import Detections

# Told apart by people who do not see red and green as different, too (Okabe and Ito); missed boxes are also dashed.
RIGHT: Colour = (115, 158, 0)
FALSE_ALARM: Colour = (0, 94, 213)
MISSED: Colour = (66, 228, 240)
IGNORED: Colour = (153, 153, 153)


@dataclass(order=True)
class _Frame:
    wrong: float
    order: int
    image: AnnotatedImage = field(compare=False)
    caption: str = field(compare=False)
    draw: Callable[[NDArray[np.uint8]], None] = field(compare=False)


class Gallery:
    """Keeps the worst frames of an evaluation and writes them as pictures, a contact sheet and a page.

    Args:
        folder: made when it is written.
        size: how many frames are kept.
    """

    def __init__(self, folder: Path, size: int = 24) -> None:
        self._folder = folder
        self._size = size
        self._worst: list[_Frame] = []
        self._order = itertools.count()

    def add_boxes(self, image: AnnotatedImage, found: Detections, truth: Truth, matches: Matches) -> None:
        """A frame with boxes; the more of them are wrong, the worse."""
        alarms, missed = int(matches.false_alarms.sum()), int(matches.missed.sum())
        caption = f"{int(matches.hits.sum())} right, {alarms} false, {missed} missed"

        def draw(picture: NDArray[np.uint8]) -> None:
            for box in truth.boxes[matches.missed]:
                draw_box(picture, box, MISSED, dashed=True)
            for i, box in enumerate(found.boxes):
                colour = RIGHT if matches.hits[i] else IGNORED if matches.ignored[i] else FALSE_ALARM
                draw_box(picture, box, colour, f"{found.scores[i]:.2f}")

        self._add(alarms + missed, image, caption, draw)

    def add_mask(
        self, image: AnnotatedImage, mask: NDArray[np.uint8], truth: NDArray[np.uint8], counted: NDArray[np.bool_]
    ) -> None:
        """A frame with a class for every pixel; the larger the part that is wrong, the worse."""
        wrong = (mask != truth) & counted
        share = float(wrong.mean())

        def draw(picture: NDArray[np.uint8]) -> None:
            areas = ((~wrong & (truth > 0), RIGHT), (wrong & (mask > 0), FALSE_ALARM), (wrong & (mask == 0), MISSED))
            for area, colour in areas:
                picture[area] = (0.5 * picture[area] + 0.5 * np.array(colour)).astype(np.uint8)

        self._add(share, image, f"{share:.1%} of the pixels wrong", draw)

    def write(self, title: str, figures: Mapping[str, Any]) -> Path:
        """Write everything; the path of ``index.html``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        entries, pictures = [], []
        for rank, frame in enumerate(sorted(self._worst, reverse=True), 1):
            picture = to_colour(read_image(frame.image.path))
            frame.draw(picture)
            name = f"{rank:02d}_{frame.image.path.stem}.jpg"
            _save(self._folder / name, picture)
            pictures.append(picture)
            entries.append((name, f"{frame.image.path.name}: {frame.caption}"))
        if pictures:
            _save(self._folder / "contact_sheet.jpg", contact_sheet(pictures))
        page = self._folder / "index.html"
        page.write_text(_page(title, figures, entries), encoding="utf-8")
        return page

    def _add(
        self, wrong: float, image: AnnotatedImage, caption: str, draw: Callable[[NDArray[np.uint8]], None]
    ) -> None:
        if not wrong:
            return
        # The later of two equals counts as the lesser, so that the order of the dataset is kept.
        heapq.heappush(self._worst, _Frame(wrong, -next(self._order), image, caption, draw))
        if len(self._worst) > self._size:
            heapq.heappop(self._worst)


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def _page(title: str, figures: Mapping[str, Any], entries: list[tuple[str, str]]) -> str:
    rows = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in figures.items())
    legend = "".join(
        f'<span style="border-color:rgb({red},{green},{blue})">{name}</span>'
        for name, (blue, green, red) in {
            "right": RIGHT, "false alarm": FALSE_ALARM, "missed": MISSED, "in a crowd: not counted": IGNORED,
        }.items()
    )  # fmt: skip
    frames = "".join(
        f'<figure><a href="{escape(name)}"><img src="{escape(name)}" alt="" loading="lazy"></a>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for name, caption in entries
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem; background: #fff; color: #222 }}
th {{ text-align: left; padding-right: 2rem; font-weight: normal }} td {{ text-align: right }}
.legend span {{ border: 3px solid; padding: 0 .5rem; margin-right: .75rem }}
.frames {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }}
figure {{ margin: 0 }} img {{ width: 100% }}
</style></head><body>
<h1>{escape(title)}</h1>
<table>{rows}</table>
<h2>The worst frames</h2>
<p class="legend">{legend}</p>
<div class="frames">{frames or "No frame has an error."}</div>
</body></html>
"""
