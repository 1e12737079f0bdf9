"""One service moves to another image, or does not: the steps, what follows each, and no more. Pure.

    pull, copy, settle, switch, gate, commit, done
    before the switch something fails:    return, failed
    from the switch on:                   back, restore, revive, regate, undone

A transaction is a JSON object in the journal. It names a step before the step is begun, and every
step can be done again, so a worker that is killed anywhere goes on with the step it finds: up to
the switch the old version is what there is, from the switch to the end of the gate the new one may
run, and in HELD_STEPS nobody may start the service, for its image and its config are not a pair.
What fails for a passing reason (a registry, a full disk) is tried another day; what the image
itself did makes its digest a refused one. Going back needs no network and is never given up: it is
tried again, with the service held, and the user is told.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from mediastack.updater import gate

FORWARD = ("pull", "copy", "settle", "switch", "gate", "commit")
BACKWARD = ("back", "restore", "revive", "regate")
ENDS = ("done", "failed", "undone")
WAYS = ((*FORWARD, "done"), (*BACKWARD, "undone"), ("return", "failed"))
# One hold of the stack lock covers neighbours of the same set: nobody acts in between.
LOCKED_STEPS = frozenset(("settle", "switch", "commit", "return", "back", "restore", "revive"))
# Image and config are no pair here: whoever starts the service would damage one of them.
HELD_STEPS = frozenset(("back", "restore", "revive"))
# A step that a kill or an error of ours interrupts again and again is not tried for ever.
MOST_TRIES = 3
# Going back has no such end; these are the pauses between its tries, in seconds.
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0

Transaction = dict[str, Any]


class Result(NamedTuple):
    """What became of a step. `trouble`: "" (it is done), "passing", "bad", "gone", or "wait"
    (look again: the gate has no verdict yet); `why` in words; `gate`: the next one."""

    trouble: str = ""
    why: str = ""
    gate: gate.Gate | None = None


DONE = Result()


def begin(
    service: str,
    old: dict[str, str],
    new: dict[str, str],
    *,
    identity: str,
    at: str,
    asked_by: str,
    ran: list[str],
) -> Transaction:
    """Return a transaction before its first step.

    `old` and `new`: {"image": "repo:tag", "digest"}; `at`: ISO time; `ran`: for the owner of the
    vpn zone, its dependents that ran before.
    """
    return {
        "schema": 1,
        "id": identity,
        "service": service,
        "old": old,
        "new": new,
        "step": "pull",
        "tries": 0,
        "at": at,
        "asked_by": asked_by,
        "ran": ran,
        "why": "",
        "refuse": False,
        "gate": gate.begin(),
    }


def begin_rollback(tx: Transaction, why: str) -> Transaction:
    """Return the transaction that takes a finished update back, on the user's demand."""
    return {**tx, "step": "back", "tries": 0, "why": why, "refuse": True, "gate": gate.begin()}


def is_over(tx: Transaction) -> bool:
    """Say whether nothing is left to do but to forget it."""
    return tx["step"] in ENDS


def holds(tx: Transaction) -> bool:
    """Say whether nobody may start the service now."""
    return tx["step"] in HELD_STEPS


def tried(tx: Transaction) -> Transaction:
    """Return the transaction as it is written down before its step is begun."""
    return {**tx, "tries": tx["tries"] + 1}


def settle_again(tx: Transaction) -> Transaction:
    """Return the transaction when a worker died before the new version ever ran: somebody may have
    started the old one since, and then the copy is older than the config."""
    return {**_to(tx, "settle"), "rounds": tx.get("rounds", 0) + 1}


def too_often(tx: Transaction) -> bool:
    """Say whether the step that is to be begun was begun too often, without an answer, to be
    begun again. The gate is looked at again and again by nature, and going back has no end."""
    if tx["step"] == "settle" and tx.get("rounds", 0) >= MOST_TRIES:
        return True
    return tx["step"] in ("pull", "copy", "settle", "switch") and tx["tries"] >= MOST_TRIES


def after(tx: Transaction, result: Result) -> Transaction:
    """Return the transaction after its step, with the next one in it."""
    step = tx["step"]
    if result.gate is not None:
        tx = {**tx, "gate": result.gate}
    if result.trouble == "wait":
        return tx
    if not result.trouble:
        return _to(tx, _next(step))
    told = {**tx, "why": result.why}
    if step in ("pull", "copy", "settle"):
        return _to({**told, "refuse": result.trouble == "bad"}, "return")
    if step in ("switch", "gate"):
        return _to({**told, "refuse": result.trouble == "bad"}, "back")
    if step == "regate":
        # The old version with its own config is all there is to go back to.
        return _to({**tx, "sick": result.why}, "undone")
    # commit, return, back, restore, revive: again, until it is done.
    return {**tx, "stuck": result.why}


def pause_seconds(tx: Transaction) -> float:
    """Return how long to wait before a step that failed and has no end is tried again."""
    return float(min(FIRST_PAUSE_SECONDS * 2 ** max(tx["tries"] - 1, 0), LONGEST_PAUSE_SECONDS))


def _next(step: str) -> str:
    for way in WAYS:
        if step in way[:-1]:
            return way[way.index(step) + 1]
    raise ValueError(f"{step} is no step that has a next one")


def _to(tx: Transaction, step: str) -> Transaction:
    fresh = gate.begin() if step in ("gate", "back", "regate") else tx["gate"]
    return {**tx, "step": step, "tries": 0, "gate": fresh, "stuck": ""}
