"""Probes from within network namespaces, from their first instant until their interface is gone.

Docker makes a namespace before it runs anything in it. A child enters each as soon as it is there
and, when its eth0 gets one of the addresses asked for, sends: TCP, UDP, ICMP, DNS and IPv6, by
ordinary routing and bound to eth0, each packet with a text, a name or a port of its own. So it is
there before the first instruction of the container, as no honest dependent can be, and it stays in
the namespace when the container is gone, as dependents do. Two flows that began inside the tunnel
go on when it ends: what is established is what firewalls let pass.
"""

import collections
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

NAMESPACES = "/run/docker/netns"
DEVICE = b"eth0"
SO_BINDTODEVICE, IP_TRANSPARENT = 25, 19
SIOCGIFADDR = 0x8915
CLONE_NEWNET, IN_CREATE = 0x40000000, 0x100
WAIT_FOR_ADDRESS_SECONDS = 4.0
# How long a namespace without its interface is still tried.
GONE_SECONDS = 2.0
FLOW_SECONDS = 3.0
# Ports that only probes go to: a SYN carries no text.
FIRST_PORT, PORTS = 40000, 10000
UDP_PORT, FLOW_PORT = FIRST_PORT - 1, 443
PENDING = 16
EMBEDDED_RESOLVER = "127.0.0.11"

Send = Callable[[str], None]
Make = Callable[[], socket.socket]


def checksum(data: bytes) -> int:
    """The checksum of the internet protocols."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)


def echo_request(kind: int, number: int, text: bytes) -> bytes:
    """An ICMP echo request; version 6 has its checksum from the kernel."""
    header = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, number & 0xFFFF)
    total = checksum(header + text) if kind == 8 else 0
    return header[:2] + struct.pack("!H", total) + header[4:] + text


def question(number: int, name: str) -> bytes:
    """A DNS query for the address of `name`."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    head = struct.pack("!HHHHHH", number & 0xFFFF, 0x0100, 1, 0, 0, 0)
    return head + labels + b"\0" + struct.pack("!HH", 1, 1)


def opened(family: int, kind: int, protocol: int, bound: bool, source: str = "") -> socket.socket:
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    if bound:
        made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, DEVICE)
    if source:
        # Also while nobody here has it: as what still carries the address of a tunnel that ended.
        made.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)
        made.bind((source, 0))
    return made


def number_of(canary: str) -> int:
    return int(canary.rpartition("-")[2])


def datagrams(make: Make, target: "tuple[str, int]", pack: Callable[[str], bytes]) -> Send:
    """What sends one datagram; its socket is made anew after a failure."""
    held: list[socket.socket] = []

    def send(canary: str) -> None:
        if not held:
            held.append(make())
        try:
            held[0].sendto(pack(canary), target)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENETUNREACH, errno.EAGAIN):
                held.pop().close()
            raise

    return send


def connections(family: int, bound: bool, address: str) -> Send:
    """What sends one SYN, to a port of its own."""
    pending: collections.deque[socket.socket] = collections.deque()

    def send(canary: str) -> None:
        made = opened(family, socket.SOCK_STREAM, 0, bound)
        pending.append(made)
        while len(pending) > PENDING:
            pending.popleft().close()
        code = made.connect_ex((address, FIRST_PORT + number_of(canary) % PORTS))
        if code != errno.EINPROGRESS:
            raise OSError(code, os.strerror(code))

    return send


def flow(kind: int, target: "tuple[str, int]") -> Send:
    """What goes on sending from one connected socket, its source address kept, for a while."""
    held: list[socket.socket] = []
    used = [0.0]

    def heard() -> bool:
        """Whether the other end answered; its end is an error."""
        with contextlib.suppress(BlockingIOError):
            if held[0].recv(65536):
                return True
            raise OSError(errno.EPIPE, "closed")
        return False

    def send(canary: str) -> None:
        now = time.monotonic()
        # One that works is kept: the tunnel's end is to be met in the middle of it.
        if held and now - used[0] > FLOW_SECONDS:
            held.pop().close()
        if not held:
            made = opened(socket.AF_INET, kind, 0, False)
            held.append(made)
            used[0] = now
            made.connect_ex(target)
        try:
            if heard():
                used[0] = now
            with contextlib.suppress(BlockingIOError):
                held[0].send(canary.encode() + b"\n")
        except OSError as error:
            if kind == socket.SOCK_STREAM and error.errno != errno.EPERM:
                held.pop().close()
            raise

    return send


def ways(family: int, bound: bool, host: str, resolver: str) -> "dict[str, Send]":
    """One way to send each protocol in one family."""
    six = family == socket.AF_INET6
    echo, protocol = (128, socket.IPPROTO_ICMPV6) if six else (8, socket.IPPROTO_ICMP)

    def ping(canary: str) -> bytes:
        return echo_request(echo, number_of(canary), canary.encode())

    def ask(canary: str) -> bytes:
        return question(number_of(canary), f"{canary}.leak.example")

    datagram = partial(opened, family, socket.SOCK_DGRAM, 0, bound)
    raw = partial(opened, family, socket.SOCK_RAW, protocol, bound)
    return {
        "tcp": connections(family, bound, host),
        "udp": datagrams(datagram, (host, UDP_PORT), str.encode),
        "icmp": datagrams(raw, (host, 0), ping),
        "dns": datagrams(datagram, (resolver, 53), ask),
    }


def probes(targets: "dict[str, str]") -> "dict[str, list[tuple[str, Send]]]":
    """Each kind with its ways."""
    found: dict[str, list[tuple[str, Send]]] = {"ipv6": []}
    four, six, datagram = socket.AF_INET, socket.AF_INET6, socket.SOCK_DGRAM
    host, resolver = targets["host"], targets["resolver"]
    for bound in (False, True):
        way = "eth0" if bound else "routed"
        for kind, send in ways(four, bound, host, resolver).items():
            found.setdefault(kind, []).append((way, send))
        for kind, send in ways(six, bound, targets["host6"], targets["resolver6"]).items():
            found["ipv6"].append((f"{kind}-{way}", send))
    docker = ways(four, False, host, EMBEDDED_RESOLVER)["dns"]
    # What a wall that knows no more of the VPN's servers than their port would let pass.
    at_port, here = (host, int(targets["port"])), (host, UDP_PORT)
    bound_there = partial(opened, four, datagram, 0, True)
    by_port = datagrams(bound_there, at_port, str.encode)
    kept = datagrams(partial(bound_there, targets["tunnel"]), here, str.encode)
    found["dns"].insert(1, ("docker", docker))
    found["tcp"].append(("flow", flow(socket.SOCK_STREAM, (host, FLOW_PORT))))
    found["udp"].append(("flow", flow(datagram, here)))
    found["udp"] += [("endpoint-port", by_port), ("tunnel-address", kept)]
    return found


def own_address() -> str:
    """The address of eth0 in this namespace, "" while it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            answer = fcntl.ioctl(asked, SIOCGIFADDR, struct.pack("256s", DEVICE))
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])


def enter(name: str, deadline: float) -> bool:
    """Go into the namespace; its file is there a moment before it is one."""
    libc = ctypes.CDLL(None, use_errno=True)
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            descriptor = os.open(f"{NAMESPACES}/{name}", os.O_RDONLY)
            done = libc.setns(descriptor, CLONE_NEWNET)
            os.close(descriptor)
            if done == 0:
                return True
        time.sleep(0.001)
    return False


def record(**values: Any) -> None:
    """One line, in one write: several processes share the stream."""
    os.write(1, json.dumps(values).encode() + b"\n")


def probe(
    name: str, addresses: "list[str]", canary: str, targets: "dict[str, str]", pause: float
) -> None:
    """The life of one child."""
    deadline = time.monotonic() + WAIT_FOR_ADDRESS_SECONDS
    if not enter(name, deadline):
        return
    while not (found := own_address()):
        if time.monotonic() > deadline:
            return
        time.sleep(0.0005)
    if found not in addresses:
        return
    wanted = probes(targets)
    sent: collections.Counter[str] = collections.Counter()
    refused: collections.Counter[str] = collections.Counter()
    number, turn, gone_since = 0, 0, 0.0
    record(event="entered", namespace=name, address=found, time=time.time())
    try:
        due = time.monotonic()
        while True:
            for kind, ways in wanted.items():
                way, send = ways[turn % len(ways)]
                number += 1
                try:
                    send(f"{canary}-{kind}-{name[:6]}-{number}")
                    sent[f"{kind} {way}"] += 1
                except OSError as error:
                    refused[f"{kind} {way} {errno.errorcode.get(error.errno or 0, '?')}"] += 1
            turn += 1
            if turn % 50 == 0:
                gone_since = 0.0 if own_address() else gone_since or time.monotonic()
                if gone_since and time.monotonic() - gone_since > GONE_SECONDS:
                    return
            due = max(due + pause, time.monotonic() - pause)
            time.sleep(max(0.0, due - time.monotonic()))
    finally:
        record(event="left", namespace=name, time=time.time(), sent=sent, refused=refused)


def appearing() -> "Iterator[str]":
    """The names of the namespaces that are there, then of each new one."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(0)
    if libc.inotify_add_watch(descriptor, NAMESPACES.encode(), IN_CREATE) < 0:
        raise OSError(ctypes.get_errno(), f"{NAMESPACES} cannot be watched")
    yield from os.listdir(NAMESPACES)
    while True:
        data = os.read(descriptor, 65536)
        while data:
            length = struct.unpack_from("iIII", data)[3]
            yield data[16 : 16 + length].rstrip(b"\0").decode()
            data = data[16 + length :]


def main(addresses: "list[str]", canary: str, targets: "dict[str, str]", pause: float) -> None:
    """Probe from every namespace with one of these addresses, until told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # A group of our own, to end the children by: their numbers may be others' by then.
    os.setpgid(0, 0)
    parent = os.getpid()
    try:
        for name in appearing():
            if os.fork() == 0:
                probe(name, addresses, canary, targets, pause)
                return
    finally:
        if os.getpid() == parent:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.killpg(0, signal.SIGTERM)
            time.sleep(0.2)
