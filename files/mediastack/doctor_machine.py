"""What the deploy changed about the machine beyond files and containers: packages, account, engine.

Facts and judgments together, since each is a few lines: `gather` asks dpkg, the user database, the
kernel and the record of managed paths, `CHECKS` judge. Without an answer (no dpkg, no record) there
is nothing to say, rather than a complaint that nobody can mend.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mediastack.doctor_checks import DEPLOY, Check, Finding, judge

Config = Mapping[str, Any]
Facts = Mapping[str, Any]
Run = Callable[[Sequence[str]], "str | None"]

DAEMON_SETTINGS = "/etc/docker/daemon.json"
RECORD = "managed.json"


def gather(config: Config, run: Run, proc: str = "/proc") -> dict[str, Any]:
    """Return {"packages": {name: dpkg's status} or None, "user","group": the name or "",
    "engine_older": whether Docker started before daemon.json changed, "leftovers": [path],
    "environment": whether that of the host programs is complete}."""
    return {
        "packages": packages(config.get("packages", []), run),
        "user": _name(pwd.getpwuid, config["host"].get("puid", 0)),
        "group": _name(grp.getgrgid, config["host"].get("pgid", 0)),
        "engine_older": engine_older(run, proc),
        "leftovers": leftovers(config),
        "environment": os.path.isfile(f"{config['paths']['program']}/venv/complete"),
    }


def packages(names: Sequence[str], run: Run) -> dict[str, str] | None:
    """Return {package: dpkg's status word}, None where dpkg does not answer."""
    if not names:
        return {}
    shown = run(("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names))
    if shown is None:
        return None
    return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)


def engine_older(run: Run, proc: str) -> bool:
    """Say whether the running dockerd was started before daemon.json was last written."""
    pid = (run(("systemctl", "show", "-p", "MainPID", "--value", "docker.service")) or "").strip()
    try:
        with open(f"{proc}/{pid}/stat", encoding="utf-8") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
        with open(f"{proc}/stat", encoding="utf-8") as stream:
            boot = next(int(line.split()[1]) for line in stream if line.startswith("btime"))
        # btime has a resolution of one second.
        return boot + ticks / os.sysconf("SC_CLK_TCK") < os.stat(DAEMON_SETTINGS).st_mtime - 1
    except (OSError, ValueError, StopIteration):
        return False


def leftovers(config: Config) -> list[str]:
    """Return the paths that an earlier deploy placed, that nothing wants and that could go."""
    wanted = {entry["path"] for entry in config["files"]}
    try:
        with open(os.path.join(config["paths"]["state"], RECORD), encoding="utf-8") as stream:
            record = json.load(stream)
    except (OSError, ValueError):
        return []
    # mediastack.toml cannot be in its own list of files.
    own = os.path.join(config["paths"]["etc"], "mediastack.toml")
    return sorted(
        path
        for path, made in record.items()
        if path not in wanted and path != own and not made["keep"] and _removable(path, made)
    )


def _removable(path: str, made: Mapping[str, Any]) -> bool:
    if made["kind"] != "directory":
        return os.path.lexists(path)
    with contextlib.suppress(OSError):
        return not os.listdir(path)
    return False


def _name(find: Callable[[int], Any], number: int) -> str:
    try:
        return str(find(number)[0])
    except KeyError:
        return ""


def installed(config: Config, facts: Facts) -> list[Finding]:
    """Every package that the stack stands on is installed."""
    found = facts["machine"]["packages"]
    if found is None:
        return []
    return [
        judge("package", name, _status(found.get(name, "not installed")), DEPLOY)
        for name in config.get("packages", [])
    ]


def _status(word: str) -> str:
    return "" if word == "installed" else f"is {word}"


def account(config: Config, facts: Facts) -> list[Finding]:
    """The numbers that own media and state have names."""
    host, machine = config["host"], facts["machine"]
    user = "" if machine["user"] else "has no user"
    group = "" if machine["group"] else "has no group"
    return [
        judge("account", f"uid {host.get('puid', 0)}", user, DEPLOY),
        judge("account", f"gid {host.get('pgid', 0)}", group, DEPLOY),
    ]


def engine(config: Config, facts: Facts) -> list[Finding]:
    """The running Docker has read the daemon.json that is on disk."""
    problem = "runs with an older daemon.json" if facts["machine"]["engine_older"] else ""
    return [judge("engine", "docker.service", problem, "systemctl restart docker")]


def nothing_left(config: Config, facts: Facts) -> list[Finding]:
    """Nothing is left of what an earlier deploy placed and nobody wants any more."""
    found = facts["machine"]["leftovers"]
    if not found:
        return [Finding("leftover", "managed files", True)]
    return [judge("leftover", path, "is no longer wanted", DEPLOY) for path in found]


CHECKS: tuple[Check, ...] = (installed, account, engine, nothing_left)
