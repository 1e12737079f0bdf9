"""The keeper of the second wall: our nftables table stands, complete, whatever others do.

One loop. It sleeps until the kernel says that some ruleset changed, mediastack.toml changed, a
signal came, or five seconds passed; then it compares the table with what is wanted and loads it
anew, in one transaction, when they differ. So `nft flush ruleset` is mended at once. Docker is
asked by a thread of its own, since nothing may wait for it: at boot we come first. Told to end it
leaves the rules as they are; only an uninstall takes them down. What it cannot do it says, in the
journal, the ledger and one message, and goes on trying: a wall that is not there must not keep the
house from starting, nor be missed by nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from mediastack import atomic, ledger, nft, notify, wall_rules, wall_state, wall_step
from mediastack import config as configuration
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.wall_step import Found, State, Told

ACTOR, SUBJECT = "wall", "wall"
PASS_SECONDS = 5.0
TICK_SECONDS = 1.0
# Docker makes dozens of changes in a row; a quarter of a second later is soon enough.
SETTLE_SECONDS = 0.05
SHORTEST_PAUSE_SECONDS = 0.25
STATE_FILE = "wall.json"


def main(arguments: list[str]) -> int:
    """Keep the second wall standing until told to end (SIGTERM)."""
    parser = argparse.ArgumentParser(prog="mediastack wall", description=main.__doc__)
    parser.parse_args(arguments)
    reading = _signals_as_bytes()
    keeper = Keeper(state_path())
    heard = nft.changes()
    poller = select.poll()
    poller.register(reading, select.POLLIN)
    if heard is None:
        print("mediastack wall: the kernel tells no changes; looking each second", file=sys.stderr)
    else:
        poller.register(heard, select.POLLIN)
    keeper.look()
    _say_ready()
    last = time.monotonic()
    with ThreadPoolExecutor(1) as worker:
        asked = worker.submit(ask, keeper.config)
        while True:
            woken = {fd for fd, _ in poller.poll(TICK_SECONDS * 1000)}
            if reading in woken:
                received = os.read(reading, 64)
                if signal.SIGTERM in received or signal.SIGINT in received:
                    # Not a return: it would wait for a thread that waits for Docker.
                    sys.stderr.flush()
                    os._exit(0)
            changed = heard is not None and heard.fileno() in woken
            if changed and heard is not None:
                time.sleep(max(SETTLE_SECONDS, last + SHORTEST_PAUSE_SECONDS - time.monotonic()))
                nft.drain(heard)
            answered = take(asked, keeper)
            due = time.monotonic() - last >= (PASS_SECONDS if heard else TICK_SECONDS)
            if not (woken or due or answered or keeper.is_outdated()):
                continue
            last = time.monotonic()
            keeper.look()
            if asked.done():
                asked = worker.submit(ask, keeper.config)


class Keeper:
    """The configuration last read, the state on disk, and one look at the wall."""

    def __init__(self, path: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self.clock = path, clock
        self.state: State = {**wall_step.initial_state(), **atomic.read_json(path, {})}
        self.config: dict[str, Any] | None = None
        self.stamp: tuple[int, int] | None = None
        self.whole_at = clock()
        self.said = ""

    def look(self) -> None:
        """Compare, mend what differs, tell of it. Raise nothing that the machine can cause."""
        self._read()
        if self.config is None:
            return
        started = self.clock()
        try:
            objects = wanted(self.config, self.state["seen"])
            listed = nft.listed(wall_rules.FAMILY, wall_rules.TABLE)
            found = compared(objects, listed)
            why = wall_step.reason(found, self.state)
            if why:
                self._save(wall_step.before_loading(found, self.state))
                nft.load(wall_rules.script(objects, wall_rules.counts(listed)))
                again = nft.listed(wall_rules.FAMILY, wall_rules.TABLE)
                if left := wall_rules.differences(objects, again):
                    raise nft.NftError(f"loaded, and yet {'; '.join(left)}")
        except (nft.NftError, KeyError, ValueError, TypeError) as error:
            self._failed(error)
            return
        self.said = ""
        now = self.clock()
        told, state = wall_step.stands(
            found, why, self.state, seconds=now - started, since=now - self.whole_at
        )
        self.whole_at = now
        # Told first: a kill in between repeats a message at worst.
        for one in told:
            tell(one, seconds=now - started)
        self._save(state)

    def take(self, seen: wall_state.Seen) -> bool:
        """Keep what Docker said; return whether it is something new."""
        if seen == self.state["seen"]:
            return False
        self._save({**self.state, "seen": seen})
        return True

    def is_outdated(self) -> bool:
        """Say whether mediastack.toml is another file than the one that was read."""
        return _stamp(configuration.file()) != self.stamp

    def _read(self) -> None:
        """Read the configuration anew when its file changed; keep the last good one."""
        if self.config is not None and not self.is_outdated():
            return
        stamp = _stamp(configuration.file())
        try:
            config = configuration.load()
            if not config.get("wall"):
                raise configuration.ConfigError("mediastack.toml has no [wall]; run the deploy")
        except configuration.ConfigError as error:
            if self.config is None:
                self._failed(error)
            elif stamp != self.stamp:
                print(f"mediastack wall: {error}; going by the last good one", file=sys.stderr)
        else:
            self.config = config
        self.stamp = stamp

    def _failed(self, error: Exception) -> None:
        # Once in the journal of each start; it would be the same line every five seconds.
        if str(error) != self.said:
            print(f"mediastack wall: {error}", file=sys.stderr)
        self.said = str(error)
        told, state = wall_step.fails(str(error), self.state)
        for one in told:
            tell(one)
        self._save(state)

    def _save(self, state: State) -> None:
        """Write wall.json when it changed; a full disk is no reason to leave the wall down."""
        if state == self.state:
            return
        self.state = state
        try:
            atomic.write_json(self.path, state)
        except OSError as error:
            print(f"mediastack wall: {self.path}: {error.strerror}", file=sys.stderr)


def wanted(config: dict[str, Any], seen: Any) -> list[wall_rules.Object]:
    """Return the table for a configuration and what Docker said. Raise KeyError, ValueError."""
    return wall_rules.wanted(wall_state.wall(config, seen or wall_state.nothing()))


def compared(objects: list[wall_rules.Object], listed: dict[str, Any] | None) -> Found:
    """Return one look at the wall."""
    return Found(
        boot=boot(),
        wanted=digest(objects),
        listed=None if listed is None else digest(listed.get("nftables", [])),
        problems=wall_rules.differences(objects, listed),
    )


def boot(proc: str = "/proc") -> str:
    """Return a name for this run of the system: the kernel's, and the start of its first process,
    which in a container is not the kernel's."""
    with open(f"{proc}/sys/kernel/random/boot_id", encoding="utf-8") as stream:
        kernel = stream.read().strip()
    with open(f"{proc}/1/stat", encoding="utf-8") as stream:
        started = stream.read().rpartition(")")[2].split()[19]
    return f"{kernel} {started}"


def digest(objects: list[wall_rules.Object]) -> str:
    """Return a name for what objects say."""
    text = json.dumps(wall_rules.normal(objects), default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def ask(config: dict[str, Any] | None) -> wall_state.Seen | None:
    """Return what Docker says of our networks and of Gluetun, None when it does not answer."""
    if config is None:
        return None
    docker = Docker()
    names = [name for name, one in config["services"].items() if one.get("owner")]
    try:
        containers = [one for name in names if (one := docker.inspect(name))]
        return wall_state.seen(config, docker.networks(), containers)
    except (NotReachable, DockerError):
        return None


def take(asked: Future[wall_state.Seen | None], keeper: Keeper) -> bool:
    """Hand what Docker answered to the keeper; return whether it is something new."""
    if not asked.done():
        return False
    try:
        seen = asked.result()
    except Exception as error:  # the loop must outlive whatever Docker answers
        print(f"mediastack wall: asking Docker: {error!r}", file=sys.stderr)
        return False
    return seen is not None and keeper.take(seen)


def tell(one: Told, *, seconds: float = 0.0) -> None:
    """Write it into the ledger and, when it is for the user, into the spool."""
    ledger.append(ACTOR, SUBJECT, one.outcome, duration_seconds=seconds, cause=one.cause)
    if one.priority:
        notify.send(SUBJECT, one.title, one.message, priority=one.priority, key=one.title)


def state_path() -> str:
    """Return where this house keeps the wall's state."""
    return os.path.join(configuration.paths()["state"], STATE_FILE)


def _stamp(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = os.stat(path)
        return found.st_mtime_ns, found.st_ino
    return None


def _signals_as_bytes() -> int:
    """Return a pipe that gets a byte per SIGHUP, SIGTERM or SIGINT received."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading


def _say_ready() -> None:
    """Tell systemd that the first look is over (sd_notify): Docker may start now."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(b"READY=1", address.replace("@", "\0", 1) if address[0] == "@" else address)
