# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A run as a graph could have answered it, with known figures."""

from __future__ import annotations

from dataclasses import replace

from people_perception.report.record import FACES, PEOPLE, PICTURE, SHARE, Answer, Frame, ModelRun, Output, Run

OUTPUTS = (
    Output("detections", "peoplenet", "image", PEOPLE),
    Output("segmentation/mask", "peoplesemsegnet", "image", SHARE),
    Output("faces", "facedetect_ir", "ir_image", FACES),
    Output("overlay", "overlay", "image", PICTURE),
)


def model(requested: str, ran: str, **statistics: str) -> ModelRun:
    return ModelRun(
        requested,
        ran,
        f"Title of {ran}",
        "litert",
        "CPU",
        f"/models/{ran}/{ran}.tflite",
        f"{ran} stands in for {requested}",
        "Apache-2.0",
        "https://example.org/licence",
        statistics,
    )


def make_run(frames: int = 10) -> Run:
    """At 10 Hz. Frame 3 has three people, frame 7 nobody, 5 no detections; 8 is slow, and 9 has no picture."""
    all_frames: list[Frame] = []
    for i in range(frames):
        people = {3: 3, 7: 0}.get(i, 1)
        late = 0.5 if i == 8 else 0.02
        answers = {"detections": Answer(late, people), "segmentation/mask": Answer(0.03, people / 10)}
        if i == 5:
            del answers["detections"]
        picture = "" if i == 9 else f"frames/{i:06}.jpg"
        if picture:
            answers["overlay"] = Answer(0.06)
        all_frames.append(Frame(i, "image", f"frame {i}", 1000 + i, i / 10, answers, picture))
        infrared = {"faces": Answer(0.01, i % 2)}
        all_frames.append(Frame(i, "ir_image", f"frame {i}", 5000 + i, i / 10 + 0.05, infrared, f"infrared/{i:06}.jpg"))
    return Run(
        source="a test, 10 Hz",
        credits=("A photograph: somebody, CC0",),
        rate=10.0,
        command="python -m people_perception demo",
        started="2026-03-01T12:30:00+01:00",
        duration=all_frames[-1].time if all_frames else 0.0,
        models=(
            model("peoplenet", "open_person", dropped_busy="1", failed="0", capture_to_publish_p50_ms="12.5"),
            model("facedetect_ir", "facedetect_ir", dropped_busy="0"),
            model("peoplesemsegnet", "open_segmentation", dropped_busy="0"),
        ),
        outputs=OUTPUTS,
        frames=tuple(all_frames),
        machine={"processor": "a processor", "Python": "3.11"},
    )


def without_answers(run: Run) -> Run:
    """The same run on a graph that said nothing."""
    return replace(run, frames=tuple(replace(frame, answers={}, picture="") for frame in run.frames))
