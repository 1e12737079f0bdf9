"""Digests that were tried and found bad: updater/refused.json {service: {digest: {"why","at"}}}.

What a digest names never changes, so it is not tried again; the same tag with another digest is.
"""

from __future__ import annotations

import os
from typing import Any

from mediastack import atomic, clock
from mediastack.updater import inflight

KEPT = 50


def add(service: str, digest: str, why: str) -> None:
    """Remember this one. Raise OSError."""
    with atomic.exclusive(_path()):
        found = read()
        known = {**found.get(service, {}), digest: {"why": why, "at": clock.timestamp()}}
        newest = sorted(known, key=lambda one: str(known[one]["at"]))[-KEPT:]
        kept = {one: known[one] for one in newest}
        atomic.write_json(_path(), {**found, service: kept})


def of(service: str) -> dict[str, dict[str, str]]:
    """Return {digest: {"why","at"}} of this service."""
    return read().get(service, {})


def read() -> dict[str, dict[str, dict[str, str]]]:
    """Return all of them; what is damaged is left out."""
    found: dict[str, Any] = atomic.read_json(_path(), {})
    return {
        service: {k: v for k, v in known.items() if isinstance(v, dict) and "at" in v}
        for service, known in found.items()
        if isinstance(known, dict)
    }


def _path() -> str:
    return os.path.join(inflight.directory(), "refused.json")
