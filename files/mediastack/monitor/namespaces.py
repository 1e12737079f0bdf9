"""Which network namespace a dependent is in, compared with its owner's. Pure.

Docker's own view does not tell: a dependent of a restarted Gluetun is "running" and healthy in a
namespace that has only `lo`. What tells is, in this order: whether there is an owner's namespace
at all; the id that the dependent was joined to; the inodes of both namespaces; and where one of
these could not be read, that an owner started later has a namespace made later. Whatever could not
be read is "unknown", never a reason to act. Facts: a new namespace comes with every start of the
owner, a dependent keeps that of its own start (Docker 20.10 to 29, tried).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Facts = Mapping[str, Any]

INSIDE, STRANDED, OUT, UNKNOWN = "inside", "stranded", "out", "unknown"
RUNS = ("running", "paused")
ENDED = ("absent", "created", "exited", "dead", "removing", "restarting")


def verdict(owner: Facts, dependent: Facts) -> str:
    """Return "inside", "stranded" (runs, but elsewhere), "out" (does not run) or "unknown"."""
    if dependent["status"] not in RUNS:
        return OUT
    if owner["status"] in ENDED:
        # Whatever namespace it is in, nobody is there to make a tunnel in it.
        return STRANDED
    joined = dependent["network_mode"]
    if joined not in (f"container:{owner['id']}", f"container:{owner['name']}"):
        return STRANDED
    mine, theirs = dependent["netns"], owner["netns"]
    if mine is not None and theirs is not None:
        return INSIDE if mine == theirs else STRANDED
    started, owner_started = dependent["started_at"], owner["started_at"]
    if started is not None and owner_started is not None and started < owner_started:
        return STRANDED
    return UNKNOWN


def incarnation(owner: Facts, boot: str) -> list[Any] | None:
    """Return what is another one whenever the owner's namespace is; None when it has none."""
    if owner["status"] not in RUNS or owner["started_at"] is None:
        return None
    return [owner["id"], owner["started_at"], boot]


def is_ready(owner: Facts, firewall: bool | None) -> bool:
    """Say whether dependents may be let into the owner's namespace: it runs, is healthy, and its
    packet filter is known to stand."""
    return is_well(owner) and firewall is True


def is_well(owner: Facts) -> bool:
    """Say whether the owner runs and is healthy, as far as it has a health check."""
    if owner["status"] != "running":
        return False
    return owner["health"] == "healthy" or not owner["health_check"]
