"""No message is lost, none out of order, no storm told twice in a window; nobody waits for that.

`outage`: the server is away for an hour of virtual time. `simulated`: histories in virtual time
with a server of all moods and a sender that is killed at any file operation (notify_world), each
from a seed of its own. `quiet`: nights with quiet hours, a clock that is set, summer time that
begins and ends. `many`: 10,000 messages in the spool against none, in turns: what saying one more
costs, what telling of a cascade costs, and how long the sender needs for each. `real`: the real
sender and a real server that is down, slow, full, refusing, cutting. `secrets`: none leaves. No box
is needed.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator

from checks import notify_breaks, notify_crowd, notify_judge, notify_real, notify_world, parallel
from checks.framework import Break, Context
from checks.notify_world import World
from mediastack import notify

NAME = "notify"
BUDGET_SECONDS = 60.0
# No box, so the lane beside the box may run it.
ELSEWHERE = True
HISTORIES = 160
NIGHTS = 40
FULL_FACTOR = 20
HISTORIES_WITH_FAULT = 60
SHOWN = 5
NIGHTS_OF_CHANGE = ("2026-03-28T18:00", "2026-10-24T18:00", "2026-05-05T18:00")
QUIET = ("22:00-07:00", "21:30-02:30", "00:00-06:00")
CANARIES = {
    "sonarr/api_key": "canary0123456789abcdef0123456789ab",
    "gluetun/wireguard_private_key": "canary/AB+cd0123456789abcdefABCDEFGHIJKLMN=",
    "notify/token": "tk_canary0123456789",
    "mine/pin": "c4n4ry",
}


def prepare(context: Context) -> None:
    """Nothing: no box is needed."""


def settle(context: Context) -> None:
    """Nothing to settle."""


def outage(context: Context) -> None:
    """An hour without the server: what was said in it, and its storms, arrive after it."""
    world = World(context.seed, start=notify_world.at("2026-05-05T12:00"))
    over = notify_world.schedule(world, hours=1.0, messages=400, troubles=0)
    world.moods = [(0.0, "away"), (over, "ok")]
    with context.planted():
        ended = world.run(over + 3 * notify_world.PATIENCE_SECONDS)
    report(context, notify_judge.judge(world, ended, over + notify_world.PATIENCE_SECONDS))
    early = [one for one in world.taken if one.at < over]
    context.control("an hour without a delivery", not early and len(world.said) >= 400)
    counted = sum(count for one in world.taken for _, count in one.parts)
    context.figure("outage_said", len(world.said))
    context.figure("outage_lost", len(world.said) - counted)
    context.figure("outage_messages_sent", len(world.taken))
    context.figure("outage_seconds_after", ended - over)
    world.close()


def simulated(context: Context) -> None:
    """Histories with kills; a failing one is named by its seed."""
    for name in ("removes_first", "sorts_by_name"):
        with notify_breaks.BREAKS[name.replace("_", "-")].plant(context):
            found = list(play_all(history, range(40)))
        context.control(f"a sender that {name}", any(problems for _, problems, _ in found))
    count = HISTORIES_WITH_FAULT if context.break_name else HISTORIES
    many(context, "simulated", history, count)


def quiet(context: Context) -> None:
    """Nights; a failing one is named by its seed."""
    with notify_breaks.BREAKS["never-quiet"].plant(context):
        found = list(play_all(night, range(6)))
    context.control("a sender that never sleeps", any(problems for _, problems, _ in found))
    many(context, "quiet", night, NIGHTS)


def many(
    context: Context, what: str, play: Callable[[int], notify_breaks.Played], count: int
) -> None:
    """Play so many and report."""
    count *= FULL_FACTOR if context.full else 1
    first = context.seed * count
    with context.planted():
        played = list(play_all(play, range(first, first + count)))
    report(context, [f"seed {seed}: {text}" for seed, problems, _ in played for text in problems])
    context.figure(f"{what}_histories", count)
    for name in ("said", "sent", "killed"):
        context.figure(f"{what}_{name}", sum(figures[name] for _, _, figures in played))


def play_all(
    play: Callable[[int], notify_breaks.Played], seeds: Iterable[int]
) -> Iterator[notify_breaks.Played]:
    """Play them on all cores, in order."""
    with parallel.pool() as pool:
        yield from pool.imap(play, seeds, chunksize=4)


def history(seed: int) -> notify_breaks.Played:
    """Two hours with trouble and kills."""
    world = World(seed, start=notify_world.at("2026-05-05T12:00"), kills=0.5)
    over = notify_world.schedule(world, hours=2.0, messages=40, troubles=5)
    return played(seed, world, over)


def night(seed: int) -> notify_breaks.Played:
    """An evening, a night and a morning, perhaps with a clock that is set."""
    choice = random.Random(seed)  # noqa: S311 - choices of a test
    start = notify_world.at(NIGHTS_OF_CHANGE[seed % len(NIGHTS_OF_CHANGE)])
    world = World(seed, start=start, quiet=QUIET[choice.randrange(len(QUIET))], kills=0.2)
    over = notify_world.schedule(world, hours=15.0, messages=40, troubles=2)
    if seed % 2:
        by = choice.choice((-3600.0, 3600.0, -86400.0))
        world.steps = [(start + choice.random() * 10 * 3600.0, by)]
    # A clock that was set back makes its night longer.
    return played(seed, world, over + 90_000.0 * bool(world.steps))


def played(seed: int, world: World, over: float) -> notify_breaks.Played:
    """Play a world to its end and judge it."""
    with contextlib.redirect_stderr(io.StringIO()):
        ended = world.run(over + 3 * notify_world.PATIENCE_SECONDS)
    problems = notify_judge.judge(world, ended, over + notify_world.PATIENCE_SECONDS)
    figures = {"said": len(world.said), "sent": len(world.taken), "killed": world.killed}
    world.close()
    return seed, problems, figures


def report(context: Context, problems: list[str]) -> None:
    """Note them all, show some."""
    for problem in problems[:SHOWN]:
        context.violation(problem)
    context.violations += problems[SHOWN:]


def real(context: Context) -> None:
    """The real sender, killed now and then, and a server that is down at first and then moody."""
    server = notify_real.Server()
    count = 200 if context.full else 40
    with notify_crowd.memory() as directory, notify_real.house(directory, server.url) as spool:
        for number in range(count):
            notify.send(f"s{number % 4}", f"Überschrift {number} 🎬", f"#{number}#")
        server.moods = [500, 429, "mute", "slow", 503, 200, 429, 200, "cut", 500]
        log = directory / "log"
        with context.planted():
            child = notify_real.start(log)
            time.sleep(0.5)
            context.control("a server that is down", not server.taken)
            with server.up():
                for _ in range(3):
                    time.sleep(0.2 + context.random.random())
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
                    child = notify_real.start(log)
                code = notify_real.end(child, context.patience(60.0))
        server.close()
        waiting = len(list((spool / "new").iterdir()))
        failed = len(list((spool / "failed").iterdir()))
    if code != 0 or waiting or failed:
        context.violation(f"the sender ended with {code}; {waiting} wait, {failed} set aside")
    numbers = [int(one["message"].strip("#")) for one in server.taken]
    if missing := sorted(set(range(count)) - set(numbers)):
        context.violation(f"the server never got {missing[:10]}")
    for subject in range(4):
        mine = [number for number in dict.fromkeys(numbers) if number % 4 == subject]
        if mine != sorted(mine):
            context.violation(f"out of order: {mine}")
    titles = [one["title"] for one in server.taken]
    context.control("titles beyond ASCII", any(one.startswith("Überschrift") for one in titles))
    context.figure("real_messages", count)
    context.figure("real_requests", server.asked)
    context.figure("real_repeated", len(numbers) - len(set(numbers)))


def secrets(context: Context) -> None:
    """Every secret of the house in every part of a message: none leaves, nor is it in the log."""
    server = notify_real.Server()
    with (
        notify_crowd.memory() as directory,
        notify_real.house(directory, server.url, CANARIES) as spool,
    ):
        for name, value in CANARIES.items():
            for key in ("", "k"):
                notify.send(f"about {name}", f"t {value}", f"m ({value})", tags=[value], key=key)
                notify.send("long", "t", "x" * (3989 - len(value) // 2) + f" {value}")
        server.moods = [400, 500]
        log = directory / "log"
        with context.planted(), server.up():
            for _ in range(2):
                notify_real.end(notify_real.start(log), context.patience(30.0))
                notify.send("about", "again", str(CANARIES), key="k")
        server.close()
        left = len(list((spool / "new").iterdir()))
        said = log.read_text() + "".join(str(one) for one in server.taken)
    context.control("messages", len(server.taken) > len(CANARIES) and left == 1)
    for name, value in CANARIES.items():
        if value in said or value[: len(value) // 2] in said:
            context.violation(f"{name} is in a message or in the log")
    if not context.break_name:
        context.control("what was masked", "REDACTED" in said)
    context.figure("secrets_masked", said.count("REDACTED"))


CASES = {
    "outage": outage,
    "simulated": simulated,
    "quiet": quiet,
    "many": notify_crowd.crowd,
    "real": real,
    "secrets": secrets,
}
BREAKS: dict[str, Break] = notify_breaks.BREAKS
