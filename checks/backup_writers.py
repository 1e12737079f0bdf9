"""Backups beside writers at full speed: what is restored of each was really committed.

The case `writers`: a thread for each database of the deployed box, and for a few of the check's own
in every journal mode, adds links to a hash chain (inside/chain.py) and never waits; meanwhile 50
backups are made, 1,000 with --full. All databases are restored from each and judged by the chain,
which is code of the check's own: whole by integrity_check, one committed state to the last row,
and not an older one than when the backup began. No service but those that are stopped for it on
purpose may be started again or made anew meanwhile. The case `damaged`: a source that the disk has
spoiled costs neither its last good copy nor the backup, and is told. Breaks are stagings that are
wrong in a way that people have built; each is the product's library with a passage replaced.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks import box, ground, runtime
from checks.backup_writers_breaks import BREAKS, LIBRARY
from checks.framework import CheckError, Context
from sandbox.progress import say

NAME = "backup-writers"
BUDGET_SECONDS = 300.0
ROUNDS, FULL_ROUNDS, ROUNDS_WITH_FAULT = 50, 1_000, 6
# What is stopped for its copy takes seconds each time, and is no database.
STOPS_EVERY = 25
# Each round adds all that the writers have changed.
REPOSITORY_ROUNDS = 20
ALONE_SECONDS = 8
# On a busy machine; a backup that starves beside its writers takes longer.
ROUND_SECONDS = 600.0
PLACE = "/run/backup-writers"
CONFIGS = "/srv/mediastack/config"
REPOSITORY = "/srv/mediastack/backups/check-writers"
STAGE = f"{CONFIGS}/.mediastack-backup"
OWN = "recyclarr"
SPOILED = "writers-spoiled.db"
# Of the check's own: how each is written. "checkpoint": after so many commits, else SQLite's own;
# "rest": after so many commits for so many seconds.
MODES: dict[str, dict[str, Any]] = {
    "delete": {"pragmas": ["journal_mode = DELETE"]},
    "truncate": {"pragmas": ["journal_mode = TRUNCATE", "page_size = 1024"]},
    "persist": {"pragmas": ["journal_mode = PERSIST", "auto_vacuum = INCREMENTAL"]},
    "flushed": {"pragmas": ["journal_mode = DELETE", "synchronous = FULL"]},
    "log": {"pragmas": ["page_size = 65536", "journal_mode = WAL", "wal_autocheckpoint = 10"]},
    "long": {"pragmas": ["journal_mode = WAL", "wal_autocheckpoint = 0"], "checkpoint": 1_000},
    # For minutes only its log changes.
    "slow": {
        "pragmas": ["journal_mode = WAL", "wal_autocheckpoint = 0"],
        "checkpoint": 2_000,
        "rest": [1, 0.05],
    },
    "quiet": {"pragmas": ["journal_mode = WAL"], "rest": [200, 1e6]},
}
COMMON = ["synchronous = OFF", "cache_size = 30"]


def prepare(context: Context) -> None:
    """The deployed box with the writers' program in it."""
    ground.prepare(context)
    forget(context)
    source = (box.INSIDE / "chain.py").read_text(encoding="utf-8")
    box.run(context.box, f"install -d -m 700 {PLACE} && cat >{PLACE}/chain.py", stdin=source)
    box.run(context.box, f"umask 077; head -c 20 /dev/urandom | base64 >{PLACE}/password")


def settle(context: Context) -> None:
    """The databases as they were, and nothing else of the check's."""
    if context.box is not None:
        with contextlib.suppress(CheckError):
            chain(context, "drop")
        with contextlib.suppress(CheckError):
            forget(context)
    ground.settle(context)


def forget(context: Context) -> None:
    """What is the check's own, also of an earlier, killed run."""
    box.run(context.box, f"rm -rf {PLACE} {REPOSITORY}* {STAGE} {CONFIGS}/{OWN}/writers-*")


def databases(context: Context) -> dict[str, dict[str, Any]]:
    """Every database of the house that is there, and the check's own."""
    found: dict[str, dict[str, Any]] = {}
    for name, service in runtime.services().items():
        for relative in service.databases if service.backup == "live" else ():
            found[f"{name}/{relative}"] = {"service": name, "relative": relative, "pragmas": []}
    there = box.run(
        context.box,
        "".join(f"test -s {path(one)} && echo 1 || echo 0\n" for one in found.values()),
    ).split()
    found = {key: one for (key, one), yes in zip(found.items(), there, strict=True) if yes == "1"}
    for mode, one in MODES.items():
        relative = f"writers-{mode}.db"
        found[f"{OWN}/{relative}"] = {"service": OWN, "relative": relative, **one}
    return found


def path(one: dict[str, Any]) -> str:
    """A database's path in the box, for a shell."""
    return shlex.quote(f"{CONFIGS}/{one['service']}/{one['relative']}")


def specify(context: Context, chosen: dict[str, dict[str, Any]], processes: int = 2) -> None:
    """Write down for the writers which databases are theirs."""
    spec = {
        "progress": f"{PLACE}/progress",
        "processes": processes,
        "databases": {
            key: {
                "checkpoint": 0,
                "rest": [0, 0],
                **one,
                "pragmas": [*COMMON, *one["pragmas"]],
                "path": f"{CONFIGS}/{key}",
                "seed": f"{context.seed} {key}",
            }
            for key, one in chosen.items()
        },
    }
    box.run(context.box, f"cat >{PLACE}/spec.json", stdin=json.dumps(spec))


def chain(context: Context, verb: str, **asked: Any) -> Any:
    """What inside/chain.py answers."""
    said = box.run(
        context.box,
        f"python3 {PLACE}/chain.py {verb} {PLACE}/spec.json",
        stdin=json.dumps(asked),
        timeout=ROUND_SECONDS,
    )
    return json.loads(said) if said.strip() else None


@contextlib.contextmanager
def writing(context: Context) -> Iterator[dict[str, Any]]:
    """The writers write while the context lasts; their figures are in what it gives, afterwards."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="chain-") as directory:
        into = Path(directory) / "said"
        command = f"python3 {PLACE}/chain.py write {PLACE}/spec.json"
        box.run(context.box, f"rm -f {PLACE}/progress")
        with box.recorded(context.box, command, into):
            runtime.wait_until("all writers write", lambda: idle(context), 30.0)
            yield figures
        lines = into.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        figures.update(json.loads(lines[-1]))
    except (IndexError, ValueError) as error:
        raise CheckError(f"the writers said nothing: {lines[-3:]}") from error
    for key, one in figures.items():
        if one["error"]:
            raise CheckError(f"the writer of {key}: {one['error']}")


def idle(context: Context) -> str:
    """Who has not committed anything yet."""
    try:
        found: dict[str, int] = chain(context, "progress")
    except CheckError as error:
        return str(error)
    return ", ".join(key for key, number in found.items() if not number)


def one_round(context: Context, **values: Any) -> dict[str, Any]:
    """What inside/backup_round.py says of one backup."""
    asked = {
        "library": context.fault_sources or LIBRARY,
        "spec_path": f"{PLACE}/spec.json",
        "repository": REPOSITORY,
        "password": f"{PLACE}/password",
        "scratch": f"{PLACE}/restored",
        **values,
    }
    source = (box.INSIDE / "backup_round.py").read_text(encoding="utf-8")
    said = box.run(
        context.box,
        "PATH=/opt/mediastack/venv/bin:$PATH python3 -",
        stdin=source + box.FOOTER.format(arguments=json.dumps(asked)),
        timeout=ROUND_SECONDS,
    )
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def judged(context: Context, found: dict[str, Any]) -> list[str]:
    """What is wrong with the copies of a round."""
    asked = {name: found[name] for name in ("copies", "low", "high", "missing")}
    answer = chain(context, "judge", state=f"{PLACE}/known.json", **asked)
    return [str(one) for one in answer["problems"]]


def lives(context: Context) -> dict[str, str]:
    """{container: when it was started}, of all that are not stopped for their copy."""
    said = box.run(
        context.box, "docker inspect -f '{{.Name}} {{.Id}} {{.State.StartedAt}}' $(docker ps -aq)"
    )
    found = dict(line.lstrip("/").split(" ", 1) for line in said.splitlines())
    stopped = {name for name, one in runtime.services().items() if one.backup == "stopped"}
    return {name: life for name, life in found.items() if name not in stopped}


def writers(context: Context) -> None:
    """Backups beside the writers."""
    specify(context, databases(context))
    with writing(context) as alone:
        blind = [judged(context, one_round(context, is_hot=True)) for _ in range(2)]
        context.control("copies of files that lie there, while they are written", all(blind))
        box.run(context.box, f"sleep {ALONE_SECONDS}")
    before = lives(context)
    count = FULL_ROUNDS if context.full else ROUNDS
    count = ROUNDS_WITH_FAULT if context.break_name else count
    rounds: list[dict[str, Any]] = []
    box.run(context.box, f"rm -f {PLACE}/known.json")
    with writing(context) as beside, context.planted():
        for number in range(count):
            if number % REPOSITORY_ROUNDS == 0:
                box.run(context.box, f"rm -rf {REPOSITORY}*")
            stops = number % STOPS_EVERY == 0
            found = one_round(context, stops=stops, listing=stops)
            rounds.append(found)
            if number % 10 == 9:
                say(f"  {number + 1} of {count} backups")
            for problem in [*judged(context, found), *found["problems"]]:
                context.violation(f"backup {number}: {problem}")
            for name in found["live"]:
                context.violation(f"backup {number} has read {name} while it was written")
            for name in found["downtime"]:
                if name in before:
                    context.violation(f"backup {number} has stopped {name}")
            if context.break_name and context.violations:
                break
    after = lives(context)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            context.violation(f"{name} was started again or made anew meanwhile")
    if all(one["reused"] == 0 for one in rounds[1:]):
        context.violation("a database that nobody wrote to was copied every time")
    context.figure("backups", len(rounds))
    context.figure("databases", len(rounds[0]["copies"]))
    context.figure("copies_judged", sum(len(one["copies"]) for one in rounds))
    context.figure("copies_reused", sum(one["reused"] for one in rounds))
    context.figure("commits", sum(one["commits"] for one in beside.values()))
    for name in ("seconds_staging", "seconds_saving"):
        times = sorted(one[name] for one in rounds)
        context.figure(f"{name}_median", times[len(times) // 2])
        context.figure(f"{name}_longest", times[-1])
    context.figure("longest_commit_alone", max(one["longest"] for one in alone.values()))
    context.figure("longest_commit_beside", max(one["longest"] for one in beside.values()))
    stopped = [seconds for one in rounds for seconds in one["downtime"].values()]
    context.figure("seconds_stopped_longest", max(stopped, default=0.0))
    lost = [
        seconds for one in rounds for name, seconds in one["downtime"].items() if name in before
    ]
    context.figure("seconds_stopped_with_database", sum(lost, 0.0))


def damaged(context: Context) -> None:
    """A source that the disk has spoiled."""
    key = f"{OWN}/{SPOILED}"
    one = {"service": OWN, "relative": SPOILED, "pragmas": ["journal_mode = DELETE"]}
    specify(context, {key: one}, processes=1)
    box.run(context.box, f"rm -f {PLACE}/known.json")
    with writing(context):
        box.run(context.box, "sleep 2")
    good = one_round(context, stops=False)
    context.control("a good copy", not judged(context, good) and key in good["copies"])
    box.run(
        context.box,
        f"dd if=/dev/urandom of={CONFIGS}/{key} bs=4096 seek=3 count=20 conv=notrunc status=none",
    )
    with context.planted():
        found = one_round(context, stops=False)
    for problem in judged(context, {**found, "low": good["low"], "high": good["high"]}):
        context.violation(f"after the damage: {problem}")
    if not any(SPOILED in problem for problem in found["problems"]):
        context.violation("a damaged database was not told")


CASES = {"writers": writers, "damaged": damaged}

__all__ = ["BREAKS", "BUDGET_SECONDS", "CASES", "NAME", "prepare", "settle"]
