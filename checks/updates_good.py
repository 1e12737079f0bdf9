"""Good images that look bad for a while, because they, the host or the registry are slow: none of
them may be rolled back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checks import updates_programs as programs
from checks.updates_bad import at_gate, dependent, without_check
from checks.updates_case import Case
from checks.updates_containers import Image, Life, Program, Service
from checks.updates_programs import good, old_with, work
from checks.updates_world import MOVED, NEW, World


def slow(name: str, program: Program | None = None, **options: Any) -> Case:
    """A good image."""
    of_case = {key: options.pop(key) for key in ("setup", "service", "before") if key in options}
    return Case(name, Image(program or good(), **options), "new", **of_case)


def turns(*of_answers: tuple[float, bool]) -> Program:
    """Its health comes and goes, and then it stays well."""

    def program(life: Life) -> programs.Running:
        if life.world.config.schema == 1:
            programs.upgrade(life)
        for seconds, well in of_answers:
            life.up(well)
            yield seconds
        life.up()
        return (yield from work(life))

    return program


def owner() -> Service:
    """Gluetun: others live in its namespace, and nobody but the monitor starts it."""
    return Service(restarts=False, dependents=("sonarr", "radarr"))


def cascade(seconds: float) -> Callable[[World], None]:
    """The dependents come back after so long."""
    return at_gate(lambda world: setattr(world, "cascade_until", world.now + seconds))


def excused(seconds: float) -> Callable[[World], None]:
    """The monitor works on the container meanwhile."""

    def begin(world: World) -> None:
        world.excused_until = world.cascade_until = world.now + seconds

    return at_gate(begin)


def docker_restarts(*, live_restore: bool, away: float, after: float) -> Callable[[World], None]:
    """dockerd is restarted so long after the switch."""
    return at_gate(
        lambda world: world.at(after, lambda: world.restart_docker(away, live_restore=live_restore))
    )


def away_now_and_then(world: World) -> None:
    """Docker does not answer for two seconds in every twenty."""

    def again() -> None:
        world.docker_away_until = world.now + 2.0
        world.at(20.0 + world.random.uniform(0.0, 5.0), again)

    world.on("started", again)


def reboot(world: World) -> None:
    """The host goes down during the gate: worker, Docker and the service at once."""

    def down() -> None:
        world.kill_at.add(len(world.points))
        world.restart_docker(30.0, live_restore=False)

    world.on("started", lambda: world.at(20.0, down))


def leap(world: World) -> None:
    """The machine sleeps for an hour."""
    world.on("started", lambda: world.at(15.0, lambda: setattr(world, "now", world.now + 3600.0)))


def moves(world: World) -> None:
    """The tag leads elsewhere from the moment on that the pull begins."""

    def move() -> None:
        world.registry.tags[world.service.tag] = MOVED
        world.registry.digests.add(MOVED)
        world.at(300.0, lambda: world.registry.tags.update({world.service.tag: NEW}))

    world.on("pull", move)


def big(size: float) -> Callable[[World], None]:
    """A config of so many bytes."""
    return lambda world: world.change(size=size)


def grows(world: World) -> None:
    """The config grows while it is copied."""
    world.on("half copied", lambda: world.change(size=5e9))


def set_world(**values: Any) -> Callable[[World], None]:
    """The host is so from the beginning."""
    return lambda world: world.__dict__.update(values)


def registry_away_later(world: World) -> None:
    """It is needed for the pull alone; a day later it is back."""
    world.on("copy", lambda: setattr(world.registry, "mode", "down"))
    world.at(2400.0, lambda: setattr(world.registry, "mode", ""))


GOOD = (
    slow("quick"),
    slow("at-once", good(start=0.5)),
    slow("starts-for-90-s", good(start=90.0)),
    slow("starts-for-200-s", good(start=200.0)),
    slow("starts-for-5-min", good(start=300.0)),
    slow("starts-for-9-min", good(start=540.0)),
    slow("starts-for-12-min-as-allowed", good(start=720.0),
         service=lambda: Service(deadline=900.0)),
    slow("migrates-for-1-min", good(migrate=60.0)),
    slow("migrates-for-4-min", good(migrate=240.0)),
    slow("migrates-for-9-min", good(migrate=530.0)),
    slow("restarts-once-after-migrating", good(migrate=20.0, restarts=1)),
    slow("restarts-twice-while-setting-up", good(restarts=2)),
    slow("restarts-once-with-an-error", good(restarts=1, exit_code=1)),
    slow("migrates-slowly-then-restarts", good(migrate=200.0, restarts=1, start=60.0)),
    slow("health-flaps-during-start", turns((20.0, False), (1.0, True), (25.0, False))),
    slow("sick-once-after-start", turns((20.0, True), (50.0, False))),
    slow("sick-twice-after-start", turns((8.0, True), (35.0, False), (40.0, True), (35.0, False))),
    slow("unhealthy-then-well", turns((15.0, True), (130.0, False))),
    slow("slow-health-check", good(answer_seconds=8.0)),
    slow("old-stops-slowly", before=Image(old_with(stop_seconds=25.0))),
    slow("old-ignores-sigterm", before=Image(old_with(stop_seconds=1e9))),
    slow("stops-slowly", good(stop_seconds=25.0)),
    slow("big-config", setup=big(20e9)),
    slow("config-grows-during-the-copy", setup=grows),
    slow("big-image", size=5e9),
    slow("slow-registry", size=400e6,
         setup=lambda world: setattr(world.registry, "speed", 300e3)),
    slow("registry-away-after-the-pull", setup=registry_away_later),
    slow("tag-moves-during-the-pull", setup=moves),
    slow("docker-restarts-with-live-restore",
         setup=docker_restarts(live_restore=True, away=15.0, after=10.0)),
    slow("docker-restarts-without-live-restore",
         setup=docker_restarts(live_restore=False, away=15.0, after=40.0)),
    slow("docker-restarts-during-a-migration", good(migrate=100.0),
         setup=docker_restarts(live_restore=False, away=40.0, after=50.0)),
    slow("docker-answers-slowly", setup=set_world(slow_docker=4.0)),
    slow("docker-away-now-and-then", setup=away_now_and_then),
    slow("host-reboots-during-the-gate", setup=reboot),
    slow("machine-sleeps-during-the-gate", setup=leap),
    slow("pruned-during-the-gate", setup=at_gate(lambda world: world.prune(everything=True))),
    slow("lock-held-for-a-minute",
         setup=lambda world: world.on(
             "copy", lambda: setattr(world, "lock_until", world.now + 60.0))),
    slow("disk-nearly-full", setup=set_world(free=600e6)),
    slow("without-a-check", service=without_check, health=False),
    slow("brings-a-check-nobody-expected", service=without_check),
    slow("in-the-vpn-zone", good(migrate=30.0), service=dependent),
    slow("gluetun", service=owner, setup=cascade(20.0)),
    slow("gluetun-with-a-slow-cascade", service=owner, setup=cascade(240.0)),
    slow("cascade-during-the-gate", service=dependent, setup=excused(90.0)),
)  # fmt: skip
