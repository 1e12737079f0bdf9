"""Sequences of faults for portsync in virtual time: what happens is drawn from a seed, so a bad one
can be played again alone: `.venv/bin/python -m checks.portsync_simulation SEED`.

The code under test is portsync's own pass and everything below it; replaced are the two servers,
the disk and the clock (portsync_world), and the few lines of loop that sleep and stat files.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import Any

from checks import portsync_faults
from checks.portsync_world import Killed, World
from mediastack import portsync, portsync_step

ALARM_SECONDS = 900.0
RESTART_SECONDS = 2.3  # systemd's RestartSec, and Python's start
CALM_SECONDS = 20.0
CHANGED = ("A port is forwarded", "The forwarded port changed")


def play(seed: int) -> World:
    """Play one sequence; what was wrong is in its `violations`."""
    world = World(seed)
    plan(world)
    world.changed()
    while world.events or world.now < world.last + CALM_SECONDS:
        try:
            live(world)
        except Killed:
            world.kills += 1
            world.changed()
            world.advance(world.now + RESTART_SECONDS)
            world.changed()
    judge_messages(world)
    return world


def live(world: World) -> None:
    """portsync from a start to its end: Killed, or nothing happens any more."""
    state = portsync_step.of_this_boot(world.saved, "boot")
    worker = portsync.Portsync(_House(world), state, interface="tun0", alarm_seconds=ALARM_SECONDS)
    seen: Any = None
    while world.events or world.now < world.last + CALM_SECONDS:
        stirring = world.signature(worker.port)
        if stirring != seen:
            worker.stirred()
        next_pass = world.now + worker.make_pass()
        seen = world.signature(worker.port)
        if seen[:3] != stirring[:3]:
            continue
        # Stirs are noticed twice a second, and nothing but an event stirs.
        while world.now < next_pass:
            following = world.events[0][0] if world.events else next_pass
            if following >= next_pass:
                world.advance(next_pass)
                break
            world.advance(following)
            if world.signature(worker.port) != seen:
                tick = math.ceil(world.now / portsync.STIR_SECONDS) * portsync.STIR_SECONDS
                next_pass = min(next_pass, tick)


class _House:
    """The world as portsync's house."""

    def __init__(self, world: World) -> None:
        self.now = world.clock
        self.forwarded, self.preferences = world.forwarded, world.preferences
        self.login, self.change, self.facts = world.login, world.change, world.facts
        self.tell, self.save, self.publish = world.tell, world.save, world.publish


def plan(world: World) -> None:
    """Draw what happens, and when."""
    draw = world.random
    if draw.random() < 0.5:
        world.set["port"] = world.disk["port"] = world.port
        world.socket = (world.port, world.device)
    when = draw.uniform(0.0, 8.0)
    for _ in range(draw.randint(4, 9)):
        fault = draw.choice(portsync_faults.FAULTS)
        world.at(when, lambda fault=fault: fault(world))  # type: ignore[misc]
        when += draw.choice((0.05, 0.4, 1.5, 6.0, 12.0, 40.0)) * draw.uniform(0.2, 1.8)
    if draw.random() < 0.04:
        rare = draw.choice(portsync_faults.RARE)
        world.at(when, lambda: rare(world))
        when += 1.0
    world.last = world.now + when


def judge_messages(world: World) -> None:
    """Every port that lasted was told, none of it more often than needed; alarms once, with end."""
    titles = [action["title"] for _, action in world.told]
    changes = [action for _, action in world.told if action["title"] in CHANGED]
    if world.agreed and not (
        changes and f" {world.agreed[-1]}" in changes[-1]["message"].partition(";")[0]
    ):
        world.violations.append(f"the last port {world.agreed[-1]} was not told: {changes[-1:]}")
    if len(changes) > len(world.ports_set) + world.kills:
        world.violations.append(
            f"{len(changes)} messages about {len(world.ports_set)} ports, {world.kills} kills"
        )
    for title, end, least, most in (
        ("Gluetun has no forwarded port", "Gluetun has a forwarded port again",
         world.long_portless, world.long_portless),
        ("qBittorrent refuses our password", "qBittorrent takes our password again",
         world.wrong_passwords, world.wrong_passwords_planned),
    ):  # fmt: skip
        out, over = titles.count(title), titles.count(end)
        if not least <= out <= (most + world.kills if most else 0) or abs(out - over) > world.kills:
            world.violations.append(f"'{title}' {out} times, over {over} times, expected {most}")
    if world.good_since is not None and world.saved.get("told"):
        world.violations.append(f"all is well, and still out: {world.saved['told']}")


def play_all(seeds: Iterable[int]) -> tuple[list[World], list[str]]:
    """Play them; return the worlds and what was wrong, by seed."""
    worlds, problems = [], []
    for seed in seeds:
        world = play(seed)
        worlds.append(world)
        if world.violations:
            problems.append(f"seed {seed}: {'; '.join(world.violations[:3])}")
    return worlds, problems


if __name__ == "__main__":
    for wanted in map(int, sys.argv[1:]):
        done = play(wanted)
        for moment, message in done.told:
            print(f"{moment - 1000:8.1f} s  {message['title']}: {message['message']}")
        print(wanted, done.violations or "as promised", f"kills {done.kills}, ports {done.agreed}")
