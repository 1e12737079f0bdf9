"""The loop that drives all services of a restore to their ends: write a step down, do it, go on.

The same loop runs on the host and in the simulation. What must survive is in the journal; a kill
between any two lines is answered by calling it again with what is there. Services are stopped one
after the other, each for as long as its two names take to change places and it to start, under one
hold of the stack lock; they are watched side by side. Who lives in another one's network waits
until that one's restore is over. What is stuck is tried again with pauses, and left to the next run
when nothing else is to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import NamedTuple

from mediastack.restore import transaction
from mediastack.restore.house import House
from mediastack.restore.transaction import DONE, Result, Transaction
from mediastack.updater import gate
from mediastack.updater.house import Trouble

LOOK_SECONDS = 1.0
# So soon a step that has no end has failed often enough to be told, and to be left to a later run.
TELL_AFTER_TRIES, MOST_TRIES_IN_A_RUN = 3, 5

Everybody = dict[str, Transaction]


class World(NamedTuple):
    """`write` journals all transactions durably, `lock` holds the stack lock and raises
    Trouble("passing") when it cannot be had, `steady` is in seconds; `owner` and `dependents` are
    those of the vpn zone."""

    write: Callable[[Everybody], None]
    lock: Callable[[], AbstractContextManager[None]]
    steady: Callable[[], float]
    sleep: Callable[[float], None]
    owner: str = ""
    dependents: tuple[str, ...] = ()


def drive(everybody: Everybody, house: House, world: World) -> Everybody:
    """Go on with all of them until each is over, or stuck for now; return them."""
    everybody = {name: transaction.taken_up(tx) for name, tx in everybody.items()}
    gates: dict[str, gate.Gate] = {}
    resting: dict[str, float] = {}
    while pending := _pending(everybody, world):
        moved = False
        for name in pending:
            if _waits(name, everybody, world) or world.steady() < resting.get(name, 0.0):
                continue
            before = everybody[name]
            if before["step"] in transaction.WATCHES:
                memory = gates.get(name) or gate.begin()
                result, gates[name] = _judged(before, memory, house, world)
                _put(everybody, transaction.after(before, result), world, house)
            else:
                gates.pop(name, None)
                _advance(everybody, name, house, world)
            after = everybody[name]
            if after["stuck"]:
                resting[name] = world.steady() + transaction.pause_seconds(after)
            moved |= after["step"] != before["step"]
        if not moved:
            world.sleep(LOOK_SECONDS)
    return everybody


def _pending(everybody: Everybody, world: World) -> list[str]:
    """Whom there is something to do for; not one who waits for somebody who is stuck."""
    owner = everybody.get(world.owner)
    in_vain = owner is not None and not _is_pending(owner)
    return [
        name
        for name, tx in everybody.items()
        if _is_pending(tx) and not (in_vain and _waits(name, everybody, world))
    ]


def _waits(name: str, everybody: Everybody, world: World) -> bool:
    return transaction.waits(name, world.owner, world.dependents, everybody)


def _is_pending(tx: Transaction) -> bool:
    given_up = tx["stuck"] and transaction.attempts(tx) >= MOST_TRIES_IN_A_RUN
    return not transaction.is_over(tx) and not given_up


def _advance(everybody: Everybody, name: str, house: House, world: World) -> None:
    """Take a service as far as it gets under one hold of the lock, or through a step without."""
    if everybody[name]["step"] not in transaction.LOCKED_STEPS:
        _round(everybody, name, house, world)
        return
    try:
        with world.lock():
            while everybody[name]["step"] in transaction.LOCKED_STEPS:
                step = everybody[name]["step"]
                _round(everybody, name, house, world)
                if everybody[name]["step"] == step:
                    return
    except Trouble as trouble:
        _put(everybody, transaction.not_now(everybody[name], str(trouble)), world, house)


def _round(everybody: Everybody, name: str, house: House, world: World) -> None:
    """Do the step that a service is in once."""
    tx = everybody[name]
    if transaction.too_often(tx):
        why = f"{tx['step']} was begun {tx['tries']} times and never ended"
        _put(everybody, transaction.after(tx, Result("passing", why)), world, house)
        return
    tx = transaction.tried(tx)
    everybody[name] = tx
    world.write(everybody)
    acts: dict[str, Callable[[Transaction], None]] = {
        "stop": house.stop,
        "swap": house.swap,
        "start": house.start,
        "commit": house.commit,
        "drop": house.drop,
        "return": house.give_back,
        "back": house.back,
        "unswap": house.unswap,
        "revive": house.revive,
    }
    result = DONE
    try:
        acts[tx["step"]](tx)
    except Trouble as trouble:
        result = Result(trouble.kind, str(trouble))
    _put(everybody, transaction.after(tx, result), world, house)


def _put(everybody: Everybody, tx: Transaction, world: World, house: House) -> None:
    """Write down where a service is now, and tell what has become of it."""
    before = everybody[tx["service"]]
    everybody[tx["service"]] = tx
    if tx["step"] != before["step"]:
        world.write(everybody)
    if transaction.is_over(tx):
        house.tell(tx, tx["step"])
    elif tx["stuck"] and transaction.attempts(tx) == TELL_AFTER_TRIES:
        house.tell(tx, "stuck")


def _judged(
    tx: Transaction, memory: gate.Gate, house: House, world: World
) -> tuple[Result, gate.Gate]:
    seen = gate.Seen(known=False)
    with suppress(Trouble):
        seen = house.look(tx)
    if seen.known and seen.stopped_by_user:
        return Result("stopped"), memory
    verdict, memory = gate.step(seen, memory, house.limits(tx), world.steady())
    if not verdict:
        return Result("wait"), memory
    if verdict == gate.PASSED:
        return DONE, memory
    if verdict.startswith(gate.GIVEN_UP):
        return Result("passing", verdict.removeprefix(gate.GIVEN_UP)), memory
    return Result("bad", verdict.removeprefix(gate.FAILED)), memory
