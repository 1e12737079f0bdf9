"""The newest version that is no new major."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from mediastack.updater import tags
from mediastack.updater.house import Trouble

PATTERN = r"^\d+\.\d+\.\d+$"


def test_the_newest_of_the_present_major_is_found_among_majors_and_strangers() -> None:
    listed = ["5.0.0", "4.0.20", "4.10.1", "4.9.9", "latest", "4.11.0-beta", "4.0.19", "3.9.9"]
    assert tags.newest_of_major(listed, "4.0.19", PATTERN) == "4.10.1"


def test_nothing_newer_is_nothing() -> None:
    assert tags.newest_of_major(["4.0.19", "5.0.0"], "4.0.19", PATTERN) == ""
    assert tags.newest_of_major(["4.0.20"], "4.0.19", "") == ""


def test_the_registry_is_asked_without_tls_only_where_the_settings_say_so() -> None:
    asked: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> str:
        asked.append(arguments)
        return json.dumps({"Tags": ["1", 2, "3"]})

    assert tags.of("mirror.lan:5000/x/y", ["mirror.lan:5000"], run=run) == ["1", "3"]
    assert tags.of("example.org/x", ["mirror.lan:5000"], run=run) == ["1", "3"]
    assert ["--tls-verify=false" in one for one in asked] == [True, False]


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_an_answer_that_is_no_list_is_trouble_of_the_passing_kind(text: str) -> None:
    with pytest.raises(Trouble) as caught:
        tags.of("example.org/x", run=lambda _: text)
    assert caught.value.kind == "passing"


@pytest.mark.parametrize(
    ("script", "kind"),
    [("echo '404 (Not Found)' >&2; exit 1", "gone"), ("echo 429 >&2; exit 1", "passing")],
)
def test_what_skopeo_says_becomes_trouble(
    script: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "skopeo"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(Trouble) as caught:
        tags.of("example.org/x")
    assert caught.value.kind == kind


def test_without_skopeo_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Trouble, match="run the deploy"):
        tags.of("example.org/x")
