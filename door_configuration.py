"""What a host has for the updater's door: its account, its units, where it listens, its tokens.

The door hears, the inbox reads, the updater acts (update_configuration has their table). The socket
is systemd's, at the gateway's address of the containers' network, so that the door needs no
network of its own; its tokens are systemd's credentials, so that it needs no way to the secrets.
"""

from __future__ import annotations

from typing import Any

import render
from settings import Settings, gateway
from update_configuration import ACCOUNT, COMMENT, INBOX

SERVICE, SOCKET = "mediastack-updater.service", "mediastack-updater.socket"
# Stopped in this order by an uninstall: who is asked first, then who reads what it left.
UNITS = ((SERVICE, "service"), (SOCKET, "socket"), ("mediastack-inbox.path", "path"))
HELPERS = ("mediastack-inbox.service",)
CONSUMER = "updater"
INBOX_MODE = "0700"


def account(state: str) -> dict[str, Any]:
    """The system account as remote/account.py takes it."""
    return {
        "user": ACCOUNT,
        "comment": COMMENT,
        "directory": f"{state}/{INBOX}",
        "mode": INBOX_MODE,
    }


def listens(config: dict[str, Any]) -> str:
    """Address and port of the door, as a socket unit names them."""
    return f"{config['network']['gateway']}:{config['updates']['port']}"


def sockets(config: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Socket units and where they listen, as remote/units.py takes them."""
    return {SOCKET: {"listens": listens(config)}}


def credentials(secrets: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Which secret files a unit is given, {unit: {name: path}}, of those in mediastack.toml."""
    ours = sorted(one["name"] for one in secrets if one["service"] == CONSUMER)
    return {SERVICE: {name: render.secret_path(CONSUMER, name) for name in ours}}


def originals(secrets: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Where the truth about each of them is, {unit: {name: path}}: a copy that somebody changed is
    put right before a unit is looked at, and is no reason to start it anew."""
    return {
        SERVICE: {
            one["name"]: render.secret_path(*str(one["source"]).split("/", 1))
            if one["origin"] == "copy"
            else render.secret_path(CONSUMER, one["name"])
            for one in secrets
            if one["service"] == CONSUMER
        }
    }


def placeholders(settings: Settings, secrets: list[dict[str, Any]]) -> dict[str, str]:
    """What the door's units are told of this host."""
    given = credentials(secrets)[SERVICE].items()
    return {
        "DOOR_LISTENS": f"{gateway(settings)}:{settings.updates.port}",
        "DOOR_SUBNET": settings.network.subnet,
        "DOOR_CREDENTIALS": "\n".join(f"LoadCredential={name}:{path}" for name, path in given),
    }
