"""Programs for simulated images: the old version, a good new one, and the ways both can be slow.

Each is a generator: it yields the seconds it waits and returns its exit code. An old version that
finds a state it does not know ends, as the real ones do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from checks.updates_containers import Life, Program

Running = Generator[float, None, int]
WRITES_EVERY_SECONDS = 10.0
CONFUSED = 78


def old(life: Life) -> Running:
    """The version that runs before: a row every ten seconds."""
    return (yield from old_with()(life))


def old_with(stop_seconds: float = 1.0) -> Program:
    """The old version, with its own time to stop."""

    def program(life: Life) -> Running:
        life.stop_seconds = stop_seconds
        config = life.world.config
        files = dict(config.files)
        known = config.schema == 1 and files.get("logs.db") == "schema 1"
        if not known or config.torn or config.owner != 1000 or "settings" not in files:
            return CONFUSED
        yield 3.0
        life.up()
        return (yield from work(life))

    return program


def work(life: Life) -> Running:
    """Write a row now and then, for ever."""
    while True:
        life.add_row()
        yield WRITES_EVERY_SECONDS


def good(
    start: float = 4.0,
    *,
    migrate: float = 0.0,
    restarts: int = 0,
    exit_code: int = 0,
    answer_seconds: float = 0.1,
    stop_seconds: float = 1.0,
    while_up: Callable[[Life], Running] = work,
) -> Program:
    """A new version: it migrates once, ends by itself so often, is up after `start`."""
    left = [restarts]

    def program(life: Life) -> Running:
        life.stop_seconds, life.answer_seconds = stop_seconds, answer_seconds
        if life.world.config.torn:
            return CONFUSED
        if life.world.config.schema == 1:
            yield migrate
            upgrade(life)
        done = int(dict(life.world.config.files).get("setup", "0"))
        if done < left[0]:
            yield 2.0
            life.write("setup", str(done + 1))
            return exit_code
        yield start
        life.up()
        return (yield from while_up(life))

    return program


def upgrade(life: Life) -> None:
    """Another schema, in the database and in the one nobody thinks of."""
    life.world.change(schema=2)
    life.write("logs.db", "schema 2")


def ends(
    after: float,
    code: int,
    *,
    damage: Callable[[Life], None] | None = None,
    up: float | None = None,
) -> Program:
    """It ends after so long, in every life; before that it does its damage, and may be up."""

    def program(life: Life) -> Running:
        if damage is not None and life.world.config.schema == 1:
            damage(life)
        first = min(up if up is not None else after, after)
        yield first
        if up is not None and up < after:
            life.up()
            yield after - up
        return code

    return program


def answers(*turns: tuple[float, bool], damage: Callable[[Life], None] | None = None) -> Program:
    """It answers well or not, in turns of so many seconds each; the last one lasts."""

    def program(life: Life) -> Running:
        if damage is not None and life.world.config.schema == 1:
            damage(life)
        for seconds, well in turns:
            life.up(well)
            yield seconds
        while True:
            yield 600.0

    return program


def turns_for_ever(seconds_well: float, seconds_ill: float, first: float = 0.0) -> Program:
    """It comes and goes."""

    def program(life: Life) -> Running:
        yield first
        while True:
            life.up()
            yield seconds_well
            life.up(False)
            yield seconds_ill

    return program
