"""Gluetun: a real tunnel with its kill switch, name server, health checks and forwarded port.

It starts as v3.41.3 does: the firewall first, then its list of servers, the settings, the tunnel
(wireguard-go on tun0), and it fails as upstream does without NET_ADMIN, without /dev/net/tun and on
settings that are not valid. `openvpnconfig` only validates and ends: no network is needed for that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import (
    application,
    control,
    gluetun_control,
    gluetun_settings,
    gluetun_storage,
    gluetun_system,
    gluetun_tunnel,
    gluetun_vpn,
    web,
)
from .web import Answer

TUN_DEVICE = "/dev/net/tun"
RUNTIME = Path("/tmp/gluetun")


def main(arguments: list[str]) -> int:
    """Serve Gluetun, or run one of its commands."""
    if arguments and arguments[0] != "openvpnconfig":
        raise SystemExit(f"ERROR command is unknown: {arguments[0]}")
    links = gluetun_system.links()
    ipv6 = any(link.address.version == 6 and not link.address.is_link_local for link in links)
    try:
        servers = gluetun_storage.synced(
            gluetun_storage.FILE, gluetun_settings.provider_of(os.environ)
        )
        settings = gluetun_settings.read(os.environ, ipv6=ipv6, servers=servers)
    except gluetun_storage.StorageError as error:
        raise SystemExit(f"ERROR {error}") from error
    except gluetun_settings.SettingsError as error:
        where = "validating settings: " if arguments else ""
        raise SystemExit(f"ERROR {where}{error}") from error
    if arguments:
        connection = settings.connection
        print(f"client\nproto udp\nremote {connection.address} {connection.port}")
        return 0
    return _serve(settings, links)


def _serve(settings: gluetun_settings.Settings, links: list[gluetun_system.Link]) -> int:
    state = application.state_directory("/gluetun")
    RUNTIME.mkdir(exist_ok=True)
    vpn = gluetun_vpn.Vpn(settings, links, state)
    try:
        vpn.enable_firewall()
        roles = gluetun_control.read_roles(Path(settings.auth_file))
        control.at_start(state)
        os.close(os.open(TUN_DEVICE, os.O_RDWR))
        gluetun_system.run_ip(gluetun_tunnel.base_routes(links, settings.outbound_subnets))
        vpn.start()
    except OSError as error:
        print("Tip: are NET_ADMIN and the TUN device there?", file=sys.stderr)
        raise SystemExit(f"ERROR {error}") from error

    def health(_request: web.Request) -> Answer:
        control.before_answer(state)
        problem = "told to be sick" if control.is_sick(state) else vpn.health
        return Answer(problem, 500) if problem else Answer("")

    address, _, port = settings.health_address.rpartition(":")
    web.serve(int(port), health, address=address)
    web.at_end(vpn.stop)
    answer = gluetun_control.server(vpn, roles)
    return application.run(8000, answer, health={}, state=state)
