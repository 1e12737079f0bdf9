"""Autoheal rests while one of us works on what it watches.

It restarts whatever is unhealthy and carries its label, and it cannot take the stack lock: a
container that is being stopped could be started again under our hands, by the id it had before.
So whoever stops, recreates or restarts such a container pauses Autoheal's first (Docker's freezer:
no restart, no lost state) and lets it go on afterwards. Killed in between, Autoheal stays paused
until the keeper finds it so while nobody holds the lock. Docker calls a paused container unhealthy
until its next health check: Autoheal must not carry its own label. Facts: Docker
Engine API "pause", willfarrell/autoheal (lists unhealthy containers, then restarts each by id).

While an updated service has to prove itself it stays paused, if it watches that one: a migration
may take longer than a health check is patient, and a restart in its middle makes a bad version of a
good one. So while a restored or an adopted config may be migrated. The journals of these say so,
and their end lets the keeper wake Autoheal.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mediastack import ledger, lock
from mediastack.adopt import journal as adopting
from mediastack.docker_client import LABEL, DockerError, NotReachable
from mediastack.docker_engine import Engine
from mediastack.restore import inflight as restoring
from mediastack.updater import inflight

SERVICE = "autoheal"
WATCHED = "autoheal=true"


@contextlib.contextmanager
def resting(docker: Engine, services: Iterable[str]) -> Iterator[None]:
    """Keep Autoheal paused during the block if it watches one of these services.

    The caller holds the stack lock. That Autoheal cannot be paused keeps nobody from working: it
    is said on stderr. Raise docker_client.NotReachable, before the block only.
    """
    paused = _pause(docker, set(services))
    try:
        yield
    finally:
        if paused and not is_to_rest():
            with contextlib.suppress(NotReachable):
                # Without an answer it is the keeper's to find.
                _resume(docker)


def wake(docker: Engine, observation: Mapping[str, Any], actor: str) -> bool:
    """Let a paused Autoheal go on when nobody holds the lock; say whether it was done.

    Raise docker_client.NotReachable.
    """
    if is_to_rest() or not any(
        container["name"] == SERVICE and container["status"] == "paused"
        for container in observation["containers"]
    ):
        return False
    try:
        # Whoever paused it holds the lock, or is dead.
        with lock.hold(actor, "letting Autoheal go on", wait_seconds=0.0):
            resumed = _resume(docker)
    except lock.Busy:
        return False
    if resumed:
        ledger.append(actor, SERVICE, "resumed", cause="it was left paused")
    return resumed


def is_to_rest() -> bool:
    """Say whether an update, a restore or an adoption under way wants it paused, if it watches that
    service."""
    return bool(inflight.in_work() or restoring.in_work() or adopting.entries())


def _pause(docker: Engine, services: set[str]) -> bool:
    """Pause Autoheal if need be; say whether it has to be resumed."""
    status = _status(docker)
    if not services or status not in ("running", "paused"):
        return False
    watched = {
        (container["Config"].get("Labels") or {}).get(LABEL)
        for container in docker.containers(WATCHED)
    }
    if not services & watched:
        return False
    if status == "paused":
        # Left so by one that was killed: the lock is ours now, and so is the resuming.
        return True
    try:
        docker.pause(SERVICE)
    except DockerError as error:
        print(f"mediastack: {SERVICE} cannot be paused, going on without: {error}", file=sys.stderr)
        return False
    return True


def _resume(docker: Engine) -> bool:
    """Resume Autoheal if it is paused (it may be a new container by now, or gone)."""
    if _status(docker) != "paused":
        return False
    try:
        docker.resume(SERVICE)
    except DockerError as error:
        print(f"mediastack: {SERVICE} cannot be resumed: {error}", file=sys.stderr)
        return False
    return True


def _status(docker: Engine) -> str:
    """Docker's word for the state of our Autoheal, "" when there is none."""
    container = docker.inspect(SERVICE)
    if container is None:
        return ""
    labels = container["Config"].get("Labels") or {}
    return str(container["State"]["Status"]) if labels.get(LABEL) == SERVICE else ""
