"""One update of one image in virtual time: the updater's own drive, gate, policy and transaction.

A play is a case and where the worker is killed; played again, the same happens:
`PYTHONPATH=files .venv/bin/python -m checks.updates_simulation CASE [SEED [POINT...]]`.
The worker makes its passes every ten minutes until it has nothing to do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from checks import updates_judge, updates_plain_simulation
from checks.updates_case import Case, world_of
from checks.updates_house import House
from checks.updates_world import OLD, Killed, NoEnd, World
from mediastack.updater import policy, run, transaction

PASS_SECONDS = 600.0
RESTART_SECONDS = 5.0  # systemd's, and Python's start
MOST_PASSES = 6
NOTHING = "nothing to do"
NO_ANSWER = "the registry does not answer"
NAME = "registry.example/app"


@dataclass
class Played:
    """What came of a play."""

    case: str
    seed: int
    kills: tuple[int, ...]
    violations: list[str]
    points: list[str]
    outage: float
    seconds: float
    passes: int
    rolled_back: bool
    told: list[str]


def play(case: Case, seed: int = 0, kills: Iterable[int] = ()) -> Played:
    """Play one case, the worker killed at these points."""
    world = world_of(case, seed)
    house = House(world)
    world.kill_at = set(kills)
    world.watching = True
    began = world.now
    ends: list[str] = []
    try:
        live(case, world, house, ends)
        updates_judge.at_the_end(case.ends, world, house, ends)
    except NoEnd:
        world.violations.append("the worker comes to no end")
    return Played(
        case.name, seed, tuple(sorted(world.kill_at)), world.violations, world.points,
        world.outage, world.now - began, len(ends), "undone" in ends, house.told,
    )  # fmt: skip


def live(case: Case, world: World, house: House, ends: list[str]) -> None:
    """Let the worker make its passes until it has nothing to do; `ends`: how each update ended."""
    for _ in range(MOST_PASSES):
        end = one_pass(world, house)
        if end == NOTHING:
            return
        if end != NO_ANSWER:
            ends.append(end)
        if len(ends) == 1:
            updates_judge.first_pass(case.ends, world, house, end)
        world.spend(PASS_SECONDS)


def one_pass(world: World, house: House) -> str:
    """Let the worker make one pass, started again when it is killed; return how it ended."""
    while True:
        try:
            tx = house.journal
            if tx is None and world.registry.mode:
                return NO_ANSWER
            tx = tx or begin(world, house)
            if tx is None:
                return NOTHING
            tx = run.drive(
                tx,
                house,
                write=house.write,
                lock=house.lock,
                steady=lambda: world.now,
                sleep=world.spend,
            )
            world.point("over")
            house.journal = None
            return str(tx["step"])
        except Killed:
            world.spend(RESTART_SECONDS)


def begin(world: World, house: House) -> transaction.Transaction | None:
    """What the worker decides from the registry's answer and the policy."""
    digest = world.registry.tags[world.service.tag]
    running = policy.Image(f"{NAME}:1.0.0", house.entry)
    if house.entry != OLD:
        running = policy.Image(f"{NAME}:{world.service.tag}", house.entry)
    candidate = policy.Image(f"{NAME}:{world.service.tag}", digest)
    entry = {"image": f"{NAME}:1.0.0", "update_tags": r"\d+\.\d+\.\d+"}
    if policy.judge(entry, running, candidate, house.refused).action != "update":
        return None
    tx = transaction.begin(
        "app",
        {"image": running.image, "digest": running.digest},
        {"image": candidate.image, "digest": candidate.digest},
        identity=str(len(world.points)),
        at="",
        asked_by="timer",
        ran=[],
    )
    house.write(tx)
    return tx


def boundaries(played: Played) -> list[int]:
    """Where a kill means something of its own: every point, and of the looks the first three."""
    looks = 0
    found = []
    for number, name in enumerate(played.points):
        of_gate = name == "look" or name.endswith("gate")
        looks += of_gate
        if not of_gate or looks <= 9:
            found.append(number)
    return found


if __name__ == "__main__":
    from checks.updates_cases import CASES_BY_NAME

    wanted, *numbers = sys.argv[1:]
    result = play(CASES_BY_NAME[wanted], int(numbers[0]) if numbers else 0, map(int, numbers[1:]))
    print(*(f"{number:4} {name}" for number, name in enumerate(result.points)), sep="\n")
    print(result.told, f"outage {result.outage:.0f} s, {result.passes} passes")
    print(*(result.violations or ["as promised"]), sep="\n")
    print(updates_plain_simulation.play(CASES_BY_NAME[wanted]))
