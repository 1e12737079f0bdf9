"""Is the state of this house safe: backed up lately, elsewhere too, and proven to come back?

Facts and judgments together, from the report of backups alone (backup.json): the doctor opens no
repository. What the user has to do by hand (a target on another machine, a recovery kit) is a
warning: backups work without, until the house burns.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

from mediastack.backup import ages, elsewhere, report, settings, tell
from mediastack.doctor_checks import DEPLOY, Check, Finding, judge, warn

Config = Mapping[str, Any]
Facts = Mapping[str, Any]

TOOLS = ("restic", "zstd")
PAGE = "docs/backup.md"


def gather(config: Config, now: float | None = None, proc: str = "/proc") -> dict[str, Any]:
    """Return {"targets": {name: target_facts}, "elsewhere": is one of them on another machine,
    "up_seconds", "kit": is it kept somewhere, "unproven": what is wrong with that, "drill_error",
    "tools": {name: present}}; {} where backups are off."""
    if not config.get("backup") or not settings.of(config).enabled:
        return {}
    now = time.time() if now is None else now
    found, targets = report.read(), settings.targets(config)
    drills = settings.of(config).drill
    return {
        "targets": {one.name: target_facts(found, one.name, now) for one in targets},
        "elsewhere": elsewhere.any_of(targets, proc),
        "up_seconds": uptime(proc),
        "kit": bool(found["kit"].get("confirmed_at")),
        "unproven": ages.unproven(config, found, now) if drills else "",
        "drill_error": str(found["drill"].get("error", "")) if drills else "",
        "tools": {name: shutil.which(name) is not None for name in TOOLS},
    }


def target_facts(found: ages.Report, name: str, now: float) -> dict[str, Any]:
    """Return what the report says of one target."""
    entry = found["targets"].get(name, {})
    return {
        "age_seconds": ages.saved(found, name, now),
        "known_seconds": ages.since(entry.get("known_since"), now) or 0.0,
        "error": str(entry.get("error", "")),
        "passing": entry.get("error_kind") in tell.PASSING,
        "tries": int(entry.get("tries") or 0),
        "care_error": str(entry.get("care_error", "")),
    }


def uptime(proc: str = "/proc") -> float:
    """Return for how many seconds this machine has been up."""
    try:
        with open(f"{proc}/uptime", encoding="ascii") as stream:
            return float(stream.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0


def backups(config: Config, facts: Facts) -> list[Finding]:
    """Each target has a backup of the last day, and the last try was good."""
    found = facts["backup"]
    if not found:
        return []
    if not found["targets"]:
        fix = f"backup.local = true, or a remote ({PAGE})"
        return [judge("backup", "backup", "goes nowhere: there is no target", fix)]
    return [
        judge("backup", name, *target_problem(one, found)) for name, one in found["targets"].items()
    ]


def target_problem(one: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is wrong with a target and its mending, ("", "") for nothing."""
    mending = "stack-manage.sh backup does it now, and says what keeps it"
    # What may mend itself is tried again in minutes.
    if one["error"] and not (one["passing"] and one["tries"] < tell.PASSING_TRIES):
        return split("has no new backup", one["error"], mending)
    age = one["age_seconds"]
    # A machine that was off, or a target that is new, catches up.
    waited = min(one["known_seconds"] if age is None else age, found["up_seconds"])
    if waited > ages.LATE_SECONDS:
        return f"has no backup since {'ever' if age is None else ages.words(age)}", mending
    if one["care_error"]:
        return split("was not checked and pruned", one["care_error"], f"see {PAGE}")
    return "", ""


def split(what: str, error: str, mending: str) -> tuple[str, str]:
    """Return problem and fix, of an error that may hold its own."""
    words, _, fix = error.partition("; fix: ")
    return f"{what}: {words}", fix or mending


def proven(config: Config, facts: Facts) -> list[Finding]:
    """A restore was proven within eight days, and the last drill was good."""
    found = facts["backup"]
    if not found:
        return []
    problem, fix = (
        found["unproven"],
        "stack-manage.sh restore-drill, and journalctl -u mediastack-backup",
    )
    if error := found["drill_error"]:
        problem, fix = split("failed in its drill", error, fix)
    return [judge("restore-drill", "restore", problem, fix)]


def tools(config: Config, facts: Facts) -> list[Finding]:
    """What makes backups is installed."""
    found = facts["backup"].get("tools", {})
    return [judge("package", name, "" if here else "is not there", DEPLOY)
            for name, here in found.items()]  # fmt: skip


def another_machine(config: Config, facts: Facts) -> list[Finding]:
    """A fire does not take the backups with it."""
    found = facts["backup"]
    if not found or not found["targets"]:
        return []
    problem = "" if found["elsewhere"] else "are on this machine alone"
    fix = f"a target on another one: [backup.remotes.<name>] ({PAGE}, Targets)"
    return [warn("backup", "backups", problem, fix)]


def kit(config: Config, facts: Facts) -> list[Finding]:
    """The password of the repositories is kept where the fire is not."""
    found = facts["backup"]
    if not found:
        return []
    problem = "" if found["kit"] else "is not kept elsewhere; without it no backup can be read"
    fix = "stack-manage.sh recovery-kit FILE, put it away, then recovery-kit --confirm"
    return [warn("backup", "recovery kit", problem, fix)]


CHECKS: tuple[Check, ...] = (backups, proven, tools, another_machine, kit)
