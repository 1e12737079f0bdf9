"""How a test makes a stand-in slow, sick or dead.

A control file is read again at every question: `<state>/.standin.json` (survives a recreation when
the state is mounted) or `/tmp/standin.json` (for `docker exec`). Keys, all optional, also as
environment (STANDIN_HEALTH=sick ...):

    health                  "sick": health answers 500; "hang": it never answers in time
    delay_seconds           every answer takes so much longer
    start_delay_seconds     the port opens so much later (read at start)
    exit_code               the process ends at once with it (at start, or when next asked)
    exit_after_seconds      ... so long after its start, instead of at once (exit_code: 1)
    sick_seconds            health answers 500 for so long after the start
    well_seconds            health answers 500 from so long after the start on
    flap_seconds            health is well and sick in turns of so many seconds
    restarts                so many first lives of a state end by themselves, with 0
    damage                  at start: "delete" (all of the state), "corrupt" (its databases),
                            "unreadable" (modes 000), "junk" (more files, others replaced by links)
    schema                  (number) databases are of this schema: older ones are migrated at start,
                            newer ones refused
    migrate_seconds         so long takes each migration
    ignore_sigterm          true: only SIGKILL ends it
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

FALLBACK = Path("/tmp/standin.json")
HANG_SECONDS = 3600.0
LIVES = ".standin-lives"
_began = time.monotonic()


def read(state: str = "") -> dict[str, Any]:
    """The control values in force now: environment, overlaid by the files that exist."""
    found: dict[str, Any] = {}
    for name, value in os.environ.items():
        if name.startswith("STANDIN_"):
            found[name.removeprefix("STANDIN_").lower()] = value
    for path in (FALLBACK, Path(state) / ".standin.json" if state else FALLBACK):
        try:
            found.update(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue  # absent, or being written: the next question reads it again
    return found


def at_start(state: str = "") -> None:
    """Honour what happens once: damage, exits and start_delay_seconds."""
    values = read(state)
    if values.get("damage"):
        damage(str(values["damage"]), Path(state))
    if "exit_after_seconds" in values:
        code = int(values.get("exit_code", 1))
        timer = threading.Timer(float(values["exit_after_seconds"]), lambda: os._exit(code))
        timer.daemon = True
        timer.start()
    elif "exit_code" in values:
        raise SystemExit(int(values["exit_code"]))
    if "restarts" in values:
        _end_by_itself(Path(state) / LIVES, int(values["restarts"]))
    time.sleep(float(values.get("start_delay_seconds", 0)))


def is_sick(state: str = "") -> bool:
    """Honour what is in force for one health question; True when it must be answered with 500."""
    values = read(state)
    if values.get("health") == "hang":
        time.sleep(HANG_SECONDS)
    age = time.monotonic() - _began
    if age < float(values.get("sick_seconds", 0)) or age > float(values.get("well_seconds", age)):
        return True
    if turn := float(values.get("flap_seconds", 0)):
        return int(age / turn) % 2 == 1
    return values.get("health") == "sick"


def before_answer(state: str = "") -> None:
    """Honour exit_code and delay_seconds for any question."""
    values = read(state)
    if "exit_code" in values and "exit_after_seconds" not in values:
        os._exit(int(values["exit_code"]))
    time.sleep(float(values.get("delay_seconds", 0)))


def damage(kind: str, state: Path) -> None:
    """Do to a state what a broken version does to it."""
    if kind == "junk":
        for number in range(200):
            (state / f"junk-{number}").write_text("junk" * 64, encoding="utf-8")
    for path in sorted(state.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):
            _damage(kind, path)


def _damage(kind: str, path: Path) -> None:
    if kind == "delete":
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    elif kind == "corrupt" and path.suffix == ".db":
        with path.open("r+b") as handle:
            handle.seek(32)
            handle.write(b"\xff" * 4096)
    elif kind == "unreadable":
        path.chmod(0)
    elif kind == "junk" and path.suffix == ".xml":
        path.unlink()
        path.symlink_to("/etc/passwd")


def _end_by_itself(lives: Path, wanted: int) -> None:
    """End while this state has not had so many lives."""
    try:
        had = int(lives.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        had = 0
    if had < wanted:
        lives.write_text(str(had + 1), encoding="utf-8")
        raise SystemExit(0)
