"""`rollback SERVICE [--yes]`: image and config of before the last update, as one pair.

Never one without the other: an old version on a migrated database is what breaks. So what the
service has written since its update is lost, which is said before, and the user has to agree. The
version that is left is remembered as refused, or the next pass would bring it again.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import Any

from mediastack import config as configuration
from mediastack import history, image_lock
from mediastack.docker_images import DockerImages
from mediastack.updater import (
    copies,
    inflight,
    kept,
    run_lock,
    tell,
    transaction,
    update_verb,
    worker,
)

WHY = "you asked for it"
WAIT_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Take the last update of a service back. Raise ConfigError, NotReachable."""
    parser = argparse.ArgumentParser(prog="mediastack rollback", description=main.__doc__)
    parser.add_argument("service", metavar="SERVICE")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(arguments)
    config, service = configuration.load(), options.service
    if service not in config["services"]:
        parser.error(f"no service '{service}' (stack-manage.sh status lists them)")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with run_lock.hold(WAIT_SECONDS) as free:
        if not free:
            return _failed("the updater is at work; try again when that is done")
        one = kept.read().get(service)
        if why := refusal(config, service, one):
            return _failed(f"{service}: {why}")
        assert one is not None
        print(lost(one))
        if not options.yes and not _agreed():
            return _failed("nothing was done")
        docker = DockerImages()
        try:
            tx = transaction.begin_rollback(one["tx"], WHY)
            ended = worker.carry(configuration.current, docker, tx, update_verb.said)
        finally:
            if inflight.read() is not None:
                worker.start_unit()
    update_verb.outcome(ended)
    return 1 if ended.get("sick") else 0


def refusal(config: dict[str, Any], service: str, one: dict[str, Any] | None) -> str:
    """Return why there is no way back, "" when there is one."""
    if inflight.read() is not None:
        return "an update is under way; it is brought to its end first"
    if one is None:
        return "there is no update to take back (none yet, or what it needs was kept long enough)"
    tx, entry = one["tx"], image_lock.read().get(service) or {}
    if entry.get("digest") != tx["new"]["digest"]:
        return "it does not run what its last update brought; a deploy has moved it since"
    wanted = config["services"][service]["image"]
    if not image_lock.allows(wanted, tx["old"]["image"], tx["old"]["digest"]):
        return f"the catalog wants {wanted}, which is newer than {tx['old']['image']}"
    if not copies.is_whole(config, tx):
        return f"the copy of its config is not there any more ({copies.path(config, tx)})"
    return ""


def lost(one: dict[str, Any]) -> str:
    """Return what a rollback costs."""
    tx = one["tx"]
    since = history.local_time(one["at"])
    return (
        f"{tx['service']} goes back ({tell.move({**tx, 'old': tx['new'], 'new': tx['old']})}), "
        f"and so does its config, to what it was at {history.local_time(tx['at'])}. Lost is all "
        f"that it has written there since its update ({since}): settings, history, requests. Media "
        "are not touched."
    )


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("mediastack rollback: nobody to ask; --yes agrees", file=sys.stderr)
        return False
    return input("Type the word yes to go on: ").strip().lower() == "yes"


def _failed(message: str) -> int:
    print(f"mediastack rollback: {message}", file=sys.stderr)
    return 1
