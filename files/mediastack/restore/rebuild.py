"""The verb `rebuild`: a bare host is filled from a backup, before anything on it starts.

The deploy calls it between installing these programs and making secrets. Where to restore from and
how to open it comes as JSON over stdin and is in files for root alone, in memory, while it lasts.
Everything is fetched and verified first, then put in place (rebuild_fetch, rebuild_place); killed
anywhere, the next run goes on, with the same backup. A host that has a house is left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from mediastack import atomic, clock, ledger
from mediastack import config as config_file
from mediastack.backup import manifest as manifests
from mediastack.backup import run_lock, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target
from mediastack.backup.trouble import BackupError
from mediastack.restore import (
    extract,
    rebuild_choice,
    rebuild_fetch,
    rebuild_place,
    rebuild_state,
)
from mediastack.restore.rebuild_state import RebuildError
from mediastack.restore.trouble import RestoreError

NAME = "rebuild"
# An earlier deploy that was cut off may still be at work here: it is left to do it.
PATIENCE_SECONDS = 1800.0
USAGE = "usage: mediastack rebuild [--check] < order.json, or: mediastack rebuild --give-up"
TROUBLE = (
    *(config_file.ConfigError, RebuildError, ResticError, BackupError),
    *(RestoreError, manifests.ManifestError),
)
ORDER = ("config", "repository", "password", "environment", "host", "snapshot", "older")


def main(arguments: list[str]) -> int:
    """Verb `rebuild`: print {"changed": [paths]}; `--check`: {"due": [differences], "note"}."""
    acts = {(): rebuild, ("--check",): check}
    act = acts.get(tuple(arguments))
    if act is None and arguments != ["--give-up"]:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        print(json.dumps(act(given()) if act else give_up()))
    except TROUBLE as error:
        print(f"mediastack rebuild: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"mediastack rebuild: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def given() -> dict[str, Any]:
    """Return the order on stdin. Raise RebuildError, quoting nothing."""
    try:
        order = json.loads(sys.stdin.read())
    except ValueError:
        order = None
    if not isinstance(order, dict) or "config" not in order or order.keys() - {*ORDER}:
        raise RebuildError("stdin: not a JSON object with a config; the deploy hands it over")
    return order


def check(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rebuild would do here: {"due": [{"path", "problem"}], "note": text}."""
    config = order["config"]
    seen = rebuild_state.look(config)
    if seen.kind == "kept":
        return {"due": [], "note": f"backup.rebuild_from: left aside, {seen.why}"}
    if seen.kind == "done":
        return {"due": [], "note": ""}
    words = {
        "bare": "is bare, and comes from a backup",
        "unfinished": "is half rebuilt, and goes on",
        "refused": f"cannot be rebuilt: {seen.why}",
    }
    return {"due": [{"path": "this host", "problem": words[seen.kind]}], "note": ""}


def give_up() -> dict[str, Any]:
    """Forget a rebuild that has put nothing in place. Raise ConfigError, RebuildError, OSError."""
    rebuild_state.give_up(config_file.load())
    return {"changed": []}


def rebuild(order: Mapping[str, Any]) -> dict[str, Any]:
    """Fill this host. Raise RebuildError, ResticError, BackupError, ManifestError, OSError."""
    config, started = order["config"], time.monotonic()
    with run_lock.hold(PATIENCE_SECONDS) as ours:
        if not ours:
            raise RebuildError("a backup or restore is at work here; fix: run the deploy again")
        seen = rebuild_state.look(config)
        if seen.kind in ("kept", "done"):
            return {"changed": []}
        if seen.kind == "refused":
            raise RebuildError(seen.why)
        record = rebuild_state.read(config)
        if record.get("step") != rebuild_state.PLACE:
            with credentials(config, order) as target:
                record = fetched(config, target, order, record)
            record = {**record, "step": rebuild_state.PLACE}
            rebuild_state.write(config, record)
        placed = rebuild_place.everything(config)
        rebuild_state.clear(config)
        record = {**record, "step": rebuild_state.DONE, "finished_at": clock.timestamp()}
        rebuild_state.write(config, record)
        told = {name: record[name] for name in ("snapshot", "host", "made_at")}
        seconds = time.monotonic() - started
        ledger.append(NAME, "host", "done", duration_seconds=seconds, details=told)
    return {"changed": placed, **told}


def fetched(
    config: Mapping[str, Any], target: Target, order: Mapping[str, Any], record: dict[str, Any]
) -> dict[str, Any]:
    """Have everything of one backup here; return the record of it."""
    asked = {name: order.get(name, "") for name in ("repository", "host", "snapshot")}
    owners = {name: [one.get("uid", 0), one.get("gid", 0)]
              for name, one in config["services"].items()}  # fmt: skip
    found = snapshots.listed(target)
    begun = (record.get("asked"), record.get("owners")) == (asked, owners)
    if not begun or record.get("snapshot") not in {one.id for one in found}:
        chosen = rebuild_choice.choose(
            found, config["host"]["name"], host=asked["host"], snapshot=asked["snapshot"]
        )
        record = {
            "step": rebuild_state.FETCH, "asked": asked, "owners": owners,
            "snapshot": chosen.id, "host": chosen.host, "made_at": chosen.time,
            "started_at": clock.timestamp(),
        }  # fmt: skip
        # The record first: what lies here is of another backup until it is gone.
        rebuild_state.write(config, {**record, "snapshot": ""})
        rebuild_state.clear(config)
        rebuild_state.write(config, record)
    manifest = extract.manifest(target, record["snapshot"])
    if not order.get("older"):
        rebuild_choice.refuse_newer(str(manifest.get("release", "")), config["release"])
    rebuild_fetch.fetch(config, target, record["snapshot"], manifest)
    return record


@contextlib.contextmanager
def credentials(config: Mapping[str, Any], order: Mapping[str, Any]) -> Iterator[Target]:
    """The repository, with its secrets in files that only root can read, in memory."""
    directory = os.path.join(config["paths"]["runtime"], NAME)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(os.path.dirname(directory), mode=0o755, exist_ok=True)
    os.mkdir(directory, 0o700)
    password, environment = (os.path.join(directory, one) for one in ("password", "environment"))
    try:
        atomic.write(password, str(order["password"]).encode(), mode=0o600)
        atomic.write(environment, str(order.get("environment", "")).encode(), mode=0o600)
        yield Target(NAME, str(order["repository"]), password, environment)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
