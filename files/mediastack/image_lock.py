"""The exact image each service runs: images.lock in the state directory.

The catalog pins a tag; this file adds the index digest that was really deployed, written by the
updater and by a first deploy, so that a deploy after an automatic update changes nothing and a
rebuild restores what ran. The catalog's pin is the floor: a locked image counts while it is of
the same repository and its tag is the same or newer, else the catalog wins. An update under way has
its image beside the entry as a `trial`, which counts before it; when the gate was passed it becomes
the entry, and what ran before is kept as `previous` for a rollback. Older programs read the entry
alone. Where nothing is locked (the file was damaged or lost) what runs is adopted, so that no older
image meets what a newer one made of its config. Compose learns the digests from an override file
per stack, images.yaml, that is rewritten only when it would differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from typing import Any

from mediastack import atomic, clock, config

SCHEMA = 1
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# 1.43.0.10492-121068a07: the commit behind a version orders nothing.
BUILD_HASH = re.compile(r"-[0-9a-f]{7,40}$")
ENTRY = ("image", "digest", "recorded_at")
HEADER = "# Written by mediastack from images.lock; JSON is YAML. Changes here are overwritten.\n"


def read(*, path: str | None = None) -> dict[str, dict[str, Any]]:
    """Return {service: {"image": "repo:tag", "digest", "recorded_at"}}, with "trial" and "previous"
    ({"image", "digest"}) where there are such; damaged entries left out.

    Raise ValueError when the file is of another schema: guessing would move every image.
    """
    path = path or default_path()
    lock = atomic.read_json(path, {})
    if lock and lock.get("schema") != SCHEMA:
        raise ValueError(f"{path}: schema is {lock.get('schema')!r}, these programs read {SCHEMA}")
    services = lock.get("services")
    if not isinstance(services, dict):
        return {}
    return {service: entry for service, entry in services.items() if _is_entry(entry)}


def record(service: str, image: str, digest: str, *, path: str | None = None) -> None:
    """Write down that `service` runs `image` ("repo:tag") at `digest`. Raise ValueError, OSError.

    Recording what is already recorded writes nothing.
    """
    path = path or default_path()
    image = image.partition("@")[0]
    entry = {"image": image, "digest": digest, "recorded_at": clock.timestamp()}
    if not _is_entry(entry):
        raise ValueError(f"image lock: {service}: {image!r} at {digest!r} is no image and digest")
    with atomic.exclusive(path):
        services = read(path=path)
        before = services.get(service, {})
        if (before.get("image"), before.get("digest")) == (image, digest):
            return
        lock = {"schema": SCHEMA, "services": {**services, service: entry}}
        atomic.write_json(path, lock)


def trial(service: str, image: str, digest: str, *, path: str | None = None) -> None:
    """Let `service` run `image` at `digest` until that is settled or dropped; its entry stays.

    Raise ValueError when that is no image, or nothing is locked that one could go back to; OSError.
    """
    tried = {"image": image.partition("@")[0], "digest": digest}
    if not _is_entry(tried):
        raise ValueError(f"image lock: {service}: {image!r} at {digest!r} is no image and digest")
    if not _change(service, lambda entry: {**entry, "trial": tried}, path):
        raise ValueError(f"image lock: {service}: nothing is locked that one could go back to")


def settle_trial(service: str, *, path: str | None = None) -> None:
    """Make the trial the entry, and what ran before `previous`; fine when there is no trial."""

    def settled(entry: dict[str, Any]) -> dict[str, Any]:
        if not _is_entry(entry.get("trial")):
            return entry
        before = {"image": entry["image"], "digest": entry["digest"]}
        return {**entry["trial"], "recorded_at": clock.timestamp(), "previous": before}

    _change(service, settled, path)


def drop_trial(service: str, *, path: str | None = None) -> None:
    """Go back to the entry; fine when there is no trial."""
    _change(service, lambda entry: {k: v for k, v in entry.items() if k != "trial"}, path)


def put_back(service: str, image: str, digest: str, *, path: str | None = None) -> None:
    """Let `service` run this again, as if there had been no update. Raise ValueError, OSError."""
    record(service, image, digest, path=path)
    _change(service, lambda entry: {k: v for k, v in entry.items() if k in ENTRY}, path)


def forget_previous(service: str, *, path: str | None = None) -> None:
    """There is nothing to go back to any more; fine when there was nothing."""
    _change(service, lambda entry: {k: v for k, v in entry.items() if k != "previous"}, path)


def adopt(
    settings: dict[str, Any], running: dict[str, str], *, path: str | None = None
) -> set[str]:
    """Lock what runs where nothing is locked (the file, or an entry, was damaged or lost), and
    return whose it was. Raise ValueError, OSError.

    `running`: {service: what its container was made from}. An older image under what a newer one
    made of the config is the one thing that must not happen for want of an entry.
    """
    locked, adopted = read(path=path), set()
    for service, made_from in running.items():
        image, _, digest = made_from.partition("@")
        catalog_image = settings["services"].get(service, {}).get("image", "")
        found = {"image": image, "digest": digest}
        if service not in locked and _is_entry(found) and allows(catalog_image, image, digest):
            record(service, image, digest, path=path)
            adopted.add(service)
    return adopted


def reference(service: str, catalog_image: str, *, path: str | None = None) -> str:
    """Return what `service` should run: "repo:tag@digest" as locked, else the catalog's image."""
    return choose(read(path=path).get(service), catalog_image)


def choose(entry: dict[str, Any] | None, catalog_image: str) -> str:
    """Return the trial, else the locked image, when the catalog allows it, else the catalog's.

    Pure.
    """
    for one in ((entry or {}).get("trial"), entry):
        if (
            one is not None
            and _is_entry(one)
            and allows(catalog_image, one["image"], one["digest"])
        ):
            return f"{one['image']}@{one['digest']}"
    return catalog_image


def allows(catalog_image: str, image: str, digest: str) -> bool:
    """Say whether the catalog's pin lets a service run this image. Pure."""
    pinned, _, pinned_digest = catalog_image.partition("@")
    (repository, tag), (other, other_tag) = split(pinned), split(image)
    if repository != other:
        return False
    if tag == other_tag:
        return pinned_digest in ("", digest)
    return is_newer(other_tag, tag)


def write_overrides(settings: dict[str, Any], *, path: str | None = None) -> list[str]:
    """Bring every stack's images.yaml in line with the lock; return the files that changed.

    A stack without locked images has no such file; a stack that is gone loses it.
    """
    locked = read(path=path)
    stacks = os.path.join(settings["paths"]["program"], "stacks")
    wanted: dict[str, dict[str, dict[str, str]]] = {}
    for service, entry in settings["services"].items():
        image = choose(locked.get(service), entry["image"])
        if image != entry["image"]:
            wanted.setdefault(entry["stack"], {})[service] = {"image": image}
    present = os.listdir(stacks) if os.path.isdir(stacks) else []
    changed = []
    for stack in sorted({*wanted, *present}):
        file = os.path.join(stacks, stack, "images.yaml")
        if _bring_in_line(file, wanted.get(stack, {})):
            changed.append(file)
    return changed


def split(image: str) -> tuple[str, str]:
    """Return (repository, tag) of an image; a registry's port is no tag, no tag is "latest"."""
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def is_newer(tag: str, than: str) -> bool:
    """Is `tag` a later version of the same scheme? False also where the two cannot be compared."""
    (shape, numbers), (other_shape, other_numbers) = _version(tag), _version(than)
    return shape == other_shape and numbers > other_numbers


def numbers(tag: str) -> list[int]:
    """Return the numbers of a version, [] when it has none."""
    return _version(tag)[1]


def default_path() -> str:
    """Return where this house keeps its image lock."""
    return os.path.join(config.paths()["state"], "images.lock")


def _version(tag: str) -> tuple[list[str], list[int]]:
    tag = BUILD_HASH.sub("", tag)
    return re.split(r"[0-9]+", tag), [int(number) for number in re.findall(r"[0-9]+", tag)]


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("image"), str)
        and bool(entry["image"])
        and isinstance(entry.get("digest"), str)
        and bool(DIGEST.fullmatch(entry["digest"]))
    )


def _change(
    service: str, changed: Callable[[dict[str, Any]], dict[str, Any]], path: str | None
) -> bool:
    """Write down what `changed` makes of the entry; False when there is none."""
    path = path or default_path()
    with atomic.exclusive(path):
        services = read(path=path)
        before = services.get(service)
        if before is None:
            return False
        after = changed(before)
        if after != before:
            atomic.write_json(path, {"schema": SCHEMA, "services": {**services, service: after}})
        return True


def _bring_in_line(file: str, services: dict[str, dict[str, str]]) -> bool:
    try:
        with open(file, encoding="utf-8") as stream:
            found: str | None = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        found = None
    if not services:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(file)
        return found is not None
    wanted = HEADER + json.dumps({"services": services}, indent=2, sort_keys=True) + "\n"
    if found == wanted:
        return False
    os.makedirs(os.path.dirname(file), mode=0o755, exist_ok=True)
    atomic.write(file, wanted.encode())
    return True
