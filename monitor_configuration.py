"""What a host with Gluetun has for the monitor: its account, its units, its table of settings.

Two programs: the monitor sees and decides with no rights at all, the healer acts and believes it
nothing. The account is the monitor's alone, and owns the socket on which the two talk.
"""

from __future__ import annotations

from typing import Any

import render
from settings import Settings

ACCOUNT = "mediastack-monitor"
# Whose account it is, in its own entry: what has that name and not this text is somebody else's.
COMMENT = "Homelab Media Stack monitor"
DIRECTORY = "monitor"
SOCKET = "/run/mediastack-healer/healer.sock"
# Stopped in this order by an uninstall: who asks first, then what starts the one that acts.
UNITS = (
    ("mediastack-monitor.service", "service"),
    ("mediastack-healer.socket", "socket"),
    ("mediastack-healer.service", "service"),
)
NO_NETWORK = """\
# What it talks to are sockets in the file system: it has no network at all.
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX"""
LOOPBACK = """\
# INET for the metrics (monitor.metrics_port), which leave this machine over no interface.
RestrictAddressFamilies=AF_UNIX AF_INET"""


def watches(settings: Settings) -> bool:
    """Whether this host has a Gluetun, and so somebody to be left behind by it."""
    return render.owner(settings) is not None


def units(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Name and kind of the units that this host has because of its Gluetun."""
    return UNITS if watches(settings) else ()


def unwanted_units(settings: Settings) -> frozenset[str]:
    """Units in this checkout that this host does not get."""
    return frozenset() if watches(settings) else frozenset(name for name, _ in UNITS)


def network(settings: Settings) -> str:
    """The lines of the monitor's unit about its network."""
    return LOOPBACK if settings.monitor.metrics_port else NO_NETWORK


def accounts(settings: Settings, state: str) -> list[dict[str, Any]]:
    """The system account as remote/account.py takes it; none where there is nothing to watch."""
    if not watches(settings):
        return []
    directory = f"{state}/{DIRECTORY}"
    return [{"user": ACCOUNT, "comment": COMMENT, "directory": directory, "mode": "0750"}]


def sockets(table: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Socket units and what their doors are, as remote/units.py takes them."""
    doors = {name for name, kind in UNITS if kind == "socket"} if table else set()
    return {name: {"path": table["socket"], "user": table["account"]} for name in doors}


def environment(table: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What a running unit was started with, where its settings are in the unit itself."""
    port = {"MEDIASTACK_METRICS_PORT": str(table["metrics_port"])} if table else {}
    return {"mediastack-monitor.service": port} if port else {}


def table(settings: Settings, state: str) -> dict[str, Any]:
    """The [monitor] table; empty on a host without Gluetun."""
    if not watches(settings):
        return {}
    places = {"account": ACCOUNT, "directory": f"{state}/{DIRECTORY}", "socket": SOCKET}
    return {**settings.monitor.model_dump(), **places}
