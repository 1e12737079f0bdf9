"""Two deploys compare alike when they are, and differ by name when they do not."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import box_state
from benchmarks.contestants import BenchError

PATH = "/etc/mediastack/mediastack.toml"
SECRET = "/etc/mediastack/secrets/ntfy/token"


def state(**files: list[Any]) -> dict[str, Any]:
    known = {PATH: ["0o644", 0, 0, "aa"], SECRET: ["0o400", 0, 0, "bb"]}
    return {"files": {**known, **files}, "containers": {"ntfy": {"image": "x"}}, "networks": ["n"]}


def digest(one: dict[str, Any]) -> str:
    return box_state.digest(box_state.comparable(one))


def test_generated_secrets_need_not_be_the_same() -> None:
    assert digest(state()) == digest(state(**{SECRET: ["0o400", 0, 0, "cc"]}))


def test_their_modes_and_owners_must_be() -> None:
    assert digest(state()) != digest(state(**{SECRET: ["0o440", 0, 0, "bb"]}))
    assert digest(state()) != digest(state(**{SECRET: ["0o400", 1, 0, "bb"]}))


def test_any_other_content_counts() -> None:
    assert digest(state()) != digest(state(**{PATH: ["0o644", 0, 0, "ab"]}))


def test_differences_are_named_with_both_values() -> None:
    other = state(**{PATH: ["0o600", 0, 0, "aa"]})
    other["networks"] = []
    said = box_state.differences(state(), other)
    assert said == [
        f"files {PATH}: ['0o644', 0, 0, 'aa'] | ['0o600', 0, 0, 'aa']",
        "networks : ['n'] | []",
    ]


def test_a_box_without_containers_is_nothing_to_compare() -> None:
    with pytest.raises(BenchError):
        box_state.require_managed({"files": {}, "containers": {}})
