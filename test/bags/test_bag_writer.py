# Copyright 2026 The people_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Topics of types that only the recording itself describes: copied with their description, or left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from people_perception.bags.reader import Bag, Topic
from people_perception.bags.writer import OutputBag
from people_perception.errors import PerceptionError

KIND = "robot_msgs/msg/Speed"
MSG = "float32 metres_per_second\nbuiltin_interfaces/Time since\n"
TIME = "=" * 80 + "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
IDL = (
    "=" * 80 + "\nIDL: robot_msgs/msg/Speed\n"
    "module robot_msgs { module msg { struct Speed { float metres_per_second; }; }; };\n"
)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_type_that_the_recording_describes_is_copied_with_it(tmp_path: Path, storage: str) -> None:
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(MSG, KIND))
    speed = store.types[KIND](1.5, store.types["builtin_interfaces/msg/Time"](7, 8))
    data = bytes(store.serialize_cdr(speed, KIND))
    out = OutputBag(tmp_path / "bag", storage)
    assert out.add_copy(Topic("/speed", KIND, 1, definition=MSG + TIME))
    out.write("/speed", 9, data)
    out.close()
    with Bag(tmp_path / "bag") as bag:
        assert bag.topics["/speed"].kind == KIND
        assert "metres_per_second" in bag.topics["/speed"].definition
        (message,) = bag.messages()
    assert (message.topic, message.time, bytes(message.data)) == ("/speed", 9, data)


def test_a_definition_in_idl(tmp_path: Path) -> None:
    out = OutputBag(tmp_path / "bag")
    assert out.add_copy(Topic("/speed", KIND, 0, definition=IDL))
    out.close()


@pytest.mark.parametrize(
    "definition",
    ["", "this is no definition", "other_msgs/Unknown x\n", "int32 x\n" * 3, "=" * 80 + "\nIDL: x\nmodule {"],
)
def test_a_type_that_nobody_understands_is_left_out(tmp_path: Path, definition: str) -> None:
    out = OutputBag(tmp_path / "bag")
    assert not out.add_copy(Topic("/speed", KIND, 0, definition=definition))
    out.close()


@pytest.mark.parametrize("kind", ["x/msg/Y\nint32 z", "x/msg/Y:\n    pass\nimport os", "../../x", "", "x/msg/Y()"])
def test_the_name_of_a_type_is_no_code(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    out = OutputBag(tmp_path / "bag")
    out.add_copy(Topic("/speed", kind, 0, definition="print('run')\nint32 x\n"))
    out.abort()
    assert capfd.readouterr().out == ""


def test_a_folder_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(PerceptionError, match=f"{tmp_path}: cannot be written"):
        OutputBag(tmp_path)
