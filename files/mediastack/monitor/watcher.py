"""The watcher: looks at Gluetun's group, decides, and asks the healer to act. One loop.

A pass looks (through the healer: this process may not talk to Docker), lets `step` decide, keeps
the state on disk, starts the act that was decided, and hands messages over. It comes every 1.5
seconds while something is off, every thirty when all is quiet, and at once when something stirs
(wakeups): a pass is always a full look, so a lost event costs time, never truth. Killed anywhere
it goes on from the state; what became of an act it does not know then it calls unknown. Without a
state on disk nothing is done, because the limit of cascades has to survive us.

What does not answer in time is unknown. The watchdog is fed by passes alone: a loop that hangs is
ended by systemd.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from mediastack import systemd
from mediastack.monitor import group, host, metrics, steady, wakeups
from mediastack.monitor import state as states
from mediastack.monitor import step as core
from mediastack.monitor.door import Door, Ear
from mediastack.monitor.state import Act, Decision, Look, Message, Requests, Result, State

QUIET_SECONDS = 30.0
# Whoever hears no events still decides within two seconds, the look itself included.
SOON_SECONDS = 1.5
# The steady clock is kept this often when nothing else changes: a power cut forgets as much of it.
KEEP_SECONDS = 300.0
DECISIONS_KEPT = 20
INTERRUPTED = "the monitor ended meanwhile"

Step = Callable[[Look | None, State, float, list[Result], Requests], tuple[Decision, State]]


class House(Protocol):
    """Everything outside of the loop's decisions; tests and the simulation bring their own."""

    def boottime(self) -> tuple[str, float]:
        """The boot's name and the seconds since it (steady.advance takes them)."""

    def wall_clock(self) -> float:
        """Seconds since the epoch, for records only: somebody sets that clock."""

    def load(self) -> Mapping[str, Any]:
        """What was saved last, {} when there is nothing."""

    def save(self, state: State) -> None:
        """Keep the state, whatever happens next. Raise OSError."""

    def requests(self) -> Requests:
        """What the user asked for and was not granted yet."""

    def granted(self, requests: Requests) -> None:
        """A state that heeds these requests is saved: they are not to come again."""

    def look(self, firewall: bool) -> Look | None:
        """What is, None when nobody knows; `firewall`: say of the packet filter, too."""

    def act(self, act: Act) -> None:
        """Start an act and return at once; its end comes through `results`."""

    def results(self) -> list[Result]:
        """What became of acts that ended since the last call."""

    def tell(self, message: Message) -> bool:
        """Hand one message over; say whether it was taken."""

    def hearing(self) -> bool:
        """Whether an event would wake us now."""


class Watcher:
    """What it remembers from one pass to the next."""

    def __init__(self, house: House, step: Step) -> None:
        self._house = house
        self._step = step
        self.state = states.complete(house.load())
        _, self.state["steady"] = steady.advance(
            self.state["steady"], *house.boottime(), at_least=steady.latest(self.state)
        )
        self._kept: State | None = None
        self._failing = False
        self._kept_at = 0.0
        self._firewall = self.state["episode"] is not None
        # What we have to say of acts ourselves, since nobody else will.
        self._own_results: list[Result] = []
        # What the last pass saw, and when: for those who show it.
        self.look: Look | None = None
        self.now = 0.0
        if self.state["acting"] is not None:
            self._own_results.append(_nobody_knows(self.state["acting"], INTERRUPTED))

    def make_pass(self, event_at: float | None = None) -> float:
        """Look, decide, keep, act, tell; return after how many seconds to look again.

        `event_at`: Docker's time (since the epoch) of the event that woke us, for the record.
        """
        house = self._house
        # Before the look: what it shows must not be older than the end of an act.
        results = [*self._own_results, *house.results()]
        self._own_results = []
        requests = house.requests()
        look = house.look(self._firewall)
        now, clock = steady.advance(self.state["steady"], *house.boottime())
        decision, after = self._step(look, self.state, now, results, requests)
        after["steady"] = clock
        for act in decision["acts"]:
            after["decisions"] = self._recorded(act, event_at)
        self._firewall = decision["firewall"]
        self.look, self.now = look, now
        kept = self._keep(after, now)
        if kept:
            if any(requests.values()):
                house.granted(requests)
            for act in decision["acts"]:
                house.act(act)
            self._tell()
        else:
            self._go_on_without(clock, decision["acts"], ended=bool(results))
        soon = decision["soon"] or not kept or self.state["acting"] or self.state["outbox"]
        return QUIET_SECONDS if not soon and house.hearing() else SOON_SECONDS

    def _go_on_without(self, clock: steady.Reading, acts: list[Act], *, ended: bool) -> None:
        """Nothing was decided, since nobody would remember it: the next pass sees it all again.

        Only what runs without its tunnel is stopped all the same. That needs no memory.
        """
        acting = None if ended else self.state["acting"]
        for act in acts:
            if act["verb"] == "hold":
                acting = {**act, "since": self.now, "attempt": "hold"}
                self._house.act(act)
        self.state = {**self.state, "steady": clock, "acting": acting}

    def close(self) -> None:
        """Keep the present moment: the time between two saves is not to be lost."""
        _, clock = steady.advance(self.state["steady"], *self._house.boottime())
        self._keep({**self.state, "steady": clock}, self.now + KEEP_SECONDS)

    def _recorded(self, act: Act, event_at: float | None) -> list[dict[str, Any]]:
        """The last decisions with this one: when, and how long after which event."""
        entry = {"at": self._house.wall_clock(), "why": act["verb"], "event_at": event_at}
        return [*self.state.get("decisions", []), entry][-DECISIONS_KEPT:]

    def _keep(self, state: State, now: float) -> bool:
        """Save what differs from what is on disk and go on from it; say whether it could be."""
        content = {key: value for key, value in state.items() if key != "steady"}
        if content == self._kept and now - self._kept_at < KEEP_SECONDS:
            self.state = state
            return True
        try:
            self._house.save(state)
        except OSError as error:
            if not self._failing:
                print(f"mediastack monitor: not kept, nothing decided: {error}", file=sys.stderr)
            self._failing = True
            # What is on disk is unknown now.
            self._kept = None
            return False
        self.state, self._kept, self._kept_at = state, content, now
        self._failing = False
        return True

    def _tell(self) -> None:
        """Hand over what waits, in order, up to the first that is not taken."""
        waiting = list(self.state["outbox"])
        told = 0
        while told < len(waiting) and self._house.tell(waiting[told]):
            told += 1
        if told:
            self._keep({**self.state, "outbox": waiting[told:]}, self.now)


def _nobody_knows(act: Mapping[str, Any], why: str) -> Result:
    services = list(act["services"])
    return {"verb": act["verb"], "services": services, "failed": {}, "busy": "", "unknown": why}


def main(arguments: list[str]) -> int:
    """Watch over the services behind Gluetun until ended (SIGTERM); SIGHUP: look now."""
    argparse.ArgumentParser(prog="mediastack monitor", description=main.__doc__).parse_args(
        arguments
    )
    door, ear = Door(), Ear()
    house = host.Host(host.directory(), door, ear)
    watcher = Watcher(house, core.step)
    wakes = wakeups.Wakeups(ear, door.ended)
    shown = metrics.start(host.metrics_port(), watcher)
    # Half of it: a pass may take its time as well.
    longest = host.watchdog_seconds() / 2
    event_at: float | None = None
    ready = "READY=1\n"
    while True:
        seconds = watcher.make_pass(event_at)
        acting = watcher.state["acting"]
        # What an act does to these is told by its end.
        expected = acting["services"] if acting else ()
        if watcher.look is not None:
            wakes.watch(wakeups.pids(watcher.look, expected))
        house.was_here()
        shown()
        systemd.tell(f"{ready}WATCHDOG=1\nSTATUS={status(watcher)}")
        ready = ""
        woken = wakes.wait(min(seconds, longest), expected)
        if woken.end:
            watcher.close()
            sys.stderr.flush()
            # Not a return: an act under way goes on in the healer, not in our thread.
            os._exit(0)
        event_at = woken.event_at


def status(watcher: Watcher) -> str:
    """Return how things are in one line, for `systemctl status`."""
    state, look = watcher.state, watcher.look
    if look is None:
        return "Docker or the healer does not answer; waiting"
    if state["pause"] is not None:
        left = max(0.0, state["pause"]["until"] - watcher.now)
        return f"paused for {left / 60:.0f} minutes more; stack-manage.sh resume lifts it"
    if state["acting"] is not None:
        return f"{state['acting']['verb']} {' '.join(state['acting']['services'])}"
    if state["episode"] is not None:
        return "bringing the services into Gluetun's namespace"
    seen = group.of(look)
    return f"{len(seen.home)} inside Gluetun's namespace, {len(seen.away)} not"
