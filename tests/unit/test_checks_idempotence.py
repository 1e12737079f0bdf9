"""checks.idempotence: snapshots and pyinfra's JSON, compared; nothing that moved goes unseen."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from checks import box, idempotence

SNAPSHOT: dict[str, Any] = {
    "files": {"/etc/a": ["0o100644", 0, 0, "abc"], "/etc/b": ["0o40755", 0, 0]},
    "containers": {"/plex": ["id", "running"]},
    "images": ["sha256:1", "sha256:2"],
}


def test_equal_snapshots_have_no_difference() -> None:
    assert idempotence.differences(SNAPSHOT, copy.deepcopy(SNAPSHOT)) == []


@pytest.mark.parametrize(
    ("part", "key", "value", "named"),
    [
        ("files", "/etc/a", ["0o100600", 0, 0, "abc"], "files /etc/a"),
        ("files", "/etc/c", ["0o100600", 0, 0, "abc"], "files /etc/c: absent"),
        ("containers", "/plex", ["id2", "running"], "containers /plex"),
    ],
)
def test_whatever_moved_is_named(part: str, key: str, value: Any, named: str) -> None:
    after = copy.deepcopy(SNAPSHOT)
    after[part][key] = value
    (found,) = idempotence.differences(SNAPSHOT, after)
    assert named in found


def test_what_came_and_what_went_are_differences_too() -> None:
    after = copy.deepcopy(SNAPSHOT)
    del after["files"]["/etc/b"]
    after["images"] = ["sha256:2", "sha256:3"]
    assert len(idempotence.differences(SNAPSHOT, after)) == 3


def test_changed_and_failed_operations_are_read_from_pyinfras_result() -> None:
    operations = [
        {"name": "Tree", "success": ["h"], "error": [], "no_change": []},
        {"name": "Units", "success": [], "error": ["h"], "no_change": []},
        {"name": "Docker", "success": [], "error": [], "no_change": ["h"]},
    ]
    text = json.dumps({"plan": [], "results": {"operations": operations}})
    assert box._read(text, dry=False) == (["Tree"], ["Units"])


def test_a_dry_run_is_read_from_the_plan() -> None:
    plan = [
        {"name": "Tree", "hosts_with_change": ["h"], "hosts_with_conditional_change": []},
        {"name": "Units", "hosts_with_change": [], "hosts_with_conditional_change": ["h"]},
        {"name": "Docker", "hosts_with_change": [], "hosts_with_conditional_change": []},
    ]
    text = json.dumps({"plan": plan, "results": None})
    assert box._read(text, dry=True) == (["Tree", "Units"], [])


def test_output_that_is_no_json_names_no_operation() -> None:
    assert box._read("Traceback", dry=False) == ([], [])
