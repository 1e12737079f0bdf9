"""How a schedule begins and ends: it brings the monitor into a phase; later all else is mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks import monitor_mishaps_group as group
from checks import monitor_people as people
from checks.monitor_containers import OWNER
from checks.monitor_group import GROUP

if TYPE_CHECKING:
    from checks.monitor_simulation import Schedule

# Of the schedules of a phase: those in which the clock is set during the pause, and those that try
# the limit at its edge.
CLOCK_SHARE, EDGE_SHARE = 0.4, 0.2
HOUR_SECONDS = 3600.0
DEEDS = ("owner_restart", "owner_recreated", "owner_killed")


def enter(schedule: Schedule) -> None:
    """Bring the monitor into the phase that this schedule is about."""
    draw = schedule.world.random
    if schedule.phase == "paused":
        moment = 3.0
        causes = ("owner_restart", "owner_recreated", "owner_killed")
        loop = draw.random() < 0.5
        for number in range(8):
            schedule.later(moment, causes[0] if loop else causes[number % 3])
            moment += draw.uniform(45.0, 60.0)
        if draw.random() < CLOCK_SHARE:
            schedule.later(draw.uniform(150.0, 500.0), "clock_jump")
    elif schedule.phase == "quiet" and draw.random() < EDGE_SHARE:
        _at_the_edge(schedule)
    elif draw.random() < 0.9:
        schedule.later(draw.uniform(1.0, 4.0), draw.choice(DEEDS))
    provoke(schedule, schedule.phase)


def _at_the_edge(schedule: Schedule) -> None:
    """Five cascades, and a sixth when the first is an hour old, or a blink before or after."""
    world = schedule.world
    draw = world.random
    moment = 3.0
    for number in range(5):
        schedule.later(moment, DEEDS[number % 3])
        moment += draw.uniform(60.0, 150.0)

    def sixth() -> None:
        cascades = world.disk.get("cascades", [])
        if cascades and world.on and world.disk["steady"]["boot"] == world.boot:
            kept = world.disk["steady"]
            steady = kept["steady"] + world.boottime() - kept["boottime"]
            left = cascades[0]["at"] + HOUR_SECONDS - steady + draw.uniform(-0.05, 0.03)
            schedule.later(max(left, 1.0), "owner_killed")

    world.after(moment, sixth)
    world.last = max(world.last, moment + 1.0)


def provoke(schedule: Schedule, phase: str) -> None:
    """Do what leads to a phase."""
    world = schedule.world
    draw = world.random
    if phase in ("holding", "waiting", "reviving", "verifying"):
        schedule.later(draw.uniform(1.0, 6.0), draw.choice(("owner_restart", "owner_recreated")))
    elif phase == "backing-off":
        schedule.later(0.5, "dependent_refuses")
        schedule.later(1.0, "owner_restart")
    elif phase == "busy":
        schedule.later(draw.uniform(2.0, 20.0), "lock_held")
    elif phase == "unknown":
        schedule.later(draw.uniform(2.0, 20.0), draw.choice(("docker_500", "docker_restarts")))
    elif phase == "paused" and world.now > 1.0:
        schedule.later(0.5, draw.choice(("owner_restart", "owner_recreated")))
        world.last += 45.0


def mend(schedule: Schedule) -> None:
    """Whatever is not the monitor's to mend is mended; the user wants Gluetun."""
    world, docker = schedule.world, schedule.world.docker
    world.note("mended")
    for process in schedule.people():
        process.kill()
    for trait in docker.traits.values():
        trait.start_error, trait.crash_seconds = "", None
        trait.never_healthy = trait.wedged = False
    docker.write_errors.clear()
    world.delivery, world.full, world.disk_free = "", False, 0.6
    world.kill_in, world.must_die, world.kill_at_tell = None, False, False
    world.healer_dies_at_tell = False
    world.note("delivery", mode="")
    if docker.mode:
        docker.mode = ""
        world.note("docker", mode="")
    if not world.present:
        world.present = True
        world.note("gate", present=True)
    schedule.healer.revive()
    for name in GROUP:
        group.unpause(world, name)
        docker.recheck(name)
    owner = docker.get(OWNER)
    if owner is not None:
        owner.firewall = True
        world.changed(OWNER, owner, "")
    if world.wishes[OWNER] != "run":
        world.run(people.verb_up(world, schedule.healer, [OWNER]))
