"""Monitors that are wrong: each is the real one with one decision of it replaced."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from checks.framework import Context
from checks.monitor_healer import Healer
from checks.monitor_house import House, Life
from mediastack.monitor import (
    alarms,
    backoff,
    episodes,
    group,
    ills,
    limits,
    namespaces,
    watcher,
)
from mediastack.monitor import step as core


def _step(change: Callable[..., Any]) -> AbstractContextManager[Any]:
    """The step, called through `change(real, look, state, now, results, requests)`."""
    real = core.step

    def step(*arguments: Any) -> Any:
        return change(real, *arguments)

    return mock.patch.object(core, "step", step)


@contextlib.contextmanager
def does_nothing(context: Context) -> Iterator[None]:
    """It looks and never asks for anything."""
    with mock.patch.object(core, "_decide", lambda *_: None):
        yield


@contextlib.contextmanager
def limit_off_by_one(context: Context) -> Iterator[None]:
    """Six cascades are allowed within the hour, not five."""
    real = limits.counted
    with mock.patch.object(limits, "counted", lambda *a, **k: max(0, real(*a, **k) - 1)):
        yield


@contextlib.contextmanager
def window_too_short(context: Context) -> Iterator[None]:
    """The hour of the limit is one of 59 minutes."""
    with mock.patch.object(limits, "WINDOW_SECONDS", 3540.0):
        yield


@contextlib.contextmanager
def believes_the_clock(context: Context) -> Iterator[None]:
    """It measures by the clock on the wall, which somebody sets."""

    def by_wall(self: House) -> tuple[str, float]:
        return self._world.boot, self.wall_clock() - 1_700_000_000.0  # noqa: SLF001

    with mock.patch.object(House, "boottime", by_wall):
        yield


@contextlib.contextmanager
def forgets_at_restart(context: Context) -> Iterator[None]:
    """The history of the limit is in memory: killed, it starts anew."""
    real = House.load

    def load(self: House) -> dict[str, Any]:
        return {**real(self), "cascades": []}

    with mock.patch.object(House, "load", load):
        yield


@contextlib.contextmanager
def no_holds_in_a_pause(context: Context) -> Iterator[None]:
    """While it is paused, what is stranded goes on running."""
    real = core._hold  # noqa: SLF001

    def hold(state: Any, *arguments: Any) -> Any:
        return None if state["pause"] is not None else real(state, *arguments)

    with mock.patch.object(core, "_hold", hold):
        yield


@contextlib.contextmanager
def never_holds(context: Context) -> Iterator[None]:
    """What is stranded runs until Gluetun is healthy."""
    with mock.patch.object(core, "_hold", lambda *_: None):
        yield


@contextlib.contextmanager
def ignores_the_user(context: Context) -> Iterator[None]:
    """What the user has stopped is brought back like all others."""
    real = Healer.note

    def note(self: Healer, observation: dict[str, Any]) -> Any:
        wishes = real(self, observation)
        observation["intents"] = {}
        return wishes

    facts = Healer.facts

    def wanted(self: Healer, name: str) -> dict[str, Any]:
        return {**facts(self, name), "wanted": self.world.gate(name)}

    with mock.patch.object(Healer, "note", note), mock.patch.object(Healer, "facts", wanted):
        yield


@contextlib.contextmanager
def unknown_is_down(context: Context) -> Iterator[None]:
    """Without an answer it goes by what it saw last, and takes Gluetun for ended."""
    last: dict[str, Any] = {}

    def change(real: Any, look: Any, *rest: Any) -> Any:
        if look is not None:
            last["look"] = look
        elif "look" in last:
            look = copy.deepcopy(last["look"])
            look["services"][look["owner"]] |= {"status": "exited", "netns": None, "pid": 0}
            look["actions"] = [{"service": look["owner"], "action": "start", "reason": "exited"}]
            look["busy"] = ""
        return real(look, *rest)

    with _step(change):
        yield


@contextlib.contextmanager
def revives_at_once(context: Context) -> Iterator[None]:
    """It does not wait until Gluetun is healthy."""

    def is_ready(owner: Any, firewall: Any) -> bool:
        return bool(owner["status"] == "running")

    with mock.patch.object(namespaces, "is_ready", is_ready):
        yield


@contextlib.contextmanager
def ignores_the_firewall(context: Context) -> Iterator[None]:
    """Healthy is enough, with the packet filter or without."""
    with mock.patch.object(
        namespaces, "is_ready", lambda owner, firewall: namespaces.is_well(owner)
    ):
        yield


@contextlib.contextmanager
def does_not_verify(context: Context) -> Iterator[None]:
    """Once it has asked for a revival, it takes the group for whole."""
    real = episodes._go_on  # noqa: SLF001

    def go_on(state: Any, look: Any, seen: Any, now: float) -> Any:
        act = real(state, look, seen, now)
        if act is not None and state["episode"] is not None:
            state["settled"] = seen.incarnation
            state["episode"] = None
        return act

    def nobody(state: Any, seen: Any, now: float) -> None:
        return None

    with (
        mock.patch.object(episodes, "_go_on", go_on),
        mock.patch.object(ills, "dependents", nobody),
    ):
        yield


@contextlib.contextmanager
def never_tries_again(context: Context) -> Iterator[None]:
    """One revival for each Gluetun; what did not come back then does not."""
    with mock.patch.object(backoff, "pause", lambda *_: 1e9):
        yield


@contextlib.contextmanager
def incarnation_by_id(context: Context) -> Iterator[None]:
    """Gluetun is another one when its id is, and after a restart it is the same."""

    def incarnation(owner: Any, boot: str) -> Any:
        return [owner["id"], 0.0, boot] if owner["status"] in namespaces.RUNS else None

    with mock.patch.object(namespaces, "incarnation", incarnation):
        yield


@contextlib.contextmanager
def believes_running(context: Context) -> Iterator[None]:
    """A dependent that runs and is healthy is well, wherever it is."""

    def verdict(owner: Any, dependent: Any) -> str:
        runs = dependent["status"] in namespaces.RUNS
        return namespaces.INSIDE if runs else namespaces.OUT

    with mock.patch.object(namespaces, "verdict", verdict):
        yield


@contextlib.contextmanager
def believes_the_id(context: Context) -> Iterator[None]:
    """Joined to the container that Gluetun is, it is taken to be in its namespace."""

    def verdict(owner: Any, dependent: Any) -> str:
        if dependent["status"] not in namespaces.RUNS:
            return namespaces.OUT
        joined = dependent["network_mode"] == f"container:{owner['id']}"
        return namespaces.INSIDE if joined else namespaces.STRANDED

    with mock.patch.object(namespaces, "verdict", verdict):
        yield


@contextlib.contextmanager
def two_acts_at_once(context: Context) -> Iterator[None]:
    """It forgets that an act is under way."""

    def change(real: Any, look: Any, state: Any, *rest: Any) -> Any:
        return real(look, {**state, "acting": None}, *rest)

    with _step(change):
        yield


@contextlib.contextmanager
def tells_at_each_pass(context: Context) -> Iterator[None]:
    """What was told is told again at each look."""
    real = alarms.follow

    def follow(state: Any, *arguments: Any) -> None:
        for alarm in state["alarms"].values():
            alarm["told_at"] = None
        real(state, *arguments)

    with mock.patch.object(alarms, "follow", follow):
        yield


@contextlib.contextmanager
def tells_before_it_saves(context: Context) -> Iterator[None]:
    """Messages are handed over and forgotten before the state is kept."""
    real = watcher.Watcher._keep  # noqa: SLF001

    def keep(self: Any, state: Any, now: float) -> bool:
        told = [one for one in state["outbox"] if self._house.tell(one)]  # noqa: SLF001
        left = [one for one in state["outbox"] if one not in told]
        return real(self, {**state, "outbox": left}, now)

    with mock.patch.object(watcher.Watcher, "_keep", keep):
        yield


@contextlib.contextmanager
def loses_messages(context: Context) -> Iterator[None]:
    """A message that is not taken at once is dropped."""
    real = watcher.Watcher._tell  # noqa: SLF001

    def tell(self: Any) -> None:
        real(self)
        self.state = {**self.state, "outbox": []}

    with mock.patch.object(watcher.Watcher, "_tell", tell):
        yield


@contextlib.contextmanager
def pauses_for_ever(context: Context) -> Iterator[None]:
    """A pause ends only by the user's hand."""
    with mock.patch.object(limits, "end_when_over", lambda *_: None):
        yield


@contextlib.contextmanager
def only_reacts(context: Context) -> Iterator[None]:
    """It looks when an event comes, and never by itself."""
    real = Life._wake  # noqa: SLF001

    def wake(self: Life, why: str) -> None:
        if why != "pid":
            real(self, why)

    with (
        mock.patch.object(watcher, "SOON_SECONDS", 1e6),
        mock.patch.object(watcher, "QUIET_SECONDS", 1e6),
        mock.patch.object(Life, "_wake", wake),
    ):
        yield


@contextlib.contextmanager
def acts_before_it_saves(context: Context) -> Iterator[None]:
    """The act is asked for, and only then written down."""
    real = watcher.Watcher._keep  # noqa: SLF001

    def keep(self: Any, state: Any, now: float) -> bool:
        kept = {**state, "cascades": state["cascades"][:-1]} if state["acting"] else state
        done = real(self, kept, now)
        self.state = state
        return done

    with mock.patch.object(watcher.Watcher, "_keep", keep):
        yield


BREAKS: dict[str, Callable[[Context], AbstractContextManager[None]]] = {
    "limit-off-by-one": limit_off_by_one,
    "window-too-short": window_too_short,
    "believes-the-clock": believes_the_clock,
    "forgets-at-restart": forgets_at_restart,
    "no-holds-in-a-pause": no_holds_in_a_pause,
    "never-holds": never_holds,
    "ignores-the-user": ignores_the_user,
    "unknown-is-down": unknown_is_down,
    "revives-at-once": revives_at_once,
    "ignores-the-firewall": ignores_the_firewall,
    "does-not-verify": does_not_verify,
    "never-tries-again": never_tries_again,
    "incarnation-by-id": incarnation_by_id,
    "believes-running": believes_running,
    "believes-the-id": believes_the_id,
    "two-acts-at-once": two_acts_at_once,
    "tells-at-each-pass": tells_at_each_pass,
    "tells-before-it-saves": tells_before_it_saves,
    "loses-messages": loses_messages,
    "pauses-for-ever": pauses_for_ever,
    "only-reacts": only_reacts,
    "acts-before-it-saves": acts_before_it_saves,
}
