"""The door's program: waitress on the socket that systemd opened, with bounds on everything.

This process opens no socket and has no network: it takes connections from the one it was given.
Who is not on our bridge is hung up on at once, so is a peer's seventeenth connection; a request has
to be there whole within seconds, however its bytes trickle in, and a connection does not live for
long. Waitress keeps the bounds on sizes, and answers what is no HTTP. Told to end (SIGTERM) it lets
the requests under way end. Facts: waitress 3 (docs "Arguments to waitress.serve"); sd_listen_fds.
"""

from __future__ import annotations

import argparse
import collections
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from waitress.server import TcpWSGIServer

from mediastack import config as configuration
from mediastack import systemd
from mediastack.door import settings
from mediastack.door.app import LARGEST_BODY, App
from mediastack.door.journal import Journal
from mediastack.door.metrics import Counts
from mediastack.healer import sockets
from mediastack.healer.server import Cached

LARGEST_HEAD = 16 * 1024
CONNECTIONS = 64
CONNECTIONS_OF_A_PEER = 16
IDLE_SECONDS = 10
LIFE_SECONDS = 30.0
THREADS = 4
BOUNDS: dict[str, Any] = {
    "threads": THREADS,
    "connection_limit": CONNECTIONS,
    "channel_timeout": IDLE_SECONDS,
    "cleanup_interval": 1,
    "max_request_header_size": LARGEST_HEAD,
    # Waitress refuses what reaches its limit; a body of exactly ours is still ours to judge.
    "max_request_body_size": LARGEST_BODY + 1,
    "asyncore_use_poll": True,
    # More of them at once are told to try again by the kernel.
    "backlog": CONNECTIONS,
    # A peer that hangs up is nothing to write a traceback about.
    "log_socket_errors": False,
    # What runs here is nobody's business.
    "ident": None,
}


class Server(TcpWSGIServer):
    """Waitress's server for peers that may be slow, many, or strangers on purpose."""

    def __init__(self, app: App, listening: socket.socket, welcome: Callable[[str], bool]) -> None:
        self._welcome = welcome
        kind = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(
            app, _sock=listening, sockinfo=kind, bind_socket=False, sockets=[listening], **BOUNDS
        )

    def accept(self) -> Any:
        """Take one connection; None when it is not to be served."""
        taken = super().accept()
        if taken is None:
            return None
        connection, address = taken
        peers = collections.Counter(one.addr[0] for one in self._channels())
        if peers[address[0]] >= CONNECTIONS_OF_A_PEER or not self._welcome(address[0]):
            connection.close()
            return None
        return connection, address

    def maintenance(self, now: int) -> None:
        """Hang up on who says nothing, and on who has been there for too long."""
        super().maintenance(now)
        for channel in self._channels():
            if not channel.requests and channel.creation_time < now - LIFE_SECONDS:
                channel.will_close = True

    def _channels(self) -> list[Any]:
        channels: Any = self.active_channels
        return list(channels.values())


class Kept:
    """The settings as mediastack.toml has them now; the last good ones while it cannot be read."""

    def __init__(self) -> None:
        self._file = Cached()
        self._seen: object = None
        self._settings: settings.Settings | None = None

    def load(self) -> settings.Settings:
        """Return them. Raise ConfigError, KeyError or ValueError while there never were any."""
        try:
            config = self._file.load()
            if config is not self._seen:
                self._settings, self._seen = settings.of(config), config
        except (configuration.ConfigError, KeyError, ValueError):
            if self._settings is None:
                raise
        if self._settings is None:
            raise ValueError("there are no settings")
        return self._settings

    def welcome(self, peer: str) -> bool:
        """Whether a peer is on our bridge."""
        return self.load().inside(peer)


def passed() -> socket.socket:
    """The listening socket from systemd. Raise ValueError when there is none."""
    count = os.environ.pop("LISTEN_FDS", "")
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()) or count != "1":
        raise ValueError("is started by its socket unit: systemctl start mediastack-updater.socket")
    os.set_inheritable(sockets.PASSED, False)
    listening = socket.socket(fileno=sockets.PASSED)
    listening.setblocking(False)
    return listening


def sources() -> tuple[str, ...]:
    """The applications whose messages somebody here can translate."""
    from mediastack import door_sources

    return tuple(door_sources.SOURCES)


def main(arguments: list[str]) -> int:
    """Take deliveries on the socket that systemd passes, until told to end (SIGTERM)."""
    parser = argparse.ArgumentParser(prog="mediastack door", description=main.__doc__)
    parser.parse_args(arguments)
    kept = Kept()
    kept.load()
    signal.signal(signal.SIGTERM, _end)
    try:
        listening = passed()
        tokens = settings.tokens(os.environ.get("CREDENTIALS_DIRECTORY", ""))
        journal = Journal(settings.inbox(configuration.load()))
        journal.prepare()
    except (OSError, ValueError) as error:
        print(f"mediastack door: {error}", file=sys.stderr)
        return 1
    if settings.WUD not in tokens:
        print("mediastack door: no token for wud: nobody is let in there", file=sys.stderr)
    # It would write a line for every request that has to wait for another.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    app = App(kept.load, tokens, journal, Counts(), sources=sources())
    server = Server(app, listening, kept.welcome)
    systemd.tell("READY=1")
    server.run()
    systemd.tell("STOPPING=1")
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
