"""A host with a bridge, three containers and an internet, as network namespaces of this machine.

Documentation addresses only, and no way out of the namespaces: what is sent in there stays there.
What arrives at "the internet" is read off its device, whatever any packet filter thinks of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

FILES = os.path.join(os.path.dirname(__file__), "..", "..", "files")
CONTAINERS = {"owner": 10, "egress": 20, "other": 34}
SUBNET, SUBNET6 = "172.30.0", "2001:db8:30:"
INTERNET = ("198.51.100.10", "203.0.113.80", "192.168.1.5", "2001:db8:f::10", "2001:db8:f::80")
SETTLE_SECONDS = 0.3
# Prints "protocol source target port" of every IP packet that comes in.
SNIFFER = """
import socket, struct, sys
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
print("ready", flush=True)
while True:
    frame, told = tap.recvfrom(65535)
    if told[2] == 4:
        continue
    if frame[12:14] == b"\\x08\\x00":
        head = (frame[14] & 15) * 4
        version, protocol = socket.AF_INET, frame[23]
        source, target = frame[26:30], frame[30:34]
    elif frame[12:14] == b"\\x86\\xdd":
        head, version, protocol = 40, socket.AF_INET6, frame[20]
        source, target = frame[22:38], frame[38:54]
    else:
        continue
    name = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}.get(protocol, str(protocol))
    rest = frame[14 + head:]
    port = struct.unpack("!H", rest[2:4])[0] if name in ("tcp", "udp") else 0
    print(name, socket.inet_ntop(version, source), socket.inet_ntop(version, target), port,
          flush=True)
"""
SENDER = """
import json, socket, sys
for protocol, target, port, own in json.loads(sys.argv[1]):
    version = socket.AF_INET6 if ":" in target else socket.AF_INET
    kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_RAW}[protocol]
    number = {"tcp": 0, "udp": 0, "icmp": 1 if version == socket.AF_INET else 58}[protocol]
    out = socket.socket(version, kind, number)
    out.setblocking(False)
    if own:
        out.bind(("", own))
    try:
        if protocol == "tcp":
            out.connect_ex((target, port))
        elif protocol == "udp":
            out.sendto(b"x", (target, port))
        else:
            echo = b"\\x08\\x00\\xf7\\xfd\\x00\\x01\\x00\\x01"
            echo = echo if number == 1 else b"\\x80" + bytes(7)
            out.sendto(echo, (target, 0))
    except OSError as error:
        print(error, file=sys.stderr)
"""


class Arrival(NamedTuple):
    """A packet that came to the internet."""

    protocol: str
    source: str
    target: str
    port: int


def problem() -> str:
    """Why this machine cannot do it, "" when it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [one for one in ("ip", "nft") if not shutil.which(one)]
    if missing:
        return f"needs {' and '.join(missing)}"
    done = subprocess.run(["ip", "netns", "add", "wall-probe"], capture_output=True, check=False)
    if done.returncode:
        return "cannot make network namespaces"
    subprocess.run(["ip", "netns", "del", "wall-probe"], check=False)
    return ""


class House:
    """The namespaces, by name: host, internet, and the containers."""

    def __init__(self) -> None:
        self.prefix = f"wall{os.getpid()}"
        self.tap: subprocess.Popen[str] | None = None

    def name(self, which: str) -> str:
        """The real name of a namespace."""
        return f"{self.prefix}-{which}"

    def run(self, which: str, *command: str, check: bool = True) -> str:
        """The output of a command in a namespace."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name(which), *command],
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def start(self, which: str, *command: str, **more: Any) -> subprocess.Popen[str]:
        """A program in a namespace."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name(which), *command], text=True, **more
        )

    def build(self) -> None:
        """Namespaces, links, addresses, routes."""
        for which in ("host", "internet", *CONTAINERS):
            subprocess.run(["ip", "netns", "add", self.name(which)], check=True)
            # No second of waiting whether an IPv6 address is somebody else's already.
            self.run(which, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
            self.run(which, "ip", "link", "set", "lo", "up")
        forward = ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.run("host", "sysctl", "-qw", *forward)
        self.run("host", "ip", "link", "add", "br-media", "type", "bridge")
        self.run("host", "ip", "address", "add", f"{SUBNET}.1/24", "dev", "br-media")
        self.run("host", "ip", "address", "add", f"{SUBNET6}:1/64", "dev", "br-media", "nodad")
        self.run("host", "ip", "link", "set", "br-media", "up")
        self.link("internet", "eth0")
        self.run("host", "ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
        self.run("host", "ip", "address", "add", "2001:db8:e::1/64", "dev", "eth0", "nodad")
        self.run("internet", "ip", "address", "add", "192.0.2.2/24", "dev", "up0")
        self.run("internet", "ip", "address", "add", "2001:db8:e::2/64", "dev", "up0", "nodad")
        for one in INTERNET:
            self.run("internet", "ip", "address", "add", one, "dev", "lo")
        for which, via, via6 in (
            ("host", "192.0.2.2", "2001:db8:e::2"),
            ("internet", "192.0.2.1", "2001:db8:e::1"),
        ):
            self.run(which, "ip", "route", "add", "default", "via", via)
            self.run(which, "ip", "-6", "route", "add", "default", "via", via6)
        for which, number in CONTAINERS.items():
            self.link(which, f"veth-{which}"[:15])
            self.run("host", "ip", "link", "set", f"veth-{which}"[:15], "master", "br-media")
            self.run(which, "ip", "address", "add", f"{SUBNET}.{number}/24", "dev", "up0")
            own = f"{SUBNET6}:{number:x}/64"
            self.run(which, "ip", "address", "add", own, "dev", "up0", "nodad")
            self.run(which, "ip", "route", "add", "default", "via", f"{SUBNET}.1")
            self.run(which, "ip", "-6", "route", "add", "default", "via", f"{SUBNET6}:1")
        self.tap = self.start("internet", sys.executable, "-c", SNIFFER, stdout=subprocess.PIPE)
        assert self.tap.stdout
        assert self.tap.stdout.readline() == "ready\n"
        os.set_blocking(self.tap.stdout.fileno(), False)

    def link(self, which: str, outside: str) -> None:
        """A cable between the host (`outside`) and a namespace (up0)."""
        self.run("host", "ip", "link", "add", outside, "type", "veth", "peer", "name", "up0",
                 "netns", self.name(which))  # fmt: skip
        self.run("host", "ip", "link", "set", outside, "up")
        self.run(which, "ip", "link", "set", "up0", "up")

    def send(self, which: str, *several: tuple[str, str, int, int]) -> None:
        """(protocol, target, port, own port or 0): one packet each."""
        self.run(which, sys.executable, "-c", SENDER, json.dumps(several))

    def arrived(self) -> list[Arrival]:
        """What came to the internet from the bridge since the last question."""
        time.sleep(SETTLE_SECONDS)
        assert self.tap
        assert self.tap.stdout
        raw = b""
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self.tap.stdout.fileno(), 1 << 16):
                raw += more
        found = [line.split() for line in raw.decode().splitlines()]
        arrivals = [Arrival(one[0], one[1], one[2], int(one[3])) for one in found]
        return [one for one in arrivals if one.source.startswith((SUBNET, SUBNET6))]

    def remove(self) -> None:
        """Everything, also of a half built house."""
        if self.tap:
            self.tap.kill()
            self.tap.wait()
        for which in ("host", "internet", *CONTAINERS):
            name = self.name(which)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@contextlib.contextmanager
def house() -> Iterator[House]:
    """A house, removed afterwards."""
    made = House()
    try:
        made.build()
        yield made
    finally:
        made.remove()


def listed(house: House) -> dict[str, Any] | None:
    """What nft lists in the host."""
    command = ("nft", "-j", "list", "table", "inet", "mediastack_wall")
    said = house.run("host", *command, check=False)
    return json.loads(said) if said else None
