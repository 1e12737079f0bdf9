"""qBittorrent listens on the forwarded port within five seconds, whatever went wrong before.

The case `simulated` plays 10,000 sequences of faults in virtual time (portsync_simulation), each
from a seed of its own that a failure names; with --full ten times as many. The case `real` plays 20
on the box, through its real tunnel and against the real qBittorrent, and asks the kernel where
somebody listens. Breaks are portsyncs that are wrong in a way that people have built.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import Any
from unittest import mock

from checks import ground, portsync_real, portsync_simulation, portsync_world
from checks.framework import Break, Context
from mediastack import portsync as program
from mediastack import portsync_login, portsync_step
from mediastack.qbittorrent_client import LoginNeeded, TorrentError

NAME = "portsync"
BUDGET_SECONDS = 300.0
SEQUENCES = 10_000
FULL_FACTOR = 10
# A wrong portsync fails early; the rest would only take time.
SEQUENCES_WITH_FAULT = 1_000
SHOWN = 5

settle = ground.settle


def prepare(context: Context) -> None:
    """Nothing: only the case `real` needs a box, and it takes one."""


def simulated(context: Context) -> None:
    """Sequences in virtual time; a failing one is named by its seed and replays alone."""
    with idle(context):
        _, problems = portsync_simulation.play_all(range(20))
        context.control("a portsync that does nothing", len(problems) > 10)
    count = SEQUENCES * (FULL_FACTOR if context.full else 1)
    count = SEQUENCES_WITH_FAULT if context.break_name else count
    first = context.seed * SEQUENCES * FULL_FACTOR
    with context.planted():
        worlds, problems = portsync_simulation.play_all(range(first, first + count))
    for problem in problems[:SHOWN]:
        context.violation(problem)
    for problem in problems[SHOWN:]:
        context.violations.append(problem)
    times = [one for world in worlds for one in world.times]
    context.figure("simulated_sequences", count)
    context.figure("simulated_kills", sum(world.kills for world in worlds))
    context.figure("simulated_agreements", len(times))
    figure_times(context, "simulated", times)
    context.figure("simulated_bans", sum(world.bans for world in worlds))


def real(context: Context) -> None:
    """Sequences on the box."""
    figure_times(context, "real", portsync_real.play(context))


def figure_times(context: Context, case: str, times: list[float]) -> None:
    """Median, 99th percentile and longest of the seconds until both agreed."""
    ordered = sorted(times) or [math.nan]
    for name, share in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0)):
        index = min(int(len(ordered) * share), len(ordered) - 1)
        context.figure(f"{case}_seconds_{name}", float(ordered[index]))


@contextlib.contextmanager
def idle(context: Context) -> Iterator[None]:
    """It looks and does nothing."""
    with mock.patch.object(portsync_step, "differences", lambda *_: {}):
        yield


@contextlib.contextmanager
def waits_to_be_woken(context: Context) -> Iterator[None]:
    """It looks when a file or a process stirs, and never by itself."""
    with (
        mock.patch.object(program, "PASS_SECONDS", 1e6),
        mock.patch.object(program, "SOON_SECONDS", 1e6),
    ):
        yield


@contextlib.contextmanager
def ignores_the_wake(context: Context) -> Iterator[None]:
    """It looks every ten seconds and at nothing in between."""
    with (
        mock.patch.object(program, "PASS_SECONDS", 10.0),
        mock.patch.object(program, "SOON_SECONDS", 10.0),
        mock.patch.object(portsync_world.World, "signature", lambda *_: ()),
    ):
        yield


@contextlib.contextmanager
def trusts_its_memory(context: Context) -> Iterator[None]:
    """What it has set once it believes to be set: qBittorrent is not read again."""
    real = portsync_step.step

    def step(observed: Any, state: Any, now: float, **more: Any) -> Any:
        client = observed["client"]
        if client is not None and state["port"] == observed["forwarded"]:
            observed = {**observed, "client": {**client, "port": state["port"], "random": False}}
        return real(observed, state, now, **more)

    with mock.patch.object(portsync_step, "step", step):
        yield


@contextlib.contextmanager
def sets_an_old_port(context: Context) -> Iterator[None]:
    """It asks Gluetun once, and sets what it was told then."""
    real = program.Portsync._observe

    def observe(self: program.Portsync) -> Any:
        before = self.port
        observed = real(self)
        if before and observed["forwarded"]:
            self.port = before
            observed["forwarded"] = before
        return observed

    with mock.patch.object(program.Portsync, "_observe", observe):
        yield


@contextlib.contextmanager
def tries_forever(context: Context) -> Iterator[None]:
    """A password that was refused is tried again every second."""
    with mock.patch.object(portsync_login, "due", lambda *_: True):
        yield


@contextlib.contextmanager
def forgets_its_tries(context: Context) -> Iterator[None]:
    """Its tries are counted in memory: killed, it starts anew."""
    real = portsync_step.of_this_boot

    def of_this_boot(state: Any, boot: str) -> Any:
        return {**real(state, boot), "login": portsync_login.initial_state()}

    with mock.patch.object(portsync_step, "of_this_boot", of_this_boot):
        yield


@contextlib.contextmanager
def content_with_the_number(context: Context) -> Iterator[None]:
    """The right number in the settings is enough, whether or not somebody can connect to it."""
    with mock.patch.object(portsync_step, "_here", lambda observed: {"torrent": "", "device": 0}):
        yield


@contextlib.contextmanager
def clears_the_port(context: Context) -> Iterator[None]:
    """While Gluetun has no port, it sets qBittorrent's to 0."""
    real = program.Portsync._round

    def one_round(self: program.Portsync, observed: Any) -> bool:
        if observed["forwarded"] == 0:
            with contextlib.suppress(LoginNeeded, TorrentError):
                self._house.change({"listen_port": 0, "random_port": False})
        return real(self, observed)

    with mock.patch.object(program.Portsync, "_round", one_round):
        yield


@contextlib.contextmanager
def believes_the_clock(context: Context) -> Iterator[None]:
    """It measures with the clock on the wall, which somebody sets."""
    with mock.patch.object(
        portsync_world.World, "clock", lambda world: world.now + world.clock_error
    ):
        yield


@contextlib.contextmanager
def repeats_its_alarms(context: Context) -> Iterator[None]:
    """What was told is told again at each look."""
    real = portsync_step.step

    def step(observed: Any, state: Any, now: float, **more: Any) -> Any:
        forgetful = {**copy.deepcopy(state), "told": []}
        return real(observed, forgetful, now, **more)

    with mock.patch.object(portsync_step, "step", step):
        yield


CASES = {"simulated": simulated, "real": real}
BREAKS = {
    "waits-to-be-woken": Break("simulated", waits_to_be_woken),
    "ignores-the-wake": Break("simulated", ignores_the_wake),
    "trusts-its-memory": Break("simulated", trusts_its_memory),
    "sets-an-old-port": Break("simulated", sets_an_old_port),
    "tries-forever": Break("simulated", tries_forever),
    "forgets-its-tries": Break("simulated", forgets_its_tries),
    "content-with-the-number": Break("simulated", content_with_the_number),
    "clears-the-port": Break("simulated", clears_the_port),
    "believes-the-clock": Break("simulated", believes_the_clock),
    "repeats-its-alarms": Break("simulated", repeats_its_alarms),
    "portsync-stopped": Break("real", portsync_real.stopped),
}
