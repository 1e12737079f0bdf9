"""The child that tries ways out: it enters one network namespace and says what got through.

A process of its own, since a namespace is entered for good. It gets a question as JSON on stdin and
prints one answer; the namespace is an open descriptor, so it cannot be another one by the time. It
sends to the targets of its question and to nothing else, a handful of packets, each with a time-out
(a page that drips for ever is ended with this process, by whoever asked).
What cannot be tried and what got no answer look alike here: which of both a silence is shows the
same question asked outside.

Question: {"netns": descriptor or null, "tunnel": device, "resolvers": [address] or null (this
machine's), "name": name to look up, "names_at": [resolver to ask for it], "pages": {"4": url, "6":
url}, "targets": [{"kind": "tcp" or "dns" or "icmp", "family": 4 or 6, "address", "port"}]}. Answer:
{"devices": [name], "ipv6": {device: [address]}, "ipv6_routes": [device], "pages": {family: Try},
"names": {resolver: Try}, "targets": [{"device": "" or the one it was bound to, "kind", "family",
"result": Try}]}; a Try is {"got": text} or {"error": why}.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import ipaddress
import json
import os
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from mediastack import leaktest_dns

TRY_SECONDS = 3.0
PAGE_SECONDS = 8.0
WORKERS = 32
CLONE_NEWNET = 0x40000000
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
ICMP = {4: (socket.IPPROTO_ICMP, 8, 0), 6: (socket.IPPROTO_ICMPV6, 128, 129)}
DNS_PORT = 53
ANSWER_BYTES = 256
Try = dict[str, str]


def main(arguments: list[str]) -> int:
    """Verb `leaktest-probe`: answer the question on stdin."""
    question = json.load(sys.stdin)
    if question["netns"] is not None:
        enter(question["netns"])
    json.dump(probe(question), sys.stdout)
    return 0


def enter(descriptor: int) -> None:
    """Move this thread, and what it starts, into a network namespace. Raise OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def probe(question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a question, asked from the namespace we are in."""
    devices = [name for _, name in socket.if_nameindex()]
    tunnel = question["tunnel"]
    # Outside, where nothing is to be bypassed, whatever the routes say is the way.
    beside = [one for one in devices if one not in ("lo", tunnel)] if tunnel else []
    resolvers = question["resolvers"]
    name = question["name"]
    with ThreadPoolExecutor(WORKERS) as pool:
        pages = {
            family: pool.submit(_tried, page, url, int(family), resolvers)
            for family, url in question["pages"].items()
        }
        names = {
            resolver: pool.submit(_tried, looked_up, resolver, name)
            for resolver in question["names_at"]
        }
        targets = [
            (device, target, pool.submit(_tried, reached, target, device, name))
            for target in question["targets"]
            for device in ("", *beside)
        ]
        return {
            "devices": devices,
            "ipv6": ipv6_addresses(),
            "ipv6_routes": ipv6_default_routes(),
            "pages": {family: one.result() for family, one in pages.items()},
            "names": {resolver: one.result() for resolver, one in names.items()},
            "targets": [
                {
                    "device": device,
                    "kind": target["kind"],
                    "family": target["family"],
                    "result": one.result(),
                }
                for device, target, one in targets
            ],
        }


def page(url: str, family: int, resolvers: list[str] | None) -> str:
    """Return the address that a page says we come from. Raise OSError or ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with connected(address_of(host, family, resolvers), port, PAGE_SECONDS) as plain:
        stream = plain
        if parts.scheme == "https":
            stream = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = stream
        try:
            connection.request("GET", path, headers={"Connection": "close", "User-Agent": "curl/8"})
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES).decode("ascii", "replace").strip()
        except http.client.HTTPException as error:
            raise ValueError(f"no HTTP answer ({type(error).__name__})") from error
        finally:
            stream.close()
    if answer.status != 200:  # noqa: PLR2004
        raise ValueError(f"the page answers {answer.status}")
    return str(ipaddress.ip_address(text))


def address_of(host: str, family: int, resolvers: list[str] | None) -> str:
    """Return an address of that family: by these resolvers, or by this machine's own (None)."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).version != family:
            raise OSError(f"{host} is no IPv{family} address")
        return host
    if resolvers is None:
        return str(socket.getaddrinfo(host, None, FAMILIES[family])[0][4][0])
    problem = "no resolver"
    for resolver in resolvers:
        try:
            with connected(resolver, DNS_PORT, TRY_SECONDS, kind=socket.SOCK_DGRAM) as asked:
                reply = leaktest_dns.ask(asked, host, family)
        except (OSError, ValueError) as error:
            problem = words(error)
            continue
        if reply.addresses:
            return reply.addresses[0]
        problem = leaktest_dns.CODES.get(reply.code, "no address")
    raise OSError(f"{host} cannot be looked up: {problem}")


def looked_up(resolver: str, name: str) -> str:
    """Return what a resolver says of a name, in DNS's words. Raise OSError or ValueError."""
    with connected(resolver, DNS_PORT, TRY_SECONDS, kind=socket.SOCK_DGRAM) as asked:
        return leaktest_dns.CODES.get(leaktest_dns.ask(asked, name, 4).code, "an answer")


def reached(target: dict[str, Any], device: str, name: str) -> str:
    """Return how a target answered. Raise OSError or ValueError when it did not."""
    kind, address, family = target["kind"], target["address"], target["family"]
    if kind == "icmp":
        return echoed(address, family, device)
    if kind == "tcp":
        with connected(address, target["port"], TRY_SECONDS, device=device):
            return "connected"
    options: dict[str, Any] = {"kind": socket.SOCK_DGRAM, "device": device}
    with connected(address, DNS_PORT, TRY_SECONDS, **options) as asked:
        return leaktest_dns.CODES.get(leaktest_dns.ask(asked, name, 4).code, "an answer")


def echoed(address: str, family: int, device: str) -> str:
    """Return when a ping is answered. Raise OSError."""
    protocol, request, reply = ICMP[family]
    mark = os.urandom(4)
    with socket.socket(FAMILIES[family], socket.SOCK_RAW, protocol) as raw:
        _bind(raw, device)
        raw.settimeout(TRY_SECONDS)
        packet = struct.pack("!BBH", request, 0, 0) + mark + b"mediastack"
        if family == 4:  # noqa: PLR2004 - the kernel makes the checksum of IPv6's
            packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
        raw.sendto(packet, (address, 0))
        while True:
            data = raw.recv(2048)
            data = data[(data[0] & 15) * 4 :] if family == 4 else data  # noqa: PLR2004
            if data[:1] == bytes([reply]) and data[4:8] == mark:
                return "answered"


def checksum(packet: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


@contextlib.contextmanager
def connected(
    address: str,
    port: int,
    seconds: float,
    *,
    kind: int = socket.SOCK_STREAM,
    device: str = "",
) -> Iterator[socket.socket]:
    """Give a connected socket, bound to a device if one is named. Raise OSError."""
    family = FAMILIES[ipaddress.ip_address(address).version]
    with socket.socket(family, kind) as made:
        _bind(made, device)
        made.settimeout(seconds)
        made.connect((address, port))
        yield made


def ipv6_addresses(path: str = "/proc/net/if_inet6") -> dict[str, list[str]]:
    """Return {device: its addresses but link-local and loopback ones}."""
    found: dict[str, list[str]] = {}
    for line in _lines(path):
        digits, _, _, _, _, device = line.split()
        address = ipaddress.IPv6Address(int(digits, 16))
        if not address.is_link_local and not address.is_loopback:
            found.setdefault(device, []).append(str(address))
    return found


def ipv6_default_routes(path: str = "/proc/net/ipv6_route") -> list[str]:
    """Return the devices with an IPv6 default route; `lo` holds the kernel's "unreachable"."""
    rows = [line.split() for line in _lines(path)]
    return sorted({row[9] for row in rows if row[0] == "0" * 32 and row[1] == "00"} - {"lo"})


def words(error: Exception) -> str:
    """Return why, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _tried(function: Callable[..., str], *arguments: Any) -> Try:
    try:
        return {"got": function(*arguments)}
    except (OSError, ValueError) as error:
        return {"error": words(error)}


def _bind(made: socket.socket, device: str) -> None:
    if device:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read().splitlines()
    except OSError:
        return []
