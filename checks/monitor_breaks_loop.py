"""Monitors that are wrong in their loop: what they remember, save, tell, believe and hear."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from checks import monitor_facts, monitor_healer
from checks.framework import Context
from checks.monitor_healer import Healer
from checks.monitor_house import House, Life
from checks.monitor_world import World
from mediastack.monitor import step as core
from mediastack.monitor import (
    watcher,
)


def _step(change: Callable[..., Any]) -> AbstractContextManager[Any]:
    """The step, called through `change(real, look, state, now, results, requests)`."""
    real = core.step

    def step(*arguments: Any) -> Any:
        return change(real, *arguments)

    return mock.patch.object(core, "step", step)


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
def ignores_the_user(context: Context) -> Iterator[None]:
    """What the user has stopped is brought back like all others."""
    real = Healer.note

    def note(self: Healer, observation: dict[str, Any]) -> Any:
        wishes = real(self, observation)
        observation["intents"] = {}
        return wishes

    real_facts = monitor_facts.facts

    def facts(world: World, name: str) -> dict[str, Any]:
        return {**real_facts(world, name), "wanted": world.gate(name)}

    with mock.patch.object(Healer, "note", note), mock.patch.object(monitor_healer, "facts", facts):
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
def two_acts_at_once(context: Context) -> Iterator[None]:
    """It forgets that an act is under way."""

    def change(real: Any, look: Any, state: Any, *rest: Any) -> Any:
        return real(look, {**state, "acting": None}, *rest)

    with _step(change):
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
