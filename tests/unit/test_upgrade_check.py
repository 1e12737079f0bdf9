"""upgrade_check: usage, refusals and answers of a host; remote/upgrade.py runs from memory."""

from __future__ import annotations

import contextlib
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

import layout
import upgrade_check
from remote import upgrade as remote
from upgrade import Line


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An inventory of two hosts, and what looking at each finds (or raises)."""
    inventory = types.ModuleType("inventory")
    inventory.hosts = [("one", {}), ("two", {})]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "inventory", inventory)
    found: dict[str, Any] = {"one": [], "two": [Line("port", "x", "1 -> 2")]}

    def look(name: str, data: dict[str, Any]) -> Any:
        if isinstance(found[name], Exception):
            raise found[name]
        return found[name]

    monkeypatch.setattr(upgrade_check, "look", look)
    return found


def test_every_host_is_told_or_only_those_named(
    hosts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert upgrade_check.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "one: a deploy of this checkout would change nothing",
        "two: a deploy of this checkout would change",
        "  port      x: 1 -> 2",
    ]
    assert upgrade_check.main(["--json", "two"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "hosts": {"two": [{"kind": "port", "subject": "x", "text": "1 -> 2"}]},
        "refused": [],
    }


def test_a_host_that_would_be_refused_is_told_and_the_others_too(
    hosts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    hosts["one"] = PyinfraError("one: the deploy needs root; fix: …")
    assert upgrade_check.main([]) == 1
    said = capsys.readouterr()
    assert said.err == "one: the deploy needs root; fix: …\n"
    assert "two: " in said.out


def test_an_unknown_host_is_wrong_usage(
    hosts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        upgrade_check.main(["three"])
    assert caught.value.code == 2
    assert "no host three in the inventory; there are: one, two" in capsys.readouterr().err


def test_settings_that_do_not_fit_are_told_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = "settings.local.toml: host.tz: was renamed to host.timezone; fix: write it instead"
    (tmp_path / "inventory.py").write_text(f"import sys\nsys.exit({problem!r})\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "inventory", raising=False)
    assert upgrade_check.main([]) == 1
    assert problem in capsys.readouterr().err


def test_what_a_host_could_not_say_is_no_empty_answer() -> None:
    assert upgrade_check.found("one", None) is None
    assert upgrade_check.found("one", {"found": []}) == []
    with pytest.raises(upgrade_check.Unknown, match="one: Docker does not answer"):
        upgrade_check.found("one", {"failed": "Docker does not answer"})


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A host's program directory, with this Python as its environment."""
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


@contextlib.contextmanager
def untouched(directory: Path) -> Iterator[None]:
    """The block leaves the directory as it was."""
    before = sorted(directory.rglob("*"))
    yield
    assert sorted(directory.rglob("*")) == before


def test_the_newer_programs_run_from_memory_and_leave_no_file(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(program / "absent.toml"))
    spec = {"program": str(program), "archive": upgrade_check.archive(layout.package())}
    paths = {"etc": f"{program}/etc", "config": f"{program}/config"}
    given = {"config": {"paths": paths, "secrets": [], "secret_files": []}}
    with untouched(program):
        said = remote.ask(spec, ["secrets-check"], given)
    assert [one["problem"] for one in said["found"]] == ["missing", "missing"]


def test_a_verb_that_fails_says_why(program: Path) -> None:
    spec = {"program": str(program), "archive": upgrade_check.archive(layout.package())}
    assert "unknown verb 'nonsense'" in remote.ask(spec, ["nonsense"], {})["failed"]


def test_a_host_without_us_has_nothing_to_say(tmp_path: Path) -> None:
    spec = {"program": str(tmp_path), "config_file": str(tmp_path / "mediastack.toml")}
    assert remote.check(spec) == {"recorded": "", "observed": None, "secrets": None}
