"""A house with a door, an inbox and a configuration of its own, in a directory of its own.

The door's real application and server, and the inbox's real reader, run in this process; only what
the inbox leads to beyond this package (messages, the updater's start) is written down instead of
done. Nothing here needs a box or root.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import logging
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import tomli_w

from mediastack import config as configuration
from mediastack import inbox
from mediastack.door import app, auth, journal, limits, metrics, server, settings
from mediastack.updater import hints

SONARR, AUTOHEAL = "172.30.0.10", "172.30.0.34"
WUD, GUEST, STRANGER, LOOPBACK = "172.30.0.33", "172.30.0.50", "192.0.2.7", "127.0.0.1"
PINNED = "plex"
SERVICES = {"sonarr": "auto", "radarr": "auto", "seerr": "notify", PINNED: "pinned"}
ENDLESS = 1e9
# Deep enough that a path that climbs lands where it is seen.
DEPTH = "a/b/c/d/e/f"
# What only a door that compares texts would know: the token with a digest.
TOKENS: dict[bytes, str] = {}
ANSWER_SECONDS = 10.0


class House:
    """One door and one inbox; `root` is all that they could reach by a name."""

    def __init__(self, root: Path, *, burst: float = ENDLESS, caller: str = WUD) -> None:
        self.root = root
        self.state = root / DEPTH
        self.inbox = self.state / "inbox"
        self.inbox.mkdir(parents=True)
        self.token = secrets.token_urlsafe(32)
        self.config = _config(self.state, caller)
        (root / "mediastack.toml").write_text(tomli_w.dumps(self.config), encoding="utf-8")
        self.sent: list[str] = []
        self.started = 0
        self.journal = journal.Journal(str(self.inbox))
        self.journal.prepare()
        known = settings.of(self.config)
        self.expected = auth.digest(self.token.encode())
        TOKENS[self.expected] = self.token
        tokens = {settings.WUD: self.expected, "sonarr": auth.digest(b"another")}
        self.app = app.App(
            lambda: known,
            tokens,
            self.journal,
            metrics.Counts(),
            sources=("sonarr", "autoheal"),
            rate=limits.Rate(burst),
        )

    def files(self) -> list[Path]:
        """Deliveries that wait."""
        return sorted(self.inbox.glob("new/*"))

    def elsewhere(self) -> set[str]:
        """Every path below the root but the deliveries and what hints are kept in."""
        mine = ("inbox/new", "inbox/tmp", "updater")
        found = {str(path.relative_to(self.state)) for path in self.state.rglob("*")}
        outside = {str(path) for path in self.root.rglob("*")}
        return {path for path in found if not path.startswith(mine)} | {
            path for path in outside if not path.startswith(str(self.state))
        }

    def hints(self) -> dict[str, Any]:
        """What the updater would look at."""
        path = self.state / "updater" / "hints.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def read_inbox(self) -> None:
        """The inbox's turn, until nothing is left."""
        with mock.patch.dict(os.environ, MEDIASTACK_CONFIG=str(self.root / "mediastack.toml")):
            while inbox.read_all(self.config, os.getuid(), self._outside()):
                pass

    def _outside(self) -> inbox.House:
        def send(_subject: str, title: str, *_: str, **_more: Any) -> None:
            self.sent.append(title)

        def start() -> None:
            self.started += 1

        return inbox.House(hints.add, send, start, lambda: True)

    def ask(self, environment: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request through the application: status, headers, content."""
        answered: list[tuple[str, list[tuple[str, str]]]] = []
        content = b"".join(self.app(environment, lambda *said: answered.append(said)))
        ((status, headers),) = answered
        return int(status[:3]), headers, content


def request(body: bytes = b"{}", *, token: str = "", **more: Any) -> dict[str, Any]:
    """A delivery of What's Up Docker's, as a WSGI environment; `more` changes it."""
    shown = {"HTTP_AUTHORIZATION": f"Bearer {token}"} if token else {}
    return {
        "REMOTE_ADDR": WUD,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": app.HOOK_WUD,
        "QUERY_STRING": "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **shown,
        **more,
    }


def container(name: str, tag: str, digest: str = "") -> dict[str, Any]:
    """A container as What's Up Docker describes one that has an update."""
    return {
        "id": secrets.token_hex(32),
        "name": name,
        "watcher": "local",
        "image": {"name": f"linuxserver/{name}", "tag": {"value": "4.0.19", "semver": True}},
        "result": {"tag": tag, **({"digest": digest} if digest else {})},
        "updateAvailable": True,
        "updateKind": {"kind": "tag", "localValue": "4.0.19", "remoteValue": tag},
        "labels": {"com.docker.compose.service": name},
    }


@contextlib.contextmanager
def made(**how: Any) -> Iterator[House]:
    """A house for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="mediastack-door-") as directory:
        yield House(Path(directory), **how)


@contextlib.contextmanager
def served(house: House) -> Iterator[tuple[str, int]]:
    """The house's door behind its real server, on a loopback port."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with socket.socket() as listening:
        listening.bind((LOOPBACK, 0))
        listening.setblocking(False)
        known = settings.of(house.config)
        made = server.Server(house.app, listening, known.inside)
        address = listening.getsockname()
        stopping = threading.Event()
        thread = threading.Thread(target=_run, args=(made, stopping), daemon=True)
        thread.start()
        try:
            yield address
        finally:
            stopping.set()
            made.pull_trigger()
            thread.join(ANSWER_SECONDS)


def _run(made: Any, stopping: threading.Event) -> None:
    """Until it is told to stop; then close everything, as a process's end would."""
    while not stopping.is_set():
        made.asyncore.loop(timeout=1, use_poll=True, map=made._map, count=1)
    made.task_dispatcher.shutdown()
    made.asyncore.close_all(made._map)


def exchange(address: tuple[str, int], raw: bytes, seconds: float = ANSWER_SECONDS) -> bytes:
    """Send raw bytes, say that this was all, and return what comes back; b"" when hung up on."""
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(address, seconds) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65536):
            received += part
    return received


def raw_request(body: bytes, token: str, path: str = app.HOOK_WUD) -> bytes:
    """A whole HTTP request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: door\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def status(raw: bytes) -> int:
    """The status of a raw answer, 0 for none."""
    first = raw.split(b"\r\n", 1)[0].split()
    return int(first[1]) if len(first) > 1 and first[1].isdigit() else 0


def _config(state: Path, caller: str) -> dict[str, Any]:
    return {
        "schema": configuration.SCHEMA,
        "paths": {"state": str(state)},
        "network": {"subnet": str(ipaddress.ip_network("172.30.0.0/24")), "gateway": "172.30.0.1"},
        "updates": {
            "enabled": True,
            "inbox": str(state / "inbox"),
            "allowed": {"wud": caller, "sonarr": SONARR, "autoheal": AUTOHEAL},
        },
        "services": {name: {"updates": policy} for name, policy in SERVICES.items()},
    }
