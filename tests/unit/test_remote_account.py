"""remote/account.py: numbers have names, whatever the names are."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from skips import root_only

from remote import account

SPEC = {"user": "mediastack", "group": "mediastack", "uid": 1000, "gid": 1000}


class Accounts:
    """/etc/passwd and /etc/group, with useradd and groupadd."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {"root": 0}
        self.groups: dict[str, int] = {"root": 0}
        self.members: dict[str, list[str]] = {}
        self.entries: dict[str, dict[str, str]] = {}
        self.calls: list[list[str]] = []

    def run(self, command: list[str], check: bool) -> None:
        assert check
        self.calls.append(command)
        if command[0] == "usermod":
            self.entries[command[-1]]["pw_shell"] = command[command.index("--shell") + 1]
            return
        if command[0] == "gpasswd":
            self.members[command[-1]].remove(command[command.index("--delete") + 1])
            return
        if "--system" in command:
            # As root of a test: whatever it makes belongs to whoever runs the test.
            self.users[command[-1]] = os.getuid() or 998
            self.entries[command[-1]] = {
                "pw_gecos": command[command.index("--comment") + 1],
                "pw_shell": command[command.index("--shell") + 1],
            }
            return
        table, option = (
            (self.groups, "--gid") if command[0] == "groupadd" else (self.users, "--uid")
        )
        table[command[-1]] = int(command[command.index(option) + 1])

    def by_name(self, name: str) -> SimpleNamespace:
        number = self.users[name]
        return SimpleNamespace(pw_uid=number, pw_gid=os.getgid() or 998, **self.entries[name])

    def by_number(self, table: dict[str, int], number: int) -> int:
        if number not in table.values():
            raise KeyError(number)
        return number


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Accounts:
    made = Accounts()
    people = SimpleNamespace(
        getpwuid=lambda uid: made.by_number(made.users, uid),
        getpwnam=made.by_name,
        getpwall=lambda: [SimpleNamespace(pw_name=n, pw_uid=i) for n, i in made.users.items()],
    )
    groups = SimpleNamespace(
        getgrgid=lambda gid: made.by_number(made.groups, gid),
        getgrall=lambda: [
            SimpleNamespace(gr_name=n, gr_gid=i, gr_mem=made.members.get(n, []))
            for n, i in made.groups.items()
        ],
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


WATCHER = "mediastack-monitor"


@pytest.fixture
def system(host: Accounts, tmp_path: Path) -> dict[str, Any]:
    """The specification of a house that has a monitor, all else being there already."""
    host.users["mediastack"] = host.groups["mediastack"] = 1000
    made = {
        "user": WATCHER,
        "comment": "the monitor",
        "directory": str(tmp_path / "monitor"),
        "mode": "0750",
    }
    return {**SPEC, "system": [made]}


def test_the_system_account_and_its_directory_are_made_and_nothing_is_left_to_do(
    host: Accounts, system: dict[str, Any]
) -> None:
    directory = Path(system["system"][0]["directory"])
    assert found(system) == [f"user {WATCHER}", str(directory)]
    assert account.apply(system) == [f"user {WATCHER}", str(directory)]
    (command,) = host.calls
    assert {"--system", "--no-create-home", "--user-group"} <= set(command)
    assert command[command.index("--shell") + 1] == "/usr/sbin/nologin"
    seen = directory.stat()
    assert (seen.st_uid, oct(seen.st_mode & 0o777)) == (host.users[WATCHER], "0o750")
    assert found(system) == account.apply(system) == []


def test_without_a_monitor_there_is_no_account_for_it(host: Accounts) -> None:
    account.apply({**SPEC, "system": []})
    assert WATCHER not in host.users


def test_a_group_that_a_killed_useradd_left_is_used(host: Accounts, system: dict[str, Any]) -> None:
    host.groups[WATCHER] = 998
    account.apply(system)
    (command,) = host.calls
    assert command[command.index("--gid") + 1] == WATCHER


def test_a_login_and_other_groups_are_taken_away_again(
    host: Accounts, system: dict[str, Any]
) -> None:
    account.apply(system)
    host.entries[WATCHER]["pw_shell"] = "/bin/bash"
    host.groups["docker"], host.members["docker"] = 110, [WATCHER]
    assert [one["problem"] for one in account.check(system)] == [
        "has the shell /bin/bash",
        "is in the group docker",
    ]
    account.apply(system)
    assert host.members["docker"] == []
    assert found(system) == []


@pytest.mark.parametrize("change", [{"pw_gecos": "Anna"}, {"uid": 0}])
def test_somebody_elses_account_of_that_name_is_refused_with_what_to_do(
    host: Accounts, system: dict[str, Any], change: dict[str, Any]
) -> None:
    account.apply(system)
    host.users[WATCHER] = change.pop("uid", host.users[WATCHER])
    host.entries[WATCHER] |= change
    with pytest.raises(OSError, match=f"fix: if nobody needs it, userdel {WATCHER}"):
        account.apply(system)


def test_a_directory_with_another_mode_or_of_another_kind_is_a_difference(
    host: Accounts, system: dict[str, Any]
) -> None:
    account.apply(system)
    directory = Path(system["system"][0]["directory"])
    kept = directory / "monitor.json"
    kept.write_text("{}")
    directory.chmod(0o755)
    assert [one["problem"] for one in account.check(system)] == ["mode 0755 instead of 0750"]
    account.apply(system)
    assert found(system) == [] and kept.read_text() == "{}"
    kept.unlink()
    directory.rmdir()
    directory.symlink_to("/etc")
    assert [one["problem"] for one in account.check(system)] == ["is not a directory"]
    with pytest.raises(OSError, match=r"monitor"):
        account.apply(system)
    assert oct(Path("/etc").stat().st_mode & 0o777) == "0o755"


@root_only
def test_what_is_in_the_directory_follows_the_accounts_number_but_no_second_name_does(
    host: Accounts, system: dict[str, Any], tmp_path: Path
) -> None:
    account.apply(system)
    directory = Path(system["system"][0]["directory"])
    kept, other = directory / "monitor.json", tmp_path / "other"
    kept.write_text("{}")
    other.write_text("not the monitor's")
    os.link(other, directory / "linked")
    (directory / "pointed").symlink_to(other)
    host.users[WATCHER] = 997
    assert [one["path"] for one in account.check(system)] == [str(directory)]
    account.apply(system)
    assert (directory.stat().st_uid, kept.stat().st_uid, other.stat().st_uid) == (997, 997, 0)


def test_every_system_account_is_made_with_the_mode_that_its_directory_has(
    host: Accounts, system: dict[str, Any], tmp_path: Path
) -> None:
    inbox = {"user": "mediastack-updater", "comment": "the door", "mode": "0700"}
    both = {**system, "system": [*system["system"], {**inbox, "directory": str(tmp_path / "in")}]}
    account.apply(both)
    assert {WATCHER, "mediastack-updater"} <= set(host.users)
    assert oct((tmp_path / "in").stat().st_mode & 0o777) == "0o700"
    assert found(both) == account.apply(both) == []


@root_only
def test_directories_in_it_follow_the_number_too_and_no_deeper_ones(
    host: Accounts, system: dict[str, Any]
) -> None:
    account.apply(system)
    inner = Path(system["system"][0]["directory"]) / "new"
    (inner / "deep").mkdir(parents=True)
    kept, deep = inner / "one.json", inner / "deep" / "two.json"
    kept.write_text("{}")
    deep.write_text("{}")
    before = deep.stat().st_uid
    host.users[WATCHER] = 997
    account.apply(system)
    assert (inner.stat().st_uid, kept.stat().st_uid) == (997, 997)
    assert deep.stat().st_uid == before
