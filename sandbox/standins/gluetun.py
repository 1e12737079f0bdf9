"""Gluetun: its start-up conditions, files, control server and health; no tunnel behind tun0 yet.

It fails like upstream without NET_ADMIN, without /dev/net/tun and without a valid WireGuard key,
and it makes a tun0 with the provider's address, so what looks for the device finds it. Packets into
tun0 end there. A faithful tunnel needs a provider on the other end.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import struct
import subprocess
import threading
from pathlib import Path

from . import application, control, gluetun_control, web
from .web import Answer

TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
INTERFACE = "tun0"
DEFAULT_ADDRESS = "10.2.0.2/32"
SECRET = "/run/secrets/wireguard_private_key"
RUNTIME = Path("/tmp/gluetun")
KEY_BYTES = 32


def main(_arguments: list[str]) -> int:
    """Serve Gluetun."""
    state = application.state_directory("/gluetun")
    _check_settings()
    key_problem = _key_problem()
    if key_problem:
        raise SystemExit(f"ERROR VPN settings: Wireguard settings: private key {key_problem}")
    roles = gluetun_control.read_roles(Path(state) / "auth" / "config.toml")
    control.at_start(state)
    _make_tunnel(application.setting("WIREGUARD_ADDRESSES", DEFAULT_ADDRESS))
    RUNTIME.mkdir(exist_ok=True)
    tunnel = gluetun_control.Tunnel(state, application.setting("VPN_PORT_FORWARDING") == "on")
    (RUNTIME / "ip").write_text(gluetun_control.PUBLIC_ADDRESS, encoding="utf-8")
    (RUNTIME / "forwarded_port").write_text(tunnel.port_file(), encoding="utf-8")

    def health(request: web.Request) -> Answer:
        control.before_answer(state)
        sick = control.is_sick(state) or tunnel.status != "running"
        return Answer("unhealthy", 500) if sick else Answer("")

    web.serve(9999, health, address="127.0.0.1")
    answer = gluetun_control.server(tunnel, roles)
    return application.run(8000, answer, health={}, state=state)


def _check_settings() -> None:
    provider = application.setting("VPN_SERVICE_PROVIDER", "private internet access")
    kind = application.setting("VPN_TYPE", "openvpn")
    if kind != "wireguard":
        raise SystemExit(f"ERROR VPN settings: {provider} over {kind}: only wireguard is covered")
    if {application.setting("PORT_FORWARD_ONLY"), application.setting("FREE_ONLY")} == {"on"}:
        raise SystemExit("ERROR VPN settings: PORT_FORWARD_ONLY and FREE_ONLY exclude each other")


def _key_problem() -> str:
    """What is wrong with the private key, "" when nothing is. Never contains the key."""
    path = application.setting("WIREGUARD_PRIVATE_KEY_SECRETFILE", SECRET)
    try:
        key = Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except FileNotFoundError:
        key = application.setting("WIREGUARD_PRIVATE_KEY")
    except OSError as error:
        return f"cannot be read: {error}"
    if not key:
        return "is not set"
    try:
        decoded = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "is not valid: wgtypes: failed to parse base64-encoded key"
    if len(decoded) != KEY_BYTES:
        return f"is not valid: wgtypes: incorrect key size: {len(decoded)}"
    return ""


def _make_tunnel(address: str) -> None:
    """Create tun0, up, with `address`; it lives as long as this process. Ends it on failure."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH14x", INTERFACE.encode(), IFF_TUN_NO_PI))
        for arguments in (
            ["address", "add", address.split(",", maxsplit=1)[0], "dev", INTERFACE],
            ["link", "set", INTERFACE, "mtu", application.setting("WIREGUARD_MTU", "1320"), "up"],
        ):
            subprocess.run(["ip", *arguments], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"ERROR cannot create TUN device: {error}") from error
    threading.Thread(target=_swallow, args=(device,), daemon=True).start()


def _swallow(device: int) -> None:
    while True:
        os.read(device, 65536)
