"""The public internet: any address answers pings, DNS, HTTP, and takes connections on port 443.

Everything is local here (a route of type local over all addresses), so whatever a box calls, it
reaches this namespace and nothing else. Connections and datagrams that arrive are recorded with
their source address by a tap.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from . import addresses, dns, tap
from .system import answer_questions, ip, set_kernel

QUESTIONS = addresses.RUN / "public.socket"
DIAL_TIMEOUT_SECONDS = 2.0
CHUNK = bytes(256 * 1024)
IPV6_RECVPKTINFO, IPV6_PKTINFO = 49, 50


def main() -> None:
    """Build the public internet in this namespace and serve for ever."""
    ip("link set lo up", f"address add {addresses.PUBLIC}/30 dev uplink")
    set_kernel(
        ipv6__conf__all__forwarding=0, ipv4__conf__all__rp_filter=0, ipv6__ip_nonlocal_bind=1
    )
    ip(f"-6 address add {addresses.PUBLIC_IPV6}/64 dev uplink nodad", "link set uplink up")
    for network in addresses.CLIENT_NETWORKS:
        ip(f"route add table local {network} via {addresses.ROUTER_TO_PUBLIC} dev uplink")
    for network in addresses.CLIENT_NETWORKS_IPV6:
        ip(f"-6 route add table local {network} via {addresses.ROUTER_TO_PUBLIC_IPV6} dev uplink")
    ip("route add table local local 0.0.0.0/0 dev lo", "-6 route add table local local ::/0 dev lo")
    recorder = tap.Recorder("uplink", addresses.ARRIVALS, tap.without_streams())
    threads = (recorder.run, _dns_over_udp, _dns_over_tcp, _take_connections)
    for target in threads:
        threading.Thread(target=target, daemon=True).start()
    answer_questions(QUESTIONS, {"dial": _dial})
    addresses.READY.touch()
    _Server(("::", 80), _Http).serve_forever()


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 64


class _Http(BaseHTTPRequestHandler):
    """`/ip`: the caller's address; `/bytes/N`: N bytes; POST anything: its length."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the caller's address, or with as many bytes as asked for."""
        if self.path.startswith("/bytes/"):
            left = int(self.path.removeprefix("/bytes/"))
            self._head(left)
            while left > 0:
                self.wfile.write(CHUNK[:left])
                left -= len(CHUNK)
            return
        self._text(self.client_address[0].removeprefix("::ffff:"))

    def do_POST(self) -> None:
        """Swallow the body and answer with its length."""
        left = length = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (part := self.rfile.read(min(left, len(CHUNK)))):
            left -= len(part)
        self._text(str(length - left))

    def _text(self, text: str) -> None:
        self._head(len(text) + 1)
        self.wfile.write(text.encode() + b"\n")

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """The tap has it."""


def _note_name(query: bytes, client: str, address: str, protocol: str) -> None:
    line = {
        "time": time.time(),
        "name": dns.name_of(query),
        "source": client.removeprefix("::ffff:"),
        "destination": address.removeprefix("::ffff:"),
        "protocol": protocol,
    }
    with addresses.NAMES.open("a", encoding="utf-8") as names:
        names.write(json.dumps(line) + "\n")


def _dns_over_udp() -> None:
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    server.bind(("::", 53))
    while True:
        query, extra, _, client = server.recvmsg(4096, 128)
        # The answer comes from the address that was asked, whichever that was.
        asked = next((c[:16] for _, kind, c in extra if kind == IPV6_PKTINFO), bytes(16))
        _note_name(query, client[0], socket.inet_ntop(socket.AF_INET6, asked), "udp")
        with contextlib.suppress(ValueError, IndexError, struct.error, OSError):
            packet_info = (socket.IPPROTO_IPV6, IPV6_PKTINFO, asked + struct.pack("I", 0))
            server.sendmsg([dns.answer(query)], [packet_info], 0, client)


def _dns_over_tcp() -> None:
    def serve(connection: socket.socket, client: str) -> None:
        with connection, contextlib.suppress(ValueError, IndexError, struct.error, OSError):
            connection.settimeout(DIAL_TIMEOUT_SECONDS)
            query = connection.recv(4096)[2:]
            _note_name(query, client, connection.getsockname()[0], "tcp")
            reply = dns.answer(query)
            connection.sendall(struct.pack("!H", len(reply)) + reply)

    _accept(53, serve)


def _take_connections() -> None:
    def echo(connection: socket.socket, _client: str) -> None:
        with connection, contextlib.suppress(OSError):
            while part := connection.recv(65536):
                connection.sendall(part)

    _accept(443, echo)


def _accept(port: int, serve: Any) -> None:
    server = socket.create_server(
        ("::", port), family=socket.AF_INET6, backlog=64, dualstack_ipv6=True
    )
    while True:
        connection, client = server.accept()
        threading.Thread(target=serve, args=(connection, client[0]), daemon=True).start()


def _dial(port: str, protocol: str = "tcp") -> dict[str, Any]:
    """Call the exit address from the public internet, as a torrent peer would."""
    if protocol == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.settimeout(DIAL_TIMEOUT_SECONDS)
            caller.bind((addresses.WEB, 0))
            caller.sendto(b"dial", (addresses.EXIT, int(port)))
            try:
                return {"answered": True, "bytes": len(caller.recv(2048))}
            except OSError as error:
                return {"answered": False, "why": str(error)}
    try:
        place = (addresses.EXIT, int(port))
        socket.create_connection(place, DIAL_TIMEOUT_SECONDS, (addresses.WEB, 0)).close()
    except OSError as error:
        return {"answered": False, "why": str(error)}
    return {"answered": True}
