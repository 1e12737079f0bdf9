"""A host with one service, a Docker and a registry, in virtual time, as an update meets them.

Nothing waits: time is a number, and what happens next is the first entry of a heap. A program is a
generator that yields seconds and returns an exit code; meanwhile it may change the config, answer
its health check or not. Docker does what it does: it starts what ended anew, with growing pauses,
and calls a container healthy until the third probe has failed. `well` is the truth about the
service, which nobody in the simulation may look at but the judge.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from checks.updates_containers import Config, Container, Image, Life, Registry, Service

OLD = "sha256:" + "0" * 64
NEW = "sha256:" + "1" * 64
MOVED = "sha256:" + "2" * 64
RESTART_FIRST_SECONDS = 0.1
RESTART_LONGEST_SECONDS = 60.0
# A life of so long is a good one: the pauses begin anew.
GOOD_LIFE_SECONDS = 10.0
# No play lasts so long, unless its worker goes round in circles.
LONGEST_SECONDS = 200_000.0
MOST_POINTS = 100_000


class Killed(BaseException):
    """The worker dies here; no handler of its own may notice."""


class NoEnd(BaseException):
    """The worker has been at it for so long that it never ends."""


class Refused(Exception):
    """Docker or the registry says no; the message says why."""


class World:
    """Time, the service, Docker, the registry, the disk; and what happened, for the judge."""

    def __init__(self, seed: int, service: Service, images: dict[str, Image]) -> None:
        self.random = random.Random(seed)  # noqa: S311 - choices of a test, not secrets
        self.now = 1000.0
        self.service, self.images = service, images
        self.registry = Registry(tags={"1.0.0": OLD, service.tag: NEW}, digests={OLD, NEW})
        self.config = Config()
        self.container: Container | None = None
        # What was pulled by its digest has no tag, and a plain prune takes it.
        self.local: dict[str, set[str]] = {OLD: set()}
        self.free = 100e9
        self.docker_away_until = 0.0
        self.slow_docker = 0.0
        self.excused_until = 0.0
        self.cascade_until = 0.0
        self.lock_until = 0.0
        self.autoheal = True
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        # Points where the worker can be killed, and what else happens there.
        self.points: list[str] = []
        self.kill_at: set[int] = set()
        self.triggers: dict[str, list[Callable[[], None]]] = {}
        # For the judge alone.
        self.pristine: Config | None = None
        self.outage = self.empty = self.longest_empty = 0.0
        self.violations: list[str] = []
        self.starts: list[tuple[float, str]] = []
        self.watching = False

    # Time.

    def at(self, delay: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._events, (self.now + delay, next(self._order), do))

    def spend(self, seconds: float) -> None:
        """Let time pass, and happen what is due."""
        if self.now > LONGEST_SECONDS:
            raise NoEnd
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            when, _, do = heapq.heappop(self._events)
            self._pass(when)
            do()
        self._pass(until)

    def _pass(self, until: float) -> None:
        passed = max(until - self.now, 0.0)
        self.now += passed
        if not self.watching:
            return
        self.outage += 0.0 if self.well() else passed
        self.empty = self.empty + passed if self._is_empty() else 0.0
        self.longest_empty = max(self.longest_empty, self.empty)

    def _is_empty(self) -> bool:
        return self.container is None or self.container.life is None

    def well(self) -> bool:
        """The truth: a program runs, and does what it is there for."""
        life = self.container.life if self.container else None
        return life is not None and life.works and self.cascade_until <= self.now

    def point(self, name: str) -> None:
        """The worker is here: what was to happen happens, and it may be its end."""
        for do in self.triggers.pop(name, []):
            do()
        self.points.append(name)
        if len(self.points) > MOST_POINTS:
            raise NoEnd
        if len(self.points) - 1 in self.kill_at:
            raise Killed(name)

    def on(self, name: str, do: Callable[[], None]) -> None:
        """Let something happen when the worker gets to this point for the first time."""
        self.triggers.setdefault(name, []).append(do)

    # Docker.

    def asked(self) -> None:
        """Docker is asked something. Raise Refused while it is away."""
        self.spend(self.slow_docker)
        if self.now < self.docker_away_until:
            raise Refused("cannot reach Docker")

    def create(self, digest: str) -> None:
        """Make the container anew from a local image. Raise Refused."""
        self.asked()
        if digest not in self.local:
            raise Refused(f"no such image: {digest}")
        if self.container is not None and self.container.life is not None:
            self.violations.append("a container was replaced while its program ran")
            self._end(self.container, 137)
        self.container = Container(digest, next(self._order), restarts_by_itself=False)
        self.spend(0.5)

    def start(self) -> None:
        """Start the container. Raise Refused when the runtime cannot."""
        self.asked()
        container = self.container
        if container is None:
            raise Refused("no such container")
        if container.life is not None:
            return
        container.restarts_by_itself = self.service.restarts
        container.count = 0
        self._begin(container)
        if container.life is None and container.status == "created":
            raise Refused(f"cannot start: exit code {container.exit_code}")

    def stop(self) -> None:
        """Stop it: SIGTERM, after its grace SIGKILL; Docker does not start it again."""
        self.asked()
        container = self.container
        if container is None:
            return
        container.restarts_by_itself = False
        life = container.life
        if life is None:
            container.status = "exited" if container.status == "restarting" else container.status
            return
        late = life.stop_seconds > self.service.grace
        life.works = life.answers = False
        self.spend(min(life.stop_seconds, self.service.grace))
        if container.life is life:
            self._end(container, 137 if late else 143)

    def restart_docker(self, away: float, *, live_restore: bool) -> None:
        """The daemon is away for so long; without live restore all it runs dies with it."""
        self.docker_away_until = self.now + away
        container = self.container
        if live_restore or container is None or container.life is None:
            return
        self._end(container, 143)
        container.status = "exited"

        def again() -> None:
            if self.container is container and container.restarts_by_itself:
                self._begin(container)

        self.at(away, again)

    def prune(self, *, everything: bool = False) -> None:
        """What somebody's `docker image prune` takes (everything: with -a)."""
        used = self.container.digest if self.container else ""
        for digest, tags in list(self.local.items()):
            if digest != used and (everything or not tags):
                del self.local[digest]

    def _begin(self, container: Container) -> None:
        image = self.images[container.digest]
        if image.cannot_start:
            container.status, container.exit_code = "created", image.cannot_start
            return
        self._mark(container)
        container.status = "running"
        life = container.life = Life(self, self.now)
        container.begun += 1
        container.health, container.streak, container.probe = "starting", 0, 0.0
        container.running = image.program(life)
        self._step(container, life)
        self.at(self.service.start_interval, lambda: self._probe(container, life))

    def _mark(self, container: Container) -> None:
        """Keep the config as it was before the new version; compare before the old one."""
        self.starts.append((self.now, container.digest))
        if container.digest != OLD and self.pristine is None:
            self.pristine = self.config
        elif container.digest == OLD and self.pristine is not None:
            if self.config != self.pristine:
                found, wanted = self.config.differences(self.pristine)
                self.violations.append(f"the old version starts with {found}, it had {wanted}")
            self.pristine = None

    def _step(self, container: Container, life: Life) -> None:
        if container.life is not life or container.running is None:
            return
        try:
            self.at(next(container.running), lambda: self._step(container, life))
        except StopIteration as ended:
            self._end(container, int(ended.value or 0))

    def _end(self, container: Container, code: int) -> None:
        life = container.life
        if life is None:
            return
        container.life, container.running = None, None
        container.status, container.exit_code = "exited", code
        if not container.restarts_by_itself:
            return
        container.status = "restarting"
        good = self.now - life.since >= GOOD_LIFE_SECONDS
        container.pause = (
            RESTART_FIRST_SECONDS
            if good or not container.count
            else min(container.pause * 2, RESTART_LONGEST_SECONDS)
        )
        container.count += 1

        def again() -> None:
            if container is self.container and container.status == "restarting":
                self._begin(container)

        self.at(container.pause, again)

    def _probe(self, container: Container, life: Life) -> None:
        """Docker's health check, once: what the program answers now, with its start period."""
        has_check = self.images[container.digest].health
        if container.life is not life or not has_check:
            return
        young = self.now - life.since < self.service.start_period
        took = min(life.answer_seconds, 10.0)

        def answered() -> None:
            if container.life is not life:
                return
            good = life.answers and life.answer_seconds <= 10.0
            container.probe = self.now
            container.streak = 0 if good else container.streak + 1
            if good:
                container.health = "healthy"
            elif container.health == "starting" and young:
                container.streak = 0
            elif container.streak >= 3:
                container.health = "unhealthy"
                if self.autoheal and self.service.restarts:
                    self.at(5.0, lambda: self._heal(container, life))
            starting = container.health == "starting" and young
            pause = self.service.start_interval if starting else self.service.interval
            self.at(pause, lambda: self._probe(container, life))

        self.at(took, answered)

    def _heal(self, container: Container, life: Life) -> None:
        """Autoheal restarts what is unhealthy, unless it is paused."""
        if not self.autoheal or container.life is not life or container.health != "unhealthy":
            return
        self._end(container, 143)
        container.status = "exited"
        self._begin(container)

    # The config.

    def change(self, **changes: Any) -> None:
        """A program (or a restore) changes the config."""
        self.config = replace(self.config, **changes)
