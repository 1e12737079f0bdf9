"""One verified copy takes the place of ours: stop, exchange, start, see that it is well, or back.

Under the stack lock the service is stopped and two names are exchanged, which has no middle; then
it starts as after any deploy. Well within its time, the new tree stays, the house's secrets follow
the key in it, and the old tree goes. Otherwise the old one comes back the same way. The journal
says which of the two is wanted before it is done; what is, is read from the trees themselves. So a
run that is killed leaves the old or the new, and the next one ends what it began.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from mediastack import acts, clock, healing, lock, stacks
from mediastack import journal as acting
from mediastack.adopt import copy, house, journal, keys, plain, prove
from mediastack.adopt.house import Source
from mediastack.adopt.survey import tailored
from mediastack.docker_client import LABEL, DockerError
from mediastack.docker_engine import Engine
from mediastack.restore import swap

ACTOR = "adopt"
ENDED = ("exited", "dead", "created")
Config = dict[str, Any]


def put(config: Config, docker: Engine, source: Source) -> str:
    """Let the copy become the service's state; return why it did not, "" when it did.

    Raise lock.Busy and Refusal (then nothing was touched), NotReachable, OSError.
    """
    service = source.service
    live, stage = config["services"][service]["config"], house.stage(config, service)
    # Now, since the keys of its neighbours may have become other ones a moment ago.
    for relative, one in tailored(config, source, stage).items():
        plain.replace(stage, relative, one.text)
    swap.to_disk(stage)
    with _locked(config, f"putting the state of {service} in place"):
        entry = {
            "service": service,
            "live": live,
            "stage": stage,
            "new": swap.identity(stage),
            "old": swap.identity(live),
            "step": "in",
            "at": clock.timestamp(),
        }
        journal.write(entry)
        _bring(config, docker, entry, "new")
    return finish(config, docker, service)


def finish(config: Config, docker: Engine, service: str) -> str:
    """Do what the journal says is still to be done; return why the old state is back, "" when the
    new one stays. Raise lock.Busy (then run it again), NotReachable, OSError."""
    entry, started, why = journal.entries()[service], time.monotonic(), ""
    if entry["step"] == "in":
        why = _bring(config, docker, entry, "new")
        why = why or prove.begin(config, docker, ACTOR, service)
        why = why or prove.unwell(config, docker, service)
        # Where there was nothing, there is nothing to go back to.
        entry["step"] = "out" if why and entry["old"] is not None else "keep"
        journal.write(entry)
    if entry["step"] == "out":
        why = why or "it was not well with it"
        failed = _bring(config, docker, entry, "old")
        failed = failed or prove.begin(config, docker, ACTOR, service)
        acts.record(ACTOR, service, "adoption taken back", started=started, cause=why)
        if failed:
            return f"{why}; and its old state could not be put back: {failed}; run it again"
        prove.unwell(config, docker, service)
        why = f"{why}; its old state is back"
    else:
        why = f"{why}; there was nothing before, so the new state stays" if why else ""
        _follow(config, docker, service)
        acts.record(ACTOR, service, "adopted", started=started, cause=why or "asked for")
    copy.drop(entry["stage"])
    journal.forget(service)
    return why


def sweep(config: Config) -> None:
    """Remove copies that no run will use any more. Raise OSError."""
    top = os.path.dirname(house.stage(config, "any"))
    kept = {os.path.basename(one["stage"]) for one in journal.entries().values()}
    for name in os.listdir(top) if os.path.isdir(top) else ():
        if name not in kept:
            copy.drop(os.path.join(top, name))
    if os.path.isdir(top) and not kept:
        os.rmdir(top)


def _locked(config: Config, reason: str) -> Any:
    wait = float(config.get("limits", {}).get("lock_wait_seconds", stacks.LOCK_WAIT_SECONDS))
    return lock.hold(ACTOR, reason, wait_seconds=wait)


def _bring(config: Config, docker: Engine, entry: journal.Entry, which: str) -> str:
    """Have one of both trees live, under the lock and with the service stopped; return why that
    failed."""
    service, wanted = entry["service"], entry[which]
    with _locked(config, f"putting the state of {service} in place"):
        if swap.identity(entry["live"]) == wanted and _is_on(config, docker, entry):
            return ""
        try:
            _stop(config, docker, service)
            swap.bring(entry["live"], entry["stage"], wanted)
            if not _is_on(config, docker, entry):
                # Started by a hand in between, it is on the tree that had the name then.
                _stop(config, docker, service)
        except (DockerError, OSError, swap.Lost) as error:
            return str(error)
    return ""


def _is_on(config: Config, docker: Engine, entry: journal.Entry) -> bool:
    """Say whether what runs of a service, if anything, has the tree that is live now."""
    place = str(config["services"][entry["service"]].get("config_path", "")).lstrip("/")
    live = swap.identity(entry["live"])
    for container in docker.containers(LABEL, [entry["service"]]):
        pid = int(container["State"].get("Pid") or 0)
        if container["State"]["Status"] in ENDED or not pid:
            continue
        try:
            if os.stat(f"/proc/{pid}/root/{place}").st_ino != live:
                return False
        except OSError:
            # It has ended, or begins just now.
            return False
    return True


def _stop(config: Config, docker: Engine, service: str) -> None:
    """End all its containers, as ours to start again. Raise DockerError, NotReachable."""
    acting.begin(ACTOR, "adopt", [service])
    with healing.resting(docker, [service]):
        for container in docker.containers(LABEL, [service]):
            if container["State"]["Status"] == "paused":
                docker.resume(container["Id"])
            docker.stop(container["Id"], acts.grace(config, service))
        left = docker.containers(LABEL, [service])
    if any(one["State"]["Status"] not in ENDED for one in left):
        raise DockerError(f"{service} did not end")


def _follow(config: Config, docker: Engine, service: str) -> None:
    """The keys of the house follow, and whoever has a copy begins anew with it.

    Raise lock.Busy, NotReachable, OSError."""
    changed = keys.follow(config, service)
    # Not only what changed now: a run that was killed may have come no further.
    readers = set(keys.readers(config, service))
    readers |= {os.path.basename(os.path.dirname(path)) for path in changed}
    for reader, (relative, text) in keys.to_relink(config).items():
        with _locked(config, f"giving {reader} a new key"):
            try:
                # It writes this file itself while it runs.
                _stop(config, docker, reader)
                plain.replace(config["services"][reader]["config"], relative, text)
            except DockerError as error:
                print(f"mediastack adopt: {reader}: {error}", file=sys.stderr)
        readers.add(reader)
    for reader in sorted((readers & config["services"].keys()) - {service}):
        if why := prove.begin(config, docker, ACTOR, reader) or prove.unwell(
            config, docker, reader
        ):
            print(f"mediastack adopt: {reader}, which got a new key: {why}", file=sys.stderr)
