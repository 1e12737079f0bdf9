"""[vpn] of mediastack.toml: what the host's programs need to talk to Gluetun and qBittorrent.

No secret: where each one's key is, and what may be asked. Both are reached at Gluetun's address on
the bridge, since its namespace is where the torrent client listens.
"""

from __future__ import annotations

from typing import Any

import render
from settings import Settings, address, enabled
from shared import probes

# Below Gluetun's own state, which it sees at /gluetun: its commands touch `wake`, and it writes the
# forwarded port beside it, into a directory that it does not make.
DIRECTORY = "portsync"
STATUS_FILE = "forwarded_port"
WAKE_FILE = "wake"
# As the template of its configuration has it.
TORRENT_USER = "admin"
UNIT = "mediastack-portsync.service"


def forwards(settings: Settings) -> bool:
    """Whether this host has a port to forward to a torrent client, and so a portsync."""
    owner, client = render.owner(settings), enabled(settings).get(probes.CLIENT)
    return bool(settings.vpn.port_forwarding and owner and client)


def directory(settings: Settings) -> str:
    """Where Gluetun leaves its forwarded port, as a path of the host; "" without a Gluetun."""
    owner = render.owner(settings)
    return f"{settings.storage.config}/{owner.name}/{DIRECTORY}" if owner else ""


def units(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Name and kind of the units that this host has because of its VPN."""
    return ((UNIT, "service"),) if forwards(settings) else ()


def unwanted_units(settings: Settings) -> frozenset[str]:
    """Units in this checkout that this host does not get."""
    return frozenset() if forwards(settings) else frozenset({UNIT})


def table(settings: Settings) -> dict[str, Any]:
    """The [vpn] table; empty on a host without Gluetun."""
    owner, client = render.owner(settings), enabled(settings).get(probes.CLIENT)
    if owner is None:
        return {}
    where, here = f"http://{address(settings, owner)}", directory(settings)
    return {
        "owner": owner.name,
        # Whose servers the second wall lets Gluetun reach.
        "provider": settings.vpn.provider,
        "torrent_client": probes.CLIENT,
        "interface": probes.TUNNEL,
        "port_forwarding": forwards(settings),
        "control_url": f"{where}:{owner.port}",
        "control_key_file": render.secret_path(owner.name, "control_api_key"),
        "torrent_url": f"{where}:{client.port}" if client else "",
        "torrent_user": TORRENT_USER,
        "torrent_password_file": render.secret_path(probes.CLIENT, "web_password"),
        "status_file": f"{here}/{STATUS_FILE}",
        "wake_file": f"{here}/{WAKE_FILE}",
        "no_port_alarm_seconds": settings.vpn.no_port_alarm_minutes * 60,
        # What leaktest asks, and tries to reach beside the tunnel.
        "exit_check_url": settings.vpn.exit_check_url,
        "exit_check_url_ipv6": settings.vpn.exit_check_url_ipv6,
        "exit_check_resolver": settings.vpn.exit_check_resolver,
        "exit_check_resolver_ipv6": settings.vpn.exit_check_resolver_ipv6,
    }
