"""Is what heals Gluetun's group fenced in as it should be, and does it heal?

Facts and judgments together: the monitor's account has no rights that it was not given (no login,
no group but its own), its directory and the healer's door are its own and nobody else's, and it is
not in a pause that the user may have missed.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Mapping
from typing import Any

from mediastack.doctor_checks import DEPLOY, Check, Finding, judge
from mediastack.monitor import report

Config = Mapping[str, Any]
Facts = Mapping[str, Any]

DIRECTORY_MODE, SOCKET_MODE = 0o750, 0o600
NO_LOGIN = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
RESUME = "find the reason (stack-manage.sh downloads logs gluetun), then: stack-manage.sh resume"


def gather(config: Config) -> dict[str, Any]:
    """Return {"account": {"uid","gid","shell","groups"} or None, "directory", "socket": {"kind",
    "uid","mode"} or None, "paused": why and for how long, "" when it is not}; {} on a host that
    has no monitor."""
    table = config.get("monitor") or {}
    if not table:
        return {}
    return {
        "account": account_of(table["account"]),
        "directory": look(table["directory"]),
        "socket": look(table["socket"]),
        "paused": report.paused(report.read(config)),
    }


def account_of(name: str) -> dict[str, Any] | None:
    """Return what the system says of an account, None without it."""
    with contextlib.suppress(KeyError):
        entry = pwd.getpwnam(name)
        others = [one.gr_name for one in grp.getgrall() if name in one.gr_mem]
        shell = entry.pw_shell
        return {"uid": entry.pw_uid, "gid": entry.pw_gid, "shell": shell, "groups": others}
    return None


def look(path: str) -> dict[str, Any] | None:
    """Return what is at a path, None for nothing."""
    with contextlib.suppress(OSError):
        seen = os.lstat(path)
        kinds = {stat.S_IFDIR: "directory", stat.S_IFSOCK: "socket"}
        kind = kinds.get(stat.S_IFMT(seen.st_mode), "other")
        return {"kind": kind, "uid": seen.st_uid, "mode": stat.S_IMODE(seen.st_mode)}
    return None


def account(config: Config, facts: Facts) -> list[Finding]:
    """The monitor's account exists, cannot log in and belongs to no other group."""
    found = facts["monitor"]
    if not found:
        return []
    problem = account_problem(found["account"])
    return [judge("account", config["monitor"]["account"], problem, DEPLOY)]


def account_problem(entry: Mapping[str, Any] | None) -> str:
    """Return what an account of a program of ours may not be, "" when all is well."""
    if entry is None:
        return "does not exist"
    if entry["uid"] == 0:
        return "is root"
    if entry["shell"] not in NO_LOGIN:
        return f"can log in ({entry['shell']})"
    return f"is in the group {', '.join(entry['groups'])}" if entry["groups"] else ""


def directory(config: Config, facts: Facts) -> list[Finding]:
    """What the monitor must not forget is its own to write, and nobody else's."""
    return _owned(config, facts, "file", "directory", DIRECTORY_MODE)


def socket(config: Config, facts: Facts) -> list[Finding]:
    """Nobody but the monitor and root can ask the healer for anything."""
    return _owned(config, facts, "socket", "socket", SOCKET_MODE)


def _owned(config: Config, facts: Facts, check: str, what: str, mode: int) -> list[Finding]:
    """A path is there, of its kind, the account's, with exactly this mode."""
    found = facts["monitor"]
    if not found:
        return []
    problem = owned_problem(found[what], found["account"], what, mode)
    return [judge(check, config["monitor"][what], problem, DEPLOY)]


def owned_problem(
    seen: Mapping[str, Any] | None, entry: Mapping[str, Any] | None, kind: str, mode: int
) -> str:
    """Return what is wrong with something that an account owns, "" for nothing."""
    # 0 where there is no account: then that is what is wrong, and said once.
    uid = (entry or {}).get("uid", 0)
    if seen is None:
        return "is missing"
    if seen["kind"] != kind:
        return f"is no {kind}"
    if seen["mode"] != mode:
        return f"has mode {seen['mode']:04o} instead of {mode:04o}"
    return f"belongs to uid {seen['uid']} instead of {uid}" if uid and seen["uid"] != uid else ""


def healing(config: Config, facts: Facts) -> list[Finding]:
    """Gluetun's dependents are brought back when they have to be."""
    found = facts["monitor"]
    return [judge("healing", "monitor", found["paused"], RESUME)] if found else []


CHECKS: tuple[Check, ...] = (account, directory, socket, healing)
