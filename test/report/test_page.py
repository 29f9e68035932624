# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The page: one file that fetches nothing, shows what is in the run and trusts no text in it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from report.runs import make_run, without_answers

from people_perception.report.files import write_files
from people_perception.report.page import headline, render
from people_perception.report.record import Run

_VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects tags, attributes and texts; fails on a tag that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the pictures of the run."""
    for frame in make_run().frames:
        if frame.picture:
            path = tmp_path / frame.picture
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), np.full((90, 160, 3), 20 * frame.index, np.uint8))
    return tmp_path


def test_the_files_of_a_run(folder: Path) -> None:
    run = make_run()
    written = write_files(run, folder)
    assert [path.name for path in written] == ["run.json", "contact_sheet.jpg", "report.html"]
    assert cv2.imread(str(written[1])).shape[1] == 1600
    record = json.loads(written[0].read_text())
    assert len(record["frames"]) == 20
    assert record["frames"][6]["answers"]["detections"] == {"latency": 0.02, "value": 3}
    assert run.summary()["frames"] == 20


def test_the_page_fetches_nothing(folder: Path) -> None:
    write_files(make_run(), folder)
    page = Page((folder / "report.html").read_text())
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "srcset", "xlink:href", "data", "action"):
                assert (value or "").startswith("data:image/jpeg;base64,")
    assert [a for tag, a in page.tags if tag == "img"], "the pictures are inside"
    html = (folder / "report.html").read_text()
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_the_page_shows_the_run(folder: Path) -> None:
    write_files(make_run(), folder)
    text = Page((folder / "report.html").read_text()).text
    for expected in (
        "1 March 2026, 12:30",
        "a test, 10 Hz",
        "open_person stands in",
        "Title of open_segmentation",
        "a processor",
        "python -m people_perception demo",
        "A photograph: somebody, CC0",
        "3 people at 0.3 s (frame 3)",
        "nobody at 0.7 s (frame 7)",
        "last answer after 500 ms",
        "12.5",
    ):
        assert expected in text
    # "facedetect_ir" ran itself.
    assert "Open models stand in for peoplenet, peoplesemsegnet." in text


def test_the_headline_counts_answers_not_drawings() -> None:
    assert headline(make_run()).startswith("3 models answered 29 of 30 images. Half of the answers came within 20 ms")


@pytest.mark.parametrize("run", [without_answers(make_run()), make_run(frames=0), make_run(frames=1)])
def test_a_run_of_little_or_nothing_has_a_page(run: Run, folder: Path) -> None:
    write_files(run, folder)
    Page((folder / "report.html").read_text())


def test_light_and_dark_define_the_same_colours() -> None:
    html = render(make_run(), {})
    light, dark = re.findall(r":root \{([^}]*--[^}]*)\}", html)
    names = [set(re.findall(r"--\w+", block)) for block in (light, dark)]
    assert names[0] == names[1]
    assert set(re.findall(r"var\((--\w+)\)", html)) <= names[0]


def test_no_text_of_a_run_becomes_markup(folder: Path) -> None:
    evil = '<script>alert("x")</script>&'
    run = make_run()
    run = replace(
        run,
        source=evil,
        command=evil,
        notes=(evil,),
        credits=(evil,),
        machine={evil: evil},
        outputs=tuple(replace(o, topic=o.topic if o.topic != "faces" else evil) for o in run.outputs),
        models=tuple(
            replace(m, **dict.fromkeys(("requested", "model", "title", "engine", "device", "reason", "licence"), evil))
            for m in run.models
        ),
        frames=tuple(replace(f, name=evil) for f in run.frames),
    )
    run = replace(run, models=tuple(replace(m, weights=evil, licence_url="javascript:alert(1)") for m in run.models))
    write_files(run, folder)
    html = (folder / "report.html").read_text()
    assert "<script" not in html
    assert not [a for tag, a in Page(html).tags if tag == "a"], "only web addresses become links"
