"""Rebuilds with a fault: each lets something of a house be lost, mixed up, or seen.

With a fault the deploy ends before it starts anything: it would wait for minutes for apps that
cannot become healthy, and what is lost shows before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from checks import checkout, ground
from checks.framework import Break, Context

RESTORE = "files/mediastack/restore"


@contextlib.contextmanager
def edited(context: Context, path: str, old: str, new: str) -> Iterator[None]:
    """A passage of one file replaced, in a deploy that ends after the secrets."""
    with ground.edited(context, path, old, new):
        checkout.edit(context.fault_sources, "deploy.py", "programs.units(config)\n", "")
        checkout.edit(context.fault_sources, "deploy.py", "stacks.run(config)\n", "")
        yield


def owners_kept(context: Context) -> contextlib.AbstractContextManager[None]:
    """A rebuild that leaves files to the numbers of the old host."""
    return edited(
        context, f"{RESTORE}/rebuild_owners.py",
        "        owners.remap(top, *found)", "        pass",
    )  # fmt: skip


def keys_made_anew(context: Context) -> contextlib.AbstractContextManager[None]:
    """A rebuild that forgets the secrets, so that new ones are made."""
    return edited(
        context, f"{RESTORE}/rebuild_place.py",
        "    placed += _rename(os.path.join(waiting.secrets, TREE), live)\n", "",
    )  # fmt: skip


def lock_forgotten(context: Context) -> contextlib.AbstractContextManager[None]:
    """A rebuild that runs what the catalog names rather than what ran."""
    return edited(
        context, f"{RESTORE}/rebuild_place.py",
        "    for live in contents.state_files(config):",
        "    for live in contents.state_files(config)[1:]:",
    )  # fmt: skip


def databases_left_out(context: Context) -> contextlib.AbstractContextManager[None]:
    """A restore that leaves the databases in the stage."""
    return edited(
        context, f"{RESTORE}/lay.py",
        "    for relative, record in records.items():", "    for relative, record in ():",
    )  # fmt: skip


def partial_taken(context: Context) -> contextlib.AbstractContextManager[None]:
    """A rebuild that takes what a killed one had begun for whole."""
    return edited(
        context, f"{RESTORE}/rebuild.py",
        "        if record.get(\"step\") != rebuild_state.PLACE:",
        "        if not record:",
    )  # fmt: skip


def fills_a_house(context: Context) -> contextlib.AbstractContextManager[None]:
    """A rebuild that does not look whether somebody lives there."""
    return edited(
        context, f"{RESTORE}/rebuild_state.py",
        '    if _first_file(os.path.join(paths["etc"], "secrets")):', "    if False:",
    )  # fmt: skip


@contextlib.contextmanager
def password_in_arguments(context: Context) -> Iterator[None]:
    """The password of the repository travels in a command line."""
    command = 'yield StringCommand(path, "rebuild", _stdin=sealed)'
    leak = 'yield StringCommand("true", wanted.specification["password"])'
    with edited(context, "operations.py", command, f"{leak}\n    {command}"):
        yield


def password_for_all(context: Context) -> contextlib.AbstractContextManager[None]:
    """The password of the repository lies in a file that anybody can read."""
    return edited(
        context, f"{RESTORE}/rebuild.py",
        'str(order["password"]).encode(), mode=0o600', 'str(order["password"]).encode()',
    )  # fmt: skip


BREAKS = {
    "owners-kept": Break("rebuilt", owners_kept),
    "keys-made-anew": Break("rebuilt", keys_made_anew),
    "lock-forgotten": Break("rebuilt", lock_forgotten),
    "databases-left-out": Break("rebuilt", databases_left_out),
    "partial-taken": Break("interrupted", partial_taken),
    "fills-a-house": Break("left-alone", fills_a_house),
    "password-in-arguments": Break("interrupted", password_in_arguments),
    "password-for-all": Break("interrupted", password_for_all),
}
