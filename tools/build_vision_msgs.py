#!/usr/bin/env python3
# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Build vision_msgs from tools/vision_msgs into the environment of the Python that runs this.

The ROS wheels carry the rosidl generators and every header and library they need, but no vision_msgs. A CMake build
of an interface package makes ten libraries for C, C++ and two kinds of type support; rclpy over Fast DDS needs one of
each kind that is written in C. This makes just those, as one shared object, in a few seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

PACKAGE = "vision_msgs"
LIBRARY = f"{PACKAGE}_s__rosidl_typesupport_c.so"  # the name that rclpy imports
SOURCE = Path(__file__).resolve().parent / PACKAGE
# Packages whose types are fields of ours, directly or inside another.
DEPENDENCIES = ("builtin_interfaces", "geometry_msgs", "std_msgs")
# Runtime libraries that the generated code calls.
LIBRARIES = (
    "rosidl_runtime_c",
    "rosidl_typesupport_c",
    "rosidl_typesupport_fastrtps_c",
    "rosidl_typesupport_introspection_c",
    "fastcdr",
    "rcutils",
)
# rmw_fastrtps_cpp serialises with the first; Jazzy's also registers a description that it makes from the second.
TYPE_SUPPORTS = ("rosidl_typesupport_fastrtps_c", "rosidl_typesupport_introspection_c")
PREFIX = Path(sys.prefix)
SITE_PACKAGES = Path(sysconfig.get_path("platlib"))


def main() -> int:
    """Build and install, unless a vision_msgs from elsewhere works; the exit code is 0 when one works at the end."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    if is_importable() and not is_ours():
        print(f"{PACKAGE}: there already")
        return 0
    with tempfile.TemporaryDirectory(prefix=f"{PACKAGE}-", dir=PREFIX) as folder:
        build = Path(folder)
        try:
            generate(build)
            compile_sources(build)
            link_library(build)
        except subprocess.CalledProcessError as error:
            print(f"{PACKAGE}: {error.cmd[0]} failed: {error.stderr.strip()[-2000:]}", file=sys.stderr)
            return 1
        except FileNotFoundError as error:
            print(f"{PACKAGE}: {error.filename} is missing; install gcc and g++", file=sys.stderr)
            return 1
        install(build)
    if not is_importable():
        print(f"{PACKAGE}: was built but cannot be imported", file=sys.stderr)
        return 1
    return 0


def is_importable() -> bool:
    """Whether a fresh Python can import the messages and load their type support."""
    program = (
        "from rclpy.type_support import check_for_type_support as check;"
        "from vision_msgs.msg import Detection2DArray, LabelInfo; check(Detection2DArray); check(LabelInfo)"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


def is_ours() -> bool:
    """Whether this program put vision_msgs here; only it makes links of the libraries."""
    return (PREFIX / "lib" / f"lib{PACKAGE}__{TYPE_SUPPORTS[0]}.so").is_symlink()


def generate(build: Path) -> None:
    """Write IDL files, type hashes, C, C++ and Python for every message into ``build``/vision_msgs."""
    from rosidl_adapter.msg import convert_msg_to_idl
    from rosidl_generator_type_description import generate_type_hash

    package = build / PACKAGE
    shutil.copytree(SOURCE / "msg", package / "msg")
    messages = sorted(path.relative_to(package) for path in package.glob("msg/*.msg"))
    with contextlib.redirect_stdout(io.StringIO()):  # It names every file it reads and writes.
        for message in messages:
            convert_msg_to_idl(package, PACKAGE, message, package / "msg")
    include_paths = [f"{name}:{PREFIX / 'share' / name}" for name in DEPENDENCIES]
    generate_type_hash(write_arguments(build, "rosidl_generator_type_description", include_paths=include_paths))
    with ProcessPoolExecutor() as pool:
        steps = (generate_c, generate_python, generate_fastrtps, generate_introspection)
        for result in [pool.submit(step, build) for step in steps]:
            result.result()


def generate_c(build: Path) -> None:
    """Structs, functions on them and their descriptions."""
    from rosidl_generator_c import generate_c as run

    package = build / PACKAGE
    messages = sorted(path.relative_to(package) for path in package.glob("msg/*.msg"))
    run(
        write_arguments(
            build,
            "rosidl_generator_c",
            type_description_tuples=[f"{m.with_suffix('.idl')}:{package / m.with_suffix('.json')}" for m in messages],
            ros_interface_files=[str(package / message) for message in messages],
        )
    )
    expand_visibility("rosidl_generator_c", package / "msg")


def generate_python(build: Path) -> None:
    """The Python classes and the functions that convert them to and from the structs."""
    from rosidl_generator_py.generate_py_impl import generate_py as run

    run(write_arguments(build, "rosidl_generator_py"), ["rosidl_typesupport_c"])


def generate_fastrtps(build: Path) -> None:
    """Serialisation for Fast DDS."""
    from rosidl_typesupport_fastrtps_c import generate_typesupport_fastrtps_c as run

    run(write_arguments(build, "rosidl_typesupport_fastrtps_c"))
    expand_visibility("rosidl_typesupport_fastrtps_c", build / PACKAGE / "msg")


def generate_introspection(build: Path) -> None:
    """Descriptions of the structs, and the functions by which rclpy finds the type supports."""
    from rosidl_typesupport_c import generate_c as run_dispatch
    from rosidl_typesupport_introspection_c import generate_c as run

    run(write_arguments(build, "rosidl_typesupport_introspection_c"))
    expand_visibility("rosidl_typesupport_introspection_c", build / PACKAGE / "msg")
    run_dispatch(write_arguments(build, "rosidl_typesupport_c"), list(TYPE_SUPPORTS))


def write_arguments(build: Path, generator: str, **more: object) -> str:
    """Write what a rosidl generator reads its arguments from, as its CMake functions do, and return the file's path."""
    package = build / PACKAGE
    share = PREFIX / "share"
    arguments = {
        "package_name": PACKAGE,
        "output_dir": str(package),
        "template_dir": str(share / generator / "resource"),
        "idl_tuples": [f"{package}:{path.relative_to(package)}" for path in sorted(package.glob("msg/*.idl"))],
        "ros_interface_dependencies": [f"{d}:{path}" for d in DEPENDENCIES for path in (share / d).glob("msg/*.idl")],
        "target_dependencies": [],
        **more,
    }
    path = build / f"{generator}.json"
    path.write_text(json.dumps(arguments))
    return str(path)


def expand_visibility(generator: str, folder: Path) -> None:
    """Write the header that says which symbols the library exports."""
    name = f"{generator}__visibility_control.h"
    template = (PREFIX / "share" / generator / "resource" / f"{name}.in").read_text()
    text = template.replace("@PROJECT_NAME@", PACKAGE).replace("@PROJECT_NAME_UPPER@", PACKAGE.upper())
    (folder / name).write_text(text)


def compile_sources(build: Path) -> None:
    """Compile everything into object files in ``build``."""
    import numpy

    package = build / PACKAGE
    headers = PREFIX / "include"
    includes = [build, Path(sysconfig.get_path("include")), Path(numpy.get_include()), headers, *headers.glob("*/")]
    flags = ["-c", "-O1", "-fPIC", "-w", *(f"-I{folder}" for folder in includes)]
    # One translation unit a language, because the shared headers are most of the work. The descriptions define the
    # same static names in every file, so they stay apart.
    descriptions = sorted(package.glob("**/*__description.c"))
    together = {
        "all_c.c": [path for path in sorted(package.glob("**/*.c")) if path not in descriptions],
        "all_cpp.cpp": sorted(package.glob("**/*.cpp")),
    }
    for name, paths in together.items():
        (build / name).write_text("".join(f'#include "{path.relative_to(build)}"\n' for path in paths))
    commands = (["g++", "all_cpp.cpp", *flags], ["gcc", "all_c.c", *flags], ["gcc", *map(str, descriptions), *flags])
    for job in [start(command, build) for command in commands]:
        finish(job)


def link_library(build: Path) -> None:
    """Link the object files into the extension module that rclpy loads."""
    kinds = ("rosidl_generator_c", "rosidl_generator_py", *TYPE_SUPPORTS)
    libraries = [*(f"{name}__{kind}" for name in DEPENDENCIES for kind in kinds), *LIBRARIES]
    command = ["g++", "-shared", "-o", str(build / PACKAGE / LIBRARY), *map(str, sorted(build.glob("*.o")))]
    command += [f"-L{PREFIX / 'lib'}", "-Wl,--as-needed", *(f"-l{name}" for name in libraries)]
    command += [f"-Wl,-rpath,$ORIGIN/{os.path.relpath(PREFIX / 'lib', SITE_PACKAGES / PACKAGE)}"]
    finish(start(command, build))


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a compiler in ``folder``."""
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def finish(job: subprocess.Popen[str]) -> None:
    """Wait for a compiler.

    Raises:
        subprocess.CalledProcessError: it failed; the error carries what it printed.
    """
    _, errors = job.communicate()
    if job.returncode:
        raise subprocess.CalledProcessError(job.returncode, job.args, stderr=errors)


def install(build: Path) -> None:
    """Put the Python package, the interface files and the entries of the ament index into the environment."""
    package = build / PACKAGE
    share = PREFIX / "share" / PACKAGE
    shutil.rmtree(share, ignore_errors=True)
    copy((path for suffix in ("msg", "idl", "json") for path in package.glob(f"msg/*.{suffix}")), share / "msg")
    copy([SOURCE / "package.xml"], share)
    index = PREFIX / "share" / "ament_index" / "resource_index"
    interfaces = sorted(str(path.relative_to(share)) for path in share.glob("msg/*") if path.suffix != ".json")
    for kind, content in (
        ("packages", ""),
        ("package_run_dependencies", ";".join([*DEPENDENCIES[1:], "rosidl_default_runtime"])),
        ("rosidl_interfaces", "\n".join(interfaces)),
    ):
        (index / kind).mkdir(parents=True, exist_ok=True)
        (index / kind / PACKAGE).write_text(content)
    # The package that Python imports comes last and whole: an interrupted run leaves none, not half of one.
    module = build / "module" / PACKAGE
    copy(package.glob("msg/*.py"), module / "msg")
    copy(package.glob("*.so"), module)
    (module / "__init__.py").touch()
    target = SITE_PACKAGES / PACKAGE
    shutil.rmtree(target, ignore_errors=True)
    module.rename(target)
    # The dispatch opens a library for each type support by its name. Here they are all the same one.
    for kind in TYPE_SUPPORTS:
        link = PREFIX / "lib" / f"lib{PACKAGE}__{kind}.so"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target / LIBRARY, link.parent))


def copy(files: Iterable[Path], folder: Path) -> None:
    """Copy ``files`` into ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copy(path, folder)


if __name__ == "__main__":
    sys.exit(main())
