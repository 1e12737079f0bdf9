"""What the parts of an adoption hand to one another, and the one way in which they refuse."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

DIRECTORY = ".mediastack-adopt"


class Refusal(Exception):
    """It cannot be adopted, and nothing was changed; the message says why and what would help."""


class Container(NamedTuple):
    """One container that is not ours. `mounts`: {place in it: path on the host}; `ports`: those of
    the host that it publishes now; `version`: what its image says of itself, "" for nothing."""

    name: str
    image: str
    project: str
    composed: str
    running: bool
    mounts: Mapping[str, str]
    environment: Mapping[str, str]
    ports: frozenset[int]
    host_network: bool
    version: str


class Source(NamedTuple):
    """Where the state of a service comes from; no container: the user named the directory."""

    service: str
    path: str
    container: Container | None = None

    @property
    def is_running(self) -> bool:
        """Whether somebody of theirs may be writing there."""
        return self.container is not None and self.container.running


def stage(config: Mapping[str, Any], service: str) -> str:
    """Return where the copy is made: on the file system of what it replaces."""
    return os.path.join(config["paths"]["config"], DIRECTORY, service)


def seeds(config: Mapping[str, Any], service: str) -> list[dict[str, Any]]:
    """Return the [[secret_files]] entries that this service owns after their first writing."""
    return [one for one in config["secret_files"] if one["service"] == service and one.get("seed")]


def relative_seeds(config: Mapping[str, Any], service: str) -> list[str]:
    """Return their paths below the service's config directory."""
    root = config["services"][service]["config"]
    return [os.path.relpath(one["destination"], root) for one in seeds(config, service)]


def has_key(config: Mapping[str, Any], service: str) -> bool:
    """Say whether this house keeps an API key of the service's own."""
    return any(
        (one["service"], one["name"], one["origin"]) == (service, "api_key", "generated")
        for one in config["secrets"]
    )
