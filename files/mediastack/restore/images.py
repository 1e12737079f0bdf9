"""The image that goes with a restored config, where the user has asked for that (--images).

A database knows no way back: an older version of an app does not read what a newer one has made of
it. So the snapshot's image is put on trial in the image lock together with its config, as an update
does it, becomes the entry when the service was well, and is dropped with the config otherwise. The
digest that is left is refused from then on, when it is the newer one, or the next pass of the
updater would bring it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from mediastack import image_lock
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import ImageEngine
from mediastack.docker_images import NoSuchImage
from mediastack.restore.trouble import RestoreError
from mediastack.updater import images, kept, refused

SAME, OLDER, NEWER, UNKNOWN = "same", "older", "newer", "unknown"
WHY = "its config was restored from a backup of an older version"


class Image(NamedTuple):
    """What a service runs: "repo:tag", its digest ("": none known), and since when (ISO or "")."""

    image: str
    digest: str
    at: str = ""

    def __str__(self) -> str:
        tag = image_lock.split(self.image)[1] if self.image else "an unknown version"
        return f"{tag} ({images.short(self.digest)})" if self.digest else tag


def present(service: str, entry: Mapping[str, Any], locked: Mapping[str, Any]) -> Image:
    """Return what a service is to run now; `entry` is its table, `locked` image_lock.read's."""
    record = locked.get(service)
    image, _, digest = image_lock.choose(record, str(entry["image"])).partition("@")
    return Image(image, digest, str((record or {}).get("recorded_at", "")) if digest else "")


def of_snapshot(entry: Mapping[str, Any]) -> Image:
    """Return what it ran when it was backed up; `entry` is its table in the manifest."""
    found = (str(entry.get(name, "")) for name in ("image", "digest", "locked_at"))
    return Image(*found)


def relation(then: Image, now: Image, known_bad: Mapping[str, Any]) -> str:
    """Say what the version of a backup is to the present one. Pure; `known_bad` are digests that
    were taken back here ({digest: …}): newer ones, whatever their tag."""
    if then.digest and then.digest == now.digest:
        return SAME
    if not then.image or _name(then.image) != _name(now.image):
        return UNKNOWN
    tag, other = (image_lock.split(one.image)[1] for one in (then, now))
    if tag != other:
        if image_lock.is_newer(tag, other):
            return NEWER
        return OLDER if image_lock.is_newer(other, tag) else UNKNOWN
    if not then.digest or not now.digest:
        return SAME
    # The same tag, built anew or moved: what was locked later is the newer one.
    return NEWER if then.digest in known_bad or then.at > now.at else OLDER


def moved(then: Image, entry: Mapping[str, Any], locked: Mapping[str, Any]) -> dict[str, str]:
    """Return the image {"image","digest"} that goes with a snapshot's config, from the repository
    that the catalog names now. Raise RestoreError when the catalog does not allow it, or nothing is
    locked that one could go back to. Pure."""
    if not then.digest:
        raise RestoreError("config", "its image had no digest when it was backed up")
    if not locked:
        raise RestoreError("config", "its image has no digest in the image lock; run the deploy")
    catalog = str(entry["image"])
    tag = image_lock.split(then.image)[1]
    image = f"{image_lock.split(catalog)[0]}:{tag}"
    if not image_lock.allows(catalog, image, then.digest):
        raise RestoreError(
            "config",
            f"the settings want {image_lock.split(catalog)[1]} or newer; fix: set its tag to"
            f' "{tag}" in settings.local.toml, deploy, and restore then',
        )
    return {"image": image, "digest": then.digest}


def fetch(docker: ImageEngine, service: str, move: Mapping[str, Mapping[str, str]]) -> None:
    """Have both images here and kept from prunes. Raise RestoreError."""
    new = images.reference(move["new"])
    try:
        images.keep(docker, service, move["old"])
        if docker.images([new])[new] is None:
            docker.pull(image_lock.split(move["new"]["image"])[0], move["new"]["digest"])
        images.keep(docker, service, move["new"])
        images.name(docker, move["new"])
    except (NoSuchImage, DockerError, NotReachable) as error:
        raise RestoreError("other", f"{service}: its image cannot be had: {error}") from error


def move(service: str, image: Mapping[str, str]) -> None:
    """Have the image lock want it, on trial. Raise ValueError, OSError."""
    image_lock.trial(service, image["image"], image["digest"])


def move_back(service: str) -> None:
    """Have the image lock want what it wanted before. Raise ValueError, OSError."""
    image_lock.drop_trial(service)


def settle(
    config: dict[str, Any], service: str, move: Mapping[str, Mapping[str, str]], *, refuse: bool
) -> None:
    """It is the locked one from now on, and there is no update left to take back; `refuse`: nor is
    the one that was left to come again. Raise OSError, ValueError."""
    old, new = move["old"], move["new"]
    if refuse:
        refused.add(service, old["digest"], WHY)
    kept.drop(service)
    image_lock.put_back(service, new["image"], new["digest"])
    image_lock.write_overrides(config)


def _name(image: str) -> str:
    """The last words of a repository: through a mirror, or lscr.io for ghcr.io, it is the same."""
    return "/".join(re.split(r"/", image_lock.split(image)[0])[-2:])
