"""The simulated world as the watcher's house, and its life in it: passes, wakes, deaths."""

from __future__ import annotations

import copy
from typing import Any

from checks.monitor_containers import OWNER
from checks.monitor_healer import Healer, nothing
from checks.monitor_world import Killed, World
from mediastack.docker_client import NotReachable
from mediastack.monitor import firewall as firewall_module
from mediastack.monitor import step as core
from mediastack.monitor import wakeups, watcher
from mediastack.monitor.state import Act, Requests, Result

RESTART_SECONDS = 2.3  # systemd's RestartSec, and Python's start
LOOK_TIMEOUT_SECONDS = 10.0
# What was found out of the firewall is believed for so long, and the probe takes its time.
KNOWN_SECONDS = 7.0


class House:
    """What watcher.House asks for."""

    def __init__(self, world: World, healer: Healer) -> None:
        self._world, self._healer = world, healer
        self._results: list[Result] = []
        self._alive = True
        self._known: tuple[Any, bool | None, float] = (None, None, -1e9)
        self._probing = False
        self._seen: Any = None
        self.wall_clock = world.wall

    def end(self) -> None:
        """The monitor is gone: what it had asked for answers nobody."""
        self._alive = False

    def boottime(self) -> tuple[str, float]:
        """The boot's name, and CLOCK_BOOTTIME."""
        return self._world.boot, self._world.boottime()

    def load(self) -> dict[str, Any]:
        """What was saved last."""
        return copy.deepcopy(self._world.disk)

    def save(self, state: dict[str, Any]) -> None:
        """Keep it. Raise OSError when the disk is full."""
        world = self._world
        world.call(0.0002, 0.002)
        if world.full:
            raise OSError(28, "No space left on device")
        world.disk = state
        world.note(
            "saved",
            cascades=[one["at"] for one in state["cascades"]],
            steady=state["steady"]["steady"],
            pause=state["pause"],
            resumed=state["resumed_at"],
            numbers=[one["number"] for one in state["outbox"]],
        )

    def requests(self) -> Requests:
        """Whether the user's file is there."""
        return {"resume": self._world.resume_file}

    def granted(self, requests: Requests) -> None:
        """Take the user's file away."""
        self._world.call(0.0001, 0.0005)
        if requests["resume"]:
            self._world.resume_file = False

    def look(self, firewall: bool) -> dict[str, Any] | None:
        """What is, or None."""
        world = self._world
        world.call(0.002, 0.008)
        if world.docker.mode == "hang":
            world.call(LOOK_TIMEOUT_SECONDS, LOOK_TIMEOUT_SECONDS)
        look = None
        if self._healer.alive and not world.docker.mode:
            try:
                look = self._healer.look()
            except NotReachable:
                look = None
        owner = world.docker.get(OWNER)
        ready = look is not None and owner is not None and owner.status == "running"
        if ready and owner is not None:
            stood = owner.firewall or world.now - owner.unprotected < KNOWN_SECONDS
            ready = owner.health == "healthy" and stood
        seen = (world.changes, look is not None, ready)
        if seen != self._seen:
            self._seen = seen
            world.note("looked", known=look is not None, ready=ready)
        if look is not None and firewall:
            look = {**look, "firewall": self._firewall_of(look)}
        world.call(0.0005, 0.003)
        return look

    def _firewall_of(self, look: dict[str, Any]) -> bool | None:
        """As monitor.firewall.Firewall: what a probe has told lately, of this run of Gluetun."""
        world = self._world
        owner = look["services"][OWNER]
        run, value, since = self._known
        if run != (owner["id"], owner["started_at"]):
            run, value, since = (owner["id"], owner["started_at"]), None, -1e9
        if not self._probing and world.now - since >= firewall_module.AGAIN_SECONDS:
            self._probing = True
            began = world.now
            found = self._healer.firewall()

            def told() -> None:
                self._probing = False
                self._known = (run, found, began)
                if self._alive:
                    world.wake("probe")

            world.after(world.random.uniform(0.1, 0.3), told)
        return value if world.now - since < firewall_module.KNOWN_SECONDS else None

    def act(self, act: Act) -> None:
        """Ask the healer; its answer comes later, or nobody is there."""
        world = self._world
        world.call(0.0001, 0.001)
        verb, services = act["verb"], list(act["services"])
        world.note("asked", verb=verb, services=services)

        def reply(result: Result) -> None:
            if self._alive:
                self._results.append(result)
                world.note("answered")
                world.wake("answer")

        if self._healer.alive:
            self._healer.ask(verb, services, reply)
        else:
            world.after(0.001, lambda: reply(nothing(verb, services, "nobody there")))

    def results(self) -> list[Result]:
        """What has ended."""
        ended, self._results = self._results, []
        return ended

    def tell(self, message: dict[str, Any]) -> bool:
        """Hand it over, if somebody is there."""
        self._world.call(0.0003, 0.002)
        if self._world.healer_dies_at_tell and self._healer.alive:
            self._world.healer_dies_at_tell = False
            self._healer.kill()
            self._world.after(2.0, self._healer.revive)
        taken = self._healer.alive
        if taken:
            self._healer.tell(copy.deepcopy(message))
            if self._world.kill_at_tell:
                self._world.kill_at_tell, self._world.must_die = False, True
        self._world.call(0.0001, 0.001)
        return taken

    def hearing(self) -> bool:
        """Whether it believes that it would hear of events."""
        return self._healer.alive and self._world.delivery != "cut"


class Life:
    """The monitor from systemd's view: started, waiting, killed, started again."""

    def __init__(self, world: World, healer: Healer) -> None:
        self.world, self.healer = world, healer
        self.passes = self.kills = 0
        self._house = House(world, healer)
        self._worker: watcher.Watcher | None = None
        self._woken, self._next = False, 0.0
        self._credit, self._credited_at = wakeups.PASSES_AT_ONCE, 0.0
        world.wake = self._wake

    def _wake(self, why: str) -> None:
        if why not in wakeups.NOT_WORTH_WAKING:
            self._woken = True

    def until(self, moment: float) -> None:
        """Go on living until then."""
        world = self.world
        while world.now < moment:
            try:
                if self._worker is None:
                    self._start()
                self._wait(moment)
                if world.now < moment:
                    self._pass()
            except Killed:
                self._die()

    def _start(self) -> None:
        world = self.world
        self._house = House(world, self.healer)
        self._worker = watcher.Watcher(self._house, core.step)
        self._next = world.now
        world.monitor_alive = True
        world.note("monitor", alive=True)

    def _die(self) -> None:
        world = self.world
        self.kills += 1
        self._house.end()
        self._worker = None
        world.watched_pids, world.expected = set(), set()
        world.monitor_alive = False
        world.note("monitor", alive=False)
        world.advance(world.now + RESTART_SECONDS)
        while not world.on:
            world.advance(world.now + 1.0)
        world.must_die, world.kill_in = False, None

    def _pass(self) -> None:
        world, worker = self.world, self._worker
        if worker is None:
            return
        self._woken = False
        seconds = worker.make_pass(None)
        self.passes += 1
        acting = worker.state["acting"]
        world.expected = set(acting["services"]) if acting else set()
        if worker.look is not None:
            world.watched_pids = set(wakeups.pids(worker.look, world.expected))
        gone = world.watched_pids - {one.pid for one in world.docker.containers.values()}
        self._woken = self._woken or bool(gone)
        self._next = world.now + seconds
        world.poke()

    def _wait(self, moment: float) -> None:
        """As wakeups.Wakeups.wait."""
        world = self.world
        while world.now < min(self._next, moment):
            until = min(self._next, moment)
            if self._woken:
                refilled = (world.now - self._credited_at) * wakeups.PASSES_PER_SECOND
                self._credit = min(wakeups.PASSES_AT_ONCE, self._credit + refilled)
                self._credited_at = world.now
                missing = max(0.0, 1.0 - self._credit) / wakeups.PASSES_PER_SECOND
                self._next = min(self._next, world.now + missing + 0.0005)
                self._credit = max(0.0, self._credit - 1.0)
                self._woken = False
                continue
            following = world.heap[0][0] if world.heap else until
            world.advance(min(max(following, world.now), until))
            if world.must_die or not world.on:
                world.must_die = False
                raise Killed
