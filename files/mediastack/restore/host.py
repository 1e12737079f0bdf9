"""The host as a restore sees it (house.House): each step, made of trees, containers, images.

Every step looks at what is there before it acts, so that it can be done again after a kill at any
line.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from mediastack import image_lock, intent, plan
from mediastack.docker_engine import ImageEngine
from mediastack.restore import containers, images, places, swap, tell, transaction
from mediastack.restore.transaction import Transaction
from mediastack.updater import gate, look, settings
from mediastack.updater.configured import Configured
from mediastack.updater.house import Trouble

# A restore that is not to migrate anything is well soon; it was, when it was backed up.
STABLE_SECONDS = 10.0
# A service that somebody starts again and again while its tree is exchanged.
SWAPS = 3


class Host(Configured):
    """One host."""

    def __init__(
        self, load: Callable[[], dict[str, Any]], docker: ImageEngine, identity: str
    ) -> None:
        super().__init__(load)
        self.docker = docker
        self.identity = identity

    def stop(self, tx: Transaction) -> None:
        """Stop it, unless it could not be started again."""
        service, config = tx["service"], self.config
        if tx["runs"]:
            self._require_startable(config, service)
        if containers.is_up(self.docker, service):
            containers.stop(config, self.docker, service)

    def swap(self, tx: Transaction) -> None:
        """Have the new tree in place; nobody may run on either meanwhile."""
        if tx["move"]:
            with _disk():
                images.move(tx["service"], tx["move"]["new"])
        self._exchange(tx, tx["new"])

    def start(self, tx: Transaction) -> None:
        """Start it on the new tree."""
        with _disk():
            containers.start(self.config, self.docker, tx["service"], tx["live"])
            containers.finished(tx["service"])

    def look(self, tx: Transaction) -> gate.Seen:
        """See it with whatever image is wanted now."""
        return look.look(self.config, self.docker, tx, None)

    def limits(self, tx: Transaction) -> gate.Limits:
        """A config of an older version may have to be migrated by the present one."""
        usual = settings.of(self.config).deadline_seconds
        patient = settings.limits(self.config, tx["service"]).deadline_seconds
        stable = min(STABLE_SECONDS, settings.of(self.config).stable_seconds)
        return gate.Limits(stable, patient if tx["patient"] else usual)

    def commit(self, tx: Transaction) -> None:
        """The image that came with the config becomes the locked one."""
        if tx["move"]:
            with _disk():
                images.settle(self.config, tx["service"], tx["move"], refuse=bool(tx["refuse"]))

    def drop(self, tx: Transaction) -> None:
        """Remove the tree that is not in place, or keep it; what is neither of the two is kept."""
        if tx["service"] in intent.stopped():
            # Else somebody of us will start it, and then it is crossed out.
            containers.finished(tx["service"])
        staged = tx["staged"]
        expected = tx["old"] if tx["end"] == "done" else tx["new"]
        with _disk():
            found = swap.identity(staged)
            if found is None:
                return
            if found == expected and not transaction.is_kept(tx):
                shutil.rmtree(staged)
            else:
                places.keep(self.config, staged, tx["service"], self.identity)

    def give_back(self, tx: Transaction) -> None:
        """Start it again as it was."""
        self._start_old(tx)

    def back(self, tx: Transaction) -> None:
        """Stop it."""
        with _disk():
            if tx["move"]:
                containers.stop_for_good(self.config, self.docker, tx["service"])
            else:
                containers.stop(self.config, self.docker, tx["service"])

    def unswap(self, tx: Transaction) -> None:
        """Have the old tree in place. Where nobody can tell the two apart any more (somebody moved
        them) the one that is there stays: it is whole, and drop keeps the other."""
        with contextlib.suppress(swap.Lost):
            self._exchange(tx, tx["old"])
        if tx["move"]:
            with _disk():
                images.move_back(tx["service"])

    def revive(self, tx: Transaction) -> None:
        """Start it on the old tree."""
        self._start_old(tx)

    def tell(self, tx: Transaction, stage: str) -> None:
        """Ledger; what is stuck is sent as well."""
        tell.stage(tx, stage)

    def _exchange(self, tx: Transaction, wanted: int | None) -> None:
        service, config = tx["service"], self.config
        with _disk():
            for _ in range(SWAPS):
                if containers.is_up(self.docker, service):
                    containers.stop(config, self.docker, service)
                try:
                    swap.bring(tx["live"], tx["staged"], wanted)
                except swap.Lost as error:
                    if wanted == tx["old"]:
                        raise
                    raise Trouble("passing", str(error)) from error
                if not containers.is_up(self.docker, service):
                    return
        raise Trouble("passing", f"{service} is started by somebody while it is exchanged")

    def _start_old(self, tx: Transaction) -> None:
        service = tx["service"]
        with _disk():
            if tx["runs"] and os.path.isdir(tx["live"]):
                containers.start(self.config, self.docker, service, tx["live"])
            containers.finished(service)

    def _require_startable(self, config: dict[str, Any], service: str) -> None:
        """Raise Trouble where what we stop would stay stopped."""
        if service not in config["services"]:
            raise Trouble("passing", "a deploy has taken it off this host meanwhile")
        if service in intent.stopped():
            raise Trouble("passing", "you have stopped it meanwhile; say it again")
        if service in plan.dependents(config):
            containers.require_owner(config, self.docker)
        locked = image_lock.read().get(service)
        if locked and "trial" in locked:
            raise Trouble("passing", "an update of it is under way")


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    """A disk that is full or broken, an image lock that is lost: better another time, perhaps."""
    try:
        yield
    except OSError as error:
        raise Trouble("passing", f"{error.filename or 'disk'}: {error.strerror}") from error
    except ValueError as error:
        raise Trouble("passing", str(error)) from error
