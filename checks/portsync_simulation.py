"""Sequences of faults for portsync in virtual time: what happens is drawn from a seed, so a bad one
can be played again alone: `.venv/bin/python -m checks.portsync_simulation SEED`.

The code under test is portsync's own pass and everything below it; replaced are the two servers,
the disk and the clock (portsync_world), and the few lines of loop that sleep and stat files.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from checks.portsync_world import WRONG, Killed, World
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
        fault = draw.choice(FAULTS)
        world.at(when, lambda fault=fault: fault(world))  # type: ignore[misc]
        when += draw.choice((0.05, 0.4, 1.5, 6.0, 12.0, 40.0)) * draw.uniform(0.2, 1.8)
    if draw.random() < 0.04:
        rare = draw.choice((long_without_port, wrong_password))
        world.at(when, lambda: rare(world))
        when += 1.0
    world.last = world.now + when


def for_a_while(world: World, seconds: float) -> float:
    """The sequence lasts at least until this is over."""
    world.last = max(world.last, world.now + seconds)
    return seconds


def touch(world: World) -> None:
    """Gluetun's command, or its status file."""
    world.wake += 1


def tunnel_restart(world: World) -> None:
    """Stopped and started inside Gluetun: DOWN, no port, no device; then another device."""
    touch(world)
    port = world.port if world.random.random() < 0.5 else world.random.randint(1024, 65535)
    port = port or 40001
    _lose_port(world, world.random.uniform(0.01, 0.3))

    def gone() -> None:
        world.device = 0

    def back() -> None:
        world.device = next(world.counter) + 100
        if world.random.random() < 0.4 and world.running:
            # libtorrent may notice by itself.
            world.socket = (world.set["port"], world.device)

    down = world.random.uniform(0.5, 20.0)
    world.at(0.35, gone)
    world.at(0.35 + down, back)
    _get_port(world, for_a_while(world, 0.4 + down + world.random.uniform(0.0, 3.0)), port)


def new_port(world: World) -> None:
    """A renewal brought another port: Gluetun gives up the old one and asks again after 5 s."""
    touch(world)
    _lose_port(world, world.random.uniform(0.01, 0.3))
    _get_port(world, for_a_while(world, 5.3), world.random.randint(1024, 65535))


def _lose_port(world: World, delay: float) -> None:
    def lose() -> None:
        world.port = 0
        touch(world)

    world.at(delay, lose)


def _get_port(world: World, delay: float, port: int) -> None:
    def get() -> None:
        if world.device:
            world.port = port
            touch(world)
        else:
            # Another restart is under way: asked again when that is over.
            world.at(1.0, get)
            for_a_while(world, 2.0)

    world.at(delay, get)


def restart(world: World) -> None:
    """docker restart qbittorrent; killed, it forgets what it had not written yet."""
    _stop(world)
    _start(world, for_a_while(world, world.random.uniform(0.3, 4.0)))


def late_start(world: World) -> None:
    """It is away for long, or its container is there and its API is not."""
    _stop(world)
    _start(world, for_a_while(world, world.random.uniform(5.0, 60.0)))


def _stop(world: World) -> None:
    lost = world.random.random() < 0.3
    if not lost:
        world.disk = world.set.copy()
    world.running = world.ready = False
    world.session, world.socket = 0, (0, 0)


def _start(world: World, delay: float) -> None:
    def start() -> None:
        if world.running:
            return
        world.running = True
        world.client.started = str(next(world.counter))
        world.set = world.disk.copy()
        world.failures = world.unsuccessful = 0
        world.banned_until = 0.0
        world.at(for_a_while(world, world.random.choice((0.0, 0.5, 3.0))), ready)

    def ready() -> None:
        if world.running and not world.ready:
            world.ready = True
            world.socket = (world.set["port"], world.device)

    world.at(delay, start)


def wrong_answers(world: World) -> None:
    """One of the two answers with HTML, an error, half of it, or not at all."""
    side = world.random.choice((world.gluetun, world.client))
    side.mode = world.random.choice(WRONG)

    def end() -> None:
        side.mode = ""

    world.at(for_a_while(world, world.random.uniform(0.3, 15.0)), end)


def password_rotated(world: World) -> None:
    """First in qBittorrent, then our file; sessions live on."""
    world.password = f"p{next(world.counter)}"

    def file() -> None:
        world.password_file = world.password
        world.written = next(world.counter)

    world.at(for_a_while(world, world.random.uniform(0.0, 1.5)), file)


def key_rotated(world: World) -> None:
    """The file first; Gluetun reads its own when it starts again."""
    world.key_file = f"k{next(world.counter)}"

    def take() -> None:
        world.key = world.key_file

    world.at(for_a_while(world, world.random.uniform(0.0, 10.0)), take)


def killed(world: World) -> None:
    """portsync dies at one of its next calls."""
    world.kill_in = world.random.randint(1, 14)


def clock_set(world: World) -> None:
    """Somebody sets the clock, by minutes or by years."""
    world.clock_error += world.random.choice((-1e8, -3700.0, -60.0, 60.0, 3700.0, 1e8))


def set_by_hand(world: World) -> None:
    """Somebody changes the port, the interface or UPnP in the web interface."""
    if not (world.running and world.ready):
        return
    what = world.random.choice(("port", "random", "upnp", "interface"))
    if what == "upnp":
        world.set["upnp"] = True
    elif what == "interface":
        world.set["interface"] = "eth0"
        world.socket = (world.set["port"], 2)
    else:
        world.set["port"] = 0 if what == "random" else 6881
        world.set["random"] = what == "random"
        world.socket = (world.set["port"] or 55555, world.device)


def long_without_port(world: World) -> None:
    """Its VPN server forwards none for longer than the user wants to wait."""
    touch(world)
    world.port = 0
    _get_port(world, for_a_while(world, world.random.uniform(920.0, 1500.0)), 50505)


def wrong_password(world: World) -> None:
    """Ours is wrong for long, and portsync keeps dying just after it tried."""
    world.password = f"p{next(world.counter)}"
    right, world.session = world.password, 0
    world.wrong_passwords_planned += 1
    world.password_file, world.written = "wrong", next(world.counter)
    world.kill_at_login = world.random.choice((0, 0, 6))
    if world.kill_at_login:
        # Tries that were lost count as failed, so nothing but a restart helps then.
        world.at(150.0, lambda: restart(world))

    def mend() -> None:
        # A rotation may have come first, or both servers were away all the time.
        world.wrong_passwords += world.failures >= 2  # noqa: PLR2004
        world.password_file, world.written = right, next(world.counter)

    world.at(for_a_while(world, world.random.uniform(100.0, 140.0)), mend)


FAULTS: tuple[Callable[[World], None], ...] = (
    *(tunnel_restart, tunnel_restart, new_port, restart, late_start, wrong_answers, wrong_answers),
    *(password_rotated, key_rotated, killed, killed, clock_set, set_by_hand),
)


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
