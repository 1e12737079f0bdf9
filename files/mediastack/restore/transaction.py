"""One service gets another config tree, or keeps its own: the steps, and what follows each. Pure.

    stop, swap, start, watch, commit, drop, done
    before the swap something fails:      return, drop, failed
    from the swap on:                     back, unswap, revive, rewatch, drop, undone

A transaction is a JSON object in the journal, made when the new tree lies verified beside the old
one. It names a step before the step is begun, and every step can be done again, so that one who is
killed anywhere goes on with the step he finds: up to the swap the old tree is in place, from it on
the new one, never a part of either. The old tree is there until the service was well (drop). Where
the image moves with the config, or two trees cannot change places in one instant, nobody may start
the service in HELD_STEPS, since image and config are no pair there. A service that the user has
stopped is neither started nor looked at, and its old tree is kept (kept). Going back has no end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

FORWARD = ("stop", "swap", "start", "watch", "commit")
BACKWARD = ("back", "unswap", "revive", "rewatch")
ENDS = ("done", "failed", "undone")
WAYS = ((*FORWARD, "drop"), (*BACKWARD, "drop"), ("return", "drop"))
WATCHES = ("watch", "rewatch")
# One hold of the stack lock covers neighbours of the same set: nobody acts in between.
LOCKED_STEPS = frozenset(("stop", "swap", "start", "commit", "return", "back", "unswap", "revive"))
HELD_STEPS = frozenset(("swap", "back", "unswap"))
# From the stop to the end of either watch: nobody restarts it for being unhealthy.
WORK_STEPS = frozenset((*FORWARD, *BACKWARD, "return"))
# A step that a kill or an error of ours interrupts again and again is not tried for ever.
BEGUN_STEPS = ("stop", "swap", "start")
MOST_TRIES = 3
# Going back has no such end; these are the pauses between its tries, in seconds.
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 60.0

Transaction = dict[str, Any]


class Result(NamedTuple):
    """What became of a step. `trouble`: "" (it is done), "passing", "bad", "wait" (look again:
    there is no verdict yet) or "stopped" (by the user meanwhile); `why` in words."""

    trouble: str = ""
    why: str = ""


DONE = Result()


def begin(
    service: str,
    *,
    live: str,
    staged: str,
    old: int | None,
    new: int,
    runs: bool,
    atomic: bool,
    move: dict[str, dict[str, str]] | None = None,
    refuse: bool = False,
    ran: list[str] | None = None,
    patient: bool = False,
) -> Transaction:
    """Return a transaction before its first step.

    `old`, `new`: swap.identity of the tree at `live` (None: there is none) and at `staged`; `runs`:
    it is to run afterwards; `atomic`: the two can change places in one instant; `move`: {"old",
    "new"} images {"image","digest"} when the image goes with the config, `refuse`: the one that is
    left shall not come again by itself; `ran`: for the owner of the vpn zone, its dependents that
    ran before; `patient`: it may have to migrate its databases.
    """
    return {
        "service": service,
        "step": "stop",
        "tries": 0,
        "refusals": 0,
        "live": live,
        "staged": staged,
        "old": old,
        "new": new,
        "runs": runs,
        "atomic": atomic,
        "move": move,
        "refuse": refuse,
        "ran": ran or [],
        "patient": patient,
        "end": "done",
        "why": "",
        "stuck": "",
        "sick": "",
        "left": "",
    }


def is_over(tx: Transaction) -> bool:
    """Say whether nothing is left to do."""
    return tx["step"] in ENDS


def holds(tx: Transaction) -> bool:
    """Say whether nobody may start the service now."""
    return tx["step"] in HELD_STEPS and (bool(tx["move"]) or not tx["atomic"])


def is_in_work(tx: Transaction) -> bool:
    """Say whether nobody is to restart it for being unhealthy, from its stop to its last watch: it
    may be in the middle of a migration. One that has nothing to migrate may be restarted."""
    begun = tx["step"] in WORK_STEPS and (tx["step"] != "stop" or tx["tries"] > 0)
    return begun and bool(tx["patient"] or tx["move"])


def is_kept(tx: Transaction) -> bool:
    """Say whether the old tree stays for a while: nobody has seen the service well on the new."""
    return bool(tx["end"] == "done" and not tx["runs"] and tx["old"] is not None)


def tried(tx: Transaction) -> Transaction:
    """Return the transaction as it is written down before its step is begun."""
    return {**tx, "tries": tx["tries"] + 1}


def too_often(tx: Transaction) -> bool:
    """Say whether the step that is to be begun was begun too often without an answer."""
    return tx["step"] in BEGUN_STEPS and tx["tries"] >= MOST_TRIES


def after(tx: Transaction, result: Result) -> Transaction:
    """Return the transaction after its step, with the next one in it."""
    if result.trouble == "wait":
        return tx
    if result.trouble == "stopped":
        # There is nothing to be seen any more; what was meant to be in place is.
        tx = {**tx, "runs": False}
    elif result.trouble:
        return _failed(tx, result)
    return _to(tx, _next(tx))


def taken_up(tx: Transaction) -> Transaction:
    """Return the transaction as another process goes on with it: what was stuck gets new tries."""
    again = {**tx, "stuck": "", "refusals": 0}
    return again if tx["step"] in BEGUN_STEPS else {**again, "tries": 0}


def not_now(tx: Transaction, why: str) -> Transaction:
    """Return the transaction when its step could not be begun (somebody else has the lock): one
    that has touched nothing yet is given up, everything else is tried again."""
    if tx["step"] == "stop" and not tx["tries"]:
        return _to({**tx, "why": why, "end": "failed"}, "drop")
    return {**tx, "stuck": why, "refusals": tx["refusals"] + 1}


def attempts(tx: Transaction) -> int:
    """Return how often the present step was begun or could not even be begun."""
    return int(max(tx["tries"], tx["refusals"]))


def pause_seconds(tx: Transaction) -> float:
    """Return how long to wait before a step that failed and has no end is tried again."""
    doubled = FIRST_PAUSE_SECONDS * 2 ** max(attempts(tx) - 1, 0)
    return float(min(doubled, LONGEST_PAUSE_SECONDS))


def waits(
    name: str, owner: str, dependents: Collection[str], everybody: Mapping[str, Transaction]
) -> bool:
    """Say whether a service has to wait for the one whose network it lives in."""
    its_owner = everybody.get(owner)
    return name in dependents and its_owner is not None and not is_over(its_owner)


def _failed(tx: Transaction, result: Result) -> Transaction:
    step = tx["step"]
    if step == "stop":
        return _to({**tx, "why": result.why, "end": "failed"}, "return")
    if step in ("swap", "start", "watch"):
        return _to({**tx, "why": result.why, "end": "undone"}, "back")
    if step == "rewatch":
        # The old tree with its own image is all there is to go back to.
        return _to({**tx, "sick": result.why}, "drop")
    if step == "drop" and tx["tries"] >= MOST_TRIES:
        # What cannot be removed keeps nobody from going on.
        return _to({**tx, "left": result.why}, tx["end"])
    # commit, drop, return, back, unswap, revive: again, until it is done.
    return {**tx, "stuck": result.why}


def _next(tx: Transaction) -> str:
    step = tx["step"]
    if step == "drop":
        return str(tx["end"])
    if step == "swap" and not tx["runs"]:
        return "commit"
    if step == "unswap" and not tx["runs"]:
        return "drop"
    for way in WAYS:
        if step in way[:-1]:
            return way[way.index(step) + 1]
    raise ValueError(f"{step} is no step that has a next one")


def _to(tx: Transaction, step: str) -> Transaction:
    return {**tx, "step": step, "tries": 0, "refusals": 0, "stuck": ""}
