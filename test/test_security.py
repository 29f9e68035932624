# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What no line of this package may do, whoever writes it; docs/security.md says why."""

from __future__ import annotations

import ast
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from people_perception.errors import one_line
from people_perception.store.records import write_atomically

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("people_perception", "tools", "launch")
OURS = [*sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")), ROOT / "setup.py"]

CALLS = {
    "eval": "runs text",
    "exec": "runs text",
    "__import__": "imports what a text names",
    "os.system": "is a shell",
    "os.popen": "is a shell",
    "subprocess.getoutput": "is a shell",
    "subprocess.getstatusoutput": "is a shell",
    "yaml.full_load": "makes objects",
    "yaml.unsafe_load": "makes objects",
    "yaml.load_all": "makes objects unless told otherwise",
    "tempfile.mktemp": "names a file that somebody else may make",
    "shutil.unpack_archive": "trusts an archive's paths",
    "ssl._create_unverified_context": "trusts every server",
}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "telnetlib", "ftplib", "code", "commands"}
MEMBERS = {"extractall": "trusts an archive's paths"}
KEYWORDS = {"shell": "is a shell", "allow_pickle": "makes objects"}


def full_name(node: ast.expr) -> str:
    """``a.b.c`` of a name or an attribute; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = full_name(node.value)
        return f"{base}.{node.attr}" if base else node.attr
    return ""


def findings(source: str) -> Iterator[str]:
    """What is forbidden in a module, one line each."""
    tree = ast.parse(source)
    assigned = {
        target.id: ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        for name in names:
            if name.partition(".")[0] in MODULES:
                yield f"line {node.lineno}: imports {name}"
            if name in CALLS:
                yield f"line {node.lineno}: imports {name}, which {CALLS[name]}"
        if isinstance(node, ast.Call):
            yield from bad_call(node, assigned)


def bad_call(node: ast.Call, assigned: dict[str, str]) -> Iterator[str]:
    name = full_name(node.func)
    if name in CALLS:
        yield f"line {node.lineno}: {name} {CALLS[name]}"
    if isinstance(node.func, ast.Attribute) and node.func.attr in MEMBERS:
        yield f"line {node.lineno}: {node.func.attr} {MEMBERS[node.func.attr]}"
    for keyword in node.keywords:
        off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in KEYWORDS and not off:
            yield f"line {node.lineno}: {keyword.arg}= {KEYWORDS[keyword.arg]}"
        if keyword.arg == "verify" and off:
            yield f"line {node.lineno}: verify=False trusts every server"
    if name == "yaml.load":
        loaders = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "Loader")]
        text = " ".join(assigned.get(full_name(loader), ast.unparse(loader)) for loader in loaders)
        if not re.fullmatch(r".*SafeLoader.*", text) or re.search(r"Unsafe|Full|\byaml\.Loader", text):
            yield f"line {node.lineno}: yaml.load without a SafeLoader makes objects"
    if name.startswith("subprocess.") and node.args and isinstance(node.args[0], (ast.Constant, ast.JoinedStr)):
        yield f"line {node.lineno}: {name} of a text; give a list of arguments"


@pytest.mark.parametrize("path", OURS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_runs_text_or_trusts_files(path: Path) -> None:
    assert list(findings(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "eval('1')",
        "def f(x):\n    exec(x)",
        "import os\nos.system('ls')",
        "from os import system",
        "import subprocess\nsubprocess.run(['ls'], shell=True)",
        "import subprocess\nsubprocess.run(f'ls {x}')",
        "import subprocess\nsubprocess.run(['ls'], shell=x)",
        "import yaml\nyaml.load(text)",
        "import yaml\nyaml.load(text, yaml.Loader)",
        "import yaml\nyaml.load(text, Loader=yaml.UnsafeLoader)",
        "import yaml\nloader = yaml.FullLoader\nyaml.load(text, loader)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "import tempfile\ntempfile.mktemp()",
        "import tarfile\ntarfile.open(x).extractall(y)",
        "import requests\nrequests.get(x, verify=False)",
    ],
)
def test_the_search_finds_it(source: str) -> None:
    assert len(list(findings(source))) >= 1


def test_the_search_passes_what_is_safe() -> None:
    safe = "import yaml\nloader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)\nyaml.load(text, loader)\n"
    safe += "import subprocess\nsubprocess.run([tool, name], shell=False)\nre.compile('x')\nmodel.eval()\n"
    assert list(findings(safe)) == []


def test_every_requirement_is_pinned_to_one_version() -> None:
    files = sorted((ROOT / "tools" / "requirements").glob("*.txt"))
    assert files
    for file in files:
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                assert re.match(r"[a-z0-9-]+==[0-9][^ *]*( *;.*)?$", line), f"{file.name}: {line}"


def test_shell_scripts_do_not_evaluate_text() -> None:
    for script in (ROOT / "tools").glob("*.sh"):
        for number, line in enumerate(script.read_text().splitlines(), 1):
            code = line.split("#")[0]
            assert not re.search(r"(^|[;&|]\s*)\s*eval\b", code), f"{script.name}:{number}: {line}"
            assert not re.search(r"\bcurl\b.*\|\s*(ba)?sh\b", code), f"{script.name}:{number}: {line}"


_TRAPS = ("people_perception", "numpy", "cv2", "rclpy", "cv_bridge", "yaml", "argparse")
_USES = {
    "probes of doctor": "from people_perception.doctor.machine import check_images as use; print(use().level)",
    "probe of ROS": "from people_perception.ros.checks import load_ros as use; print(use('')[0] and 'ok')",
    "probe of cv_bridge": "from people_perception.ros import image; image.importlib.util.find_spec = bool; "
    "image._CV_BRIDGE_PROBE = 'import numpy'; image._cv_bridge(); print('ok')",
    "a restart": "from people_perception.transports import restart_with_settings as use; use(['models', '--help'])",
    "the graph": "from people_perception.ros.graph_process import GraphProcess; from pathlib import Path; "
    "graph = GraphProcess(['--help'], Path('log')); graph._process.wait(); print(graph.last_words())",
}


@pytest.mark.parametrize("use", _USES.values(), ids=list(_USES))
def test_nothing_is_imported_from_the_working_directory(use: str, tmp_path: Path) -> None:
    for name in _TRAPS:
        (tmp_path / f"{name}.py").write_text("import os; os.close(os.open('caught', os.O_CREAT)); os._exit(3)")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "PYTHONSAFE"))}
    code = f"import sys; sys.path[0] = {str(ROOT)!r}; {use}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert not (tmp_path / "caught").exists()
    assert done.returncode == 0, done.stderr
    assert re.search(r"ok|people_perception (models|run)", done.stdout), done.stdout


def test_what_is_written_can_be_changed_by_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_atomically(tmp_path / "record.json", "{}")
    finally:
        os.umask(before)
    mode = stat.S_IMODE((tmp_path / "record.json").stat().st_mode)
    assert mode & (stat.S_IWGRP | stat.S_IWOTH) == 0, oct(mode)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("one\n[ERROR] [node]: two", "one [ERROR] [node]: two"),
        ("\x1b[2Jgone\x07", "\N{REPLACEMENT CHARACTER}[2Jgone\N{REPLACEMENT CHARACTER}"),
        ("tab\tand\x85others\u2028", "tab and others"),
        ("\u202etxt.exe \udcff", "\N{REPLACEMENT CHARACTER}txt.exe \N{REPLACEMENT CHARACTER}"),
        ("été 人 …", "été 人 …"),
        ("", "ValueError"),
    ],
)
def test_a_log_has_one_line_for_an_error_and_nothing_that_a_terminal_obeys(said: str, shown: str) -> None:
    assert one_line(ValueError(said)) == shown


def test_the_page_names_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z]+/)*test_\w+\.py)((?:::\w+)*)`(?:, `(::\w+)`)?", page)
    assert len(named) > 15
    for file, first, second in named:
        source = (ROOT / "test" / file).read_text(encoding="utf-8")
        for name in filter(None, (first + second).split("::")):
            assert re.search(rf"(def|class) {name}\b", source), f"{file} has no {name}"
