"""Packages, the account that owns media and state, and every managed file."""

from __future__ import annotations

from pyinfra.api import deploy

import distributions
import operations
from host_configuration import STATE, accounts
from layout import Entry
from operations import Wanted
from settings import Settings
from tasks.preflight import Seen


@deploy("Base")
def before(settings: Settings, entries: list[Entry]) -> None:
    """What was here before the first deploy is noted, ahead of any change: uninstall needs it."""
    operations.converge(
        name="Note of what was here",
        module="before",
        wanted=Wanted(
            {
                "record": f"{STATE}/before.json",
                "managed": f"{STATE}/managed.json",
                "daemon_json": "/etc/docker/daemon.json",
                "directories": [one["path"] for one in entries if one["kind"] == "directory"],
                "uid": settings.host.puid,
                "gid": settings.host.pgid,
            }
        ),
    )


@deploy("Base")
def files(entries: list[Entry]) -> None:
    """All managed files and directories are in place, and nothing of ours that left."""
    operations.tree(
        name="Managed files",
        wanted=Wanted({"record": f"{STATE}/managed.json", "entries": entries}),
    )


@deploy("Base")
def packages(settings: Settings, seen: Seen) -> None:
    """Docker, Compose and what the host programs need are installed."""
    source = distributions.docker_source(seen.distribution, settings.docker.source)
    operations.converge(
        name="Packages",
        module="packages",
        wanted=Wanted(
            {
                "before": f"{STATE}/before.json",
                "packages": list(distributions.packages(seen.distribution, settings.docker.source)),
                "repository": distributions.docker_repository(seen.distribution)
                if source == "docker"
                else None,
            }
        ),
    )


@deploy("Base")
def account(settings: Settings) -> None:
    """The numbers that own media and state have names; the monitor has an account of its own."""
    operations.converge(
        name="Account",
        module="account",
        wanted=Wanted(accounts(settings)),
    )
