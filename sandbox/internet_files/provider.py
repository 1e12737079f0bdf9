"""The VPN provider: a WireGuard server with NAT-PMP, and one exit address for all its clients.

Its key pair is made from a fixed text: it is nobody's secret, and the stand-in of Gluetun has the
public half baked into its server list, like upstream. All clients have the same tunnel address, as
ProtonVPN's have; of several known keys the one that shook hands last owns it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from . import addresses
from .natpmp import DEFAULT_PORT, LEASE_SECONDS, Mappings
from .system import Answerer, answer_questions, ip, run, set_kernel

QUESTIONS = addresses.RUN / "provider.socket"
INTERFACE = "wg0"
UAPI = Path("/var/run/wireguard") / f"{INTERFACE}.sock"
KEY_TEXT = b"the key of a VPN provider that exists in a sandbox only"
UAPI_TIMEOUT_SECONDS = 10.0
OWNER_POLL_SECONDS = 0.25
MAXIMUM_PORT = 65535
PEERS = addresses.KEPT / "peers"
PORT = addresses.KEPT / "port"
ALLOWED = f"{addresses.CLIENT}/32,{addresses.CLIENT_IPV6}/128"
RULES = f"""
table inet provider {{
  chain gate {{ }}
  chain arriving {{ type filter hook prerouting priority raw; policy accept; jump gate; }}
  chain leaving {{ type filter hook output priority raw; policy accept; jump gate; }}
  chain calling {{
    type filter hook input priority filter; policy accept;
    iifname "uplink" ip daddr {addresses.EXIT} meta l4proto {{ tcp, udp }} drop
  }}
  chain passing {{
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "{INTERFACE}" oifname "uplink" accept
    iifname "uplink" oifname "{INTERFACE}" ct status dnat accept
  }}
}}
table ip provider_nat {{
  set forwarded {{ type inet_proto . inet_service; flags timeout; }}
  chain arriving {{
    type nat hook prerouting priority dstnat;
    iifname "uplink" ip daddr {addresses.EXIT} meta l4proto . th dport @forwarded \
dnat to {addresses.CLIENT}
  }}
  chain leaving {{
    type nat hook postrouting priority srcnat;
    oifname "uplink" ip saddr {addresses.TUNNEL_NETWORK} snat to {addresses.EXIT}
  }}
}}
table ip6 provider_nat {{
  chain leaving {{
    type nat hook postrouting priority srcnat;
    oifname "uplink" ip6 saddr {addresses.GATEWAY_IPV6}/64 snat to {addresses.EXIT_IPV6}
  }}
}}
"""


def private_key() -> str:
    """The server's private key."""
    key = bytearray(hashlib.sha256(KEY_TEXT).digest())
    key[0] &= 248
    key[31] = key[31] & 127 | 64
    return base64.b64encode(key).decode()


def main() -> None:
    """Build the provider in this namespace and serve for ever."""
    set_kernel(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    ip(
        "link set lo up",
        f"address add {addresses.PROVIDER}/30 dev uplink",
        f"-6 address add {addresses.PROVIDER_IPV6}/64 dev uplink nodad",
        f"address add {addresses.ENDPOINT}/32 dev lo",
        f"address add {addresses.EXIT}/32 dev lo",
        f"-6 address add {addresses.EXIT_IPV6}/128 dev lo",
        "link set uplink up",
        f"route add default via {addresses.ROUTER_TO_PROVIDER} src {addresses.ENDPOINT}",
        f"-6 route add default via {addresses.ROUTER_TO_PROVIDER_IPV6}",
    )
    run("nft", "-f", "-", text=RULES)
    _start_wireguard()
    port = int(PORT.read_text(encoding="ascii")) if PORT.exists() else DEFAULT_PORT
    mappings = Mappings(port, time.monotonic, _open_port)
    for key in _kept_peers():
        _allow(key)
    threading.Thread(target=_watch_owner, daemon=True).start()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((addresses.GATEWAY, addresses.NAT_PMP_PORT))

    def set_port(number: str) -> dict[str, Any]:
        wanted = int(number)
        if not 0 <= wanted <= MAXIMUM_PORT:
            raise ValueError(f"{wanted} is no port")
        mappings.port = wanted
        PORT.write_text(f"{wanted}\n", encoding="ascii")
        return ports()

    def ports() -> dict[str, Any]:
        return {"port": mappings.port, "leases": mappings.leases()}

    verbs: dict[str, Answerer] = {
        "port": set_port,
        "ports": ports,
        "tunnel": _tunnel,
        "peer": _peer,
        "peers": _peers,
    }
    answer_questions(QUESTIONS, verbs)
    while True:
        request, client = server.recvfrom(64)
        if reply := mappings.reply(request):
            with contextlib.suppress(OSError):
                server.sendto(reply, client)


def _start_wireguard() -> None:
    environment = {**os.environ, "LOG_LEVEL": "error", "WG_PROCESS_FOREGROUND": "1"}
    server = subprocess.Popen(["wireguard-go", "-f", INTERFACE], env=environment)
    threading.Thread(target=lambda: os._exit(server.wait() or 1), daemon=True).start()
    deadline = time.monotonic() + UAPI_TIMEOUT_SECONDS
    while not UAPI.exists():
        if time.monotonic() > deadline:
            raise OSError("wireguard-go does not answer")
        time.sleep(0.02)
    port = str(addresses.WIREGUARD_PORT)
    key = ("private-key", "/dev/stdin")
    run("wg", "set", INTERFACE, "listen-port", port, *key, text=private_key())
    ip(
        f"address add {addresses.GATEWAY}/16 dev {INTERFACE}",
        f"-6 address add {addresses.GATEWAY_IPV6}/64 dev {INTERFACE} nodad",
        f"link set {INTERFACE} up",
    )


def _open_port(protocol: str, port: int, seconds: int) -> None:
    """Forward `port` to the client for `seconds`, or no longer (0)."""
    element = f"{{ {protocol} . {port} }}"
    table = "ip provider_nat forwarded"
    # Delete first: adding an element that is there does not renew its timeout.
    script = f"add element {table} {element}\ndelete element {table} {element}\n"
    if seconds:
        script += f"add element {table} {{ {protocol} . {port} timeout {LEASE_SECONDS}s }}\n"
    run("nft", "-f", "-", text=script)


def _tunnel(state: str) -> dict[str, Any]:
    """Answer on the endpoint's port, or drop whatever comes and goes there."""
    if state not in ("on", "off"):
        raise ValueError("on or off")
    script = "flush chain inet provider gate\n"
    if state == "off":
        for end in ("dport", "sport"):
            script += f"add rule inet provider gate udp {end} {addresses.WIREGUARD_PORT} drop\n"
    run("nft", "-f", "-", text=script)
    return {"tunnel": state}


def _kept_peers() -> list[str]:
    return PEERS.read_text(encoding="ascii").split() if PEERS.exists() else []


def _peer(key: str) -> dict[str, Any]:
    if len(base64.b64decode(key, validate=True)) != 32:
        raise ValueError("a public key has 32 bytes")
    kept = _kept_peers()
    if key not in kept:
        _allow(key)
        PEERS.write_text("\n".join([*kept, key]) + "\n", encoding="ascii")
    return {"peers": len(_kept_peers())}


def _peers() -> dict[str, Any]:
    return {"peers": {key: shaken for shaken, key in sorted(_handshakes())}}


def _allow(key: str) -> None:
    """Accept the client's key; the first one owns the tunnel address until another shakes hands."""
    allowed = ALLOWED if not _handshakes() else ""
    run("wg", "set", INTERFACE, "peer", key, "allowed-ips", allowed)


def _handshakes() -> list[tuple[int, str]]:
    """(seconds since the epoch, key) of each client's last handshake, 0 for none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(UAPI))
        connection.sendall(b"get=1\n\n")
        text = b""
        while not text.endswith(b"\n\n") and (part := connection.recv(65536)):
            text += part
    found: list[tuple[int, str]] = []
    key = ""
    for line in text.decode().splitlines():
        name, _, value = line.partition("=")
        if name == "public_key":
            key = base64.b64encode(bytes.fromhex(value)).decode()
        elif name == "last_handshake_time_sec":
            found.append((int(value), key))
    return found


def _watch_owner() -> None:
    owner = ""
    while True:
        time.sleep(OWNER_POLL_SECONDS)
        if len(shaken := _handshakes()) < 2:
            continue
        last, key = max(shaken)
        if last and key != owner:
            run("wg", "set", INTERFACE, "peer", key, "allowed-ips", ALLOWED)
            owner = key
