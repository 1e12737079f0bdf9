"""Port forwarding: lease a port, open it, write it down, tell it; renew it before it ends.

As upstream does it: UDP and TCP are leased for 60 seconds and renewed every 45. A renewal that
brings another port ends the forwarding (DOWN command, firewall, file emptied), and five seconds
later it starts anew (UP command with the new port). The commands run without a shell.
`forwarded_port` of the control file wins over the provider.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from . import control
from .gluetun_firewall import Firewall
from .gluetun_natpmp import Client
from .gluetun_settings import Settings
from .gluetun_system import log

LIFETIME_SECONDS = 60
RENEW_SECONDS = 45.0
RETRY_SECONDS = 5.0
POLL_SECONDS = 0.25
DOWN_TIMEOUT_SECONDS = 60.0
COMPONENT = "port forwarding"


def split(command: str) -> list[str]:
    """The words of a command: quotes and backslashes as in upstream's splitter, no expansion.

    Raise ValueError on an unterminated quote or backslash.
    """
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    rest = iter(command)
    for character in rest:
        if quote == "'":
            if character == quote:
                quote = ""
            else:
                (word := word or []).append(character)
        elif character == "\\":
            following = next(rest, None)
            if following is None:
                raise ValueError(f"unterminated backslash-escape: {command!r}")
            if quote and following not in '"\\$`\n':
                (word := word or []).append(character)
            if following != "\n":
                (word := word or []).append(following)
        elif quote:
            if character == quote:
                quote = ""
            else:
                (word := word or []).append(character)
        elif character in "'\"":
            quote, word = character, word or []
        elif character in " \n\t":
            if word is not None:
                words.append("".join(word))
            word = None
        else:
            (word := word or []).append(character)
    if quote:
        raise ValueError(f"unterminated quote: {command!r}")
    return [*words, "".join(word)] if word is not None else words


def filled(command: str, port: int, interface: str) -> str:
    """A command with its placeholders filled in."""
    for name, value in (("PORTS", port), ("PORT", port), ("VPN_INTERFACE", interface)):
        command = command.replace(f"{{{{{name}}}}}", str(value))
    return command


class Forwarding:
    """The forwarded port of one tunnel; start and stop once for each of its lives."""

    def __init__(
        self, settings: Settings, firewall: Firewall, state: str, gateway: Callable[[], str]
    ) -> None:
        self._settings = settings
        self._firewall = firewall
        self._state = state
        self._gateway = gateway
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self.port = 0

    def start(self) -> None:
        """Begin to forward in the background, where it is switched on."""
        if self._settings.port_forwarding and self._thread is None:
            self._stopped = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stopped,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End it: the DOWN command has run and the file is empty when this returns."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stopped.set()
            thread.join()

    def _run(self, stopped: threading.Event) -> None:
        log(COMPONENT, "starting")
        while not stopped.is_set():
            wait = self._value("retry_seconds", RETRY_SECONDS)
            try:
                port = self._lease(1, stopped)
                try:
                    self._begin(port)
                    wait = self._keep(port, stopped)
                finally:
                    self._end()
            except (OSError, ValueError) as error:
                log(COMPONENT, f"{error} (restarting in {wait:.0f} s)", "ERROR")
            stopped.wait(wait)

    def _lease(self, wanted: int, stopped: threading.Event) -> int:
        ordered = self._ordered()
        if ordered is not None:
            if ordered == 0:
                raise OSError("port forwarding: no port, as told")
            return ordered
        client = Client(self._gateway(), stopped)
        if wanted == 1:
            client.external_address()
        internal = 0 if wanted == 1 else wanted
        client.map("udp", internal, wanted, LIFETIME_SECONDS)
        return client.map("tcp", internal, wanted, LIFETIME_SECONDS)

    def _keep(self, port: int, stopped: threading.Event) -> float:
        """Renew until it is stopped or the port changed; the seconds to wait before the next."""
        waited = 0.0
        while not stopped.wait(POLL_SECONDS):
            waited += POLL_SECONDS
            ordered = self._ordered()
            if ordered is not None:
                if ordered != port:
                    return 0.0
            elif waited >= self._value("renew_seconds", RENEW_SECONDS):
                waited = 0.0
                if (now := self._lease(port, stopped)) != port:
                    raise OSError(f"external port changed from {port} to {now}")
        return 0.0

    def _begin(self, port: int) -> None:
        log(COMPONENT, f"port forwarded is {port}")
        self._firewall.open_port(port)
        self.port = port
        self._write(str(port))
        self._run_command("up", self._settings.up_command, port, None)

    def _end(self) -> None:
        port = self.port
        if port == 0:
            return
        self._run_command("down", self._settings.down_command, port, DOWN_TIMEOUT_SECONDS)
        self._firewall.close_port(port)
        self.port = 0
        self._write("")

    def _write(self, text: str) -> None:
        path = Path(self._settings.status_file)
        log(COMPONENT, f"{'writing' if text else 'clearing'} port file {path}")
        # No chmod: the file belongs to PUID by then, and Gluetun is not given FOWNER.
        path.write_text(text, encoding="ascii")
        os.chown(path, self._settings.puid, self._settings.pgid)

    def _run_command(self, kind: str, command: str, port: int, timeout: float | None) -> None:
        if not command:
            return
        words = split(filled(command, port, self._settings.interface))
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log(COMPONENT, f"running {kind} command: {error}", "ERROR")
            return
        for line in done.stdout.splitlines():
            log(COMPONENT, line)
        if done.returncode:
            log(COMPONENT, f"running {kind} command: exit status {done.returncode}", "ERROR")

    def _ordered(self) -> int | None:
        value = control.read(self._state).get("forwarded_port")
        return None if value is None else int(value)

    def _value(self, name: str, default: float) -> float:
        return float(control.read(self._state).get(name, default))
