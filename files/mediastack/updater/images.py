"""Images for an update: what the registry has, the new one whole and ours, the old one kept.

An image is pulled by its digest, and what is here then has to be that digest and for this machine;
Docker itself verifies each layer. The old and the new one get a local name,
`zz.invalid/mediastack-keep/<service>:<short digest>`: an image without any name and container is
what `docker image prune` takes first. The names go when nothing needs them any more (prune). What a
tag was pulled by digest for gets that tag as well, for What's Up Docker sees nothing without one.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from typing import Any

from mediastack import image_lock
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import ImageEngine
from mediastack.docker_images import NoSuchImage
from mediastack.updater.house import Trouble

# WUD knows a container by the first name of its image. Docker sorts them by the full name, in which
# one without a domain is docker.io's: this one is nobody's, and the last.
KEEP = "zz.invalid/mediastack-keep"
SHORT = 12
# Room that a pull must leave, whatever the image takes: Docker on a full disk helps nobody.
LEAST_FREE_BYTES = 1024**3
DOCKER_ROOT = "/var/lib/docker"
# What Docker says of a manifest that has nothing for this machine.
NOT_FOR_US = ("no matching manifest", "does not match the specified platform", "no match for")


def reference(image: Mapping[str, str]) -> str:
    """Return {"image","digest"} as Compose and Docker are told: "repo:tag@digest"."""
    return f"{image['image']}@{image['digest']}"


def resolve(docker: ImageEngine, image: str) -> str:
    """Return the digest that the registry has under "repo:tag" now. Raise Trouble."""
    try:
        found = docker.distribution(image)
    except NoSuchImage as error:
        raise Trouble("gone", str(error)) from error
    except (DockerError, NotReachable) as error:
        raise Trouble("passing", str(error)) from error
    digest = str((found.get("Descriptor") or {}).get("digest", ""))
    if not image_lock.DIGEST.fullmatch(digest):
        raise Trouble("passing", f"{image}: the registry names no digest")
    return digest


def pull(docker: ImageEngine, tx: Mapping[str, Any], *, root: str = DOCKER_ROOT) -> None:
    """Have the new image here, verified and named; name the old one. Raise Trouble."""
    try:
        _pull(docker, tx, root)
    except NoSuchImage as error:
        raise Trouble("gone", str(error)) from error
    except NotReachable as error:
        raise Trouble("passing", str(error)) from error
    except DockerError as error:
        bad = any(words in str(error).lower() for words in NOT_FOR_US)
        raise Trouble("bad" if bad else "passing", str(error)) from error


def keep(docker: ImageEngine, service: str, image: Mapping[str, str]) -> None:
    """Give an image its name of ours. Raise DockerError, NotReachable."""
    docker.tag(reference(image), f"{KEEP}/{service}", short(image["digest"]))


def name(docker: ImageEngine, image: Mapping[str, str]) -> None:
    """Give an image its own tag here, as far as it is here. Raise NotReachable."""
    with contextlib.suppress(DockerError):
        docker.tag(reference(image), *image_lock.split(image["image"]))


def kept_name(service: str, digest: str) -> str:
    """Return the name that keeps this digest for a service."""
    return f"{KEEP}/{service}:{short(digest)}"


def short(digest: str) -> str:
    """Return a digest as short as a tag that people compare by eye."""
    return digest.removeprefix("sha256:")[:SHORT]


def _pull(docker: ImageEngine, tx: Mapping[str, Any], root: str) -> None:
    service, old, new = tx["service"], tx["old"], tx["new"]
    wanted = reference(new)
    present = docker.images([reference(old), wanted])
    if present[reference(old)] is None:
        raise Trouble("passing", f"{reference(old)} is not here, so there would be no way back")
    # First: a prune by somebody must not take it while the new one comes.
    keep(docker, service, old)
    if present[wanted] is None:
        _require_room(root)
        docker.pull(image_lock.split(new["image"])[0], new["digest"])
    found = docker.images([wanted])[wanted]
    if found is None:
        raise Trouble("passing", f"{wanted} is not here after its pull")
    if (digest := docker.image_digest(wanted)) != new["digest"]:
        raise Trouble("bad", f"{wanted} came as {digest or 'something without a digest'}")
    ours = docker.platform()
    theirs = (str(found.get("Os", "")), str(found.get("Architecture", "")))
    if theirs != ours:
        raise Trouble("bad", f"it is for {'/'.join(theirs)}, this machine is {'/'.join(ours)}")
    keep(docker, service, new)
    name(docker, new)


def _require_room(root: str) -> None:
    try:
        free = shutil.disk_usage(root).free
    except OSError:
        return  # somewhere else: then Docker itself says when there is no room
    if free < LEAST_FREE_BYTES:
        raise Trouble("passing", f"{root}: only {free // 1024**2} MiB free; docker image prune")
