"""Images that must not stay, and hosts and registries that keep a good one from being taken.

`BAD` end on the old version and are never tried again. `TROUBLE` leaves the old version untouched,
and the update is made when it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from checks import updates_programs as programs
from checks.updates_case import Case
from checks.updates_containers import Image, Life, Program, Service
from checks.updates_programs import answers, ends, good, turns_for_ever, upgrade
from checks.updates_world import NEW, OLD, World

OVER_SECONDS = 900.0


def bad(name: str, program: Program = programs.old, **options: Any) -> Case:
    """An image with this program."""
    of_case = {key: options.pop(key) for key in ("setup", "service", "before") if key in options}
    return Case(name, Image(program, **options), "old", **of_case)


def trouble(name: str, setup: Callable[[World], None], **options: Any) -> Case:
    """A good image that cannot be had today."""
    return Case(name, Image(good(), **options), "later", setup=setup)


def deletes(life: Life) -> None:
    """The config is gone."""
    life.world.change(files=(), rows=(), schema=0, size=0.0)


def corrupts(life: Life) -> None:
    """Half a database."""
    life.world.change(torn=True, schema=2)


def takes_over(life: Life) -> None:
    """All of it belongs to another user now."""
    life.world.change(owner=911, schema=2)


def fills(life: Life) -> None:
    """It writes until the disk is full."""
    life.world.change(size=life.world.config.size + life.world.free, schema=2)
    life.world.free = 0.0


def renames(life: Life) -> None:
    """Its files have other names, one is a link to somewhere else."""
    life.write("settings", None)
    life.write("settings.v2", "ours")
    life.write("database", "-> /etc/shadow")
    upgrade(life)


def forgets_rows(life: Life) -> None:
    """Half of what was in the database is gone."""
    rows = life.world.config.rows
    life.world.change(rows=rows[: len(rows) // 2 + 1], schema=2)


def once_only() -> Program:
    """Its first life is good, and it leaves a lock file that keeps it from another."""

    def program(life: Life) -> programs.Running:
        if "lock" in dict(life.world.config.files):
            yield 1.0
            return 1
        life.write("lock", "me")
        yield 4.0
        life.up()
        yield 45.0
        return 0

    return program


def stubborn(program: Program) -> Program:
    """It ignores SIGTERM."""

    def stubbornly(life: Life) -> programs.Running:
        life.stop_seconds = 1e9
        return (yield from program(life))

    return stubbornly


def lies() -> Program:
    """Its health check says yes from the first second; it never works, and dies in the end."""

    def program(life: Life) -> programs.Running:
        life.answers = True
        yield 50.0
        return 139

    return program


def hangs(after: float) -> Program:
    """Up, and then every answer takes an hour."""

    def program(life: Life) -> programs.Running:
        yield 4.0
        life.up()
        yield after
        life.works, life.answer_seconds = False, 3600.0
        while True:
            yield 600.0

    return program


def without_check() -> Service:
    """A service that has no health check at all."""
    return Service(expects_health=False)


def dependent() -> Service:
    """One that nobody starts again: it lives in the vpn zone."""
    return Service(restarts=False)


def at_gate(*acts: Callable[[World], None]) -> Callable[[World], None]:
    """Something happens when the new version has been started."""

    def setup(world: World) -> None:
        for act in acts:
            world.on("started", lambda act=act: act(world))  # type: ignore[misc]

    return setup


def registry(mode: str, when: str = "pull") -> Callable[[World], None]:
    """The registry is in this mode from a point on, for a quarter of an hour."""

    def setup(world: World) -> None:
        def begin() -> None:
            world.registry.mode = mode
            world.at(OVER_SECONDS, lambda: setattr(world.registry, "mode", ""))

        world.on(when, begin)

    return setup


def vanished(world: World) -> None:
    """The manifest is deleted between the look and the pull; it is back later."""

    def gone() -> None:
        world.registry.digests.discard(NEW)
        world.at(OVER_SECONDS, lambda: world.registry.digests.add(NEW))

    world.on("pull", gone)


def slow_for_hours(world: World) -> None:
    """Ten kilobytes a second; later it is well."""
    world.registry.speed = 10e3
    world.at(3 * OVER_SECONDS, lambda: setattr(world.registry, "speed", 20e6))


def full(when: str) -> Callable[[World], None]:
    """No room from this point on; later there is."""

    def setup(world: World) -> None:
        def fill() -> None:
            world.free = 0.0
            world.at(OVER_SECONDS, lambda: setattr(world, "free", 50e9))

        world.on(when, fill)

    return setup


def lock_held(world: World) -> None:
    """A deploy holds the lock for ten minutes."""
    world.on("copy", lambda: setattr(world, "lock_until", world.now + 600.0))


def docker_away(when: str, seconds: float) -> Callable[[World], None]:
    """Docker is restarted, and takes so long."""
    return lambda world: world.on(when, lambda: world.restart_docker(seconds, live_restore=True))


def platforms(*names: str) -> dict[str, Any]:
    return {"platforms": names}


BAD = (
    bad("exits-at-once", ends(0.0, 1)),
    bad("exits-at-once-with-0", ends(0.0, 0)),
    bad("exits-after-30-s", ends(30.0, 1, up=5.0)),
    bad("exits-after-50-s", ends(50.0, 1, up=4.0)),
    bad("wrong-entry-point", cannot_start=127),
    bad("entry-point-not-executable", cannot_start=126),
    bad("mislabelled-architecture", ends(0.0, 255)),
    bad("wrong-architecture", **platforms("linux/s390x")),
    bad("index-without-our-platform", **platforms("linux/arm64", "linux/riscv64")),
    bad("killed-for-memory", ends(20.0, 137, up=4.0)),
    bad("restarts-for-ever", ends(3.0, 0, up=1.0)),
    bad("restarts-every-20-s", ends(20.0, 0, up=2.0)),
    bad("dies-of-the-first-question", ends(5.2, 139, up=1.0)),
    bad("never-healthy", answers((1.0, False))),
    bad("never-answers", hangs(0.0)),
    bad("flapping", turns_for_ever(40.0, 100.0, first=4.0)),
    bad("flapping-slowly", turns_for_ever(31.0, 31.0, first=4.0)),
    bad("healthy-for-3-s-then-hangs", hangs(3.0)),
    bad("healthy-for-30-s-then-sick", answers((30.0, True), (1.0, False))),
    bad("no-healthcheck", good(), health=False),
    bad("health-check-lies-then-it-dies", lies()),
    bad("works-once", once_only()),
    bad("starts-for-an-hour", answers((3600.0, False), (1.0, True))),
    bad("waits-for-the-internet", answers((1.0, False)), setup=registry("down", "started")),
    bad("migrates-then-crashes", ends(2.0, 1, damage=upgrade)),
    bad("migrates-then-never-healthy", answers((1.0, False), damage=upgrade)),
    bad("migrates-for-an-hour", good(migrate=3600.0)),
    bad("deletes-its-config", ends(1.0, 1, damage=deletes)),
    bad("deletes-its-config-and-hangs", answers((1.0, False), damage=deletes)),
    bad("corrupts-the-database", ends(2.0, 11, damage=corrupts)),
    bad("forgets-rows", ends(6.0, 1, damage=forgets_rows)),
    bad("wrong-uid", ends(2.0, 13, damage=takes_over)),
    bad("fills-the-disk", answers((1.0, False), damage=fills)),
    bad("renames-its-files", ends(3.0, 1, damage=renames)),
    bad("ignores-sigterm", stubborn(answers((1.0, False), damage=upgrade))),
    bad("port-clash", ends(2.0, 98)),
    bad("misses-a-capability", ends(1.0, 1)),
    bad("exits-without-a-check", ends(2.0, 1, up=0.5), service=without_check),
    bad("exits-late-without-a-check", ends(45.0, 1, up=0.5), service=without_check),
    bad("exits-in-the-vpn-zone", ends(2.0, 1, damage=upgrade), service=dependent),
    bad("hangs-in-the-vpn-zone", answers((1.0, False), damage=upgrade), service=dependent),
    bad("pruned-during-its-trial", ends(2.0, 1, damage=upgrade),
        setup=at_gate(lambda world: world.prune(), registry("down", "look"))),
    bad("pruned-with-all-during-its-trial", answers((1.0, False)),
        setup=at_gate(lambda world: world.prune(everything=True))),
    bad("docker-restarted-during-its-trial", answers((1.0, False), damage=upgrade),
        setup=at_gate(lambda world: world.restart_docker(20.0, live_restore=False))),
    bad("docker-away-on-the-way-back", ends(2.0, 1, damage=upgrade),
        setup=docker_away("before journal back", 200.0)),
    bad("registry-away-on-the-way-back", ends(2.0, 1, damage=upgrade),
        setup=registry("down", "started")),
)  # fmt: skip

TROUBLE = (
    trouble("tag-vanished", vanished),
    trouble("registry-429", registry("429")),
    trouble("registry-500", registry("500")),
    trouble("registry-401", registry("401")),
    trouble("registry-down", registry("down")),
    trouble("registry-down-in-mid-pull", registry("down", "half pulled")),
    trouble("truncated-pull", registry("cut", "half pulled")),
    trouble("corrupted-pull", registry("corrupt", "half pulled")),
    trouble("registry-slow-for-hours", slow_for_hours),
    trouble("disk-full-at-the-pull", full("pull")),
    trouble("disk-full-at-the-copy", full("copy")),
    trouble("disk-full-at-the-last-copy", full("stopped")),
    trouble("lock-held", lock_held),
    trouble("docker-away-at-the-stop", docker_away("settle", 30.0)),
    trouble("docker-away-at-the-switch", docker_away("switch", 30.0)),
)

# Nothing is to be done: the digest that runs is what the tag leads to.
IDENTICAL = replace(
    bad("image-identical"), setup=lambda world: world.registry.tags.update({"1.0.1": OLD})
)
