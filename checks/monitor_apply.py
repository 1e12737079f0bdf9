"""stacks.apply in the simulated world: the plan and what of it is ready are the real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks import monitor_compose
from checks.monitor_containers import Steps, together
from checks.monitor_world import World
from mediastack import plan, user_stops
from mediastack.docker_client import DockerError, NotReachable

if TYPE_CHECKING:
    from checks.monitor_healer import Healer

ROUNDS = 3
ROUND_SECONDS = 0.5


def apply(healer: Healer, services: list[str], actor: str) -> Steps:
    """As stacks.apply: rounds of looking, planning, doing what is ready, each under the lock."""
    world = healer.world
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
                yield from monitor_compose.up(docker, group, actor)
                world.journal -= set(group)
            except (DockerError, NotReachable) as error:
                failed.update(dict.fromkeys(group, str(error)))

    starts = [start(act["service"]) for act in acts if act["action"] == "start"]
    yield from together([up(), *starts])
