"""Updaters that are wrong in a way that people have built: planted in the box, and undone.

FOCUS: the updates, and the blows, in which each of them shows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks import box
from checks.framework import CheckError, Context
from checks.updates_crash_play import Blow, Scenario

LIBRARY = "/opt/mediastack/lib/mediastack"
KEEPER = "mediastack-keeper.service"


@contextlib.contextmanager
def patched(context: Context, file: str, *passages: str, restart: str = "") -> Iterator[None]:
    """A program's file in the box has passages (old, new, old, new …) replaced; the updater is
    another process each time, other units are restarted."""
    path = f"{LIBRARY}/{file}"
    before = box.run(context.box, f"cat {path}")
    text = before
    for old, new in zip(passages[::2], passages[1::2], strict=True):
        if old not in text:
            raise CheckError(f"{file} has no passage {old!r}: the fault has to follow the program")
        text = text.replace(old, new, 1)
    write = f"cat >{path}" + (f" && systemctl restart {restart}" if restart else "")
    box.run(context.box, write, stdin=text)
    try:
        yield
    finally:
        box.run(context.box, write, stdin=before)


@contextlib.contextmanager
def restores_nothing(context: Context) -> Iterator[None]:
    """It puts the old image back, and leaves the config to what the new one made of it."""
    restore = '    _rsync(RESTORE, target, mark["source"], mark["excluded"])\n'
    with patched(context, "updater/copies.py", restore, ""):
        yield


@contextlib.contextmanager
def journal_after_act(context: Context) -> Iterator[None]:
    """It writes down what it has done, not what it is about to do."""
    with patched(
        context,
        "updater/run.py",
        "    tx = transaction.tried(tx)\n    write(tx)\n",
        "    tx = transaction.tried(tx)\n",
        '            if tx["step"] != step:\n                write(tx)\n',
        '            if tx["step"] != step:\n                write({**tx, "step": step})\n',
    ):
        yield


@contextlib.contextmanager
def resume_forgets(context: Context) -> Iterator[None]:
    """A killed updater begins anew from what it is told, and forgets what was under way."""
    resume = "    tx = inflight.read()\n    if tx is None:\n        return None\n"
    with patched(context, "updater/worker.py", resume, f"    inflight.clear()\n{resume}"):
        yield


@contextlib.contextmanager
def no_hold(context: Context) -> Iterator[None]:
    """Nobody is told that a service must not be started now."""
    held = '    return {tx["service"]: WORDS} if tx and transaction.holds(tx) else {}\n'
    with patched(context, "updater/inflight.py", held, "    return {}\n", restart=KEEPER):
        yield


FOCUS = {
    "restores-nothing": (Scenario(False),),
    # It says `settle` while the new version is already made: the copy is then made from that.
    "journal-after-act": (Scenario(True), Scenario(False, (Blow("settle", "unit", 3.0),))),
    "resume-forgets": (Scenario(False, (Blow("gate", "unit", 0.7),)),),
    "no-hold": (Scenario(False, (Blow("restore", "unit", 0.5),), 10),),
}
