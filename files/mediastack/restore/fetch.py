"""Everything that a restore needs, beside what is there: trees out of the repository, images.

Nothing live is touched here, and nothing here is taken up again after a kill: what it left is swept
away. When it returns, each new tree is whole, verified, on disk and of this host's owners, and
what is left to do is to exchange names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mediastack.backup.settings import Target
from mediastack.docker_engine import ImageEngine
from mediastack.restore import carry, extract, images, owners, places, swap, transaction
from mediastack.restore.images import SAME
from mediastack.restore.plan import Item
from mediastack.restore.same import same
from mediastack.restore.trouble import RestoreError

Said = Callable[[str], None]


def fetch(
    config: Mapping[str, Any],
    docker: ImageEngine,
    target: Target,
    snapshot_id: str,
    manifest: Mapping[str, Any],
    items: Sequence[Item],
    identity: str,
    said: Said,
) -> dict[str, transaction.Transaction]:
    """Return {service: transaction}, without those that are what they were.

    Raise RestoreError, ResticError, OSError; what was taken out is the caller's to remove.
    """
    for item in items:
        if item.move:
            said(f"{item.service}: having its image {item.then}")
            images.fetch(docker, item.service, item.move)
    directory = places.make(config, identity)
    atomic = swap.can_exchange(directory)
    staged = {one.service: places.tree(config, identity, one.service) for one in items}
    said(f"taking {len(items)} services out of {target.name} and verifying them")
    there = extract.services(target, snapshot_id, manifest, staged, skip_absent=True)
    found = {}
    for item in items:
        if item.service not in there:
            said(f"{item.service}: had no config when it was backed up; left alone")
            continue
        live = _live(config, item.service)
        entry = manifest["services"][item.service]
        _fit(config, entry, item.service, live, staged[item.service])
        if item.move is None and not entry.get("databases") and same(
            live, staged[item.service], _excludes(config, item.service, entry)
        ):  # fmt: skip
            said(f"{item.service}: is as in the backup; left alone")
            shutil.rmtree(staged[item.service])
            continue
        found[item.service] = _begun(item, live, staged[item.service], atomic)
    swap.to_disk(directory)
    return found


def _begun(item: Item, live: str, staged: str, atomic: bool) -> transaction.Transaction:
    new = swap.identity(staged)
    if new is None:
        raise RestoreError("other", f"{staged} is gone")
    return transaction.begin(
        item.service,
        live=live,
        staged=staged,
        old=swap.identity(live),
        new=new,
        runs=item.runs,
        atomic=atomic,
        move=item.move,
        refuse=item.relation in (images.OLDER, images.UNKNOWN),
        ran=list(item.ran),
        patient=item.relation != SAME and item.move is None,
    )


def _fit(
    config: Mapping[str, Any], entry: Mapping[str, Any], service: str, live: str, staged: str
) -> None:
    """Owners of this host, and the caches that it has."""
    here = config["services"][service]
    new = (int(here.get("uid", 0)), int(here.get("gid", 0)))
    owners.remap(staged, (int(entry["uid"]), int(entry["gid"])), new)
    if os.path.isdir(live):
        carry.over(live, staged, _excludes(config, service, entry))


def _excludes(config: Mapping[str, Any], service: str, entry: Mapping[str, Any]) -> list[str]:
    """What was left out of the backup, and is no state here."""
    here = {one.strip("/") for one in config["services"][service].get("state_exclude", ())}
    return [one for one in entry.get("excludes", ()) if one.strip("/") in here]


def _live(config: Mapping[str, Any], service: str) -> str:
    return str(config["services"][service]["config"])
