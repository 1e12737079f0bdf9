"""The host's own programs: their environment, the secrets they fill in, the units that run them."""

from __future__ import annotations

import hashlib
from typing import Any

from pyinfra import host
from pyinfra.api import deploy

import backup_configuration
import door_configuration
import monitor_configuration
import operations
from host_configuration import HELPER_UNITS, PROGRAM
from layout import ENTRY_POINT, HOST_LOCK, Entry
from operations import Wanted
from settings import Settings
from tasks import preflight


@deploy("Programs")
def environment() -> None:
    """A virtual environment holds exactly the wheels of the lock file."""
    operations.converge(
        name="Environment",
        module="programs",
        wanted=Wanted(
            {
                "program": PROGRAM,
                "wheels": f"{PROGRAM}/wheels",
                "lock": f"{PROGRAM}/requirements.lock",
                "lock_hash": hashlib.sha256(HOST_LOCK.read_bytes()).hexdigest(),
            }
        ),
    )


@deploy("Programs")
def rebuild(settings: Settings, config: dict[str, Any]) -> None:
    """A bare host is filled from a backup, before anything makes secrets or starts."""
    order = backup_configuration.rebuild_order(settings)
    if not order:
        return
    operations.rebuild(
        name="Rebuild from a backup",
        path=ENTRY_POINT,
        wanted=Wanted(
            {
                **order,
                "config": config,
                # Where a repository holds backups of several hosts, or not the newest is wanted.
                "host": str(host.data.get("rebuild_host") or ""),
                "snapshot": str(host.data.get("rebuild_snapshot") or ""),
                "older": preflight.may_be_older(),
            }
        ),
    )


@deploy("Programs")
def secrets(settings: Settings, config: dict[str, Any], entries: list[Entry]) -> None:
    """Every secret exists once per consumer; configuration that embeds one is filled in."""
    names = {one["template"] for one in config["secret_files"]}
    operations.secrets(
        name="Secrets",
        path=ENTRY_POINT,
        wanted=Wanted(
            {
                "config": config,
                "templates": {e["path"]: e["text"] for e in entries if e["path"] in names},
                "values": {
                    name: value.get_secret_value() for name, value in settings.secrets.items()
                },
            }
        ),
    )


@deploy("Programs")
def units(config: dict[str, Any]) -> None:
    """Our units are enabled, active and run the release that is installed."""
    operations.converge(
        name="Units and timers",
        module="units",
        wanted=Wanted(
            {
                "units": config["units"],
                "helpers": list(HELPER_UNITS),
                "release": config["release"],
                "sockets": {
                    **monitor_configuration.sockets(config["monitor"]),
                    **door_configuration.sockets(config),
                },
                "credentials": door_configuration.originals(config["secrets"]),
                "environment": monitor_configuration.environment(config["monitor"]),
            }
        ),
    )
