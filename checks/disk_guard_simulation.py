"""Histories for the disk guard in virtual time: what happens is drawn from a seed, so a bad one can
be played again alone: `PYTHONPATH=files .venv/bin/python -m checks.disk_guard_simulation SEED`.

The code under test is the guard's own pass and everything below it; replaced are the disks,
qBittorrent, the guard's file and the clock (disk_guard_world), and the few lines that sleep.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from checks import disk_guard_mishaps, disk_guard_oracle
from checks.disk_guard_oracle import Oracle
from checks.disk_guard_world import GIB, TIMEOUT_SECONDS, Disk, Item, Killed, World
from mediastack import disk_guard, disk_guard_observed, disk_guard_step
from mediastack.qbittorrent_client import LOGIN_SECONDS, LoginNeeded, TorrentError
from mediastack.torrents import LIST_SECONDS, Torrent

RESTART_SECONDS = 2.3  # systemd's RestartSec, and Python's start
CALM_SECONDS = 120.0
STEP_SECONDS = 1.0


def play(seed: int) -> Oracle:
    """Play one history; what was wrong is in its `violations`."""
    world = World(seed)
    oracle = Oracle(world)
    plan(world, oracle)
    while world.events or world.now < world.last + CALM_SECONDS:
        try:
            live(world, oracle)
        except Killed:
            world.kills += 1
            world.advance(world.now + RESTART_SECONDS)
    oracle.judge_messages()
    return oracle


def live(world: World, oracle: Oracle) -> None:
    """The guard from a start to its end: Killed, or nothing happens any more."""
    house = House(world, oracle)
    state = disk_guard_step.of_this_boot(world.saved, "boot", house.now())
    guard = disk_guard.Guard(house, state, pausing=True)
    while world.events or world.now < world.last + CALM_SECONDS:
        world.advance(world.now + guard.make_pass())


class House:
    """The world as the guard's house."""

    def __init__(self, world: World, oracle: Oracle) -> None:
        self._world, self._oracle = world, oracle

    def now(self) -> float:
        """Seconds since boot."""
        return clock(self._world)

    def disks(self) -> tuple[list[disk_guard_observed.Disk], list[str]]:
        """As Look.disks; it has no answer from a dead one, and none from another's mount point."""
        self._world.call()
        return look(self._world)

    def client(self) -> tuple[str | None, str]:
        """As Host.client."""
        server = self._world.server
        return (server.started if server.running else ""), str(server.written)

    def torrents(self) -> list[Torrent]:
        """As Torrents.torrents."""
        wrong = self._world.ask(LIST_SECONDS)
        if wrong == "login":
            raise LoginNeeded
        if wrong:
            raise TorrentError(wrong)
        self._world.looked_at = self._world.now
        return [
            shown(one) for one in self._world.items.values() if one.loaded_at <= self._world.now
        ]

    def login(self) -> str:
        """As QBittorrent.login, and what bans is a violation."""
        world, server = self._world, self._world.server
        server.cookie, tried = 0, server.password_file
        wrong = world.ask(LOGIN_SECONDS)
        if wrong in ("lost", "unsent"):
            server.failures += wrong == "lost" and server.mode in ("hangs", "truncated")
            return "strange" if server.mode in ("html", "500") else wrong
        if tried == server.password:
            server.failures = 0
            server.session = server.session or next(world.counter)
            server.cookie, said = server.session, "ok"
        else:
            server.failures, said = server.failures + 1, "refused"
        if server.failures > disk_guard_step.TRIES:
            self._oracle.violations.append(f"at {world.now - 1000:.1f} s one login too many failed")
        world.call()
        return said

    def stop(self, hashes: list[str]) -> str:
        """As Torrents.stop."""
        return self._act(hashes, start=False, forced=False)

    def start(self, hashes: list[str], *, forced: bool) -> str:
        """As Torrents.start."""
        return self._act(hashes, start=True, forced=forced)

    def _act(self, hashes: list[str], *, start: bool, forced: bool) -> str:
        world = self._world
        if world.kill_at_act:
            world.kill_in, world.kill_at_act = world.kill_at_act, 0
        wrong = world.ask(TIMEOUT_SECONDS)
        if world.lose_answer and not wrong:
            wrong, world.lose_answer = "lost", False
        if wrong in ("login", "unsent"):
            return "unsent"
        if wrong == "lost" and world.random.random() < 0.5:
            return "lost"
        for name in hashes:
            one = world.items.get(name)
            if one is None or one.loaded_at > world.now:
                continue
            if start:
                self._oracle.started(one, by_guard=True, forced=forced)
            else:
                self._oracle.stopped(one, by_guard=True)
        world.call()
        return wrong or "ok"

    def tell(self, action: Any) -> None:
        """What reaches the user, or the ledger."""
        self._world.call()
        self._oracle.tell(action)

    def save(self, state: Any) -> None:
        """On disk before anything is done."""
        self._world.call()
        self._world.saved = state
        self._oracle.saved()
        self._world.call()

    def publish(self, report: Any) -> None:
        """Not looked at here."""


def clock(world: World) -> float:
    """Seconds since boot."""
    return world.now


def look(world: World) -> tuple[list[disk_guard_observed.Disk], list[str]]:
    """What is known of the disks."""
    found = [
        disk_guard_observed.Disk(
            paths=[path], pauses=True, free=int(disk.free), total=disk.total, warn=disk.warn,
            pause=disk.pause, resume=disk.resume,
        )
        for path, disk in world.disks.items()
        if disk.there
    ]  # fmt: skip
    return found, [path for path, disk in world.disks.items() if not disk.there]


def shown(one: Item) -> Torrent:
    """A torrent in its list: `checking` is neither one nor the other."""
    kind = "stopped" if one.stopped else "down" if one.left > 0 else "up"
    return {
        "hash": one.name,
        "added_on": one.added_on,
        "name": one.name,
        "kind": "other" if one.checking else kind,
        "forced": one.forced,
    }


def plan(world: World, oracle: Oracle) -> None:
    """Draw the house, what happens in it, and when."""
    draw = world.random
    for path, total in (("/data", draw.choice((500, 2000, 8000))), ("/config", 100)):
        warn, pause, resume = (
            int(min(share * total, most) * GIB)
            for share, most in ((0.1, 50), (0.04, 20), (0.06, 30))
        )
        disk = Disk(total * GIB, 0.0, warn, pause, resume)
        disk.free = draw.uniform(disk.pause * 1.1, disk.resume * 1.6)
        world.disks[path] = disk
    world.server.rate = draw.uniform(5, 125) * GIB / 1024
    for _ in range(draw.randint(1, 6)):
        disk_guard_mishaps.add(world, oracle)
    when = draw.uniform(0.0, 30.0)
    for _ in range(draw.randint(5, 12)):
        mishap = draw.choice(disk_guard_mishaps.MISHAPS)
        world.at(when, lambda mishap=mishap: mishap(world, oracle))  # type: ignore[misc]
        when += draw.choice((0.05, 0.5, 3.0, 10.0, 40.0, 90.0)) * draw.uniform(0.2, 1.8)
    if draw.random() < 0.1:
        rare = draw.choice(disk_guard_mishaps.RARE)
        world.at(when * draw.random(), lambda: rare(world, oracle))
    if draw.random() < 0.8:
        world.at(when, lambda: disk_guard_mishaps.make_room(world, oracle))
    world.last = world.now + when


def play_all(seeds: Iterable[int]) -> tuple[list[Oracle], list[str]]:
    """Play them; return the oracles and what was wrong, by seed."""
    oracles, problems = [], []
    for seed in seeds:
        oracle = play(seed)
        oracles.append(oracle)
        if oracle.violations:
            problems.append(f"seed {seed}: {'; '.join(oracle.violations[:3])}")
    return oracles, problems


if __name__ == "__main__":
    for wanted in map(int, sys.argv[1:]):
        done = play(wanted)
        for moment, message in done.told:
            print(f"{moment - 1000:8.1f} s  {message['title']}: {message['message']}")
        found = disk_guard_oracle.describe(done)
        print(wanted, done.violations or "as promised", f"kills {done.world.kills}", found)
