"""The simulated host's side of an update: what updater/house.py asks for, on a World.

It does what the host's own does, in pieces that a kill can part: a copy taken while somebody writes
is torn, a restore is half done half way, and each act looks at what is there before it acts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from checks.updates_containers import Config
from checks.updates_world import NEW, OLD, Refused, World
from mediastack.updater import gate, look, transaction
from mediastack.updater.house import Trouble
from mediastack.updater.transaction import Transaction

COPY_BYTES_A_SECOND = 100e6
PULL_SECONDS = 1800.0
LOCK_SECONDS = 120.0
KEEPER_SECONDS = 5.0


class House:
    """One host, seen by one update; what it keeps is what the host keeps on its disk."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.journal: Transaction | None = None
        self.entry, self.trial = OLD, ""
        self.copied: Config | None = None
        self.refused: set[str] = set()
        self.told: list[str] = []
        self.locked = False
        world.at(KEEPER_SECONDS, self._keeper)

    # What the drive is given beside the house.

    def write(self, tx: Transaction) -> None:
        """The journal, durably: the old one or the new one."""
        self.world.point(f"before journal {tx['step']}")
        self.journal = dict(tx)
        self.world.point(f"after journal {tx['step']}")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """The stack lock, waited for as long as the host does."""
        wait = max(self.world.lock_until - self.world.now, 0.0)
        self.world.spend(min(wait, LOCK_SECONDS))
        if wait > LOCK_SECONDS:
            raise Trouble("passing", "another one holds the lock")
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    # The steps.

    def pull(self, tx: Transaction) -> None:
        """By digest; the old image gets a tag of ours."""
        self.world.point("pull")
        self.fetch(self.wanted(tx))
        self.keep_old(tx)

    def wanted(self, tx: Transaction) -> str:
        """The digest that is pulled and run."""
        return str(tx["new"]["digest"])

    def keep_old(self, tx: Transaction) -> None:
        """A tag keeps it from a plain prune."""
        self.world.local.setdefault(tx["old"]["digest"], set()).add("ours")

    def fetch(self, digest: str) -> None:
        """Have this image whole. Raise Trouble."""
        world, registry = self.world, self.world.registry
        if digest in world.local:
            return
        self._registry_answers(digest)
        image = world.images[digest]
        if image.platforms and "linux/amd64" not in image.platforms:
            raise Trouble("bad", f"no image for this machine, only {image.platforms}")
        if world.free < 2 * image.size:
            raise Trouble("passing", "the disk is full")
        seconds = min(image.size / registry.speed, PULL_SECONDS)
        world.spend(seconds / 2)
        world.point("half pulled")
        self._registry_answers(digest)
        if registry.mode in ("cut", "corrupt"):
            raise Trouble("passing", f"the download is {registry.mode}")
        seconds = image.size / registry.speed
        if seconds > PULL_SECONDS:
            raise Trouble("passing", f"not whole after {PULL_SECONDS:.0f} s")
        world.spend(seconds / 2)
        world.free -= image.size
        world.local[digest] = set()

    def _registry_answers(self, digest: str) -> None:
        mode = self.world.registry.mode
        if mode in ("429", "500", "401", "down"):
            self.world.spend(15.0 if mode == "down" else 1.0)
            raise Trouble("passing", f"the registry: {mode}")
        if digest not in self.world.registry.digests:
            raise Trouble("gone", "manifest unknown")

    def copy(self, tx: Transaction) -> None:
        """A first copy, torn when somebody writes meanwhile."""
        self.world.point("copy")
        self._copy(self.world.config.size / COPY_BYTES_A_SECOND)

    def _copy(self, seconds: float) -> None:
        world = self.world
        if world.free < world.config.size:
            raise Trouble("passing", "no room for a copy of the config")
        before = world.config
        world.spend(seconds / 2)
        self.copied = replace(before, torn=True)
        world.point("half copied")
        world.spend(seconds / 2)
        written_to = world.container is not None and world.container.life is not None
        self.copied = replace(world.config, torn=world.config.torn or written_to)

    def settle(self, tx: Transaction) -> None:
        """Stop, then the last copy; somebody may have started it."""
        self.world.point("settle")
        self._docker(self.world.stop)
        self.world.point("stopped")
        self._copy(1.0 + self.world.config.size / (20 * COPY_BYTES_A_SECOND))
        if self.world.container is not None and self.world.container.life is not None:
            raise Trouble("passing", "somebody started it")

    def switch(self, tx: Transaction) -> None:
        """The trial into the lock, the container from the new image; Autoheal leaves it alone."""
        self.world.point("switch")
        self.world.autoheal = False
        self.trial = self.wanted(tx)
        self.world.point("trial")
        self._run(self.trial)

    def _run(self, digest: str) -> None:
        world = self.world
        if world.container is None or world.container.digest != digest:
            if world.container is not None and world.container.life is not None:
                self._docker(world.stop)
            self._docker(lambda: world.create(digest))
        world.point("created")
        self._docker(world.start)
        world.point("started")

    def switched(self, tx: Transaction) -> bool:
        """Whether the new version ever ran."""
        self._docker(self.world.asked)
        container = self.world.container
        return container is not None and container.digest != OLD and container.begun > 0

    def look(self, tx: Transaction) -> gate.Seen:
        """What Docker says of it."""
        world = self.world
        world.point("look")
        wanted = tx["old"]["digest"] if tx["step"] == "regate" else self.wanted(tx)
        try:
            world.asked()
        except Refused:
            return gate.Seen(known=False)
        excused = "a cascade" if world.now < world.excused_until else ""
        others = world.service.dependents if world.now < world.cascade_until else ()
        inspected = None
        if world.container is not None:
            check = world.images[world.container.digest].health
            inspected = world.container.document(check)
        return look.seen(
            inspected,
            wanted,
            {"health": world.service.expects_health},
            others=others,
            excused=excused,
        )

    def limits(self, tx: Transaction) -> gate.Limits:
        """As the configuration has them."""
        return gate.Limits(self.world.service.stable, self.world.service.deadline)

    def commit(self, tx: Transaction) -> None:
        """The trial becomes the entry."""
        self.world.point("commit")
        self.entry, self.trial = self.wanted(tx), ""
        self.world.autoheal = True
        self.world.point("committed")

    def give_back(self, tx: Transaction) -> None:
        """The old version runs again."""
        self.world.point("return")
        self.trial = ""
        self.copied = None
        self._run(tx["old"]["digest"])

    def back(self, tx: Transaction) -> None:
        """Nothing starts the new one any more."""
        self.world.point("back")
        self._docker(self.world.stop)
        self.world.point("new is stopped")

    def restore(self, tx: Transaction) -> None:
        """What was there before the switch; what is too much goes first."""
        world = self.world
        world.point("restore")
        if world.container is not None and world.container.life is not None:
            world.violations.append("the config is written to while the service runs")
        if self.copied is None:
            world.violations.append("there is no copy to restore")
            return
        world.free += max(world.config.size - self.copied.size, 0.0)
        world.change(torn=True, files=())
        world.spend(1.0)
        world.point("half restored")
        world.spend(self.copied.size / COPY_BYTES_A_SECOND)
        world.config = self.copied
        world.point("restored")

    def revive(self, tx: Transaction) -> None:
        """The old image again; only when somebody took it the registry is asked."""
        self.world.point("revive")
        self.trial = ""
        self.fetch(tx["old"]["digest"])
        self._run(tx["old"]["digest"])
        self.world.autoheal = True

    def refuse(self, tx: Transaction) -> None:
        """It is not tried again."""
        self.refused.add(tx["new"]["digest"])

    def tell(self, tx: Transaction, stage: str) -> None:
        """What the user is told."""
        self.told.append(stage)
        self.world.point(f"told {stage}")

    def _docker(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Refused as error:
            # Docker away passes; an image that cannot be started does not.
            kind = "bad" if "exit code" in str(error) and self.trial == NEW else "passing"
            raise Trouble(kind, str(error)) from error

    def _keeper(self) -> None:
        """The keeper starts what should run and does not, unless an update holds it."""
        world = self.world
        world.at(KEEPER_SECONDS, self._keeper)
        container = world.container
        held = self.journal is not None and transaction.holds(self.journal)
        if self.locked or held or container is None or not world.service.restarts:
            return
        if container.life is None and container.status in ("exited", "created"):
            with contextlib.suppress(Refused):
                world.start()
