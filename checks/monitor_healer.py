"""The healer in the simulated world: its decisions are the real ones, what it does takes time.

A look is made of the simulated Docker with the real plan.plan and the real user_stops.find; an act
takes the lock, looks afresh, and carries out what the plan says is ready, as stacks.apply does, but
step by step, so that faults and the monitor's passes come in between. It can be killed anywhere; what
Compose had half done then stays so.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from checks.monitor_containers import OWNER, Container, Steps, together
from checks.monitor_world import DEPENDENTS, GROUP, World
from mediastack import plan, user_stops
from mediastack.docker_client import DockerError, NotReachable
from mediastack.monitor import namespaces

Reply = Callable[[dict[str, Any]], None]
ROUNDS = 3
ROUND_SECONDS = 0.5
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
            "services": {name: self.facts(name) for name in GROUP},
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
            "containers": [_observed(one) for one in world.docker.containers.values()],
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
            world.intents[service] = {"at": user_stops.clock.timestamp(world.wall())}
        for service in wishes.started:
            world.intents.pop(service, None)
        observation["intents"] = dict(world.intents)
        return wishes

    def facts(self, name: str) -> dict[str, Any]:
        """FACTS of one service."""
        world = self.world
        one = world.docker.get(name)
        stopped = name in world.intents
        facts = {
            "status": "absent",
            "id": "",
            "name": name,
            "health": "none",
            "health_check": world.docker.traits[name].has_health,
            "netns": None,
            "network_mode": "",
            "started_at": None,
            "finished_at": None,
            "exit_code": 0,
            "oom_killed": False,
            "restarts": 0,
            "error": "",
            "pid": 0,
            "wanted": not stopped and world.gate(name),
            "stopped_by_user": stopped,
        }
        if one is not None:
            facts |= {
                "status": one.status,
                "id": one.id,
                "health": one.health,
                "netns": one.netns,
                "network_mode": one.network_mode,
                "started_at": one.started,
                "finished_at": one.finished,
                "exit_code": one.exit_code,
                "oom_killed": one.oom,
                "restarts": one.restarts,
                "error": one.error,
                "pid": one.pid,
            }
        return facts

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
            answer = {"failed": {}, "busy": "", "unknown": ""}
            answer |= {"unknown": str(error)} if error is not None else result
            self.process, self.verb = None, ""
            self.world.note("act", phase="end", verb=verb, services=services, **answer)
            reply({"verb": verb, "services": services, **answer})
            self.world.poke()
            self._next()

        # Not at once: whoever asks is in the middle of a pass.
        self.process = self.world.run(self._begin(verb, services), ended)
        self.world.poke()

    def kill(self) -> None:
        """It dies: whoever asked is hung up on, the kernel frees the lock, the journal stays."""
        self.alive = False
        nobody = {"failed": {}, "busy": "", "unknown": "the healer hung up"}
        asked = list(self.queue)
        self.queue.clear()
        if self.process is not None:
            self.process.kill()
            asked.append((self.verb, self.services, self._reply))
            self.world.note("act", phase="killed", verb=self.verb, services=self.services)
            self.process, self.verb = None, ""
        self.world.note("healer", alive=False)
        for verb, services, reply in asked:
            reply({"verb": verb, "services": services, **nobody})

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
        return (yield from apply(self.world, self, services, "monitor"))

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


def apply(world: World, healer: Healer, services: list[str], actor: str) -> Steps:
    """As stacks.apply: rounds of looking, planning, and doing what is ready, each under the lock."""
    failed: dict[str, str] = {}
    for attempt in range(ROUNDS):
        if world.lock:
            return {"busy": world.lock}
        world.judge_lock(actor)
        try:
            observation = healer.observation()
            world.docker.require()
            if healer.note(observation).undecided:
                yield user_stops.UNDECIDED_SECONDS
                world.docker.require()
                observation = healer.observation()
                healer.note(observation)
            actions = plan.plan(world.config, observation)
            todo = [act for act in actions if act["service"] in services]
            now = [act for act in plan.ready(world.config, observation, actions) if act in todo]
            failed = {}
            yield from _carry_out(world, now, failed, actor, apart=attempt > 0)
        finally:
            world.judge_lock("")
        if not now:
            break
        yield ROUND_SECONDS if failed else 0.01
    return {"failed": failed}


def _carry_out(
    world: World, acts: list[plan.Action], failed: dict[str, str], actor: str, *, apart: bool
) -> Steps:
    docker = world.docker
    for act in acts:
        if act["action"] == "remove" and (one := docker.get(act["container"])) is not None:
            # No entry in the journal: the leftover's stop is not the service's.
            yield 0.02
            docker.remove(one)
        if act["action"] == "rename" and (one := docker.get(act["container"])) is not None:
            yield 0.01
            try:
                docker.rename(one, act["service"])
            except (DockerError, NotReachable) as error:
                failed[act["service"]] = str(error)
    made = [act["service"] for act in acts if act["action"] in ("create", "recreate")]
    groups = [[name] for name in made] if apart else [made] if made else []

    def start(name: str) -> Steps:
        yield world.random.uniform(0.02, 0.15)
        one = docker.get(name)
        try:
            if one is not None:
                docker.start(one, actor)
        except (DockerError, NotReachable) as error:
            failed[name] = str(error)

    def up() -> Steps:
        for group in groups:
            world.journal |= set(group)
            try:
                yield from docker.up(group, actor)
                world.journal -= set(group)
            except (DockerError, NotReachable) as error:
                failed.update(dict.fromkeys(group, str(error)))

    starts = [start(act["service"]) for act in acts if act["action"] == "start"]
    yield from together([up(), *starts])


def _is_at_home(owner: dict[str, Any], one: dict[str, Any]) -> bool:
    return namespaces.verdict(owner, one) == namespaces.INSIDE and namespaces.is_well(owner)


def _observed(one: Container) -> dict[str, Any]:
    return {
        "name": one.name,
        "id": one.id,
        "service": one.service,
        "stack": "downloads",
        "config_hash": one.config_hash,
        "image": f"registry/{one.service}:1",
        "status": one.status,
        "health": one.health,
        "network_mode": one.network_mode,
        "netns": one.netns,
        "stale_mounts": [],
        "created_at": one.created,
        "started_at": one.started_text,
        "finished_at": one.finished_text,
        "error": one.error,
    }
