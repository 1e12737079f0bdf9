"""The plain updater on the same simulated host: stop, pull the tag, remove, create, start."""

from __future__ import annotations

from checks.updates_case import Case, world_of
from checks.updates_house import House
from checks.updates_world import Refused
from mediastack.updater.house import Trouble

LATER_SECONDS = 900.0
LOOKED_AT_SECONDS = 300.0


def play(case: Case) -> bool:
    """Whether the service is down, or comes and goes, a quarter of an hour after a plain update."""
    world = world_of(case, 0)
    house = House(world)
    house.locked = True  # nobody else helps it
    digest = world.registry.tags.get(world.service.tag, "")
    try:
        world.stop()
        world.point("stopped")
        world.point("pull")
        if digest not in world.images:
            raise Trouble("gone", "manifest unknown")
        house.fetch(digest)
        world.point("switch")
        world.container = None
        world.create(digest)
        world.start()
        world.point("started")
    except (Refused, Trouble):
        pass  # a script without a way back ends here
    world.spend(LATER_SECONDS - LOOKED_AT_SECONDS)
    world.watching = True
    world.spend(LOOKED_AT_SECONDS)
    return world.outage > 0.0
