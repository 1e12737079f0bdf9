"""remote/account.py: numbers have names, whatever the names are."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import account

SPEC = {"user": "mediastack", "group": "mediastack", "uid": 1000, "gid": 1000}


class Accounts:
    """/etc/passwd and /etc/group, with useradd and groupadd."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {"root": 0}
        self.groups: dict[str, int] = {"root": 0}
        self.calls: list[list[str]] = []

    def run(self, command: list[str], check: bool) -> None:
        assert check
        self.calls.append(command)
        table, option = (
            (self.groups, "--gid") if command[0] == "groupadd" else (self.users, "--uid")
        )
        table[command[-1]] = int(command[command.index(option) + 1])

    def by_number(self, table: dict[str, int], number: int) -> int:
        if number not in table.values():
            raise KeyError(number)
        return number


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    made = Accounts()
    people = SimpleNamespace(
        getpwuid=lambda uid: made.by_number(made.users, uid),
        getpwall=lambda: [SimpleNamespace(pw_name=n, pw_uid=i) for n, i in made.users.items()],
    )
    groups = SimpleNamespace(
        getgrgid=lambda gid: made.by_number(made.groups, gid),
        getgrall=lambda: [SimpleNamespace(gr_name=n, gr_gid=i) for n, i in made.groups.items()],
    )
    for name, value in (("pwd", people), ("grp", groups)):
        monkeypatch.setattr(account, name, value)
    monkeypatch.setattr(account, "subprocess", SimpleNamespace(run=made.run))
    return made


def found(spec: dict[str, Any]) -> list[str]:
    return [one["path"] for one in account.check(spec)]


def test_absent_ones_are_made_group_first_and_nothing_is_left_to_do(host: Accounts) -> None:
    assert found(SPEC) == ["group mediastack", "user mediastack"]
    account.apply(SPEC)
    assert [command[0] for command in host.calls] == ["groupadd", "useradd"]
    assert (host.users["mediastack"], host.groups["mediastack"]) == (1000, 1000)
    assert found(SPEC) == []


def test_the_account_can_only_own_files(host: Accounts) -> None:
    account.apply(SPEC)
    command = host.calls[-1]
    assert command[command.index("--shell") + 1] == "/usr/sbin/nologin"
    assert "--no-create-home" in command


def test_numbers_under_other_names_will_do(host: Accounts) -> None:
    host.users["anna"] = host.groups["anna"] = 1000
    assert found(SPEC) == []
    assert account.apply(SPEC) == []
    assert host.calls == []


def test_only_what_is_absent_is_made(host: Accounts) -> None:
    host.groups["media"] = 1000
    account.apply(SPEC)
    assert [command[0] for command in host.calls] == ["useradd"]


@pytest.mark.parametrize(("table", "setting"), [("groups", "pgid"), ("users", "puid")])
def test_a_name_with_another_number_is_refused_with_the_setting_to_change(
    host: Accounts, table: str, setting: str
) -> None:
    getattr(host, table)["mediastack"] = 990
    with pytest.raises(OSError, match=f"fix: set host.{setting} = 990"):
        account.apply(SPEC)
    assert "useradd" not in [command[0] for command in host.calls]


def test_a_taken_name_does_not_matter_when_the_number_has_one(host: Accounts) -> None:
    host.users |= {"mediastack": 990, "anna": 1000}
    host.groups |= {"mediastack": 990, "anna": 1000}
    assert account.apply(SPEC) == []


def test_a_lock_from_before_the_boot_is_nobodys(tmp_path: Path) -> None:
    old, new = tmp_path / "passwd.lock", tmp_path / "group.lock"
    old.write_text("1")
    new.write_text("1")
    os.utime(old, (0, account.booted_at() - 60))
    os.utime(new, (0, account.booted_at() + 60))
    account.remove_stale_locks((str(old), str(new), str(tmp_path / "none.lock")))
    assert [path.name for path in tmp_path.iterdir()] == ["group.lock"]
