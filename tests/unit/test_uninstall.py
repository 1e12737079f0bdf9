"""The verb uninstall: it asks, it only shows when told so, and it goes on after a failed step."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

import monitor_configuration
import update_configuration
from mediastack import config, uninstall, uninstall_plan
from mediastack.uninstall_plan import Plan, Step


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What was carried out; "finish" at the end."""
    steps: list[Any] = []
    settings = house.config()
    settings["paths"]["runtime"] = str(tmp_path)
    monkeypatch.setenv("MEDIASTACK_RUNTIME", str(tmp_path))
    monkeypatch.setattr(config, "load", lambda: settings)
    monkeypatch.setattr(uninstall, "look", lambda _: {})
    made = Plan([Step("one", "remove", "/nowhere/one")], [("/data", "media")])
    monkeypatch.setattr(uninstall_plan, "plan", lambda _, purge: made)
    monkeypatch.setattr(
        uninstall.lock, "hold", lambda *_, **__: __import__("contextlib").nullcontext()
    )
    monkeypatch.setattr(uninstall, "carry_out", lambda step, _: steps.append(step.words) or True)
    monkeypatch.setattr(uninstall, "finish", lambda _, purge: steps.append(("finish", purge)))
    return steps


def test_yes_removes_and_finishes(done: list[Any]) -> None:
    assert uninstall.main(["--yes"]) == 0
    assert done == ["one", ("finish", False)]


def test_dry_run_only_says(done: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert uninstall.main(["--dry-run", "--purge", "--yes"]) == 0
    assert done == []
    assert "/data: media" in capsys.readouterr().out


def test_nobody_to_ask_is_a_usage_error(
    done: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("uninstall\n"))
    assert uninstall.main([]) == 2
    assert done == [] and "--yes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "arguments", "agreed"),
    [("uninstall", [], True), ("yes", [], False), ("uninstall", ["--purge"], False),
     ("purge", ["--purge"], True)],
)  # fmt: skip
def test_the_word_has_to_be_typed(
    done: list[Any], monkeypatch: pytest.MonkeyPatch, typed: str, arguments: list[str], agreed: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(f"{typed}\n"))
    assert uninstall.main(arguments) == (0 if agreed else 2)
    assert bool(done) == agreed


def test_a_failed_step_leaves_the_programs_for_another_try(
    done: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uninstall, "carry_out", lambda *_: False)
    assert uninstall.main(["--yes"]) == 1
    assert done == []


def carry_out(step: Step) -> bool:
    return uninstall.carry_out(step, house.config())


def test_a_directory_goes_only_when_it_is_empty_and_what_is_gone_is_done(tmp_path: Path) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    for path in (full, empty):
        path.mkdir()
    (full / "mine").write_text("mine")
    for path in (full, empty, tmp_path / "absent"):
        assert carry_out(Step("x", "remove", str(path)))
    assert (full / "mine").read_text() == "mine"
    assert not empty.exists()


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert carry_out(Step("x", "remove", str(tmp_path / "link")))
    assert (tmp_path / "real").is_dir() and not (tmp_path / "link").is_symlink()


def test_a_command_that_fails_is_named_with_its_last_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    step = Step("the thing", "command", command=("sh", "-c", "echo because >&2; exit 3"))
    assert not carry_out(step)
    assert "the thing: sh ended with 3: because" in capsys.readouterr().err
    assert carry_out(step._replace(may_fail=True))


@pytest.mark.parametrize(
    ("entry", "account"),
    [
        (f"mediastack-monitor:x:998:998:{monitor_configuration.COMMENT}:/:/bin/false", True),
        ("mediastack-monitor:x:998:998:Somebody:/:/bin/bash", False),
        ("", False),
    ],
)
def test_only_an_account_that_says_it_is_ours_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, entry: str, account: bool
) -> None:
    monkeypatch.setattr(uninstall, "_text", lambda *_: f"{entry}\n")
    settings = house.config()
    # Gluetun was switched off since: nothing says any more that there was a monitor.
    settings["monitor"], settings["paths"]["state"] = {}, str(tmp_path)
    found = uninstall.program(settings, *uninstall.ACCOUNTS[0])
    assert found == {"account": "mediastack-monitor" if account else "", "directory": ""}
    (tmp_path / "monitor").mkdir()
    assert uninstall.program(settings, *uninstall.ACCOUNTS[0])["directory"] == str(
        tmp_path / "monitor"
    )


def test_the_deploy_and_the_uninstall_know_the_same_account() -> None:
    for made, (name, place, comment) in zip(
        (monitor_configuration, update_configuration), uninstall.ACCOUNTS, strict=True
    ):
        assert (name, comment) == (made.ACCOUNT, made.COMMENT)
        assert place in (monitor_configuration.DIRECTORY, update_configuration.INBOX)
