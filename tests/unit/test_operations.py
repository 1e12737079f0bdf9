"""The operations, run by pyinfra: an unchanged host gets no command, a changed one exactly one."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from operations_house import Run, run
from pyinfra.api.exceptions import PyinfraError
from settings_house import KEY, load

import layout
import operations
from mediastack import plan
from operations import Wanted

SECRET = "s3cret-canary"
Entry = dict[str, Any]


@pytest.fixture(autouse=True)
def _loud(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="pyinfra")


def entry(path: Path, text: str = "content\n", mode: str = "0644") -> Entry:
    raw = text.encode()
    return {
        "path": str(path),
        "kind": "file",
        "mode": mode,
        "uid": os.geteuid(),
        "gid": os.getegid(),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "content": base64.b64encode(raw).decode(),
        "text": text,
    }


def place(tmp_path: Path, *entries: Entry, **how: Any) -> Run:
    wanted = Wanted({"record": str(tmp_path / "managed.json"), "entries": list(entries)})
    return run(operations.tree, name="Managed files", wanted=wanted, **how)


def sent_entries(one: tuple[str, str]) -> list[Entry]:
    """The entries within a program that went over stdin."""
    call = one[1].rpartition("_json.loads(")[2].split("))))\n")[0]
    entries: list[Entry] = json.loads(eval(call))["entries"]
    return entries


def test_a_fresh_host_changes_as_predicted_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    one = entry(tmp_path / "one", mode="0600")
    first = place(tmp_path, one)
    assert (first.predicted, first.changed) == (1, 1)
    found = (tmp_path / "one").stat()
    assert ((tmp_path / "one").read_text(), stat.S_IMODE(found.st_mode)) == ("content\n", 0o600)
    second = place(tmp_path, one)
    assert (second.predicted, second.changed) == (0, 0)
    after = (tmp_path / "one").stat()
    assert (found.st_ino, found.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


def test_a_dry_run_predicts_and_changes_nothing(tmp_path: Path) -> None:
    assert place(tmp_path, entry(tmp_path / "one"), dry=True).predicted == 1
    assert list(tmp_path.iterdir()) == []


def test_a_change_is_one_command_with_the_program_on_stdin(tmp_path: Path) -> None:
    seen = place(tmp_path, entry(tmp_path / "one"))
    *facts, (command, stdin) = seen.sent
    assert command.count("python3 -") == 1
    assert "def apply(" in stdin
    assert "tree" not in command
    assert str(tmp_path) not in command
    # A fact to predict with, and one to act on.
    assert len([one for one in facts if "def check(" in one[1]]) == 2


def test_content_goes_only_to_what_differs(tmp_path: Path) -> None:
    entries = [entry(tmp_path / name, f"text of {name}\n") for name in ("same", "changed", "mode")]
    place(tmp_path, *entries)
    (tmp_path / "changed").write_text("edited")
    (tmp_path / "mode").chmod(0o600)
    seen = place(tmp_path, *entries)
    carrying = [Path(e["path"]).name for e in sent_entries(seen.sent[-1]) if "content" in e]
    assert carrying == ["changed"]
    assert not any("content" in e for one in seen.facts()[-1:] for e in sent_entries(one))
    assert (tmp_path / "changed").read_text() == "text of changed\n"
    assert stat.S_IMODE((tmp_path / "mode").stat().st_mode) == 0o644


def test_what_left_the_tree_is_a_change_too(tmp_path: Path) -> None:
    place(tmp_path, entry(tmp_path / "one"), entry(tmp_path / "two"))
    assert place(tmp_path, entry(tmp_path / "two")).changed == 1
    assert not (tmp_path / "one").exists()
    assert place(tmp_path, entry(tmp_path / "two")).changed == 0


def test_what_differs_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place(tmp_path, *(entry(tmp_path / f"file-{number:02}") for number in range(20)))
    assert f"{tmp_path}/file-11: absent" in caplog.text
    assert "… and 9 more" in caplog.text  # eight files and the record


def test_before_anything_is_done_all_that_differs_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place(tmp_path, *(entry(tmp_path / f"file-{number:02}") for number in range(20)), dry=True)
    assert f"{tmp_path}/file-19: absent" in caplog.text
    assert "more" not in caplog.text


def test_a_diff_shows_text_only_when_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "one").write_text("before\n")
    place(tmp_path, entry(tmp_path / "one", "after\n"), dry=True)
    assert "-before" not in caplog.text
    place(tmp_path, entry(tmp_path / "one", "after\n"), dry=True, diff=True)
    assert "-before" in caplog.text
    assert "+after" in caplog.text


def test_a_failure_on_the_host_is_a_failed_run(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    one = {**entry(tmp_path / "link"), "kind": "directory"}
    with pytest.raises(PyinfraError):
        place(tmp_path, one)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """An entry point of the host programs that writes down how it was called."""
    script = tmp_path / "mediastack"
    script.write_text(
        f'#!/bin/sh\n[ $# -eq 0 ] || echo "$*" >> {tmp_path}/calls\n'
        f"cat > {tmp_path}/stdin-$1\ncat {tmp_path}/answer-$1 2>/dev/null || true\n"
    )
    script.chmod(0o755)
    return script


def fill(path: Path, **how: Any) -> Run:
    specification = {"config": {"secrets": []}, "templates": {}, "values": {"gluetun/key": SECRET}}
    return run(
        operations.secrets, name="Secrets", path=str(path), wanted=Wanted(specification), **how
    )


def test_secrets_go_over_stdin_and_into_no_command_and_no_output(
    tmp_path: Path,
    programs: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "answer-secrets-check").write_text('[{"path": "gluetun/key", "problem": "absent"}]')
    seen = fill(programs)
    assert (seen.predicted, seen.changed) == (1, 1)
    assert json.loads((tmp_path / "stdin-secrets-apply").read_text())["values"] == {
        "gluetun/key": SECRET
    }
    assert SECRET not in "".join(command for command, _ in seen.sent)
    shown = capfd.readouterr()
    assert SECRET not in shown.out + shown.err + caplog.text
    assert "gluetun/key: absent" in caplog.text


def test_secrets_as_they_should_be_are_no_change(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "answer-secrets-check").write_text("[]")
    seen = fill(programs)
    assert (seen.predicted, seen.changed) == (0, 0)
    assert "secrets-apply" not in (tmp_path / "calls").read_text()


def test_secrets_of_a_host_without_programs_are_predicted(tmp_path: Path) -> None:
    assert fill(tmp_path / "absent", dry=True).predicted == 1


def test_a_wanted_state_shows_nothing() -> None:
    wanted = Wanted({"values": SECRET})
    assert SECRET not in f"{wanted} {wanted!r}"
    assert SECRET not in json.dumps({"arguments": repr(wanted)})


def test_no_users_secret_is_in_the_managed_tree(tmp_path: Path) -> None:
    entries, config = layout.build(
        load(tmp_path), host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )
    for one in entries:
        assert KEY.encode() not in base64.b64decode(one.get("content", ""))
    assert KEY not in json.dumps(config)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    _, made = layout.build(
        load(tmp_path), host_name="box", bind_address="192.168.1.10", daemon={}, data_is_mount=True
    )
    return made


def contain(path: Path, config: dict[str, Any], **how: Any) -> Run:
    wanted = Wanted({"config": config})
    return run(operations.stacks, name="Containers", path=str(path), wanted=wanted, **how)


def test_containers_of_a_host_without_programs_are_predicted(
    tmp_path: Path, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert contain(tmp_path / "absent", config, dry=True).predicted == 1
    assert "gluetun: create" in caplog.text


def test_containers_that_differ_are_one_apply(
    tmp_path: Path, programs: Path, config: dict[str, Any]
) -> None:
    (tmp_path / "answer-observe").write_text(json.dumps(plan.nothing_observed()))
    seen = contain(programs, config)
    assert (seen.predicted, seen.changed) == (1, 1)
    last = (tmp_path / "calls").read_text().splitlines()[-1]
    assert last == "apply --actor deploy --lock-wait 1800"
    assert json.loads((tmp_path / "stdin-observe").read_text())["release"] == config["release"]


def test_containers_that_run_as_described_are_no_change(
    tmp_path: Path, programs: Path, config: dict[str, Any]
) -> None:
    config = {**config, "services": {}, "stacks": {stack: {"services": []} for stack in ("ops",)}}
    observed = {**plan.nothing_observed(), "containers": []}
    (tmp_path / "answer-observe").write_text(json.dumps(observed))
    seen = contain(programs, config)
    assert (seen.predicted, seen.changed) == (0, 0)
    assert "apply" not in (tmp_path / "calls").read_text()


def test_any_remote_program_converges_the_same_way(tmp_path: Path) -> None:
    # The account that runs this test exists, so nothing is to be done.
    wanted = Wanted(
        {"user": "x", "group": "x", "uid": os.geteuid(), "gid": os.getegid()},
    )
    seen = run(operations.converge, name="Account", module="account", wanted=wanted)
    assert (seen.predicted, seen.changed) == (0, 0)
    absent = Wanted({"user": "nobody-has-this", "group": "x", "uid": 54321, "gid": 54321})
    seen = run(operations.converge, name="Account", module="account", wanted=absent, dry=True)
    assert seen.predicted == 1


def restored(path: Path, **how: Any) -> Run:
    specification = {"config": {"secrets": []}, "repository": "/r", "password": SECRET}
    return run(
        operations.rebuild,
        name="Rebuild from a backup",
        path=str(path),
        wanted=Wanted(specification),
        **how,
    )


def test_a_bare_host_is_rebuilt_with_the_password_over_stdin_alone(
    tmp_path: Path,
    programs: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    due = {"due": [{"path": "this host", "problem": "is bare"}], "note": ""}
    (tmp_path / "answer-rebuild").write_text(json.dumps(due))
    seen = restored(programs)
    assert (seen.predicted, seen.changed) == (1, 1)
    assert json.loads((tmp_path / "stdin-rebuild").read_text())["password"] == SECRET
    assert SECRET not in "".join(command for command, _ in seen.sent)
    # The question, which is asked more often, does without it.
    assert SECRET not in "".join(stdin for _, stdin in seen.facts())
    shown = capfd.readouterr()
    assert SECRET not in shown.out + shown.err + caplog.text


def test_a_house_that_is_there_is_left_alone_and_that_is_said(
    tmp_path: Path, programs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "answer-rebuild").write_text('{"due": [], "note": "left aside"}')
    seen = restored(programs)
    assert (seen.predicted, seen.changed) == (0, 0)
    assert "left aside" in caplog.text


def test_a_rebuild_of_a_host_without_programs_is_predicted(tmp_path: Path) -> None:
    assert restored(tmp_path / "absent", dry=True).predicted == 1
