"""What can happen to Gluetun and its dependents, by themselves or by a hand."""

from __future__ import annotations

from collections.abc import Callable

from checks import monitor_people as people
from checks.monitor_containers import OWNER, RUNS, Container
from checks.monitor_group import DEPENDENTS, GROUP
from checks.monitor_healer import Healer
from checks.monitor_world import World

Fault = Callable[[World, Healer], None]


def lasts(world: World, *choices: float) -> float:
    """Seconds, drawn; the schedule is not over before."""
    seconds = world.random.choice(choices) * world.random.uniform(0.7, 1.3)
    world.last = max(world.last, world.now + seconds)
    return seconds


def _owner(world: World) -> Container | None:
    one = world.docker.get(OWNER)
    return one if one is not None and one.status in RUNS else None


def _one(world: World) -> str:
    return world.random.choice(DEPENDENTS)


def owner_restart(world: World, healer: Healer) -> None:
    """docker restart gluetun."""
    world.run(people.docker_restart(world, OWNER))


def owner_recreated(world: World, healer: Healer) -> None:
    """docker compose up of Gluetun alone: another id, and nobody follows."""
    world.run(people.compose_up(world, [OWNER]))


def owner_killed(world: World, healer: Healer) -> None:
    """kill -9, or the kernel wants its memory; Docker starts it again."""
    if (owner := _owner(world)) is not None:
        world.docker.die(owner, 137, oom=world.random.random() < 0.3)


def owner_removed(world: World, healer: Healer) -> None:
    """docker rm -f gluetun."""
    world.run(people.docker_remove(world, OWNER))


def owner_stopped(world: World, healer: Healer) -> None:
    """docker stop gluetun by the user, who starts it again later."""
    world.run(people.docker_stop(world, OWNER))
    world.after(lasts(world, 5, 40, 120), lambda: _start_by_user(world, OWNER))


def _start_by_user(world: World, name: str) -> None:
    if world.on:
        world.run(people.docker_start(world, name))


def owner_flaps(world: World, healer: Healer) -> None:
    """It restarts again and again."""
    moment = 0.0
    for _ in range(world.random.randint(3, 7)):
        world.after(moment, lambda: owner_killed(world, healer))
        moment += lasts(world, 2, 8, 20, 45)
    world.last = max(world.last, world.now + moment)


def owner_unhealthy(world: World, healer: Healer) -> None:
    """Its tunnel does not work for a while; it heals itself in the end."""
    _never_healthy(world, OWNER, lasts(world, 5, 60, 400))


def owner_slow(world: World, healer: Healer) -> None:
    """It restarts, and takes minutes until it is healthy."""
    _never_healthy(world, OWNER, lasts(world, 20, 120, 420))
    owner_restart(world, healer)


def owner_paused(world: World, healer: Healer) -> None:
    """docker pause gluetun, and unpause later."""
    _pause(world, OWNER, lasts(world, 3, 30, 200))


def dependent_paused(world: World, healer: Healer) -> None:
    """docker pause of a dependent."""
    _pause(world, _one(world), lasts(world, 3, 30))


def _pause(world: World, name: str, seconds: float) -> None:
    one = world.docker.get(name)
    if one is None or one.status != "running":
        return
    one.status = "paused"
    world.docker.tell("pause", one)
    world.changed(name, one, "")
    world.after(seconds, lambda: unpause(world, name))


def unpause(world: World, name: str) -> None:
    """docker unpause NAME."""
    one = world.docker.get(name)
    if one is not None:
        world.docker.unpause(one)


def owner_refuses(world: World, healer: Healer) -> None:
    """Gluetun ends, and cannot be started for a while."""
    trait = world.docker.traits[OWNER]
    trait.start_error = "500: failed to create shim task"

    def end() -> None:
        trait.start_error = ""

    world.after(lasts(world, 5, 60), end)
    owner_killed(world, healer)


def firewall_missing(world: World, healer: Healer) -> None:
    """Healthy, but without its packet filter; then it has it again."""
    owner = _owner(world)
    if owner is None:
        return
    life, owner.firewall, owner.unprotected = owner.life, False, world.now
    world.changed(OWNER, owner, "")

    def back() -> None:
        if owner.life == life and owner.status in RUNS:
            owner.firewall = True
            world.changed(OWNER, owner, "")

    world.after(lasts(world, 5, 30, 120), back)
    if world.random.random() < 0.7:
        # Somebody must want to join for it to matter.
        name = _one(world)
        world.after(world.random.uniform(0.0, 3.0), lambda: kill(world, name))


def kill(world: World, name: str) -> None:
    """Its process ends."""
    if (one := world.docker.get(name)) is not None:
        world.docker.die(one, 1)


def dependents_end(world: World, healer: Healer) -> None:
    """One or several of them end."""
    for name in world.random.sample(DEPENDENTS, world.random.randint(1, 4)):
        kill(world, name)


def dependent_dead(world: World, healer: Healer) -> None:
    """Docker could not clean up: "dead"."""
    name = _one(world)
    kill(world, name)
    one = world.docker.get(name)
    if one is not None and one.status == "exited":
        one.status = "dead"
        world.changed(name, one, "")


def dependent_removed(world: World, healer: Healer) -> None:
    """docker rm -f of a dependent."""
    world.run(people.docker_remove(world, _one(world)))


def dependent_stopped(world: World, healer: Healer) -> None:
    """docker stop of a dependent by the user; half of them start it again."""
    name = _one(world)
    world.run(people.docker_stop(world, name))
    if world.random.random() < 0.5:
        world.after(lasts(world, 3, 30, 120), lambda: _start_by_user(world, name))


def dependent_restarted(world: World, healer: Healer) -> None:
    """docker restart of a dependent by the user."""
    world.run(people.docker_restart(world, _one(world)))


def dependent_unhealthy(world: World, healer: Healer) -> None:
    """Its health check fails until it is restarted, or by itself for a while."""
    name = _one(world)
    one = world.docker.get(name)
    if one is None or one.status not in RUNS:
        return
    world.docker.set_health(one, "unhealthy")
    if world.random.random() < 0.5:
        world.after(lasts(world, 30, 200), lambda: world.docker.recheck(name))
    else:
        lasts(world, 150)


def dependent_never_healthy(world: World, healer: Healer) -> None:
    """It does not get healthy, whatever is done, for long."""
    _never_healthy(world, _one(world), lasts(world, 60, 400))


def _never_healthy(world: World, name: str, seconds: float) -> None:
    trait = world.docker.traits[name]
    trait.never_healthy = True
    one = world.docker.get(name)
    if one is not None:
        world.docker.set_health(one, "unhealthy")

    def end() -> None:
        trait.never_healthy = False
        world.docker.recheck(name)

    world.after(seconds, end)


def dependent_crashes(world: World, healer: Healer) -> None:
    """It ends a moment after each start."""
    name = _one(world)
    trait = world.docker.traits[name]
    trait.crash_seconds = world.random.choice((0.2, 2.0, 20.0))

    def end() -> None:
        trait.crash_seconds = None

    world.after(lasts(world, 20, 100, 300), end)
    kill(world, name)


def dependent_refuses(world: World, healer: Healer) -> None:
    """It cannot be started for a while."""
    name = _one(world)
    trait = world.docker.traits[name]
    trait.start_error = "500: error while creating mount source path"

    def end() -> None:
        trait.start_error = ""

    world.after(lasts(world, 10, 60, 200), end)
    kill(world, name)


def dependent_wedged(world: World, healer: Healer) -> None:
    """It does not stop, not even by SIGKILL, for a while."""
    trait = world.docker.traits[_one(world)]
    trait.wedged = True

    def end() -> None:
        trait.wedged = False

    world.after(lasts(world, 10, 60, 200), end)


def verb_down_up(world: World, healer: Healer) -> None:
    """stack-manage.sh downloads stop of some or all, and up again later (or not)."""
    names = list(GROUP)
    if world.random.random() < 0.6:
        names = world.random.sample(DEPENDENTS, world.random.randint(1, 3))
    world.run(people.verb_down(world, names))
    if len(names) > len(DEPENDENTS) or world.random.random() < 0.5:

        def up() -> None:
            if world.on:
                world.run(people.verb_up(world, healer, names))

        world.after(lasts(world, 2, 20, 90), up)


def lock_held(world: World, healer: Healer) -> None:
    """Somebody else holds the lock."""
    holder = world.random.choice(("deploy", "updater", "backup"))
    world.run(people.hold_lock(world, holder, lasts(world, 2, 15, 60)))


def deploy(world: World, healer: Healer) -> None:
    """A deploy that changes what some of the group look like."""
    changed = world.random.sample(GROUP, world.random.randint(1, 3))
    lasts(world, 60)
    world.run(people.deploy(world, healer, changed))


def compose_killed(world: World, healer: Healer) -> None:
    """Somebody recreates some by hand, and presses Ctrl-C half way."""
    names = world.random.sample(GROUP, world.random.randint(1, 3))
    process = world.run(people.compose_up(world, names))
    world.after(world.random.uniform(0.01, 2.0), process.kill)
