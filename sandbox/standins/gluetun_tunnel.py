"""The tunnel: wireguard-go on tun0, and the policy routes that lead everything else into it.

As with upstream, WireGuard's own packets carry a mark; whatever has none goes to a table of its own
whose only route is the tunnel. Before that rule stand the attached networks, the answers to what
came in there, and the subnets that may be reached beside the tunnel.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from .gluetun_settings import Network, Settings
from .gluetun_system import Link, log, run, run_ip

MARK = 51820
RULE_PRIORITY = 101
OUTBOUND_TABLE, OUTBOUND_PRIORITY = 199, 99
INBOUND_TABLE, INBOUND_PRIORITY = 200, 100
LOCAL_PRIORITY = 98
SOCKET_DIRECTORY = Path("/var/run/wireguard")
START_SECONDS = 5.0
STOP_SECONDS = 2.0


def base_routes(links: Sequence[Link], outbound: Sequence[Network]) -> list[str]:
    """Commands of ip(8) for the rules that stand as long as the container runs."""
    lines = []
    for link in links:
        family = f"-{link.address.version}"
        lines.append(f"{family} rule add to {link.network} lookup main priority {LOCAL_PRIORITY}")
        if not link.gateway:
            continue
        via = f"via {link.gateway} dev {link.device}"
        for subnet in (one for one in outbound if one.version == link.address.version):
            lines.append(f"{family} route replace {subnet} {via} table {OUTBOUND_TABLE}")
            lines.append(
                f"{family} rule add to {subnet} lookup {OUTBOUND_TABLE} "
                f"priority {OUTBOUND_PRIORITY}"
            )
        lines.append(f"{family} route replace default {via} table {INBOUND_TABLE}")
        lines.append(
            f"{family} rule add from {link.address.ip} lookup {INBOUND_TABLE} "
            f"priority {INBOUND_PRIORITY}"
        )
    return lines


def up_commands(settings: Settings, ipv6: bool) -> list[str]:
    """Commands of ip(8) that bring the interface up and lead the traffic into it."""
    device = settings.interface
    lines = [
        f"-{address.version} address add {address} dev {device}"
        + (" nodad" if address.version == 6 else "")
        for address in settings.addresses
        if ipv6 or address.version == 4
    ]
    lines.append(f"-4 link set {device} mtu {settings.mtu} up")
    for family in ("-4", "-6") if ipv6 else ("-4",):
        lines.append(f"{family} route add default dev {device} table {MARK}")
        lines.append(f"{family} rule add not fwmark {MARK} lookup {MARK} priority {RULE_PRIORITY}")
    return lines


def device_configuration(settings: Settings) -> str:
    """What wireguard-go is told over its socket."""
    connection = settings.connection
    host = f"[{connection.address}]" if ":" in connection.address else connection.address
    lines = [
        "set=1",
        f"private_key={_hexadecimal(settings.private_key)}",
        f"fwmark={MARK}",
        "replace_peers=true",
        f"public_key={_hexadecimal(connection.public_key)}",
        f"endpoint={host}:{connection.port}",
        "allowed_ip=0.0.0.0/0",
        "allowed_ip=::/0",
    ]
    if settings.preshared_key:
        lines.insert(5, f"preshared_key={_hexadecimal(settings.preshared_key)}")
    return "\n".join(lines) + "\n\n"


class Tunnel:
    """The interface and the process behind it."""

    def __init__(self, settings: Settings, links: Sequence[Link]) -> None:
        self._settings = settings
        self._ipv6 = any(link.gateway and link.address.version == 6 for link in links)
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Make the interface and route into it. Raise OSError when it cannot be."""
        device = self._settings.interface
        place = SOCKET_DIRECTORY / f"{device}.sock"
        place.unlink(missing_ok=True)
        environment = {**os.environ, "LOG_LEVEL": "error", "WG_PROCESS_FOREGROUND": "1"}
        self._process = subprocess.Popen(
            ["wireguard-go", "-f", device],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not place.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OSError("creating TUN device: wireguard-go did not start")
            time.sleep(0.01)
        _tell(place, device_configuration(self._settings))
        run_ip(up_commands(self._settings, self._ipv6))
        connection = self._settings.connection
        log("wireguard", f"Connecting to {connection.address}:{connection.port}")

    def down(self) -> None:
        """Take the rules and the interface away; missing ones are fine."""
        for family in ("-4", "-6"):
            rule = f"not fwmark {MARK} lookup {MARK} priority {RULE_PRIORITY}"
            with contextlib.suppress(OSError):
                run(["ip", family, "rule", "delete", *rule.split()])
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def has_died(self) -> bool:
        """True when wireguard-go ended although nobody told it to."""
        return self._process is not None and self._process.poll() is not None


def _hexadecimal(key: str) -> str:
    return base64.b64decode(key).hex()


def _tell(place: Path, text: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(START_SECONDS)
        connection.connect(str(place))
        connection.sendall(text.encode())
        answer = b""
        while b"\n\n" not in answer and (part := connection.recv(4096)):
            answer += part
    if b"errno=0" not in answer:
        raise OSError("configuring interface: wireguard-go refused it")
