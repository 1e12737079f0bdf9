"""Faults for the smoke suite: each a class of damage, for every service or path it applies to.

A fault is planted and undone by shell commands in the box, exactly, so that no deploy is needed in
between and many can be planted at once. `killers` are the smoke checks that must fail of it, with
their subject; two faults that share anything in `claims` are never planted together, so that what
fails can be put down to one of them.
"""

from __future__ import annotations

import shlex
from typing import NamedTuple

Failure = tuple[str, str]
KEPT = ".smoke-fault"


class Fault(NamedTuple):
    """What to do to the box and what must be seen of it."""

    kind: str
    subject: str
    plant: str
    undo: str
    killers: tuple[Failure, ...]
    also: tuple[Failure, ...] = ()
    alone: bool = False

    @property
    def claims(self) -> set[Failure]:
        """What no other fault of the same round may touch."""
        return {*self.killers, *self.also}


def kept(path: str) -> tuple[str, str]:
    """Shell to keep a file's content beside it, and to put it back in place: inode and time stay,
    so that neither a container that mounts it nor systemd sees another file."""
    quoted, copy = shlex.quote(path), shlex.quote(f"/run/{path.replace('/', '%')}{KEPT}")
    restore = f"cat {copy} > {quoted}; touch -r {copy} {quoted}; rm {copy}"
    return f"cp -a {quoted} {copy}", restore


def edited(path: str, change: str) -> tuple[str, str]:
    """Shell to change a file by a command that writes it in place, and to put it back."""
    keep, restore = kept(path)
    return f"{keep}; {change}", restore


def moved(path: str) -> tuple[str, str]:
    """Shell to move a path aside and back; it stays the same file."""
    here, aside = shlex.quote(path), shlex.quote(path + KEPT)
    return f"mv {here} {aside}", f"mv {aside} {here}"
