"""The keeper of the second wall: our nftables table stands, complete, whatever others do.

One loop. It sleeps until the kernel says that our table changed, mediastack.toml or Gluetun's list
of servers changed, a signal came, or five seconds passed; then it compares the table with what is
wanted and loads it anew, in one transaction, when they differ. So `nft flush ruleset` is mended at
once. The kernel's number of its rulesets says that none has changed since the table was compared:
thousands of addresses are listed only when one has. Docker is asked, and the list of servers read,
by threads of their own, since nothing may wait for them: at boot we come first. Told to end it
leaves the rules as they are; only an uninstall takes them down. What it cannot do it says, in the
journal, the ledger and one message, and goes on trying: a wall that is not there must not keep the
house from starting, nor be missed by nobody.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from mediastack import config as configuration
from mediastack import nft, systemd, wall_rules, wall_state
from mediastack.docker_client import Docker, DockerError, NotReachable
from mediastack.wall_keeper import Keeper

PASS_SECONDS = 5.0
# How soon another file is noticed. WireGuard's first packet follows the list by less than a second,
# and its next one by five.
TICK_SECONDS = 0.25
UNHEARD_SECONDS = 1.0
# Docker makes dozens of changes in a row; a quarter of a second later is soon enough.
SETTLE_SECONDS = 0.05
SHORTEST_PAUSE_SECONDS = 0.25
STATE_FILE = "wall.json"


def main(arguments: list[str]) -> int:
    """Keep the second wall standing until told to end (SIGTERM)."""
    parser = argparse.ArgumentParser(prog="mediastack wall", description=main.__doc__)
    parser.parse_args(arguments)
    reading, wake = _signals_as_bytes()
    keeper = Keeper(state_path())
    heard = nft.changes()
    poller = select.poll()
    poller.register(reading, select.POLLIN)
    if heard is None:
        print("mediastack wall: the kernel tells no changes; looking each second", file=sys.stderr)
    else:
        poller.register(heard, select.POLLIN)
    keeper.look()
    # The first look is over: Docker may start now.
    systemd.tell("READY=1")
    last = time.monotonic()
    with ThreadPoolExecutor(2) as worker:
        asked, asked_at, stirred = worker.submit(ask, keeper.config), last, False
        lists: Future[dict[str, list[str]]] | None = None
        while True:
            woken = {fd for fd, _ in poller.poll(TICK_SECONDS * 1000)}
            if reading in woken:
                received = os.read(reading, 64)
                if signal.SIGTERM in received or signal.SIGINT in received:
                    # Not a return: it would wait for a thread that waits for Docker.
                    sys.stderr.flush()
                    os._exit(0)
            ours = False
            if heard is not None and heard.fileno() in woken:
                time.sleep(SETTLE_SECONDS)
                ours = nft.drain(heard, wall_rules.TABLE)
                # Docker changes its own when a network or a container comes.
                stirred = True
            if ours:
                time.sleep(max(0.0, last + SHORTEST_PAUSE_SECONDS - time.monotonic()))
            news = take(asked, keeper.take)
            if lists and lists.done():
                news |= take(lists, keeper.take_lists)
                lists = None
            if lists is None and keeper.lists.due(*keeper.where()):
                lists = worker.submit(keeper.lists.read, *keeper.where())
                lists.add_done_callback(lambda _: os.write(wake, b"\0"))
            now = time.monotonic()
            due = now - last >= (PASS_SECONDS if heard else UNHEARD_SECONDS)
            if stirred and asked.done() and now - asked_at >= UNHEARD_SECONDS:
                asked, asked_at, stirred = worker.submit(ask, keeper.config), now, False
            if not (ours or reading in woken or due or news or keeper.is_outdated()):
                continue
            last = time.monotonic()
            keeper.look()
            if asked.done():
                asked, asked_at, stirred = worker.submit(ask, keeper.config), last, False


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


def take(answer: Future[Any], keep: Callable[[Any], bool]) -> bool:
    """Hand what a thread found to the keeper; return whether it is something new.

    Raise SystemExit when our own modules are not all there: this process began in the middle of a
    deploy, and would not find them later either. The next one does, and the rules stay meanwhile.
    """
    if not answer.done():
        return False
    try:
        found = answer.result()
    except ImportError as error:
        sys.exit(f"mediastack wall: the programs are not whole: {error}")
    except Exception as error:  # the loop must outlive whatever Docker answers
        print(f"mediastack wall: asking Docker or reading a list: {error!r}", file=sys.stderr)
        return False
    return keep(found)


def state_path() -> str:
    """Return where this house keeps the wall's state."""
    return os.path.join(configuration.paths()["state"], STATE_FILE)


def _signals_as_bytes() -> tuple[int, int]:
    """Return a pipe that gets a byte per SIGHUP, SIGTERM or SIGINT received, both ends."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return reading, writing
