"""What people, deploys and the rest of this project do to the containers in the simulated world.

Each is a generator of steps that take time. Those of ours take the lock and write down intents, as
they do; bare docker commands do neither. What the user wants is noted as a wish where it can be
known: a bare stop in the middle of our own act on the same container, or one that Docker forgets
before anybody looked, is a wish that nobody can tell.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks import monitor_compose
from checks.monitor_apply import apply
from checks.monitor_containers import OWNER, RUNS, Steps, together
from checks.monitor_group import DATA, DEPENDENTS, GROUP
from checks.monitor_healer import Healer
from checks.monitor_world import World
from mediastack import clock, user_stops
from mediastack.docker_client import DockerError, NotReachable

LOCK_WAIT_SECONDS = 120.0
LOCK_POLL_SECONDS = 0.25
UP_WAIT_SECONDS = 240.0


def docker_stop(world: World, name: str) -> Steps:
    """docker stop NAME."""
    one = world.docker.get(name)
    if one is None or one.status not in RUNS:
        return
    yield from world.docker.stop(one)
    if world.docker.get(name) is not one or one.status != "exited":
        return
    if name in world.journal or name in world.guarded:
        return
    settled = world.wall() - world.docker.started > user_stops.DOCKERD_SETTLES_SECONDS
    world.wish(name, "stop" if settled and not one.error else "unknown")


def docker_start(world: World, name: str) -> Steps:
    """docker start NAME."""
    yield 0.02
    one = world.docker.get(name)
    if one is not None and one.status not in RUNS:
        if world.wishes[name] == "stop":
            # Whatever comes of it: that it shall stay stopped is not the wish any more.
            world.wish(name, "unknown")
        world.docker.start(one, "user")
        wanted(world, name)


def docker_restart(world: World, name: str) -> Steps:
    """docker restart NAME; when it cannot start again, it stays ended with the reason."""
    one = world.docker.get(name)
    if one is not None:
        with _looks_like_a_stop(world, [name]):
            yield from world.docker.restart(one, "user")
            wanted(world, name)


def docker_remove(world: World, name: str) -> Steps:
    """docker rm -f NAME."""
    yield 0.02
    one = world.docker.get(name)
    if one is not None:
        world.docker.remove(one)


def compose_up(world: World, names: list[str]) -> Steps:
    """docker compose up -d --force-recreate --no-deps NAME…, by hand; perhaps of Gluetun alone."""
    with _looks_like_a_stop(world, names):
        yield from monitor_compose.up(world.docker, names, "user")
        for name in names:
            wanted(world, name)


def wanted(world: World, name: str) -> None:
    """Started by hand; nobody can tell when it seems to have been before it was stopped."""
    stopped = world.intents.get(name)
    known = stopped is None or clock.seconds(stopped["at"]) < world.wall()
    world.wish(name, "run" if known else "unknown")


@contextlib.contextmanager
def _looks_like_a_stop(world: World, names: list[str]) -> Iterator[None]:
    """What a person's command leaves ended when it fails or is killed looks like a stop."""
    done = False
    try:
        yield
        done = True
    finally:
        for name in names:
            one = world.docker.get(name)
            ended = one is not None and one.status == "exited" and not one.error
            ours = name in world.journal or name in world.guarded
            if ended and not done and not ours and world.wishes[name] == "run":
                world.wish(name, "unknown")


def take_lock(world: World, holder: str) -> Steps:
    """Wait for the lock; return whether it was had."""
    waited = 0.0
    while world.lock:
        yield LOCK_POLL_SECONDS
        waited += LOCK_POLL_SECONDS
        if waited > LOCK_WAIT_SECONDS:
            return False
    world.judge_lock(holder)
    return True


def verb_down(world: World, names: list[str]) -> Steps:
    """stack-manage.sh downloads down: intents first, then they are stopped and removed, all under
    the lock; Gluetun takes its dependents with it, which are not what the user stopped."""
    if not (yield from take_lock(world, "cli")):
        return
    try:
        for name in names:
            world.intents.setdefault(name, {"at": clock.timestamp(world.wall())})
            world.wish(name, "stop")
        gone = [*names, *(DEPENDENTS if OWNER in names else ())]
        ours = set(gone) - set(names)
        world.journal |= ours
        there = [one for name in dict.fromkeys(gone) if (one := world.docker.get(name)) is not None]
        yield from together([world.docker.stop(one) for one in there])
        for one in there:
            yield 0.01
            world.docker.remove(one)
        world.journal -= ours
    finally:
        world.judge_lock("")


def verb_up(world: World, healer: Healer, names: list[str], actor: str = "cli") -> Steps:
    """stack-manage.sh downloads up: no longer stopped, and converged."""
    if OWNER in world.intents and OWNER not in names:
        # It is refused: first Gluetun.
        return
    world.journal |= set(names)
    for name in names:
        world.intents.pop(name, None)
        world.wish(name, "run")
    yield from converge(world, healer, names, actor)
    world.journal -= set(names)


def converge(world: World, healer: Healer, names: list[str], actor: str) -> Steps:
    """stacks.apply with wait."""
    until = world.now + UP_WAIT_SECONDS
    while world.now < until:
        result = yield from apply(healer, names, actor)
        if "busy" not in result and all(
            (one := world.docker.get(name)) is not None and one.status in RUNS
            for name in names
            if world.wishes[name] == "run"
        ):
            return
        yield 1.0


def hold_lock(world: World, holder: str, seconds: float) -> Steps:
    """A deploy, an update or a backup that works on other things."""
    if (yield from take_lock(world, holder)):
        try:
            yield seconds
        finally:
            world.judge_lock("")


def deploy(world: World, healer: Healer, changed: list[str]) -> Steps:
    """A deploy that changes the configuration of some: for a while it prepares, then converges."""
    yield from hold_lock(world, "deploy", world.random.uniform(0.5, 6.0))
    for name in changed:
        entry = world.config["services"][name]
        entry["config_hash"] = world.docker.hashes[name] = f"{name}-{next(world.counter)}"
    world.note("config")
    yield world.random.uniform(0.05, 1.0)
    yield from converge(world, healer, list(GROUP), "deploy")


def mount_guard(world: World) -> Steps:
    """The keeper stops what uses a lost /data, under the lock if it can be had soon."""
    held = False
    for _ in range(20):
        if not world.lock:
            world.judge_lock("keeper")
            held = True
            break
        yield LOCK_POLL_SECONDS
    try:
        running = [
            one
            for name in DATA
            if (one := world.docker.get(name)) is not None and one.status in RUNS
        ]
        world.guarded |= {one.service for one in running}
        world.guarding = True
        yield from together([world.docker.stop(one, by_hand=False) for one in running])
    finally:
        world.guarding = False
        if held:
            world.judge_lock("")


def daemon_restarts(world: World, seconds: float, *, live: bool) -> Steps:
    """dockerd ends and is started again; without live-restore all containers end, and of the group
    only Gluetun is started again."""
    docker = world.docker
    docker.mode = "down"
    world.note("docker", mode="down")
    ended_by = world.random.choice(("systemd", "kill"))
    if not live and ended_by == "systemd":
        _end_all(world)
    yield seconds
    docker.memory.clear()
    world.unsure()
    docker.started = world.wall()
    if not live and ended_by == "kill":
        _end_all(world)
    docker.mode = ""
    world.note("docker", mode="")
    start_by_policy(world)


def _end_all(world: World) -> None:
    for one in list(world.docker.containers.values()):
        world.docker.die(one, 143, silent=True)


def start_by_policy(world: World) -> None:
    """What Docker does by itself after its own start."""
    owner = world.docker.get(OWNER)
    if owner is not None and owner.status in ("exited", "restarting") and not owner.by_hand:
        owner.status = "exited"
        try:
            world.docker.start(owner, "docker")
        except (DockerError, NotReachable):
            world.changed(OWNER, owner, "")


def host_down(world: World, healer: Healer) -> None:
    """The power goes, or the host is shut down."""
    for process in list(world.processes):
        process.kill()
    healer.kill()
    healer.told.clear()
    for one in list(world.docker.containers.values()):
        world.docker.die(one, 137, silent=True)
        one.status = "exited" if one.status == "restarting" else one.status
        world.changed(one.name, one, "")
    world.docker.mode = "down"
    world.docker.memory.clear()
    world.unsure()
    if world.lock:
        world.judge_lock("")
    world.on = False
    world.note("host", on=False, boot=world.boot)


def host_up(world: World, healer: Healer) -> None:
    """It boots: dockerd first, then the healer; systemd starts the monitor later."""
    world.boots += 1
    world.booted_at = world.now
    world.on = True
    world.note("host", on=True, boot=world.boot)
    world.note("docker", mode="down")

    def docker_starts() -> None:
        world.docker.mode = ""
        world.docker.started = world.wall()
        world.note("docker", mode="")
        start_by_policy(world)

    world.after(world.random.uniform(1.0, 5.0), docker_starts)
    world.after(world.random.uniform(0.5, 4.0), healer.revive)


def dependents_running(world: World) -> list[str]:
    """Dependents that run."""
    return [
        name
        for name in DEPENDENTS
        if (one := world.docker.get(name)) is not None and one.status in RUNS
    ]
