# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Pieces of a page that needs nothing besides itself."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

from people_perception.report.style import CSS


def page(title: str, sections: Iterable[str]) -> str:
    """A whole page of sections that are HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing is fetched, whatever a text in here may try.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def image(jpeg: bytes, alternative: str) -> str:
    """A JPEG inside the page."""
    data = base64.b64encode(jpeg).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(alternative)}">'


def figure(jpeg: bytes, alternative: str, caption: str) -> str:
    """A JPEG with a caption that is HTML already."""
    return f"<figure>{image(jpeg, alternative)}<figcaption>{caption}</figcaption></figure>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    """A table of texts; with ``numbers``, all columns but the first are aligned to the right."""
    right = ' class="n"' if numbers else ""

    def line(cells: Sequence[str], name: str) -> str:
        return (
            "<tr>" + "".join(f"<{name}{right if i else ''}>{escape(c)}</{name}>" for i, c in enumerate(cells)) + "</tr>"
        )

    body = line(header, "th") + "".join(line(row, "td") for row in rows)
    return f'<div class="card scroll"><table>{body}</table></div>'
