"""The healer's program: a socket, a thread for each connection, one act at a time.

Started by systemd with the listening socket (which only the monitor's account and root can
connect to) or, without, making it itself. Who connects is asked of the kernel as well. A line is
parsed by protocol.parse against the configuration of that moment and answered with a line; a
request that cannot be carried out is "unknown" to the one who asked, never an end of this program.
A line that has begun has to end soon, an answer has to be read soon, and there are few connections,
so that nobody can make it wait. Told to end, it lets the act under way end, within a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from mediastack import config as configuration
from mediastack import lock, stacks, systemd
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_socket import DockerSocket
from mediastack.healer import acts, protocol, sockets
from mediastack.healer.listen import Listener
from mediastack.healer.look import look, names
from mediastack.healer.tell import Teller, TooMany

SOCKET = "/run/mediastack-healer/healer.sock"
LINE_SECONDS = 5.0
END_SECONDS = 60.0
SHOWN_BYTES = 120

Answer = dict[str, Any]
Load = Callable[[], dict[str, Any]]


class Server:
    """Answers connections; `load` gives the configuration, `trusted` says whose uid may ask."""

    def __init__(
        self,
        docker: DockerSocket,
        load: Load = configuration.load,
        *,
        trusted: Callable[[int], bool],
        line_seconds: float = LINE_SECONDS,
        teller: Teller | None = None,
    ) -> None:
        self._docker = docker
        self._load = load
        self._trusted = trusted
        self._line_seconds = line_seconds
        self._teller = teller or Teller()
        self._free = threading.BoundedSemaphore(sockets.CONNECTIONS)
        self._acting = threading.Lock()

    def accept(self, listening: socket.socket) -> None:
        """Take one connection and serve it in a thread of its own."""
        try:
            connection, _ = listening.accept()
        except OSError:
            # It hung up already.
            return
        if not self._free.acquire(blocking=False):
            with connection, contextlib.suppress(OSError):
                sockets.send(connection, {"ok": False, "refused": "too many connections"})
            return
        threading.Thread(target=self._serve_and_free, args=(connection,), daemon=True).start()

    def end(self, seconds: float = END_SECONDS) -> None:
        """Wait until no act is under way, at most so long; none begins any more."""
        self._acting.acquire(timeout=seconds)

    def _serve_and_free(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                self._serve(connection)
        finally:
            self._free.release()

    def _serve(self, connection: socket.socket) -> None:
        uid = sockets.uid(connection)
        if not self._trusted(uid):
            print(f"mediastack healer: refused: uid {uid} asks", file=sys.stderr)
            sockets.send(connection, {"ok": False, "refused": "not for you"})
            return
        try:
            for line in sockets.lines(connection, self._line_seconds):
                answer = self.answer(line)
                if answer is None:
                    self._listen(connection)
                    return
                sockets.send(connection, answer)
        except protocol.Refused as error:
            sockets.send(connection, _refusal(b"", error))

    def answer(self, line: bytes) -> Answer | None:
        """Carry out what a line asks for and return the answer; None when it is to listen."""
        try:
            config = self._load()
            request = protocol.parse(line, _group(config))
            if request.do == "listen":
                return None
            return self._carry_out(config, request)
        except protocol.Refused as error:
            return _refusal(line, error)
        except lock.Busy as error:
            return {"ok": False, "busy": str(error.holder.get("actor", "somebody"))}
        except (
            *(NotReachable, DockerError, TooMany, configuration.ConfigError),
            *(stacks.StackError, OSError, ValueError),
        ) as error:
            print(f"mediastack healer: {error}", file=sys.stderr)
            return {"ok": False, "unknown": str(error)[:1000]}
        except Exception as error:
            # A mistake of ours in one request must not be the end of all.
            traceback.print_exc()
            return {"ok": False, "unknown": f"a mistake of the healer's own: {error!r}"[:1000]}

    def _carry_out(self, config: dict[str, Any], request: protocol.Request) -> Answer:
        if request.do == "tell":
            self._teller.tell(request)
            return {"ok": True}
        if request.do == "look":
            return {"ok": True, "look": look(config, self._docker, firewall=request.firewall)}
        if not self._acting.acquire(blocking=False):
            return {"ok": False, "busy": "monitor"}
        try:
            failed = acts.perform(config, self._docker, request.verb, request.services)
            return {"ok": True, "failed": failed}
        finally:
            self._acting.release()

    def _listen(self, connection: socket.socket) -> None:
        """Relay events until the other end hangs up (or says anything: it has nothing to say)."""
        listener = Listener(
            self._docker, lambda: names(self._load()), lambda event: sockets.send(connection, event)
        )

        def relay() -> None:
            with contextlib.suppress(OSError, configuration.ConfigError):
                listener.run()
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        thread = threading.Thread(target=relay, daemon=True)
        thread.start()
        poller = select.poll()
        poller.register(connection, select.POLLIN | select.POLLRDHUP)
        poller.poll()
        listener.end()
        thread.join(sockets.ANSWER_SECONDS)


def main(arguments: list[str]) -> int:
    """Act on containers as the monitor asks, within a fixed list, until told to end (SIGTERM)."""
    parser = argparse.ArgumentParser(prog="mediastack healer", description=main.__doc__)
    parser.add_argument("--socket", default=SOCKET, help="where to listen when systemd does not")
    options = parser.parse_args(arguments)
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    listening = sockets.listening(options.socket)
    server = Server(DockerSocket(), Cached().load, trusted=sockets.is_trusted)
    systemd.tell("READY=1")
    poller = select.poll()
    poller.register(listening, select.POLLIN)
    poller.register(reading, select.POLLIN)
    while True:
        woken = {descriptor for descriptor, _ in poller.poll()}
        if reading in woken:
            received = os.read(reading, 64)
            if signal.SIGTERM in received or signal.SIGINT in received:
                break
        if listening.fileno() in woken:
            server.accept(listening)
    systemd.tell("STOPPING=1")
    server.end()
    sys.stderr.flush()
    # Not a return: connections have threads, and an act that did not end in time is found later.
    os._exit(0)


class Cached:
    """The configuration as it is now: read again whenever the file is another one."""

    def __init__(self) -> None:
        self._seen: tuple[int, int, int] | None = None
        self._config: dict[str, Any] = {}

    def load(self) -> dict[str, Any]:
        """Return it. Raise ConfigError."""
        try:
            status = os.stat(configuration.file())
        except OSError:
            return configuration.load()
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._config, self._seen = configuration.load(), seen
        return self._config


def _group(config: dict[str, Any]) -> protocol.Group:
    found = names(config)
    if not found:
        raise protocol.Refused("there is no Gluetun on this host")
    return protocol.Group(found[0], tuple(found[1:]))


def _refusal(line: bytes, error: Exception) -> Answer:
    shown = f": {line[:SHOWN_BYTES]!r}" if line else ""
    print(f"mediastack healer: refused: {error}{shown}", file=sys.stderr)
    return {"ok": False, "refused": str(error)}
