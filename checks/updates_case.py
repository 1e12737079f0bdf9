"""What a simulated case is: an image, the host it meets, and where that must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from checks.updates_containers import Image, Service
from checks.updates_programs import old
from checks.updates_world import MOVED, NEW, OLD, World

Setup = Callable[[World], None]


def nothing(world: World) -> None:
    """The host is a usual one."""


@dataclass(frozen=True)
class Case:
    """`ends` on the "new" version, on the "old" one (and the digest is never tried again), or
    "later": the old one for now, untouched, and the new one when the trouble is over."""

    name: str
    image: Image
    ends: Literal["new", "old", "later"]
    setup: Setup = nothing
    service: Callable[[], Service] = Service
    before: Image = field(default_factory=lambda: Image(old))


def world_of(case: Case, seed: int) -> World:
    """The host in which the old version has run for a while."""
    images = {OLD: case.before, NEW: case.image, MOVED: case.image}
    world = World(seed, case.service(), images)
    world.create(OLD)
    world.start()
    world.spend(300.0 + world.random.uniform(0.0, 30.0))
    case.setup(world)
    return world
