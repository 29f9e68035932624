# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""``models``: list, fetch, import, verify and remove model files."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from people_perception.catalogue import ModelSpec, get_spec, load_catalogue
from people_perception.cli import Subparsers, add_command
from people_perception.cli.output import note, print_json, table
from people_perception.cli.progress import progress
from people_perception.errors import PerceptionError

_EXAMPLES = {
    "list": "people_perception models list --json",
    "fetch": "people_perception models fetch open\npeople_perception models fetch peoplenet --accept-eula",
    "import": "people_perception models import facedetect_ir resnet18_facedetectir.onnx",
    "verify": "people_perception models verify peoplenet",
    "remove": "people_perception models remove peoplesemsegnet:vanilla",
}


def add_parser(subparsers: Subparsers) -> None:
    """Add ``models`` and what it can do."""
    parser = add_command(
        subparsers,
        "models",
        "List, fetch, import, verify and remove model files.",
        run,
        "people_perception models fetch open",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = _add_action(actions, "list", "What is known, what is here, and which engine runs it.", _list)
    fetch = _add_action(actions, "fetch", "Download models; what is here and right is not downloaded again.", _fetch)
    fetch.add_argument(
        "names", nargs="+", metavar="NAME", help="a model, NAME:VARIANT, 'open' (no licence to accept) or 'all'"
    )
    fetch.add_argument(
        "--accept-eula", action="store_true", help="accept the licence of NVIDIA's models; kept for later"
    )
    fetch.add_argument(
        "--force", action="store_true", help="download again, and accept a file that differs from the recorded one"
    )
    importing = _add_action(actions, "import", "Check files of your own and copy them into the model store.", _import)
    importing.add_argument("name", metavar="NAME", help="the model, or NAME:VARIANT")
    importing.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="onnx, tflite, etlt, plan, calibration cache, labels, or an archive",
    )
    verifying = _add_action(
        actions, "verify", "Compare files with what is pinned or recorded; exit 1 if one differs.", _verify
    )
    verifying.add_argument("names", nargs="*", metavar="NAME", help="models; all when none is named")
    removing = _add_action(actions, "remove", "Delete a model's files.", _remove)
    removing.add_argument("name", metavar="NAME", help="the model, or NAME:VARIANT")
    for action in (listing, fetch, importing, verifying, removing):
        action.add_argument("--json", action="store_true", help="answer in JSON")


def run(args: argparse.Namespace) -> int:
    """Run the action."""
    status: int = args.do(args)
    return status


def _add_action(actions: Subparsers, name: str, summary: str, do: Any) -> argparse.ArgumentParser:
    parser = add_command(actions, name, summary, run, _EXAMPLES[name])
    parser.set_defaults(do=do)
    return parser


def _list(args: argparse.Namespace) -> int:
    from people_perception.selection import select
    from people_perception.store.paths import find_weights, model_dir

    entries: list[dict[str, Any]] = []
    for spec in load_catalogue().values():
        files = [
            {"path": str(p), "format": w.format, "variant": w.variant, "size": p.stat().st_size}
            for w, p in find_weights(spec)
        ]
        try:
            chosen = select(spec.name)
            runs, reason = f"{chosen.spec.name} in {chosen.engine}", chosen.reason
            if chosen.spec.name == spec.name:
                runs = chosen.engine
        except PerceptionError as error:
            runs, reason = None, str(error)
        entries.append(
            {
                "name": spec.name,
                "title": spec.title,
                "task": spec.task,
                "variants": list(spec.variants),
                "files": files,
                "runs": runs,
                "reason": reason,
                "licence": dict(spec.licence),
            }
        )
    if args.json:
        print_json({"folder": str(model_dir()), "models": entries})
        return 0
    rows = [
        (
            e["name"],
            e["task"],
            _size(sum(f["size"] for f in e["files"])),
            e["runs"] or "nothing",
            e["licence"]["name"],
            e["title"],
        )
        for e in entries
    ]
    print(table(("model", "task", "here", "runs", "licence", "network"), rows))
    note(f"\nin {model_dir()}; fetch with: people_perception models fetch NAME|open|all")
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from people_perception.store.fetch import fetch
    from people_perception.store.fetched import FetchOptions

    with _Bar() as bar:
        options = FetchOptions(
            force=args.force,
            accept_eula=args.accept_eula,
            ask=_ask if sys.stdin.isatty() and sys.stderr.isatty() else None,
            report=bar.report,
            on_wait=lambda folder: note(f"another process writes to {folder}; waiting for it"),
        )
        results = fetch(_named(args.names), options)
    if args.json:
        print_json(
            [{"model": r.model, "path": str(r.path), "size": r.size, "state": r.state, "note": r.note} for r in results]
        )
        return 0
    for result in results:
        print(f"{result.model}: {result.path}: {result.state}" + (f" ({result.note})" if result.note else ""))
    return 0


def _import(args: argparse.Namespace) -> int:
    from people_perception.store.importer import import_files
    from people_perception.store.paths import find_weights

    spec = get_spec(args.name)
    paths = import_files(spec, args.files)
    if args.json:
        print_json([str(path) for path in paths])
    else:
        for path in paths:
            print(f"{args.name}: {path}: imported")
    first = find_weights(spec)[:1]
    if first and first[0][1] not in paths:
        note(f"{args.name}: {first[0][1].name} is preferred; to use another file give --weights, or remove that one")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from people_perception.store.inventory import verify

    specs = [get_spec(name) for name in args.names] or list(load_catalogue().values())
    verdicts = [verdict for spec in specs for verdict in verify(spec)]
    if args.json:
        print_json([{"model": v.model, "path": str(v.path), "state": v.state, "note": v.note} for v in verdicts])
    for verdict in () if args.json else verdicts:
        print(f"{verdict.model}: {verdict.path}: {verdict.state}" + (f" ({verdict.note})" if verdict.note else ""))
    if not verdicts:
        note("no model file is here; people_perception models fetch open brings some")
    return 1 if any(v.state in ("changed", "missing") for v in verdicts) else 0


def _remove(args: argparse.Namespace) -> int:
    from people_perception.store.inventory import remove

    gone = remove(get_spec(args.name))
    if args.json:
        print_json([str(path) for path in gone])
    for path in () if args.json else gone:
        print(f"{args.name}: {path}: removed")
    return 0


def _named(names: Iterable[str]) -> list[ModelSpec]:
    """The models that the names stand for, each once."""
    from people_perception.store.fetch import open_models

    specs: dict[str, ModelSpec] = {}
    for name in names:
        if name == "open":
            chosen = open_models()
        elif name == "all":
            chosen = [spec for spec in load_catalogue().values() if any(w.source for w in spec.weights)]
        else:
            chosen = [get_spec(name)]
        specs |= {spec.name: spec for spec in chosen}
    return list(specs.values())


def _ask(licence: Mapping[str, str]) -> bool:
    note(f"The files are under the {licence['name']}:\n  {licence['url']}")
    print("Do you accept it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class _Bar:
    """One bar over all files; downloads report from several threads."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._files: dict[str, tuple[int, int | None]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, name: str, have: int, total: int | None) -> None:
        with self._lock:
            if self._bar is None:  # not earlier: a question about a licence may come first
                self._bar = progress(None, name, unit="B")
            self._files[name] = (have, total)
            totals = [total for _, total in self._files.values()]
            self._bar.total = None if None in totals else sum(totals)
            self._bar.set_description(name, refresh=False)
            self._bar.update(sum(have for have, _ in self._files.values()) - self._bar.n)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "-"
