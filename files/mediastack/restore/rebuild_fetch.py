"""Everything of a backup, whole and verified, beside where it will go; nothing is in place yet.

Each service, the secrets and our own state are one tree each. A tree is made under a name of its
own and gets its final one when it is complete and on the disk, so a rebuild that was killed keeps
what it has. What only made sense where it came from is dropped here: an update that was under way,
and when which repository was last written to.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mediastack import atomic, image_lock
from mediastack.backup.settings import Target
from mediastack.restore import extract, listing, rebuild_owners, rebuild_state, swap

PARTIAL = ".partial-"
TREE = "tree"
BATCH_BYTES = 256 * 1024**2


def fetch(
    config: Mapping[str, Any], target: Target, snapshot: str, manifest: Mapping[str, Any]
) -> None:
    """Bring here what is not here yet. Raise what extract does, OSError."""
    waiting = rebuild_state.places(config)
    for place in waiting:
        _sweep(place)
    due = {
        service: size
        for service, size in sizes(target, snapshot, manifest).items()
        if not os.path.lexists(os.path.join(waiting.services, service))
    }
    for batch in batches(due):

        def some_services(partial: Mapping[str, str]) -> None:
            extract.services(target, snapshot, manifest, partial)
            for service, into in partial.items():
                rebuild_owners.give(into, config, manifest, service)

        _whole(waiting.services, batch, some_services)

    def all_secrets(partial: Mapping[str, str]) -> None:
        into = partial[TREE]
        extract.secrets(target, snapshot, manifest, into)
        rebuild_owners.give_secrets(into, config, manifest)

    def own_state(partial: Mapping[str, str]) -> None:
        into = partial[TREE]
        extract.state(target, snapshot, manifest, into)
        settle_updates(os.path.join(into, "images.lock"), manifest)
        forget_targets(os.path.join(into, "backup.json"))

    for place, make in ((waiting.secrets, all_secrets), (waiting.state, own_state)):
        if not os.path.lexists(os.path.join(place, TREE)):
            _whole(place, [TREE], make)


def sizes(target: Target, snapshot: str, manifest: Mapping[str, Any]) -> dict[str, int]:
    """Return how many bytes a backup has of each service; without those that had no directory."""
    tops: dict[str, str] = {}
    for service in manifest["services"]:
        source = extract.source(manifest, service)
        tops |= {top: service for top in (source.tree, source.databases) if top}
    found: dict[str, int] = {}
    top = ""
    for node in listing.nodes(target, snapshot, tops):
        # Nodes come tree by tree, and no tree is inside another.
        if listing.below(node.path, top) is None or not top:
            top = next(one for one in tops if listing.below(node.path, one) is not None)
        found[tops[top]] = found.get(tops[top], 0) + node.size
    return found


def batches(due: Mapping[str, int]) -> Iterator[list[str]]:
    """Yield services that are fetched together, big ones alone: each question to a repository
    takes seconds, and what a killed run had not finished is fetched again."""
    batch: list[str] = []
    total = 0
    for service in sorted(due, key=lambda one: (due[one], one)):
        if batch and total + due[service] > BATCH_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(service)
        total += due[service]
    if batch:
        yield batch


def settle_updates(lock: str, manifest: Mapping[str, Any]) -> None:
    """An update that was under way ended with that host: what the state was made by is locked."""
    for service, entry in image_lock.read(path=lock).items():
        trial = entry.get("trial")
        if not trial:
            continue
        ran = manifest["services"].get(service, {}).get("digest", "")
        if ran and ran == trial.get("digest"):
            image_lock.settle_trial(service, path=lock)
        else:
            image_lock.drop_trial(service, path=lock)


def forget_targets(report: str) -> None:
    """The next backup is due at once: this is another host, and maybe another disk."""
    found = atomic.read_json(report, {})
    if found.get("targets"):
        atomic.write_json(report, {**found, "targets": {}})


def _sweep(place: str) -> None:
    """Make the place ours alone, without what a killed run left half done."""
    if not os.path.isdir(place):
        os.mkdir(place, 0o700)
    os.chmod(place, 0o700)
    for name in os.listdir(place):
        if PARTIAL in name:
            shutil.rmtree(os.path.join(place, name), ignore_errors=True)


def _whole(place: str, names: list[str], make: Callable[[Mapping[str, str]], None]) -> None:
    """Have trees of these names in `place`, made by `make` in places of their own."""
    # Another name each time: a restic that outlives a killed run must not write into this one's.
    partial = {
        name: os.path.join(place, f"{name}{PARTIAL}{secrets.token_hex(4)}") for name in names
    }
    make(partial)
    # The name says that it is complete, also after a power cut.
    swap.to_disk(place)
    for name, path in partial.items():
        os.rename(path, os.path.join(place, name))
    atomic.sync_directory(place)
