"""`backup --due`: one pass of the timer, every quarter of an hour; mostly there is nothing to do.

First what a killed run may have left (a restore half done, the drill's scratch place), then the
backups, then the weekly care of each repository, then the weekly drill, whichever is due by what
is written down. A restore that cannot be resumed keeps nobody from being backed up.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

from mediastack import clock, lock
from mediastack import config as configuration
from mediastack.backup import care, due, kit, report, run, run_lock, settings, zone
from mediastack.backup.restic import ResticError
from mediastack.backup.run import problem
from mediastack.docker_client import NotReachable
from mediastack.docker_engine import Engine
from mediastack.secret_files import SecretError


def run_pass(config: dict[str, Any], docker: Engine) -> int:
    """Do what is due; return 1 when any of it failed. Raise OSError, NotReachable."""
    wanted, targets = settings.of(config), settings.targets(config)
    with run_lock.hold() as ours:
        if not ours:
            return 0
        code = _tidied(config, docker)
        _note_new(targets)
    if not wanted.enabled:
        return code
    _module("backup.drill_alarm").tell(config)
    kit.remind(config)
    now = time.time()
    found = due.find(wanted, targets, report.read(), now, zone.of(config))
    chosen = [one for one in targets if one.name in found.backups]
    if chosen:
        code = max(code, run.backup(config, docker, chosen, by_hand=False))
    # What was saved just now may be what a drill waited for.
    found = due.find(wanted, targets, report.read(), now, zone.of(config))
    for target in targets:
        if target.name in found.care:
            code = max(code, _care(config, target))
    if found.drill:
        code = max(code, _drill(config, docker, targets))
    return code


def _tidied(config: dict[str, Any], docker: Engine) -> int:
    """Bring to its end what a killed restore, adoption or drill has left."""
    try:
        code = int(_module("restore.resume").finish(configuration.current, docker, _said))
        if _module("adopt.journal").entries():
            code = max(code, int(_module("adopt.verb").resume(config, docker)))
        _module("backup.drill").sweep(config, docker)
    except (NotReachable, lock.Busy, SecretError, OSError) as error:
        return problem(f"what a restore, an adoption or a drill has left: {error}")
    return code


def _said(text: str) -> None:
    print(f"restore: {text}")


def _note_new(targets: list[settings.Target]) -> None:
    """Write down since when a target is known: its first backup is due the night after."""
    entries = report.read()["targets"]
    for target in targets:
        if not entries.get(target.name, {}).get("known_since"):
            report.note_target(target.name, known_since=clock.timestamp())


def _care(config: dict[str, Any], target: settings.Target) -> int:
    with run_lock.hold() as ours:
        if not ours:
            return 0
        try:
            care.look_after(config, target)
        except ResticError as error:
            return problem(f"care of {error}")
    return 0


def _drill(config: dict[str, Any], docker: Engine, targets: list[settings.Target]) -> int:
    """Restore the newest backup of the first target that has one, and is well if any is."""
    found = report.read()
    entries = found["targets"]
    saved = [one for one in targets if entries.get(one.name, {}).get("saved_at")]
    well = [one for one in saved if not entries[one.name].get("error")]
    # One that is killed each time is not to be begun every quarter of an hour.
    report.note(drill={**found["drill"], "tried_at": clock.timestamp()})
    return int(_module("backup.drill").run(config, docker, (well or saved)[0]))


def _module(name: str) -> Any:
    """A program that most passes need nothing of is loaded when it is called."""
    return importlib.import_module(f"mediastack.{name}")
