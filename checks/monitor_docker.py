"""A Docker in virtual time that does to containers what the real one does, and refuses as it does.

What takes time is a generator that yields the seconds to wait; the world runs it and lets other
things happen meanwhile. Behaves as the real one where the monitor could be hurt (services.md 20): a
new namespace at each start of Gluetun, its dependents stay "running" and healthy in the old one; a
dependent that joins a Gluetun that does not run is refused (409), one that was joined to another id
fails for good; only Gluetun is started again by Docker itself.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from checks.monitor_containers import OWNER, RUNS, Container, Steps, Traits
from mediastack import clock
from mediastack.docker_client import DockerError, NotReachable

EVENTS_KEPT = 256


@dataclass
class Engine:
    """The daemon. `after(seconds, do)`, `wall()`, `spread(low, high)` are the world's; `heard` is
    told each event, `changed` each container that is another than before, `ended` each pid."""

    after: Callable[[float, Callable[[], None]], None]
    wall: Callable[[], float]
    spread: Callable[[float, float], float]
    heard: Callable[[str, Container], None]
    changed: Callable[[str, Container | None, str], None]
    ended: Callable[[int], None]
    containers: dict[str, Container] = field(default_factory=dict)
    traits: dict[str, Traits] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    # "" answers, "down" refuses, "500" says so, "hang" lets time out.
    mode: str = ""
    started: float = 0.0
    write_errors: list[Exception] = field(default_factory=list)
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    memory: collections.deque[dict[str, Any]] = field(
        default_factory=lambda: collections.deque(maxlen=EVENTS_KEPT)
    )

    # What is asked of it.

    def require(self) -> None:
        """Raise NotReachable when it does not answer questions."""
        if self.mode:
            raise NotReachable(f"Docker: {self.mode}")

    def require_act(self) -> None:
        """Like require; raise what was planned to go wrong with a request that changes things."""
        self.require()
        if self.write_errors:
            raise self.write_errors.pop(0)

    def get(self, name: str) -> Container | None:
        """Return a container by name."""
        return self.containers.get(name)

    def events(self, since: float, until: float, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """As docker_client.Docker.events, for one container."""
        self.require()
        (identity,) = filters["container"]
        return [
            event
            for event in self.memory
            if event["id"] == identity and since <= event["time"] <= until
        ]

    # What changes things.

    def start(self, container: Container, by: str) -> None:
        """Start it. Raise DockerError as Docker does, NotReachable."""
        self.require_act()
        if container.status in RUNS:
            return
        if self.containers.get(container.name) is not container:
            raise DockerError(f"No such container: {container.name}")
        trait = self.traits[container.service]
        self._check_start(container, trait)
        container.by_hand = False
        self._run(container, by)

    def _check_start(self, container: Container, trait: Traits) -> None:
        error = trait.start_error
        owner = self.get(OWNER)
        if not error and container.service != OWNER:
            if owner is None or container.network_mode != f"container:{owner.id}":
                error = f"No such container: {container.network_mode[10:]}"
            elif owner.status not in RUNS:
                error = "409: cannot join network of a non running container"
        if error:
            container.error = error
            if container.status in ("exited", "created"):
                self.changed(container.name, container, "")
            raise DockerError(error)

    def _run(self, container: Container, by: str) -> None:
        trait = self.traits[container.service]
        number = next(self.counter)
        container.life, container.pid, container.error = number, number, ""
        container.status, container.exit_code, container.oom = "running", 0, False
        container.started = self.wall()
        container.started_text = clock.timestamp(container.started)
        owner = self.get(OWNER)
        container.netns = (
            number if container.service == OWNER else owner.netns if owner is not None else None
        )
        container.firewall = container.service != OWNER
        container.health = "starting" if trait.has_health else "none"
        self.tell("start", container)
        self.changed(container.name, container, by)
        self._later(trait.healthy_seconds * self.spread(0.7, 1.3), container, self._becomes_healthy)
        if container.service == OWNER:
            # Its firewall stands long before it is healthy.
            self._later(0.05, container, self._firewall)
        if trait.crash_seconds is not None:
            self._later(trait.crash_seconds, container, self._crashes)

    def _later(self, seconds: float, container: Container, do: Callable[[Container], None]) -> None:
        life = container.life

        def when_still() -> None:
            if container.life == life and container.status in RUNS:
                do(container)

        self.after(seconds, when_still)

    def _firewall(self, container: Container) -> None:
        container.firewall = True
        self.changed(container.name, container, "")

    def _becomes_healthy(self, container: Container) -> None:
        trait = self.traits[container.service]
        if trait.has_health and not trait.never_healthy and container.health != "healthy":
            self.set_health(container, "healthy")
        elif trait.never_healthy:
            self.set_health(container, "unhealthy")

    def set_health(self, container: Container, health: str) -> None:
        """Its health check says something else from now on."""
        if container.status in RUNS and container.health not in (health, "none"):
            container.health = health
            self.tell(f"health_status: {health}", container)
            self.changed(container.name, container, "")

    def recheck(self, service: str) -> None:
        """Let the health checks of a service succeed again, if nothing speaks against it."""
        container = self.get(service)
        if container is not None and container.health == "unhealthy":
            self._later(self.spread(0.5, 3.0), container, self._becomes_healthy)

    def _crashes(self, container: Container) -> None:
        self.die(container, 1)

    def die(
        self, container: Container, code: int, *, oom: bool = False, silent: bool = False
    ) -> None:
        """Its process ends, for whatever reason; Docker starts Gluetun again by itself."""
        if container.status not in RUNS:
            return
        pid, container.pid, container.netns = container.pid, 0, None
        container.status, container.exit_code, container.oom = "exited", code, oom
        container.finished = self.wall()
        container.finished_text = clock.timestamp(container.finished)
        container.health = "none" if container.health == "none" else "unhealthy"
        container.firewall = container.service != OWNER
        if not silent:
            self.tell("die", container)
        self.changed(container.name, container, "")
        self.ended(pid)
        if container.service == OWNER and not container.by_hand and not silent:
            self._by_policy(container, 0.1)

    def _by_policy(self, container: Container, pause: float) -> None:
        """Docker's own restart: after 0.1 s, 0.2 s … as long as it fails."""
        life, container.status = container.life, "restarting"
        self.changed(container.name, container, "")

        def again() -> None:
            if container.life != life or container.status != "restarting":
                return
            if self.mode == "down" or container.by_hand:
                container.status = "exited"
                self.changed(container.name, container, "")
                return
            trait = self.traits[container.service]
            if trait.start_error:
                container.error, container.status = trait.start_error, "exited"
                self.changed(container.name, container, "")
                return
            container.restarts += 1
            self._run(container, "docker")

        self.after(pause + 0.3, again)

    def stop(self, container: Container, *, by_hand: bool = True) -> Steps:
        """Stop it within its grace. Raise DockerError when it cannot be, NotReachable."""
        self.require_act()
        if container.status == "restarting":
            container.by_hand, container.status = by_hand, "exited"
            self.tell("stop", container)
            self.changed(container.name, container, "")
        if container.status not in RUNS:
            return
        self.tell("kill", container)
        life, trait = container.life, self.traits[container.service]
        container.by_hand = container.by_hand or by_hand
        yield trait.stop_seconds * self.spread(0.9, 1.1)
        if self.mode == "down":
            raise NotReachable("Docker went away while it stopped")
        if trait.wedged:
            raise DockerError("500: tried to kill container, but did not receive an exit event")
        if container.life == life and container.status in RUNS:
            self._stopped(container)
        elif container.life == life and container.status == "exited":
            # It ended by itself meanwhile; asked for it was all the same.
            self.tell("stop", container)

    def _stopped(self, container: Container) -> None:
        # No restart policy after a stop, whoever asked for it.
        asked, container.by_hand = container.by_hand, True
        self.die(container, 0)
        container.by_hand = asked
        self.tell("stop", container)

    def unpause(self, container: Container) -> None:
        """Let a frozen one go on."""
        if container.status == "paused":
            container.status = "running"
            self.tell("unpause", container)
            self.changed(container.name, container, "")

    def restart(self, container: Container, by: str) -> Steps:
        """docker restart. Raise DockerError, NotReachable."""
        yield from self.stop(container, by_hand=False)
        yield self.spread(0.02, 0.2)
        self.require()
        if container.status not in RUNS:
            self.start(container, by)
            self.tell("restart", container)

    def remove(self, container: Container) -> None:
        """Remove it, running or not."""
        if self.containers.get(container.name) is not container:
            return
        if container.status in RUNS:
            container.by_hand = True
            self.die(container, 137)
        del self.containers[container.name]
        container.life = next(self.counter)
        self.tell("destroy", container)
        self.changed(container.name, None, "")

    def rename(self, container: Container, name: str) -> None:
        """Give it another name. Raise DockerError when the name is taken."""
        if name in self.containers:
            raise DockerError(f"409: the name {name} is already in use")
        if self.containers.get(container.name) is not container:
            raise DockerError(f"No such container: {container.name}")
        del self.containers[container.name]
        self.changed(container.name, None, "")
        container.name = name
        self.containers[name] = container
        self.tell("rename", container)
        self.changed(name, container, "")

    def create(self, service: str, name: str) -> Container:
        """Make a container. Raise DockerError: name taken, no Gluetun to join."""
        self.require_act()
        if name in self.containers:
            raise DockerError(f"409: the name {name} is already in use")
        mode, owner = "bridge", self.get(OWNER)
        if service != OWNER:
            if owner is None:
                raise DockerError("no such service container: gluetun")
            mode = f"container:{owner.id}"
        made = Container(name, service, f"{next(self.counter):012x}", mode, self.hashes[service])
        made.created = self.wall()
        self.containers[name] = made
        self.tell("create", made)
        self.changed(name, made, "")
        return made

    def tell(self, action: str, container: Container) -> None:
        """Remember an event and send it to who listens."""
        self.memory.append({"Action": action, "id": container.id, "time": self.wall()})
        self.heard(action, container)
