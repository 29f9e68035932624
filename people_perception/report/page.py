# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A run as one HTML page that needs nothing besides itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path

from people_perception.report.html import figure, page
from people_perception.report.plots import histogram, step_plot
from people_perception.report.record import FACES, PEOPLE, PICTURE, SHARE, Frame, ModelRun, Output, Run
from people_perception.report.summary import (
    Flow,
    flow,
    latencies,
    latency,
    main_camera,
    notable,
    people,
    slowest_answer,
)

_SERIES = 6
_COUNTED = {PEOPLE: "people", FACES: "faces", SHARE: "share of the image that is person", PICTURE: "annotated image"}


def render(run: Run, pictures: Mapping[str, bytes], sheet: bytes | None = None) -> str:
    """The page.

    Args:
        run: what happened.
        pictures: JPEG by the name that a frame gives its picture; those of the notable frames are shown.
        sheet: a JPEG of many frames.
    """
    title = f"People perception: {run.source}"
    sections = [_head(run), _tiles(run), _notes(run), _notable_pictures(run, pictures)]
    if sheet is not None:
        alternative = "frames of the run with boxes and masks, from its beginning to its end"
        sections.append("<h2>From beginning to end</h2>" + figure(sheet, alternative, _sheet_caption(run)))
    sections += [_over_time(run), _latency(run), _flows(run), _models(run), _machine(run)]
    return page(title, sections)


def headline(run: Run) -> str:
    """The run in one sentence."""
    answers = [o for o in run.outputs if o.counts != PICTURE]
    flows = [flow(run, output) for output in answers]
    sent, answered = sum(f.sent for f in flows), sum(f.answered for f in flows)
    times = [t for output in answers for t in latencies(run, output)]
    measured = latency(times)
    count = f"{len(run.models)} models" if len(run.models) != 1 else "1 model"
    if measured is None:
        return f"{count} answered none of {sent} images."
    answered_text = f"{count} answered {_of(answered, sent)} images."
    if not run.live:
        return (
            f"{answered_text} Half of the answers took up to {measured.p50:.0f} ms, 95 % up to {measured.p95:.0f} ms."
        )
    return (
        f"{answered_text} Half of the answers came within {measured.p50:.0f} ms of the capture, 95 % within "
        f"{measured.p95:.0f} ms."
    )


def _of(part: int, whole: int) -> str:
    return f"all {whole}" if part == whole else f"{part} of {whole}"


def _head(run: Run) -> str:
    when = datetime.fromisoformat(run.started).strftime("%-d %B %Y, %H:%M %Z")
    return (
        f'<p class="when">{escape(when)}</p>\n'
        f"<h1>People in front of a camera</h1>\n"
        f'<p class="lead">{escape(run.source)}. {escape(headline(run))}</p>'
    )


def _tiles(run: Run) -> str:
    frames = run.of_camera(main_camera(run))
    answered = [frame for frame in frames if frame.answers]
    counts = [people(run, frame) for frame in answered]
    measured = latency([t for o in run.outputs if o.counts != PICTURE for t in latencies(run, o)])
    values = [
        (f"{len(frames)}", f"frames in {run.duration:.1f} s"),
        (f"{sum(c > 0 for c in counts)}", "frames with somebody in them"),
        (f"{max(counts, default=0)}", "people at most at once"),
        (f"{measured.p50:.0f} ms" if measured else "–", f"median{', capture to answer' * run.live}"),
        (f"{measured.p99:.0f} ms" if measured else "–", "99 % of answers within"),
    ]
    tiles = "".join(f'<div class="tile"><b>{escape(v)}</b><span>{escape(text)}</span></div>' for v, text in values)
    return f'<div class="tiles">{tiles}</div>'


def _notes(run: Run) -> str:
    return "".join(f'<p class="note">{escape(note)}</p>' for note in run.notes)


def _notable_pictures(run: Run, pictures: Mapping[str, bytes]) -> str:
    figures = []
    cameras = dict.fromkeys(output.camera for output in run.outputs)
    for camera in cameras:
        for title, frame in notable(run, camera).items():
            # One picture of a second camera is enough to see that it works.
            if frame.picture in pictures and (camera == main_camera(run) or title == "busiest"):
                figures.append(_figure(run, frame, title, pictures[frame.picture]))
    return f'<h2>Frames worth a look</h2><div class="pictures">{"".join(figures)}</div>' if figures else ""


def _figure(run: Run, frame: Frame, title: str, jpeg: bytes) -> str:
    found = people(run, frame)
    what = "nobody" if not found else f"{found} {'person' if found == 1 else 'people'}"
    if frame.camera != main_camera(run):
        title = f"{title} on {frame.camera}"
    if {output.counts for output in run.outputs if output.camera == frame.camera} == {FACES}:
        what = f"{found} face{'s' * (found != 1)}"
    text = f"{what} at {frame.time:.1f} s ({frame.name}), last answer after {slowest_answer(run, frame):.0f} ms"
    caption = f"<b>{escape(title[:1].upper() + title[1:])}</b>: {escape(text)}"
    return figure(jpeg, f"{title} frame, annotated", caption)


def _over_time(run: Run) -> str:
    plots = []
    for colour, output in _counting(run):
        frames = run.of_camera(output.camera)
        points = [(f.time, f.answers[output.topic].value) for f in frames if output.topic in f.answers]
        missing = [f.time for f in frames if output.topic not in f.answers]
        plot = step_plot(
            points,
            run.duration,
            missing,
            colour,
            percent=output.counts == SHARE,
            title=f"{_COUNTED[output.counts]} over time on {output.topic}",
        )
        plots.append(_titled(output, colour, _COUNTED[output.counts]) + f'<div class="scroll">{plot}</div>')
    text = "What each output reported for each frame. Red marks under an axis are frames without an answer."
    return f'<h2>People over time</h2><p class="soft">{text}</p><div class="card">{"".join(plots)}</div>'


def _latency(run: Run) -> str:
    measured = {output.topic: latencies(run, output) for output in run.outputs}
    highest = max((m.p99 for v in measured.values() if (m := latency(v))), default=1.0) * 1.15
    rows, plots = [], []
    for colour, output in _coloured(run):
        summary = latency(measured[output.topic])
        if summary is None:
            continue
        own = f'<td class="n">{_own_percentiles(run, output)}</td>' if run.live else ""
        rows.append(
            f"<tr><td class=topic>{_key(colour)} {escape(output.topic)}</td>"
            + "".join(f'<td class="n">{v:.1f}</td>' for v in (summary.p50, summary.p95, summary.p99, summary.worst))
            + f"{own}</tr>"
        )
        marks = [("p50", summary.p50), ("p95", summary.p95)]
        plot = histogram(measured[output.topic], highest, marks, colour, title=f"latency of {output.topic}")
        plots.append(_titled(output, colour, f"{summary.count} answers") + f'<div class="scroll">{plot}</div>')
    columns = ["topic", "p50 ms", "p95 ms", "p99 ms", "worst ms"]
    if run.live:
        columns.append("node's own p50 / p95 / p99 ms")
        text = (
            "From the stamp of the camera image to the arrival of the answer in another process, over DDS. The node's "
            "own figures are from capture to publication over its last ten seconds."
        )
    else:
        text = "What preprocessing, network and decoding took for each image, while the other models worked beside it."
    text += " The last bar holds all that is slower."
    header = _header(*columns)
    table = f'<div class="card scroll"><table>{header}{"".join(rows)}</table></div>'
    return f'<h2>Latency</h2><p class="soft">{text}</p>{table}<div class="card">{"".join(plots)}</div>'


def _flows(run: Run) -> str:
    rows = []
    for colour, output in _coloured(run):
        f = flow(run, output)
        numbers = (
            (f.sent, f.answered, f.busy, f.limited, f.failed, f.lost) if run.live else (f.sent, f.answered, f.lost)
        )
        rows.append(
            f"<tr><td class=topic>{_key(colour)} {escape(output.topic)}{_bar(f)}</td><td>{escape(output.camera)}</td>"
            + "".join(f'<td class="n">{n}</td>' for n in numbers)
            + "</tr>"
        )
    if run.live:
        header = _header("topic", "camera", "sent", "answered", "skipped, busy", "skipped, max_rate", "failed", "lost")
        text = (
            "Every image that a camera sent and what became of it. A model that is still busy takes the newest image "
            "next and skips those in between. Lost is what no counter explains: on the way to the node or back. The "
            "overlay draws only images that a model answered."
        )
    else:
        header = _header("topic", "camera", "recorded", "answered", "failed")
        text = "Every recorded image that was read. A replay waits for every answer, so that none is skipped."
    table = f'<div class="card scroll"><table>{header}{"".join(rows)}</table></div>'
    return f'<h2>Where the images went</h2><p class="soft">{text}</p>{table}'


def _models(run: Run) -> str:
    rows = []
    for model in run.models:
        what = f"<b>{escape(model.requested)}</b>"
        if model.stands_in:
            what += f'<span class="why">{escape(model.model)} stands in</span>'
        rows.append(
            f"<tr><td>{what}</td><td>{escape(model.title)}"
            f'<span class="why file">{escape(Path(model.weights).name)}</span>'
            f'<span class="why">{escape(model.reason)}</span></td>'
            f'<td>{escape(model.engine)}<span class="why">{escape(model.device)}</span></td>'
            f"<td>{_licence(model)}</td></tr>"
        )
    header = _header("asked for", "what ran, and why", "engine", "licence")
    return f'<h2>What ran where</h2><div class="card scroll"><table>{header}{"".join(rows)}</table></div>'


def _machine(run: Run) -> str:
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in run.machine.items())
    credits = "".join(f"<br>{escape(line)}" for line in run.credits)
    pictures = f'<p class="soft">Pictures: {credits.removeprefix("<br>")}</p>' if credits else ""
    return (
        f'<h2>On this machine</h2><div class="card"><dl>{facts}</dl></div>'
        f"<h2>Made with</h2><pre><code>{escape(run.command)}</code></pre>{pictures}"
    )


def _coloured(run: Run) -> list[tuple[int, Output]]:
    return [(i % _SERIES, output) for i, output in enumerate(run.outputs)]


def _counting(run: Run) -> list[tuple[int, Output]]:
    return [(colour, output) for colour, output in _coloured(run) if output.counts != PICTURE]


def _own_percentiles(run: Run, output: Output) -> str:
    model = next((m for m in run.models if m.requested == output.model), None)
    if model is None:
        return "–"
    values = [model.statistics.get(f"capture_to_publish_{p}_ms", "–") for p in ("p50", "p95", "p99")]
    return escape(" / ".join(values))


def _licence(model: ModelRun) -> str:
    name = escape(model.licence)
    # Only a web address becomes a link, whatever a model description says.
    if model.licence_url.startswith(("https://", "http://")):
        return f'<a href="{escape(model.licence_url)}">{name}</a>'
    return name


def _bar(f: Flow) -> str:
    parts = (("answered", f.answered), ("busy", f.busy), ("limited", f.limited), ("lost", f.failed + f.lost))
    cells = "".join(f'<i class="{name}" style="flex:{count}"></i>' for name, count in parts if count)
    return f'<span class="flow">{cells}</span>'


def _titled(output: Output, colour: int, text: str) -> str:
    return f"<h3>{_key(colour)}{escape(output.topic)} <span>{escape(text)}</span></h3>"


def _key(colour: int) -> str:
    return f'<i class="key k{colour}"></i>'


def _header(first: str, *rest: str) -> str:
    words = ("camera", "what ran, and why", "engine", "licence")
    cells = "".join(f"<th{'' if name in words else ' class=n'}>{escape(name)}</th>" for name in rest)
    return f"<tr><th>{escape(first)}</th>{cells}</tr>"


def _sheet_caption(run: Run) -> str:
    names = ", ".join(model.requested for model in run.models if model.stands_in)
    stands_in = f" Open models stand in for {escape(names)}." if names else ""
    return f"Boxes with label and score, masks in colour.{stands_in}"
