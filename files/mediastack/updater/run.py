"""The loop that drives a transaction to its end: write the step down, do it, write what follows.

The same loop runs on the host and in the simulation. Whatever it remembers between two rounds is in
the journal; a kill between any two lines is answered by calling it again with what is there. A
neighbouring pair of locked steps is done under one hold of the stack lock, so that nobody sees, or
mends, what is half done; the journal says whose work it is should this process die in between.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from mediastack.updater import gate, transaction
from mediastack.updater.house import House, Trouble
from mediastack.updater.transaction import DONE, Result, Transaction

LOOK_SECONDS = 1.0
# So soon a step that has no end has failed often enough to be told.
TELL_AFTER_TRIES = 3

Write = Callable[[Transaction], None]
Lock = Callable[[], AbstractContextManager[None]]


def drive(
    tx: Transaction,
    house: House,
    *,
    write: Write,
    lock: Lock,
    steady: Callable[[], float],
    sleep: Callable[[float], None],
) -> Transaction:
    """Go on with `tx` until it is over; return it. `write` journals it durably, `lock` holds the
    stack lock and raises Trouble("passing") when it cannot be had, `steady` is in seconds."""
    with ExitStack() as held:
        locked = settled = False
        while not transaction.is_over(tx):
            step = tx["step"]
            try:
                if step in transaction.LOCKED_STEPS and not locked:
                    held.enter_context(lock())
                    locked = True
                elif step not in transaction.LOCKED_STEPS and locked:
                    held.close()
                    locked = False
                # Settled by another process: the old version may have been started since.
                if step == "switch" and not settled and not house.switched(tx):
                    tx = transaction.settle_again(tx)
                else:
                    tx = _round(tx, house, write, steady)
                settled = step == "settle" and tx["step"] == "switch"
            except Trouble as trouble:
                # Nobody knows whether the new version ever ran: neither way is safe yet.
                if step != "switch" or settled:
                    result = Result(trouble.kind, str(trouble))
                    tx = transaction.after(transaction.tried(tx), result)
            if tx["step"] != step:
                write(tx)
            elif step in ("gate", "regate"):
                sleep(LOOK_SECONDS)
            else:
                held.close()
                locked = False
                if tx["tries"] == TELL_AFTER_TRIES:
                    house.tell(tx, "stuck")
                sleep(transaction.pause_seconds(tx))
    return _end(tx, house)


def _round(tx: Transaction, house: House, write: Write, steady: Callable[[], float]) -> Transaction:
    """Do the step that `tx` is in once, and return what follows."""
    if transaction.too_often(tx):
        why = f"{tx['step']} was begun {tx['tries']} times and never ended"
        return transaction.after(tx, Result("passing", why))
    step = tx["step"]
    tx = transaction.tried(tx)
    write(tx)
    if step == "pull" and tx["tries"] == 1:
        house.tell(tx, "started")
    if step in ("gate", "regate"):
        return transaction.after(tx, _judged(tx, house, steady()))
    acts: dict[str, Callable[[Transaction], None]] = {
        "pull": house.pull,
        "copy": house.copy,
        "settle": house.settle,
        "switch": house.switch,
        "commit": house.commit,
        "return": house.give_back,
        "back": house.back,
        "restore": house.restore,
        "revive": house.revive,
    }
    acts[step](tx)
    return transaction.after(tx, DONE)


def _judged(tx: Transaction, house: House, now: float) -> Result:
    try:
        seen = house.look(tx)
    except Trouble:
        seen = gate.Seen(known=False)
    verdict, next_gate = gate.step(seen, tx["gate"], house.limits(tx), now)
    if not verdict:
        return Result("wait", gate=next_gate)
    if verdict == gate.PASSED:
        return Result(gate=next_gate)
    if verdict.startswith(gate.GIVEN_UP):
        return Result("passing", verdict.removeprefix(gate.GIVEN_UP), gate=next_gate)
    return Result("bad", verdict.removeprefix(gate.FAILED), gate=next_gate)


def _end(tx: Transaction, house: House) -> Transaction:
    if tx["refuse"]:
        house.refuse(tx)
    house.tell(tx, {"done": "done", "failed": "failed", "undone": "rolled back"}[tx["step"]])
    return tx
