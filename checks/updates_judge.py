"""What must hold after an update, judged from the simulated host alone.

That the old version never starts on another config than the one it had is judged by the world, at
each of its starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.updates_world import MOVED, NEW, OLD, World
from mediastack.updater import transaction

if TYPE_CHECKING:
    from checks.updates_house import House

# Beside the service's own time to stop and its deadline: the last copy, Docker's work, a kill.
SLACK_SECONDS = 60.0
WELL_SECONDS = 900.0


def first_pass(ends: str, world: World, house: House, end: str) -> None:
    """The first transaction is over: a good image stays, a bad one is gone, trouble waits."""
    say = world.violations.append
    killed_often = len(world.kill_at) >= transaction.MOST_TRIES
    if ends == "new" and end == "undone" and (house.refused or not killed_often):
        say("a good image was rolled back")
    if ends == "old" and end == "done":
        say("a bad image was kept")
    if ends == "later" and end == "undone" and house.refused:
        say("an image was refused for what the registry or the host did")
    if end == "done" and not (world.well() and world.container and is_new(world, house)):
        say("an update is told as done, and the new version is not well")


def is_new(world: World, house: House) -> bool:
    """The container and the lock are both on the digest that was judged."""
    digest = world.container.digest if world.container else ""
    return digest == NEW == house.entry and not house.trial


def at_the_end(ends: str, world: World, house: House, ended: list[str]) -> None:
    """Nothing is left to do: the state is one of the two, whole, and well."""
    say = world.violations.append
    digest = world.container.digest if world.container else "nothing"
    wanted = OLD if ends == "old" else NEW
    if digest != wanted:
        say(f"the {'new' if wanted == NEW else 'old'} version should run, it is {digest[:12]}")
    if house.entry != digest or house.trial:
        say(f"the image lock has {house.entry[:12]} {house.trial[:12]}")
    if digest == MOVED or MOVED in (begun for _, begun in world.starts):
        say("a digest ran that nobody had judged")
    if house.journal is not None:
        say(f"a transaction is left at {house.journal['step']}")
    world.spend(WELL_SECONDS)
    if not world.well():
        say("the service is not well at the end")
    if world.config.torn or not world.config.chain_is_whole():
        say("the state is torn, or its chain of rows is broken")
    if ends == "old" and world.config.schema != 1:
        say(f"the schema is {world.config.schema}")
    if ends == "old" and ended and NEW not in house.refused:
        say("a bad digest is not refused: it will be tried again")
    bound = world.service.grace + world.service.deadline + SLACK_SECONDS
    if world.longest_empty > bound:
        say(f"{world.longest_empty:.0f} s without a container, bound {bound:.0f} s")
    told = house.told
    finals = sum(stage in ("done", "failed", "rolled back") for stage in told)
    if not len(ended) <= finals <= len(ended) + len(world.kill_at):
        say(f"{len(ended)} updates, told {told}")
