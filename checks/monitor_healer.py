"""The healer in the simulated world: its decisions are the real ones, what it does takes time.

A look is made of the simulated Docker with the real plan.plan and the real user_stops.find; an act
takes the lock, looks afresh, and is carried out step by step, so that faults and the monitor's
passes come in between. It can be killed anywhere; what Compose had half done then stays so.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from checks import monitor_apply
from checks.monitor_containers import OWNER, Steps, together
from checks.monitor_facts import facts, observed
from checks.monitor_group import DEPENDENTS, GROUP
from checks.monitor_world import World
from mediastack import clock, plan, user_stops
from mediastack.docker_client import DockerError, NotReachable
from mediastack.monitor import namespaces
from mediastack.monitor.state import Result

Reply = Callable[[Result], None]
REMEMBERED = 100
# After so long without a change a look shows what the one before has shown.
STEADY = user_stops.UNDECIDED_SECONDS + user_stops.DOCKERD_SETTLES_SECONDS


class Healer:
    """The process that may change containers, and what it does now."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = True
        self.queue: collections.deque[tuple[str, list[str], Reply]] = collections.deque()
        self.process: Any = None
        self.verb = ""
        self._reply: Reply = lambda result: None
        self.services: list[str] = []
        self._looked: tuple[int, dict[str, Any] | None] = (-1, None)
        self.told: collections.deque[int] = collections.deque(maxlen=REMEMBERED)

    # Looking.

    def look(self) -> dict[str, Any]:
        """Return LOOK without the firewall. Raise NotReachable."""
        world = self.world
        world.docker.require()
        moment, known = self._looked
        if known is not None and moment == world.changes and world.now - world.changed_at > STEADY:
            # Nothing is another than it was, and whose stops the ends were is known.
            return {**known, "disk_free": world.disk_free}
        observation = self.observation()
        undecided: list[str] = []
        if not world.lock:
            # While somebody acts, what stops is not what stopped; the journal is in use.
            undecided = self.note(observation).undecided
            running = {c["name"] for c in observation["containers"] if c["status"] == "running"}
            world.journal -= running
        else:
            undecided = [
                name
                for name in GROUP
                if (one := world.docker.get(name)) is not None
                and one.status == "exited"
                and name not in world.intents
                and name not in world.journal
            ]
        actions = plan.plan(world.config, observation)
        look = {
            "schema": 1,
            "owner": OWNER,
            "boot": world.boot,
            "services": {name: facts(world, name) for name in GROUP},
            "actions": [
                {key: act[key] for key in ("service", "action", "reason")} for act in actions
            ],
            "undecided": undecided,
            "busy": world.lock if world.lock != "monitor" else "",
            "data": world.present,
            "firewall": None,
            "disk_free": world.disk_free,
            "settings": world.settings,
        }
        steady = world.now - world.changed_at > STEADY and moment == world.changes
        self._looked = (world.changes, look if steady else None)
        return look

    def firewall(self) -> bool | None:
        """What a command inside Gluetun's container tells."""
        owner = self.world.docker.get(OWNER)
        return owner.firewall if owner is not None and owner.status == "running" else None

    def observation(self) -> dict[str, Any]:
        """What observe.observe would return of the group."""
        world = self.world
        return {
            "at": world.wall(),
            "containers": [observed(one) for one in world.docker.containers.values()],
            "data": {"present": world.present, "error": "" if world.present else "absent"},
            "intents": dict(world.intents),
            "images": world.images,
            "refused": {},
        }

    def note(self, observation: dict[str, Any]) -> user_stops.Wishes:
        """As user_stops.note; the keeper's guard has made its pass as well."""
        world = self.world
        if world.present and not world.guarding:
            world.guarded -= {
                c["name"] for c in observation["containers"] if c["status"] == "running"
            }
        wishes = user_stops.find(
            world.docker,  # type: ignore[arg-type]
            observation,
            world.journal | world.guarded,
            world.wall(),
            world.docker.started,
        )
        for service in wishes.stopped:
            world.intents[service] = {"at": clock.timestamp(world.wall())}
        for service in wishes.started:
            world.intents.pop(service, None)
        observation["intents"] = dict(world.intents)
        return wishes

    # Acting.

    def ask(self, verb: str, services: list[str], reply: Reply) -> None:
        """Do this when what was asked before is done."""
        self.queue.append((verb, services, reply))
        self._next()

    def _next(self) -> None:
        if self.process is not None or not self.queue or not self.alive:
            return
        verb, services, reply = self.queue.popleft()
        self.verb, self.services, self._reply = verb, services, reply
        self.world.note("act", phase="begin", verb=verb, services=services)

        def ended(result: Any, error: Exception | None) -> None:
            answer = nothing(verb, services, str(error) if error is not None else "")
            answer["failed"] = (result or {}).get("failed", {})
            answer["busy"] = (result or {}).get("busy", "")
            self.process, self.verb = None, ""
            self.world.note("act", phase="end", **answer)
            reply(answer)
            self.world.poke()
            self._next()

        # Not at once: whoever asks is in the middle of a pass.
        self.process = self.world.run(self._begin(verb, services), ended)
        self.world.poke()

    def kill(self) -> None:
        """It dies: whoever asked is hung up on, the kernel frees the lock, the journal stays."""
        self.alive = False
        asked = list(self.queue)
        self.queue.clear()
        if self.process is not None:
            self.process.kill()
            asked.append((self.verb, self.services, self._reply))
            self.world.note("act", phase="killed", verb=self.verb, services=self.services)
            self.process, self.verb = None, ""
        self.world.note("healer", alive=False)
        for verb, services, reply in asked:
            reply(nothing(verb, services, "the healer hung up"))

    def revive(self) -> None:
        """systemd starts it again."""
        if not self.alive:
            self.alive = True
            self.world.note("healer", alive=True)

    def _begin(self, verb: str, services: list[str]) -> Steps:
        world = self.world
        yield world.random.uniform(0.001, 0.004)
        work = {"hold": self._hold, "revive": self._revive, "restart": self._restart}[verb]
        failed = yield from work(services)
        return failed

    def _locked(self) -> str:
        """Take the lock; return who has it already."""
        if self.world.lock:
            return self.world.lock
        self.world.judge_lock("monitor")
        return ""

    def _hold(self, services: list[str]) -> Steps:
        if busy := self._locked():
            return {"busy": busy}
        world = self.world
        try:
            look = self.look()
            chosen = [
                name
                for name in services
                if name in DEPENDENTS
                and namespaces.verdict(look["services"][OWNER], look["services"][name])
                == namespaces.STRANDED
            ]
            world.journal |= set(chosen)
            failed: dict[str, str] = {}
            yield from together([self._stop(name, failed) for name in chosen])
            return {"failed": failed}
        finally:
            world.judge_lock("")

    def _stop(self, name: str, failed: dict[str, str]) -> Steps:
        one = self.world.docker.get(name)
        if one is None:
            return
        if one.status == "paused":
            self.world.docker.unpause(one)
        try:
            yield from self.world.docker.stop(one, by_hand=False)
        except (DockerError, NotReachable) as error:
            failed[name] = str(error)

    def _revive(self, services: list[str]) -> Steps:
        return (yield from monitor_apply.apply(self, services, "monitor"))

    def _restart(self, services: list[str]) -> Steps:
        if busy := self._locked():
            return {"busy": busy}
        world = self.world
        try:
            look = self.look()
            owner = look["services"][OWNER]
            chosen = [
                name
                for name in services
                if (facts := look["services"][name])["health"] == "unhealthy"
                and facts["wanted"]
                and facts["status"] == "running"
                and (name == OWNER or _is_at_home(owner, facts))
            ]
            world.journal |= set(chosen)
            failed: dict[str, str] = {}

            def one(name: str) -> Steps:
                container = world.docker.get(name)
                try:
                    if container is not None:
                        yield from world.docker.restart(container, "monitor")
                except (DockerError, NotReachable) as error:
                    failed[name] = str(error)

            yield from together([one(name) for name in chosen])
            return {"failed": failed}
        finally:
            world.judge_lock("")

    # Telling.

    def tell(self, message: dict[str, Any]) -> bool:
        """Write it down once; False when it had been told before."""
        if message["number"] in self.told:
            self.world.note("repeated", message=message)
            return False
        self.told.append(message["number"])
        self.world.note("told", message=message)
        return True


def _is_at_home(owner: dict[str, Any], one: dict[str, Any]) -> bool:
    return namespaces.verdict(owner, one) == namespaces.INSIDE and namespaces.is_well(owner)


def nothing(verb: str, services: list[str], unknown: str) -> Result:
    """The result of an act of which nobody knows (or nothing is to be told)."""
    return {"verb": verb, "services": services, "failed": {}, "busy": "", "unknown": unknown}
