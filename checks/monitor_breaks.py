"""Monitors that are wrong: each is the real one with one decision of it replaced."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from checks import monitor_breaks_loop as loop
from checks.framework import Context
from mediastack.monitor import (
    alarms,
    backoff,
    episodes,
    ills,
    limits,
    namespaces,
)
from mediastack.monitor import step as core


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
def pauses_for_ever(context: Context) -> Iterator[None]:
    """A pause ends only by the user's hand."""
    with mock.patch.object(limits, "end_when_over", lambda *_: None):
        yield


BREAKS: dict[str, Callable[[Context], AbstractContextManager[None]]] = {
    "limit-off-by-one": limit_off_by_one,
    "window-too-short": window_too_short,
    "believes-the-clock": loop.believes_the_clock,
    "forgets-at-restart": loop.forgets_at_restart,
    "no-holds-in-a-pause": no_holds_in_a_pause,
    "never-holds": never_holds,
    "ignores-the-user": loop.ignores_the_user,
    "unknown-is-down": loop.unknown_is_down,
    "revives-at-once": revives_at_once,
    "ignores-the-firewall": ignores_the_firewall,
    "does-not-verify": does_not_verify,
    "never-tries-again": never_tries_again,
    "incarnation-by-id": incarnation_by_id,
    "believes-running": believes_running,
    "believes-the-id": believes_the_id,
    "two-acts-at-once": loop.two_acts_at_once,
    "tells-at-each-pass": tells_at_each_pass,
    "tells-before-it-saves": loop.tells_before_it_saves,
    "loses-messages": loop.loses_messages,
    "pauses-for-ever": pauses_for_ever,
    "only-reacts": loop.only_reacts,
    "acts-before-it-saves": loop.acts_before_it_saves,
}
