"""The images that are about to be needed: on this host, and their digests in the image lock.

Images are fetched before anything is stopped, so that replacing a container costs a restart and not
a download. What the lock knows is pulled by its digest; for a service it does not know, the digest
that the tag had when it was pulled is recorded, and from then on the service runs exactly that. Cut
off at any point, the next run finds what is missing by looking. Docker gives an image that comes by
its digest no name, and What's Up Docker does not watch what has none: it gets its tag here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from mediastack import compose, image_lock, image_names
from mediastack.docker_client import DockerError
from mediastack.docker_engine import Engine

Pull = Callable[[dict[str, Any], str, list[str]], None]


def ensure(
    config: dict[str, Any],
    docker: Engine,
    services: Iterable[str],
    *,
    pull: Pull = compose.pull,
) -> dict[str, str]:
    """Pull what is absent, lock what is not locked; return {service: why its image is missing}.

    Raise docker_client.NotReachable.
    """
    names = list(services)
    # First, so that a pull asks for the locked digests and not for what the tags are today.
    image_lock.write_overrides(config)
    references = _references(config, names)
    present = docker.images(references.values())
    absent: dict[str, list[str]] = {}
    for service in names:
        if present[references[service]] is None:
            absent.setdefault(config["services"][service]["stack"], []).append(service)
    failed: dict[str, str] = {}
    for stack, missing in absent.items():
        failed |= _pull(config, docker, stack, missing, references, pull)
    for service in names:
        if "@" in references[service] or service in failed:
            continue
        # An image built or imported here has no digest, and then nothing is to be locked.
        if digest := docker.image_digest(references[service]):
            image_lock.record(service, references[service], digest)
    image_lock.write_overrides(config)
    name(docker, (references[service] for service in names if service not in failed))
    return failed


def name(docker: Engine, references: Iterable[str]) -> None:
    """Give the images that run by digest ("repo:tag@digest") their own tags on this host.

    A tag that moved goes to the newer image, as a pull would do. Raise docker_client.NotReachable.
    """
    by_digest = [one for one in references if "@" in one]
    for reference, image in docker.images(by_digest).items():
        if image is not None and not image_names.has_its_tag(reference, image):
            try:
                docker.tag(reference, *image_lock.split(reference))
            except DockerError as error:
                # It runs all the same; only its updates are not seen.
                print(f"mediastack: {reference}: not named: {error}", file=sys.stderr)


def _references(config: dict[str, Any], services: list[str]) -> dict[str, str]:
    locked = image_lock.read()
    return {
        service: image_lock.choose(locked.get(service), config["services"][service]["image"])
        for service in services
    }


def _pull(
    config: dict[str, Any],
    docker: Engine,
    stack: str,
    services: list[str],
    references: dict[str, str],
    pull: Pull,
) -> dict[str, str]:
    try:
        pull(config, stack, services)
        return {}
    except compose.ComposeError as error:
        # One image that cannot be had does not keep the others from starting.
        present = docker.images(references[service] for service in services)
        return {
            service: f"image {references[service]} cannot be pulled: {error}"
            for service in services
            if present[references[service]] is None
        }
