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
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from mediastack import atomic, image_lock
from mediastack.backup.settings import Target
from mediastack.restore import extract, rebuild_owners, rebuild_state

PARTIAL = ".partial-"
TREE = "tree"


def fetch(
    config: Mapping[str, Any], target: Target, snapshot: str, manifest: Mapping[str, Any]
) -> None:
    """Bring here what is not here yet. Raise what extract does, OSError."""
    waiting = rebuild_state.places(config)
    for place in waiting:
        _sweep(place)
    for service in manifest["services"]:

        def one_service(into: str, service: str = service) -> None:
            extract.service(target, snapshot, manifest, service, into)
            rebuild_owners.give(into, config, manifest, service)

        _whole(os.path.join(waiting.services, service), one_service)

    def all_secrets(into: str) -> None:
        extract.secrets(target, snapshot, manifest, into)
        rebuild_owners.give_secrets(into, config, manifest)

    def own_state(into: str) -> None:
        extract.state(target, snapshot, manifest, into)
        settle_updates(os.path.join(into, "images.lock"), manifest)
        forget_targets(os.path.join(into, "backup.json"))

    _whole(os.path.join(waiting.secrets, TREE), all_secrets)
    _whole(os.path.join(waiting.state, TREE), own_state)


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


def _whole(path: str, make: Callable[[str], None]) -> None:
    """Have the tree `path`, made by `make` in a place of its own."""
    if os.path.lexists(path):
        return
    # Another name each time: a restic that outlives a killed run must not write into this one's.
    partial = f"{path}{PARTIAL}{secrets.token_hex(4)}"
    make(partial)
    # The name says that it is complete, also after a power cut.
    subprocess.run(["sync", "--file-system", partial], check=True)
    os.rename(partial, path)
    atomic.sync_directory(os.path.dirname(path))
