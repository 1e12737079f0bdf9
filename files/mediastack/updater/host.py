"""The host as a transaction sees it (house.House): each step, made of images, copies, containers.

Every step looks at what is there before it acts, so that it can be done again after a kill at any
line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from mediastack import image_lock, lock, plan, stacks, vpn_trial
from mediastack.docker_client import DockerError, NotReachable
from mediastack.docker_engine import ImageEngine
from mediastack.updater import (
    containers,
    copies,
    gate,
    images,
    kept,
    look,
    refused,
    settings,
    tell,
)
from mediastack.updater.configured import Configured
from mediastack.updater.house import Trouble
from mediastack.updater.transaction import BACKWARD, Transaction

ACTOR = "updater"
# A service that somebody starts again and again while it is copied.
SETTLES = 3


class Host(Configured):
    """One host."""

    def __init__(self, load: Callable[[], dict[str, Any]], docker: ImageEngine) -> None:
        super().__init__(load)
        self.docker = docker

    def pull(self, tx: Transaction) -> None:
        """Have the new image whole and verified."""
        self._require_old(tx)
        images.pull(self.docker, tx)

    def copy(self, tx: Transaction) -> None:
        """Copy the config while it runs; Gluetun's new image is asked about its settings first."""
        if tx["service"] == plan.owner_name(self.config):
            self._ask(tx)
        copies.begin(self.config, tx)

    def settle(self, tx: Transaction) -> None:
        """Stop it, bring the copy up to date, see that it is still stopped."""
        self._require_old(tx)
        if not containers.is_wanted(tx["service"]):
            raise Trouble("passing", "you have stopped it meanwhile")
        containers.require_deployed(self.config, tx["service"])
        containers.require_ours(self.docker, tx["service"])
        for _ in range(SETTLES):
            containers.stop(self.config, self.docker, tx["service"])
            life = containers.life(self.docker, tx["service"])
            copies.finish(self.config, tx, life)
            if self._is_as_left(life, tx["service"]):
                return
        raise Trouble("passing", f"{tx['service']} is started by somebody while it is copied")

    def switch(self, tx: Transaction) -> None:
        """Let the image lock want the new image, and make the container from it."""
        service, wanted = tx["service"], images.reference(tx["new"])
        with _disk():
            if not self._is_on_trial(tx):
                self._require_old(tx)
                image_lock.trial(service, tx["new"]["image"], tx["new"]["digest"])
            cause = containers.make(self.config, self.docker, service)
        if cause:
            raise Trouble("bad", cause)
        if containers.image_of(self.docker, service) != wanted:
            raise Trouble("passing", "it is not what is wanted any more (a deploy, or you)")
        containers.finished(service)

    def switched(self, tx: Transaction) -> bool:
        """Say whether the new image may have run: it is on trial, and the old container is not
        there any more."""
        if not self._is_on_trial(tx):
            return False
        return containers.image_of(self.docker, tx["service"]) != images.reference(tx["old"])

    def look(self, tx: Transaction) -> gate.Seen:
        """See the new version; on the way back, whatever is wanted then."""
        image = None if tx["step"] in BACKWARD else images.reference(tx["new"])
        return look.look(self.config, self.docker, tx, image)

    def limits(self, tx: Transaction) -> gate.Limits:
        """Return the settings' seconds."""
        return settings.limits(self.config, tx["service"])

    def commit(self, tx: Transaction) -> None:
        """The trial becomes the entry; what a rollback needs is written down before."""
        with _disk():
            kept.put(tx)
            image_lock.settle_trial(tx["service"])
            image_lock.write_overrides(self.config)

    def give_back(self, tx: Transaction) -> None:
        """Start the old version again, as far as it is wanted; drop the copy."""
        service = tx["service"]
        with _disk():
            image_lock.drop_trial(service)
            if cause := containers.make(self.config, self.docker, service):
                raise Trouble("passing", cause)
            containers.finished(service)
            copies.drop(self.config, service, tx["id"])

    def back(self, tx: Transaction) -> None:
        """Stop the new container for good."""
        with _disk():
            containers.stop_for_good(self.config, self.docker, tx["service"])

    def restore(self, tx: Transaction) -> None:
        """Make the config what the copy is; nobody may run on it meanwhile."""
        with _disk():
            for _ in range(SETTLES):
                if containers.is_up(self.docker, tx["service"]):
                    containers.stop_for_good(self.config, self.docker, tx["service"])
                copies.restore(self.config, tx)
                if not containers.is_up(self.docker, tx["service"]):
                    return
        raise Trouble("passing", f"{tx['service']} is started by somebody while it is restored")

    def revive(self, tx: Transaction) -> None:
        """Let the image lock want the old image again, and make the container from it."""
        service = tx["service"]
        with _disk():
            kept.drop(service)
            images.name(self.docker, tx["old"])
            image_lock.put_back(service, tx["old"]["image"], tx["old"]["digest"])
            if cause := containers.make(self.config, self.docker, service):
                raise Trouble("passing", cause)
            containers.finished(service)

    def refuse(self, tx: Transaction) -> None:
        """Not again."""
        with _disk():
            refused.add(tx["service"], tx["new"]["digest"], tx["why"])

    def tell(self, tx: Transaction, stage: str) -> None:
        """Ledger and notification."""
        tell.stage(tx, stage)

    def _require_old(self, tx: Transaction) -> None:
        """What we would leave is what is locked: else somebody was here since it was decided."""
        service = tx["service"]
        entry = image_lock.read().get(service) or {}
        if any(entry.get(key) != tx["old"][key] for key in ("image", "digest")):
            raise Trouble("passing", "the image lock has changed since")
        wanted = self.config["services"][service]["image"]
        if not image_lock.allows(wanted, tx["new"]["image"], tx["new"]["digest"]):
            raise Trouble("passing", f"the catalog wants {wanted} by now")

    def _is_on_trial(self, tx: Transaction) -> bool:
        entry = image_lock.read().get(tx["service"]) or {}
        tried = entry.get("trial") or {}
        return all(tried.get(key) == tx["new"][key] for key in ("image", "digest"))

    def _is_as_left(self, life: str, service: str) -> bool:
        """It does not run, and has not run since."""
        up = containers.is_up(self.docker, service)
        return not up and containers.life(self.docker, service) == life

    def _ask(self, tx: Transaction) -> None:
        """A Gluetun that refuses its settings is not stopped for them."""
        try:
            wait = float(self.config.get("limits", {}).get("lock_wait_seconds", 0))
            with lock.hold(ACTOR, "trying a new Gluetun", wait_seconds=wait or WAIT_SECONDS):
                told = vpn_trial.ask(self.config, self.docker, ACTOR, images.reference(tx["new"]))
                # It is about the new image; the present one was not asked.
                vpn_trial.forget(self.config)
        except (lock.Busy, NotReachable, DockerError) as error:
            raise Trouble("passing", str(error)) from error
        if told:
            raise Trouble("bad", told)


WAIT_SECONDS = stacks.LOCK_WAIT_SECONDS


@contextlib.contextmanager
def _disk() -> Any:
    """A disk that is full or broken is no fault of the image."""
    try:
        yield
    except OSError as error:
        raise Trouble("passing", f"{error.filename or 'disk'}: {error.strerror}") from error
