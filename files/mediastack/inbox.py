"""Reads what the door has put down, believes none of it, and passes on what it may mean.

Started by a path unit while a delivery waits; as root, and for that reason short. A delivery that
is about a service of the configuration becomes a hint, that is, a reason to look at it: what is
true, and what may be done, the updater asks the registry and the policy. An application's message
is translated and handed over for sending. A delivery is removed after that, so a kill in between
repeats it; both are made to be repeated. What is not as the door writes it is removed as well, and
told: then the door is not what it was.
"""

from __future__ import annotations

import argparse
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mediastack import autoheal_hook, door_sources, inbox_files, notify
from mediastack import config as configuration
from mediastack.door import bodies, settings
from mediastack.door.app import ABUSE
from mediastack.door.journal import SCHEMA
from mediastack.updater import hints

WORKER = "mediastack-update.service"
START_SECONDS = 20
# More at once than the door can put there; what comes meanwhile starts us again.
PASSES = 16
AUTOHEAL = "autoheal"


class Delivery(NamedTuple):
    """One delivery, known to be well-formed; the fields that its source has not are empty."""

    source: str
    hint: bodies.Hint | None = None
    body: object = None
    refused: int = 0
    peer: str = ""


class House(NamedTuple):
    """What a delivery leads to; tests bring their own."""

    add_hint: Callable[[str, str, str], None]
    send: Callable[..., None]
    start_worker: Callable[[], None]
    keeper_tells: Callable[[], bool]


def main(arguments: list[str]) -> int:
    """Read the inbox until it is empty; exit 1 when something cannot be removed from it."""
    parser = argparse.ArgumentParser(prog="mediastack inbox", description=main.__doc__)
    parser.parse_args(arguments)
    config = configuration.load()
    try:
        uid = pwd.getpwnam(settings.account(config)).pw_uid
    except KeyError:
        print("mediastack inbox: the door has no account; run the deploy", file=sys.stderr)
        return 1
    house = House(hints.add, notify.send, start_worker, autoheal_hook.keeper_tells)
    try:
        for _ in range(PASSES):
            if not read_all(config, uid, house):
                break
    except FileNotFoundError:
        return 0
    except OSError as error:
        print(f"mediastack inbox: {error}", file=sys.stderr)
        return 1
    return 0


def read_all(config: Mapping[str, Any], uid: int, house: House) -> int:
    """Handle and remove what is there now; return how much that was. Raise OSError."""
    with inbox_files.opened(settings.inbox(config)) as directory:
        found = inbox_files.names(directory)
        hinted = [name for name in found if handle(config, directory, name, uid, house)]
        if hinted:
            house.start_worker()
        for name in found:
            inbox_files.remove(directory, name)
        os.fsync(directory)
    return len(found)


def handle(config: Mapping[str, Any], directory: int, name: str, uid: int, house: House) -> bool:
    """Pass one delivery on; whether it was a hint. Raise OSError when it cannot be kept."""
    try:
        delivery = parse(inbox_files.read(directory, name, uid), settings.known(config))
    except inbox_files.NotOurs as error:
        shown = name.encode(errors="replace")[:120]
        print(f"mediastack inbox: {shown!r} {error}; removed", file=sys.stderr)
        house.send(
            "webhook",
            "Something strange in the updater's inbox",
            f"A file there is not one that the door writes: it {error}. It was removed unread.",
            priority=4,
            tags=("warning",),
            key="inbox",
        )
        return False
    if delivery.hint is not None:
        house.add_hint(delivery.hint.service, delivery.source, delivery.hint.tag)
        return True
    if delivery.source == ABUSE:
        house.send(
            "webhook",
            "Somebody tries the door",
            f"{delivery.refused} requests without the right token within minutes, the last one from"
            f" {delivery.peer or 'an unknown address'}. Nothing was done for them.",
            priority=4,
            tags=("warning",),
            key=ABUSE,
        )
    else:
        _pass_on(delivery, house)
    return False


def _pass_on(delivery: Delivery, house: House) -> None:
    """Send what an application says, if that is anybody's news."""
    if delivery.source == AUTOHEAL and house.keeper_tells():
        return
    message = door_sources.translate(delivery.source, delivery.body)
    if message is not None:
        house.send(
            message.subject,
            message.title,
            message.message,
            priority=message.priority,
            tags=message.tags,
            key=message.key,
            # Somebody tries whether it works, and waits for it.
            at_once=message.title.endswith(": test"),
        )


def parse(entry: object, known: frozenset[str]) -> Delivery:
    """Return the delivery that an entry is, exactly. Raise inbox_files.NotOurs."""
    if not isinstance(entry, dict) or entry.get("schema") != SCHEMA:
        raise inbox_files.NotOurs("is no delivery")
    source = entry.get("source")
    if source == settings.WUD:
        words = [entry.get(name) for name in ("service", "tag", "digest")]
        if not all(isinstance(word, str) for word in words):
            raise inbox_files.NotOurs("is no hint")
        service, tag, digest = (str(word) for word in words)
        # The same reading that the door gave it: what it would not have let in is not the door's.
        container = {"name": service, "result": {"tag": tag, "digest": digest}}
        found, _ = bodies.hints(container, known)
        if found != [bodies.Hint(service, tag, digest)]:
            raise inbox_files.NotOurs("is no hint about a service that may be updated")
        return Delivery(settings.WUD, hint=found[0])
    if source == ABUSE:
        count, peer = entry.get("count"), entry.get("peer")
        if type(count) is not int or not isinstance(peer, str) or not _is_address(peer):
            raise inbox_files.NotOurs("is no count")
        return Delivery(ABUSE, refused=count, peer=peer)
    if source not in door_sources.SOURCES or "body" not in entry:
        raise inbox_files.NotOurs("is of no known source")
    return Delivery(str(source), body=entry["body"])


def _is_address(text: str) -> bool:
    return len(text) <= 45 and all(one in "0123456789abcdef.:" for one in text)


def start_worker() -> None:
    """Wake the updater, and wait for nothing; its timer comes anyway."""
    command = ["systemctl", "start", "--no-block", WORKER]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=START_SECONDS, check=False
        )
        problem = done.stderr.strip() if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        print(f"mediastack inbox: {WORKER} does not start: {problem}", file=sys.stderr)
