"""What updates leave behind goes when its days are over: copies, old images, their names.

Only our own names are taken from images, and an image that a container uses stays whatever happens:
Docker refuses. What the transaction under way needs is left alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from mediastack import image_lock
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import ImageEngine
from mediastack.updater import copies, images, inflight, kept, settings


def run(config: Mapping[str, Any], docker: ImageEngine, now: float | None = None) -> None:
    """Remove what is not needed any more. Raise nothing of Docker's or the disk's: it comes again
    in minutes."""
    try:
        days = settings.of(config).keep_days
        _forget_old(days * settings.DAY_SECONDS)
        _copies(config, days * settings.DAY_SECONDS, time.time() if now is None else now)
        _names(docker, needed(image_lock.read(), kept.read(), inflight.read()))
    except (DockerError, NotReachable, OSError, ValueError) as error:
        print(f"mediastack update-worker: pruning: {error}", file=sys.stderr)


def needed(
    locked: Mapping[str, Any], kept_back: Mapping[str, Any], tx: Mapping[str, Any] | None
) -> set[str]:
    """Return the names that keep what is locked, tried, or could be gone back to. Pure."""
    digests: set[tuple[str, str]] = set()
    for service, entry in locked.items():
        for one in (entry, entry.get("trial"), entry.get("previous")):
            digests |= {(service, str(one["digest"]))} if one else set()
    transactions = [one["tx"] for one in kept_back.values()] + ([tx] if tx else [])
    for one in transactions:
        digests |= {(one["service"], one[which]["digest"]) for which in ("old", "new")}
    return {images.kept_name(service, digest) for service, digest in digests}


def _forget_old(seconds: float) -> None:
    for service, one in kept.read().items():
        if kept.age_seconds(one) > seconds:
            image_lock.forget_previous(service)
            kept.drop(service)


def _copies(config: Mapping[str, Any], seconds: float, now: float) -> None:
    tx, back = inflight.read(), kept.read()
    for service, identities in copies.present(config).items():
        wanted = {back[service]["tx"]["id"]} if service in back else set()
        wanted |= {tx["id"]} if tx and tx["service"] == service else set()
        for identity in identities - wanted:
            place = copies.path(config, {"service": service, "id": identity})
            try:
                age = now - os.stat(f"{place}.json").st_mtime
            except OSError:
                age = seconds + 1  # never whole: nobody goes back to that
            # One that was gone back to is kept as long, should somebody miss something.
            if age > seconds or wanted - {(tx or {}).get("id")}:
                copies.drop(config, service, identity)


def _names(docker: ImageEngine, wanted: set[str]) -> None:
    for name, image in docker.tags(images.KEEP).items():
        if name in wanted:
            continue
        docker.forget_image(name)
        short = name.rpartition(":")[2]
        for pulled in image.get("RepoDigests") or []:
            if images.short(str(pulled).partition("@")[2]) == short:
                # A container may use it.
                with contextlib.suppress(DockerError):
                    docker.forget_image(str(pulled))
