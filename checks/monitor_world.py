"""Everything around the monitor, in virtual time: host, Docker, lock, the user's wishes, disk.

Nothing waits: time is a number, and what happens next is the first entry of a heap. What takes
time (an act of the healer, a compose call, a person's command) is a generator that the heap goes on
with, so that anything may happen in between. All that is true is written into the history as it
happens; whether the promises held is judged from that alone (monitor_history).
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any

from checks.monitor_containers import OWNER, RUNS, Container, Steps, Traits
from checks.monitor_docker import Engine
from checks.monitor_group import (
    DATA,
    DEPENDENTS,
    EPOCH,
    GROUP,
    SETTINGS,
    WITHOUT_HEALTH,
    a_config,
)
from mediastack.docker_client import DockerError, NotReachable

# Entries of the history that change nothing of what a look shows.
UNSEEN = ("looked", "saved", "told", "repeated", "asked", "answered", "fault")


class Killed(BaseException):
    """The monitor dies here; no handler of its own may notice."""


class Process:
    """A generator that the world goes on with."""

    def __init__(self, steps: Steps, ended: Callable[[Any, Exception | None], None]) -> None:
        self.steps, self.ended, self.alive = steps, ended, True

    def kill(self) -> None:
        """It does nothing any more, and nobody hears of it."""
        if self.alive:
            self.alive = False
            self.steps.close()


class World:
    """Time, Docker, the host, and the history."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - choices of a test, not secrets
        self.now = 0.0
        self.wall_error = 0.0
        self.counter = itertools.count(1)
        self.heap: list[tuple[float, int, Callable[[], None]]] = []
        self.history: list[dict[str, Any]] = []
        # How often anything became another that a look shows, and when last.
        self.changes, self.changed_at = 0, 0.0
        # The host: seconds with power, and since the present boot.
        self.on, self.boots, self.powered, self.booted_at = True, 1, 0.0, 0.0
        self.lock = ""
        self.present = True
        self.disk_free = 0.6
        self.full = False
        self.settings = dict(SETTINGS)
        self.wishes: dict[str, str] = dict.fromkeys(GROUP, "run")
        self.intents: dict[str, dict[str, str]] = {}
        self.journal: set[str] = set()
        # What the mount guard has stopped, and whether it is about it now.
        self.guarded: set[str] = set()
        self.guarding = False
        self.leftovers: dict[str, bool] = {}
        self.images = {name: f"registry/{name}:1" for name in GROUP}
        self.config = a_config()
        self.disk: dict[str, Any] = {}
        self.resume_file = False
        self.monitor_alive = False
        self.kill_in: int | None = None
        self.must_die = self.kill_at_tell = self.healer_dies_at_tell = False
        self.wake: Callable[[str], None] = lambda why: None
        self.poke: Callable[[], None] = lambda: None
        # The schedule goes on at least until then.
        self.last = 0.0
        self.processes: list[Process] = []
        self.watched_pids: set[int] = set()
        self.docker = Engine(
            after=self.after,
            wall=self.wall,
            spread=self.random.uniform,
            heard=self._heard,
            changed=self.changed,
            ended=self._ended,
        )
        # Services whose ends and events wake nobody, since an act of the monitor's makes them.
        self.expected: set[str] = set()
        # How events reach the monitor: "" at once, or lost, late, doubled, reordered, cut.
        self.delivery = ""
        for name in GROUP:
            self.docker.traits[name] = Traits(
                stop_seconds=self.random.choice((0.05, 0.3, 1.0, 10.0)) if name != OWNER else 1.0,
                healthy_seconds=self.random.uniform(1.0, 12.0),
                has_health=name not in WITHOUT_HEALTH,
            )
            self.docker.hashes[name] = self.config["services"][name]["config_hash"]

    # Time.

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self.heap, (self.now + seconds, next(self.counter), do))

    def advance(self, until: float) -> None:
        """Let time pass, and happen what is due."""
        while self.heap and self.heap[0][0] <= until:
            moment, _, do = heapq.heappop(self.heap)
            self._pass(moment)
            do()
        self._pass(until)

    def _pass(self, moment: float) -> None:
        if moment > self.now:
            if self.on:
                self.powered += moment - self.now
            self.now = moment

    def wall(self) -> float:
        """What the clock on the wall says."""
        return EPOCH + self.now + self.wall_error

    def boottime(self) -> float:
        """CLOCK_BOOTTIME."""
        return 5.0 + self.now - self.booted_at

    @property
    def boot(self) -> str:
        """The kernel's boot id."""
        return f"boot-{self.boots}"

    def run(
        self, steps: Steps, ended: Callable[[Any, Exception | None], None] = lambda *_: None
    ) -> Process:
        """Go on with a generator as long as it yields seconds; `ended` gets result and error."""
        process = Process(steps, ended)
        if not self.on:
            process.kill()
            return process
        self.processes = [one for one in self.processes if one.alive] + [process]
        self._resume(process)
        return process

    def _resume(self, process: Process) -> None:
        if not process.alive:
            return
        try:
            seconds = next(process.steps)
        except StopIteration as end:
            process.alive = False
            process.ended(end.value, None)
        except (DockerError, NotReachable) as error:
            process.alive = False
            process.ended(None, error)
        else:
            self.after(seconds, lambda: self._resume(process))

    # The history.

    def note(self, kind: str, **facts: Any) -> None:
        """Write down what is true from now on."""
        self.history.append({"at": self.now, "powered": self.powered, "kind": kind, **facts})
        if kind not in UNSEEN:
            self.changes, self.changed_at = self.changes + 1, self.now

    def changed(self, name: str, container: Container | None, started_by: str) -> None:
        service = name.rpartition("_")[2]
        if name != service:
            # Of a recreate that is under way, or was.
            if service in GROUP and self.leftovers.get(name) != (container is not None):
                self.leftovers[name] = container is not None
                self.note("leftover", service=service, name=name, there=container is not None)
            return
        facts: dict[str, Any] = {"service": name, "status": "absent"}
        if container is not None:
            facts = {
                "service": name,
                "status": container.status,
                "health": container.health,
                "netns": container.netns,
                "joined": container.network_mode,
                "id": container.id,
                "incarnation": [container.id, container.started, self.boot],
                "firewall": container.firewall,
                "started_by": started_by,
                "grace": self.docker.traits[name].stop_seconds,
            }
        if name in GROUP:
            self.note("container", **facts)
            if name in self.intents and self.wishes[name] == "run" and not is_running(container):
                # Started again by hand, and ended before anybody saw it running.
                self.wish(name, "unknown")
            if container is None and self.wishes[name] == "stop" and name not in self.intents:
                # Removed by hand before anybody looked, with all that told of the stop.
                self.wish(name, "unknown")
            self.poke()

    def _ended(self, pid: int) -> None:
        if pid in self.watched_pids:
            self.after(0.0005, lambda: self.wake("pid"))

    def _heard(self, action: str, container: Container) -> None:
        service = container.service
        if service not in GROUP or self.delivery in ("lost", "cut"):
            return

        def come() -> None:
            if service not in self.expected:
                self.wake(action)

        delays = {"late": (1.0, 20.0), "reordered": (0.0, 2.0)}
        delay = self.random.uniform(*delays.get(self.delivery, (0.0003, 0.002)))
        for _ in range(2 if self.delivery == "doubled" else 1):
            self.after(delay, come)

    def judge_lock(self, holder: str) -> None:
        """The lock changes hands."""
        self.lock = holder
        self.note("lock", holder=holder)

    def wish(self, service: str, wished: str) -> None:
        """What the user wants of a service: run, stop, or unknown (nobody can tell)."""
        if self.wishes[service] != wished:
            self.wishes[service] = wished
            self.note("wish", service=service, wish=wished)

    def unsure(self) -> None:
        """Docker's memory or the clocks changed: bare stops not yet noted can be told no more."""
        for service, wished in self.wishes.items():
            if (wished == "stop") != (service in self.intents):
                self.wish(service, "unknown")

    # The host and the monitor's calls.

    def call(self, low: float = 0.001, high: float = 0.006) -> None:
        """One step of the monitor's: time passes, or it is killed here."""
        self._maybe_die()
        self.advance(self.now + self.random.uniform(low, high))
        self._maybe_die()

    def _maybe_die(self) -> None:
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in <= 0:
                self.kill_in, self.must_die = None, True
        if self.must_die or not self.on:
            self.must_die = False
            raise Killed

    def gate(self, service: str) -> bool:
        """Whether /data, if it needs it, is there."""
        return self.present or service not in DATA

    def in_order(self) -> bool:
        """Is everything that should run inside Gluetun's namespace, and healthy?"""
        owner = self.docker.get(OWNER)
        if owner is None or owner.status != "running" or owner.health != "healthy":
            return False
        for name in DEPENDENTS:
            one = self.docker.get(name)
            if self.wishes[name] != "run" or not self.gate(name):
                continue
            if one is None or one.status != "running" or one.netns != owner.netns:
                return False
            if one.health not in ("healthy", "none"):
                return False
        return all(
            name == one.service or self.wishes[one.service] != "run"
            for name, one in self.docker.containers.items()
        )


def whole(seed: int) -> World:
    """A world in which everything runs and is healthy, as after a deploy."""
    world = World(seed)
    for name in GROUP:
        made = world.docker.create(name, name)
        world.docker.start(made, "deploy")
        made.health = "healthy" if made.health == "starting" else made.health
        made.firewall = True
        world.changed(name, made, "deploy")
    world.docker.memory.clear()
    return world


def is_running(container: Container | None) -> bool:
    """Whether it runs, frozen or not."""
    return container is not None and container.status in RUNS
