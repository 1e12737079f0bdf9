"""Schedules of faults for the monitor in virtual time, each drawn from a seed, so that a bad one
can be played again alone: `PYTHONPATH=files .venv/bin/python -m checks.monitor_simulation SEED`.

Under test are the watcher's loop, its step and all below, plan.plan and user_stops.find; replaced
are Docker, the host, the healer's hands, the disk and the clocks. Each schedule brings the monitor
into one phase of its work and lets two faults happen in the middle of it, and some more at any
time. Then everything else is mended, and what follows has to converge.
"""

from __future__ import annotations

import json
import marshal
import sys
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from checks import monitor_mishaps as faults
from checks import monitor_stage
from checks.monitor_containers import OWNER
from checks.monitor_group import DEPENDENTS, GROUP
from checks.monitor_healer import Healer
from checks.monitor_history import check
from checks.monitor_house import Life
from checks.monitor_world import Process, whole
from mediastack.monitor import state as states

PHASES = (
    *("quiet", "holding", "waiting", "reviving", "verifying"),
    *("backing-off", "paused", "busy", "unknown"),
)
NAMES = tuple(faults.FAULTS)
CELLS = [(phase, fault) for phase in PHASES for fault in NAMES]
STRIDE = 7  # so that neighbouring seeds are in different rows and columns
TRIES = 40
CALM_SECONDS = 1500.0
WINDOW_SECONDS = 3600.0
CHUNK_SECONDS = 5.0
PEOPLE_SECONDS = 400.0
LEAST_STEPS = 30
EDGE_SECONDS = 0.1


@dataclass
class Played:
    """What came of one schedule."""

    seed: int
    violations: list[str]
    cells: list[tuple[str, str]]
    steps: int
    kinds: int
    cascades: int
    kills: int
    acts: int
    pauses: int
    edges: int
    seconds: float
    history: list[dict[str, Any]] = field(default_factory=list)


class Schedule:
    """One schedule: a world, its healer, its monitor, and what is to happen to them."""

    def __init__(self, seed: int) -> None:
        self.world = world = whole(seed)
        self.healer = Healer(world)
        self.life = Life(world, self.healer)
        self.cells: list[tuple[str, str]] = []
        self.waiting: list[tuple[str, str]] = []
        self.armed = 0
        world.poke = self._poke
        draw = world.random
        world.settings["pause_seconds"] = draw.choice((300, 600, 900, 3600))
        first = seed * 2
        pair = [CELLS[(first + extra) * STRIDE % len(CELLS)] for extra in (0, 1)]
        self.phase = pair[0][0]
        self.waiting = [(self.phase, pair[0][1]), (self.phase, pair[1][1])]
        # The second of the pair has a phase of its own: it is tried there as well.
        if pair[1][0] != self.phase:
            self.waiting.append(pair[1])
        monitor_stage.enter(self)
        when = draw.uniform(5.0, 40.0)
        for _ in range(draw.randint(2, 5)):
            self.later(when, draw.choice(NAMES))
            when += draw.choice((0.05, 0.5, 3.0, 10.0, 40.0, 130.0)) * draw.uniform(0.3, 1.5)
        world.last = max(world.last, when)

    def later(self, seconds: float, name: str) -> None:
        """Let a fault happen."""
        self.world.after(seconds, lambda: self.happen(name))
        self.world.last = max(self.world.last, self.world.now + seconds)

    def happen(self, name: str) -> None:
        """A fault happens now; a host that is off has none."""
        world = self.world
        if not world.on:
            world.after(10.0, lambda: self.happen(name))
            world.last = max(world.last, world.now + 10.0)
            return
        phase = self.present_phase()
        self.cells.append((phase, name))
        world.note("fault", name=name, phase=phase)
        faults.FAULTS[name](world, self.healer)

    def present_phase(self) -> str:
        """What the monitor is doing, as far as one sees it from outside and on its disk."""
        world, healer = self.world, self.healer
        if world.docker.mode or not healer.alive or not world.monitor_alive:
            return "unknown"
        if world.lock not in ("", "monitor"):
            return "busy"
        if healer.verb:
            return "holding" if healer.verb == "hold" else "reviving"
        if world.disk.get("pause"):
            return "paused"
        owner = world.docker.get(OWNER)
        ready = owner is not None and owner.status == "running" and owner.health == "healthy"
        inside = [
            one is not None and owner is not None and one.netns == owner.netns is not None
            for name in DEPENDENTS
            if world.wishes[name] == "run" and (one := world.docker.get(name), True)
        ]
        if world.disk.get("episode"):
            if not ready:
                return "waiting"
            if all(inside):
                return "verifying"
            return "backing-off" if world.disk["episode"]["attempts"] else "waiting"
        if not all(inside) and any(
            one["attempts"] for one in world.disk.get("services", {}).values()
        ):
            return "backing-off"
        return "quiet"

    def _poke(self) -> None:
        """Something changed: is it the moment for a fault that waits for a phase?"""
        if not self.waiting or self.armed or not self.world.on:
            return
        phase, name = self.waiting[0]
        if self.world.now < 1.0 or self.present_phase() != phase:
            return
        self.armed += 1
        delay = self.world.random.choice((0.0, 0.005, 0.05, 0.5, 3.0))
        self.world.after(delay, lambda: self._fire(phase, name))

    def _fire(self, phase: str, name: str) -> None:
        self.armed -= 1
        if self.waiting and self.waiting[0] == (phase, name) and self.present_phase() == phase:
            self.waiting.pop(0)
            self.happen(name)
            self._poke()

    def play(self) -> None:
        """To the end of the schedule, then everything is mended, then until it has converged."""
        world, life = self.world, self.life
        for _ in range(TRIES):
            while world.now < world.last:
                life.until(world.last)
            if not self.waiting:
                break
            # It has not come to that phase yet: once more, a little.
            phase = self.waiting[0][0]
            if _ == TRIES // 2:
                self.waiting.pop(0)
            else:
                monitor_stage.provoke(self, phase)
                world.last = world.now + 10.0
        self.waiting.clear()
        patience = world.now + PEOPLE_SECONDS
        while not world.on or (self.people() and world.now < patience):
            life.until(world.now + CHUNK_SECONDS)
        monitor_stage.mend(self)
        deadline = world.now + CALM_SECONDS
        latest = deadline + 3 * WINDOW_SECONDS
        why = "-"
        while (why or life.passes < LEAST_STEPS) and world.now < min(deadline, latest):
            life.until(world.now + CHUNK_SECONDS)
            why = self.unfinished()
            if world.disk.get("pause"):
                deadline = world.now + CALM_SECONDS
        world.note("end", converged=not why, why=why)

    def people(self) -> list[Process]:
        """Who else is still about it."""
        ours = self.healer.process
        return [one for one in self.world.processes if one.alive and one is not ours]

    def unfinished(self) -> str:
        """What is still to be done, "" when all is as it should be."""
        world = self.world
        state = world.disk
        if not world.in_order():
            states = {
                name: one and (one.status, one.health, one.netns)
                for name in GROUP
                if (one := world.docker.get(name), True)
            }
            return f"not all are inside and healthy: {states}"
        for key in ("episode", "pause", "acting", "outbox"):
            if state.get(key):
                return f"the state still has {key}: {state[key]}"
        told = [key for key, alarm in state["alarms"].items() if alarm["told_at"] is not None]
        return f"alarms are still out: {told}" if told else ""


def play(seed: int, *, keep_history: bool = False) -> Played:
    """Play one schedule."""
    schedule = Schedule(seed)
    # The state is plain JSON: copied as such, in a fifth of the time.
    with mock.patch.object(states, "copy", _Copies):
        schedule.play()
    world = schedule.world
    history = world.history
    return Played(
        seed=seed,
        violations=check(history, world.settings),
        cells=schedule.cells,
        steps=schedule.life.passes,
        kinds=len({name for _, name in schedule.cells}),
        cascades=world.disk["number"] and sum(_opened(history)),
        kills=schedule.life.kills,
        acts=sum(one["kind"] == "act" and one["phase"] == "begin" for one in history),
        pauses=sum(one["kind"] == "told" and one["message"]["kind"] == "paused" for one in history),
        edges=_edges(history, world.settings["cascades_per_hour"]),
        seconds=world.now,
        history=history if keep_history else [],
    )


def _edges(history: list[dict[str, Any]], limit: int) -> int:
    """How often it was decided within a tenth of a second of the edge of the hour."""
    found: set[tuple[float, bool]] = set()
    for one in history:
        if one["kind"] == "saved" and len(one["cascades"]) >= limit:
            decided = one["cascades"][-1]
            oldest = one["cascades"][-limit - 1 :][0]
            if one["pause"]:
                decided, oldest = one["pause"]["since"], one["cascades"][-limit]
            if abs(decided - oldest - WINDOW_SECONDS) < EDGE_SECONDS:
                found.add((decided, bool(one["pause"])))
    return len(found)


class _Copies:
    """Instead of the module copy."""

    @staticmethod
    def deepcopy(value: Any) -> Any:
        """Copy what has only dictionaries, lists and scalars in it."""
        return marshal.loads(marshal.dumps(value))  # noqa: S302 - our own bytes


def _opened(history: list[dict[str, Any]]) -> list[int]:
    known: set[float] = set()
    for one in history:
        if one["kind"] == "saved":
            known |= set(one["cascades"])
    return [1] * len(known)


if __name__ == "__main__":
    for wanted in map(int, sys.argv[1:]):
        done = play(wanted, keep_history=True)
        for entry in done.history:
            shown = {key: value for key, value in entry.items() if key not in ("at", "powered")}
            print(f"{entry['at']:9.3f}  {json.dumps(shown, default=str)}")
        print(wanted, done.violations or "as promised", f"{done.steps} steps", done.cells)
