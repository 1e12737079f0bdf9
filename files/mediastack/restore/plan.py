"""What a restore would do to whom, and whom it would not do it to. Pure, but for `look`.

Decided from the manifest of the snapshot, this host's configuration, the image lock and what runs,
before anything is taken out of the repository.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mediastack import image_lock, observe
from mediastack import plan as containers_plan
from mediastack.docker_engine import Engine
from mediastack.monitor import report
from mediastack.restore import images
from mediastack.restore.images import NEWER, OLDER, SAME, UNKNOWN
from mediastack.restore.trouble import RestoreError
from mediastack.updater import inflight, refused


class Item(NamedTuple):
    """A service to be restored. `now`, `then`: its image here and in the backup; `relation` of the
    latter to the first; `move`: the images, when the image goes with the config; `runs`: it is to
    run afterwards; `ran`: for Gluetun, who runs in its network."""

    service: str
    now: images.Image
    then: images.Image
    relation: str
    move: dict[str, dict[str, str]] | None
    runs: bool
    ran: tuple[str, ...]


class Plan(NamedTuple):
    """`refusals`: {service: why}, and then nothing is done at all; `notes` are worth saying."""

    items: list[Item]
    refusals: dict[str, str]
    notes: list[str]


class Seen(NamedTuple):
    """What is: the observation, the image lock, refused digests, monitor.report.read's, the service
    whose update is under way ("": none), and services whose tree cannot be exchanged and why."""

    observation: Mapping[str, Any]
    locked: Mapping[str, Any]
    refused: Mapping[str, Mapping[str, Any]]
    monitor: Mapping[str, Any]
    updating: str
    fixed: Mapping[str, str]


def look(config: Mapping[str, Any], docker: Engine) -> Seen:
    """Return what is now. Raise NotReachable, ValueError (an image lock of another schema)."""
    update = inflight.read()
    top = config["paths"]["config"]
    roots = {name: one["config"] for name, one in config["services"].items() if one.get("config")}
    return Seen(
        observe.observe(config, docker),
        image_lock.read(),
        refused.read(),
        report.read(config),
        str(update["service"]) if update else "",
        {name: why for name, root in roots.items() if (why := is_fixed(root, top))},
    )


def is_fixed(root: str, top: str) -> str:
    """Return why this config directory cannot change places with another one, "" when it can."""
    if os.path.islink(root):
        return f"{root} is a link; fix: move the directory itself there, or set storage.config"
    if os.path.ismount(root):
        return f"{root} is a mount of its own; fix: mount its disk at {top}, or copy it there"
    return ""


def make(
    config: Mapping[str, Any],
    manifest: Mapping[str, Any],
    asked: Sequence[str],
    seen: Seen,
    *,
    with_images: bool,
) -> Plan:
    """Return the plan for these services (none: all that are in both). Raise RestoreError."""
    names, notes = chosen(config, manifest, asked)
    owner = containers_plan.owner_name(config)
    # First whose network the others live in.
    names = sorted(names, key=lambda name: name != owner)
    items, refusals = [], {}
    for name in names:
        try:
            items.append(_item(config, manifest, name, names, seen, with_images))
        except RestoreError as error:
            refusals[name] = str(error)
    return Plan(items, refusals, notes)


def chosen(
    config: Mapping[str, Any], manifest: Mapping[str, Any], asked: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the services to be restored, and what to say of others. Raise RestoreError."""
    there = manifest["services"]
    here = {name for name, entry in config["services"].items() if entry.get("config")}
    for name in asked:
        if name not in here:
            raise RestoreError("config", f"{name} has no config on this host")
        if name not in there:
            raise RestoreError("absent", f"that backup has no {name}; it has {', '.join(there)}")
    if asked:
        return list(dict.fromkeys(asked)), []
    notes = [f"{name} is in the backup, and not on this host; it is left out"
             for name in there if name not in here]  # fmt: skip
    notes += [
        f"{name} is not in that backup; it stays as it is" for name in sorted(here - {*there})
    ]
    return [name for name in there if name in here], notes


def runs(config: Mapping[str, Any], observation: Mapping[str, Any], service: str) -> bool:
    """Say whether a service is to run, by all that is known."""
    entry, intents = config["services"][service], observation["intents"]
    gated = entry.get("data") and not observation["data"]["present"]
    orphan = entry["zone"] == "vpn" and containers_plan.owner_name(config) in intents
    return service not in intents and not gated and not orphan


def _item(
    config: Mapping[str, Any],
    manifest: Mapping[str, Any],
    service: str,
    everybody: Sequence[str],
    seen: Seen,
    with_images: bool,
) -> Item:
    if service in seen.fixed:
        raise RestoreError("config", seen.fixed[service])
    if service == seen.updating:
        raise RestoreError("other", "an update of it is under way; try again when it is over")
    entry = config["services"][service]
    now = images.present(service, entry, seen.locked)
    then = images.of_snapshot(manifest["services"][service])
    relation = images.relation(then, now, seen.refused.get(service, {}))
    move = None
    if relation != SAME and with_images:
        new = images.moved(then, entry, seen.locked.get(service, {}))
        move = {"old": {"image": now.image, "digest": now.digest}, "new": new}
    elif relation == NEWER:
        raise RestoreError(
            "newer",
            f"that backup was made by {then}, which is newer than {now} here, and an older version"
            " does not read what a newer one has made of its database; fix: --images, which takes"
            f" its image as well, or first: stack-manage.sh update {service}",
        )
    elif relation == UNKNOWN and then.image:
        raise RestoreError(
            "newer",
            f"that backup was made by {then}, here is {now}, and nobody can say which is newer;"
            " fix: --images, which takes its image as well",
        )
    will_run = runs(config, seen.observation, service)
    if will_run:
        _require_neighbours(config, service, everybody, seen)
    ran: tuple[str, ...] = ()
    if service == containers_plan.owner_name(config):
        up = {c["name"] for c in seen.observation["containers"] if c["status"] == "running"}
        ran = tuple(name for name in containers_plan.dependents(config) if name in up)
    return Item(service, now, then, relation, move, will_run, ran)


def _require_neighbours(
    config: Mapping[str, Any], service: str, everybody: Sequence[str], seen: Seen
) -> None:
    """Raise RestoreError where what is stopped would not come back."""
    owner = containers_plan.owner_name(config)
    if service == owner:
        monitor = seen.monitor
        if monitor and (not monitor["running"] or monitor["pause"]):
            raise RestoreError(
                "other",
                "the monitor does not watch, and nobody would bring those in its network back;"
                " fix: stack-manage.sh resume",
            )
        return
    in_zone = config["services"][service]["zone"] == "vpn"
    if in_zone and owner not in everybody and not containers_plan.owner_is_up(
        config, seen.observation
    ):  # fmt: skip
        stack = config["services"][service]["stack"]
        raise RestoreError(
            "other",
            f"{owner} is not well, and {service} could not be started again; fix: mend it first,"
            f" or stop {service} (stack-manage.sh {stack} down {service}) and start it later",
        )


def lines(plan: Plan) -> list[str]:
    """Return what is said of a plan before anything is done."""
    said = []
    for item in plan.items:
        version = f"version {item.then}"
        if item.relation == SAME:
            version = f"version {item.now} as now"
        elif item.move:
            version = f"version {item.now} -> {item.then}, locked with its config"
        elif item.relation == OLDER:
            version += f", which {item.now} may have to migrate"
        state = "" if item.runs else "; it is stopped, and stays so"
        said.append(f"{item.service}: {version}{state}")
    return [*said, *plan.notes]
