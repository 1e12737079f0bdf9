"""Disk guards that are wrong in a way that people have built, for the simulation."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any
from unittest import mock

from checks import disk_guard_simulation as simulation
from checks.disk_guard_world import World
from checks.framework import Context
from mediastack import disk_guard as program
from mediastack import disk_guard_levels as levels
from mediastack import disk_guard_step as steps


@contextlib.contextmanager
def idle(context: Context) -> Iterator[None]:
    """It looks and does nothing."""
    with mock.patch.object(steps, "_pause"), mock.patch.object(steps, "_resume"):
        yield


@contextlib.contextmanager
def forgets_its_list(context: Context) -> Iterator[None]:
    """What it stopped is kept in memory: killed, it starts anew."""
    real = steps.of_this_boot

    def of_this_boot(state: Any, boot: str, now: float) -> Any:
        return {**real(state, boot, now), "stopped": {}}

    with mock.patch.object(steps, "of_this_boot", of_this_boot):
        yield


@contextlib.contextmanager
def acts_before_it_saves(context: Context) -> Iterator[None]:
    """The list is written when the torrents are stopped."""
    real = program.Guard._save

    def save(self: program.Guard, before: Any) -> None:
        if any(one["asked"] for one in self._state["stopped"].values()):
            return
        real(self, before)

    with mock.patch.object(program.Guard, "_save", save):
        yield


@contextlib.contextmanager
def starts_everything(context: Context) -> Iterator[None]:
    """With room again, all that is stopped is started."""
    real = steps._resume

    def resume(actions: Any, state: Any, observed: Any) -> None:
        if state["phase"] == "resuming":
            for one in observed["torrents"]:
                if one["kind"] == "stopped":
                    state["stopped"].setdefault(one["hash"], _entry(one))
        real(actions, state, observed)

    with mock.patch.object(steps, "_resume", resume):
        yield


@contextlib.contextmanager
def ignores_new_ones(context: Context) -> Iterator[None]:
    """Once all is paused, it waits for room and looks at nothing else."""
    real = steps._pause

    def pause(actions: Any, state: Any, observed: Any) -> None:
        if state["phase"] == "pausing":
            real(actions, state, observed)

    with mock.patch.object(steps, "_pause", pause):
        yield


@contextlib.contextmanager
def stops_seeds(context: Context) -> Iterator[None]:
    """Whatever runs is stopped, also what only uploads."""
    real = steps._pause

    def pause(actions: Any, state: Any, observed: Any) -> None:
        seen = copy.deepcopy(observed)
        for one in seen["torrents"]:
            one["kind"] = "down" if one["kind"] == "up" else one["kind"]
        real(actions, state, seen)

    with mock.patch.object(steps, "_pause", pause):
        yield


@contextlib.contextmanager
def knows_one_threshold(context: Context) -> Iterator[None]:
    """Downloads go on as soon as the disk is not low any more."""
    real = levels.of

    def of(disk: Any, was: Any) -> Any:
        return {**real(disk, was), "low": disk["free"] <= disk["pause"]}

    with mock.patch.object(levels, "of", of):
        yield


@contextlib.contextmanager
def takes_silence_for_gone(context: Context) -> Iterator[None]:
    """A qBittorrent that does not answer has no torrents."""
    real = program.Guard._observe

    def observe(self: program.Guard) -> Any:
        found = real(self)
        if found["asked"] and found["torrents"] is None and not found["login"]:
            found["torrents"] = []
        return found

    with (
        mock.patch.object(program.Guard, "_observe", observe),
        mock.patch.object(steps, "ABSENT_SECONDS", 0.0),
    ):
        yield


@contextlib.contextmanager
def drops_what_is_missing(context: Context) -> Iterator[None]:
    """What is not in the list of a qBittorrent that still loads is gone for good."""
    with mock.patch.object(steps, "ABSENT_SECONDS", 0.0):
        yield


@contextlib.contextmanager
def trusts_an_empty_mount_point(context: Context) -> Iterator[None]:
    """Without /data, the room below its mount point counts."""

    def look(world: World) -> Any:
        there = {path: disk.there for path, disk in world.disks.items()}
        for disk in world.disks.values():
            disk.there = True
        found, unknown = real(world)
        for path, disk in world.disks.items():
            disk.there = there[path]
        for one in found:
            if not there[one["paths"][0]]:
                one["free"] = one["total"]
        return found, unknown

    real = simulation.look
    with mock.patch.object(simulation, "look", look):
        yield


@contextlib.contextmanager
def believes_every_answer(context: Context) -> Iterator[None]:
    """A start whose answer got lost was made."""
    real = steps.acknowledge

    def acknowledge(state: Any, action: Any, said: str) -> Any:
        return real(state, action, "ok")

    with mock.patch.object(steps, "acknowledge", acknowledge):
        yield


@contextlib.contextmanager
def believes_the_clock(context: Context) -> Iterator[None]:
    """It measures with the clock on the wall, which somebody sets."""
    with mock.patch.object(simulation, "clock", lambda world: world.now + world.clock_error):
        yield


@contextlib.contextmanager
def takes_the_force(context: Context) -> Iterator[None]:
    """A forced torrent comes back as an ordinary one."""
    real = simulation.House.start

    def start(self: simulation.House, hashes: list[str], *, forced: bool) -> str:
        return real(self, hashes, forced=False)

    with mock.patch.object(simulation.House, "start", start):
        yield


@contextlib.contextmanager
def repeats_its_messages(context: Context) -> Iterator[None]:
    """Each look at a pause tells it."""
    real = steps.step

    def step(observed: Any, state: Any, now: float, **more: Any) -> Any:
        again = "pausing" if state["phase"] == "paused" else state["phase"]
        return real(observed, {**state, "phase": again}, now, **more)

    with mock.patch.object(steps, "step", step):
        yield


@contextlib.contextmanager
def tries_forever(context: Context) -> Iterator[None]:
    """A password that was refused is tried again at each look."""
    with mock.patch.object(steps, "_may_try", lambda *_: True):
        yield


def _entry(one: Any) -> dict[str, Any]:
    known = {"added_on": one["added_on"], "name": one["name"], "forced": one["forced"]}
    return {**known, "asked": False, "starting": False, "absent": None}


SIMULATED = {
    "forgets-its-list": forgets_its_list,
    "acts-before-it-saves": acts_before_it_saves,
    "starts-everything": starts_everything,
    "ignores-new-ones": ignores_new_ones,
    "stops-seeds": stops_seeds,
    "knows-one-threshold": knows_one_threshold,
    "takes-silence-for-gone": takes_silence_for_gone,
    "drops-what-is-missing": drops_what_is_missing,
    "trusts-an-empty-mount-point": trusts_an_empty_mount_point,
    "believes-every-answer": believes_every_answer,
    "believes-the-clock": believes_the_clock,
    "takes-the-force": takes_the_force,
    "repeats-its-messages": repeats_its_messages,
    "tries-forever": tries_forever,
}
