"""Their containers, as Docker tells of them: all that do not carry our label, running or not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mediastack.adopt.house import Container
from mediastack.docker_client import LABEL, Docker

PROJECT = "com.docker.compose.project"
COMPOSED = "com.docker.compose.service"
VERSION = "org.opencontainers.image.version"


class Theirs(Docker):
    """One engine, asked also for what is none of ours."""

    def all(self) -> list[dict[str, Any]]:
        """Return what inspect says of every container. Raise NotReachable."""
        with self._client() as client:
            listed = client.containers(all=True)
        found = (self.inspect(one["Id"]) for one in listed)
        return [one for one in found if one is not None]


def read(inspected: Mapping[str, Any]) -> Container | None:
    """Return one of theirs, None for one of ours (facts: Engine API "inspect")."""
    labels = inspected["Config"].get("Labels") or {}
    if LABEL in labels:
        return None
    host = inspected.get("HostConfig") or {}
    return Container(
        name=str(inspected["Name"]).lstrip("/"),
        image=str(inspected["Config"].get("Image", "")),
        project=str(labels.get(PROJECT, "")),
        composed=str(labels.get(COMPOSED, "")),
        running=inspected["State"]["Status"] in ("running", "paused", "restarting"),
        mounts={
            os.path.normpath(one["Destination"]): str(one.get("Source", ""))
            for one in inspected.get("Mounts") or []
            if one.get("Type") in ("bind", "volume")
        },
        environment=dict(
            one.split("=", 1) for one in inspected["Config"].get("Env") or [] if "=" in one
        ),
        ports=_ports(inspected),
        host_network=host.get("NetworkMode") == "host",
        version=str(labels.get(VERSION, "")),
    )


def theirs(docker: Theirs) -> list[Container]:
    """Return all of theirs, in the order of their names. Raise NotReachable."""
    found = [one for one in map(read, docker.all()) if one is not None]
    return sorted(found, key=lambda one: one.name)


def _ports(inspected: Mapping[str, Any]) -> frozenset[int]:
    """The ports of the host that lead to it now; a stopped container has none."""
    bound = (inspected.get("NetworkSettings") or {}).get("Ports") or {}
    return frozenset(
        int(one["HostPort"])
        for inside, several in bound.items()
        if str(inside).endswith("/tcp")
        for one in several or []
        if str(one.get("HostPort", "")).isdigit()
    )
