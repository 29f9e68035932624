# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The frames in which two outputs differ most, drawn, on one page that needs nothing besides itself."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from people_perception.bags.compare import box_pair, mask_pair
from people_perception.bags.comparison import HEADER, Comparison, WorstFrame, topic_rows
from people_perception.bags.messages import DETECTIONS, recorded_stamp
from people_perception.bags.pictures import cameras_of, find_images, find_source
from people_perception.bags.reader import Bag, Message
from people_perception.draw import Colour, draw_box, to_colour
from people_perception.errors import PerceptionError
from people_perception.report.html import figure, page, table

# The same three as for what is right, missed and false (Okabe and Ito): they do not rest on red and green.
BOTH: Colour = (115, 158, 0)
ONLY_A: Colour = (66, 228, 240)
ONLY_B: Colour = (0, 94, 213)

_JPEG_QUALITY = 85


def write_gallery(comparison: Comparison, folder: Path, iou: float, source: Path | None = None, most: int = 12) -> Path:
    """Write ``index.html`` and a picture of each of the worst frames.

    Args:
        comparison: of two outputs.
        folder: made if it is not there.
        iou: from which on two boxes are one thing.
        source: the recording with the images; None for the one that a journal names.
        most: how many frames are shown.

    Returns:
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    worst = sorted((frame for topic in comparison.topics for frame in topic.worst), key=lambda frame: frame.rank)[:most]
    a, b = Path(comparison.a), Path(comparison.b)
    cameras = cameras_of(a) or cameras_of(b)
    source = find_source(a, source) or find_source(b)
    images: dict[tuple[str, int], NDArray] = {}
    note = ""
    if worst and source is None:
        note = "The recording with the images is not there, so nothing is drawn; name it with --input."
    elif worst and source is not None:
        wanted: dict[str, set[int]] = {}
        for frame in worst:
            wanted.setdefault(cameras.get(frame.topic, ""), set()).add(frame.stamp)
        images = find_images(source, wanted)
    figures = []
    in_a, in_b = _messages(a, worst), _messages(b, worst)
    for rank, frame in enumerate(worst, 1):
        caption = f"<b>{escape(frame.topic)}</b>: {escape(frame.describe())}"
        image = images.get((cameras.get(frame.topic, ""), frame.stamp))
        if image is None:
            figures.append(f"<p>{caption}</p>")
            continue
        picture = to_colour(image)
        key = frame.topic, frame.stamp
        _draw(picture, in_a.get(key), in_b.get(key), iou)
        jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
        name = f"{rank:02d}_{frame.topic.strip('/').replace('/', '_')[:100]}_{frame.number:06d}.jpg"
        (folder / name).write_bytes(jpeg)
        figures.append(figure(jpeg, frame.describe(), caption))
    path = folder / "index.html"
    path.write_text(_page(comparison, figures, note), encoding="utf-8")
    return path


def _messages(path: Path, frames: Iterable[WorstFrame]) -> dict[tuple[str, int], Message]:
    wanted = {(frame.topic, frame.stamp) for frame in frames}
    with Bag(path) as bag:
        topics = {topic for topic, _ in wanted} & bag.topics.keys()
        return {
            key: message
            for message in bag.messages(topics)
            if (key := (message.topic, recorded_stamp(message.data))) in wanted
        }


def _draw(picture: NDArray[np.uint8], a: Message | None, b: Message | None, iou: float) -> None:
    if a is None or b is None:
        return
    try:
        if a.kind == DETECTIONS:
            _draw_boxes(picture, a, b, iou)
        else:
            _draw_masks(picture, a, b)
    except PerceptionError:
        return  # it is named in the caption all the same


def _draw_boxes(picture: NDArray[np.uint8], a: Message, b: Message, iou: float) -> None:
    found_a, found_b, difference = box_pair(a, b, iou)
    for pair in difference.pairs:
        draw_box(picture, found_a.boxes[pair.a], BOTH, dashed=True)
        text = f"{found_a.scores[pair.a]:.2f} > {found_b.scores[pair.b]:.2f}"
        draw_box(picture, found_b.boxes[pair.b], BOTH, text)
    for i in difference.lost:
        draw_box(picture, found_a.boxes[i], ONLY_A, f"lost {found_a.scores[i]:.2f}", dashed=True)
    for i in difference.found:
        draw_box(picture, found_b.boxes[i], ONLY_B, f"found {found_b.scores[i]:.2f}")


def _draw_masks(picture: NDArray[np.uint8], a: Message, b: Message) -> None:
    mask_a, mask_b, _ = mask_pair(a, b)
    if not mask_a.shape == mask_b.shape == picture.shape[:2]:
        return
    in_a, in_b = mask_a > 0, mask_b > 0
    for area, colour in ((in_a & in_b, BOTH), (in_a & ~in_b, ONLY_A), (~in_a & in_b, ONLY_B)):
        picture[area] = (0.5 * picture[area] + 0.5 * np.array(colour)).astype(np.uint8)


def _page(comparison: Comparison, figures: list[str], note: str) -> str:
    verdict = "within the limits" if comparison.passed else "beyond the limits"
    parts = [
        f"<h1>Two outputs, {verdict}</h1>",
        f'<p class="lead">A is {escape(comparison.a)}, B is {escape(comparison.b)}.</p>',
        *(f'<p class="note">{escape(text)}</p>' for text in [*comparison.failures, *comparison.problems]),
        "<h2>Topics</h2>",
        table(HEADER, topic_rows(comparison), numbers=True),
    ]
    if comparison.models["a"] or comparison.models["b"]:
        rows = [
            [name.upper(), *(str(model[key]) for key in ("requested", "model", "engine", "device", "weights"))]
            for name, models in comparison.models.items()
            for model in models
        ]
        parts += ["<h2>What ran</h2>", table(["", "asked for", "what ran", "engine", "device", "weights"], rows)]
    legend = " &nbsp; ".join(
        f'<i class="key" style="background:rgb({red},{green},{blue})"></i> {name}'
        for name, (blue, green, red) in {"in both": BOTH, "only in A": ONLY_A, "only in B": ONLY_B}.items()
    )
    parts.append("<h2>The frames that differ most</h2>")
    parts.append(f'<p class="soft">{legend}</p>' if figures else "<p>None: they are the same.</p>")
    if note:
        parts.append(f'<p class="note">{escape(note)}</p>')
    parts.append(f'<div class="pictures">{"".join(figures)}</div>')
    return page(f"{Path(comparison.a).name} and {Path(comparison.b).name}", parts)
