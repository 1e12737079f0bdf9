"""A house on paper for updates: what runs and its config are words, a kill is an exception."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import paper_house
from paper_house import Killed

from mediastack.updater import gate, run, transaction
from mediastack.updater.house import Trouble
from mediastack.updater.transaction import Transaction


class Paper(paper_house.Paper):
    """A house on paper: it notes what is asked of it, and can be told to fail or to kill."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.troubles: dict[str, list[Trouble]] = {}
        self.well = True
        self.journal: Transaction | None = None
        self.stages: list[str] = []
        self.refused: list[str] = []
        self.running = "old"
        self.config = "old"
        self.copied: str | None = None
        self.rows = 0
        self.copied_rows = -1
        self.stopped_by_user = False

    def fail(self, name: str) -> None:
        """As it was told to, once for each trouble."""
        for trouble in self.troubles.get(name, [])[:1]:
            self.troubles[name].pop(0)
            raise trouble

    def act(self, name: str, needs_lock: bool) -> None:
        self.line()
        assert self.locked or not needs_lock, f"{name} without the lock"
        assert self.journal is not None
        assert self.journal["step"] in (name, "return"), "acted before it was written down"
        self.calls.append(name)
        self.fail(name)

    def pull(self, tx: Transaction) -> None:
        self.act("pull", False)

    def copy(self, tx: Transaction) -> None:
        self.act("copy", False)

    def settle(self, tx: Transaction) -> None:
        self.act("settle", True)
        self.running = "stopped"
        self.line()
        self.copied, self.copied_rows = self.config, self.rows

    def switch(self, tx: Transaction) -> None:
        self.act("switch", True)
        assert self.copied == "old"
        assert self.rows == self.copied_rows, "the copy is older than the config"
        self.line()
        self.running = "new"
        self.config = "migrated"
        self.line()

    def switched(self, tx: Transaction) -> bool:
        self.fail("switched")
        return self.running == "new"

    def look(self, tx: Transaction) -> gate.Seen:
        self.line()
        wanted = "old" if tx["step"] == "regate" else "new"
        well = self.well or wanted == "old"
        return gate.Seen(
            known=True,
            present=True,
            right_image=self.running == wanted,
            status="running",
            health="healthy" if well else "unhealthy",
            life=self.running,
            stopped_by_user=self.stopped_by_user and wanted == "new",
            probe=str(self.now),
        )

    def limits(self, tx: Transaction) -> gate.Limits:
        return gate.Limits(5, 20)

    def commit(self, tx: Transaction) -> None:
        self.act("commit", True)

    def give_back(self, tx: Transaction) -> None:
        self.act("return", True)
        self.running = "old"

    def back(self, tx: Transaction) -> None:
        self.act("back", True)
        self.running = "stopped"
        self.line()

    def restore(self, tx: Transaction) -> None:
        self.act("restore", True)
        assert self.running == "stopped"
        self.config = "half"
        self.line()
        assert self.copied is not None
        self.config = self.copied

    def revive(self, tx: Transaction) -> None:
        self.act("revive", True)
        assert self.config == "old"
        self.running = "old"
        self.line()

    def refuse(self, tx: Transaction) -> None:
        self.refused.append(tx["new"]["digest"])

    def tell(self, tx: Transaction, stage: str) -> None:
        self.stages.append(stage)

    def write(self, tx: Transaction) -> None:
        self.line()
        self.journal = copy.deepcopy(tx)
        self.line()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        self.fail("lock")
        with super().lock():
            yield

    def drive(self) -> Transaction:
        """Drive what the journal holds, again after each kill, to its end."""
        while True:
            tx = self.journal or begun()
            try:
                return run.drive(
                    tx,
                    self,
                    write=self.write,
                    lock=self.lock,
                    steady=lambda: self.now,
                    sleep=self.sleep,
                )
            except Killed:
                self.kill_at = -1
                self.keeper_passes()

    def keeper_passes(self) -> None:
        """What the keeper does between a kill and the next worker: it starts what is wanted."""
        if self.running == "stopped" and not (self.journal and transaction.holds(self.journal)):
            self.running = "old"
            self.rows += 1


def begun() -> Transaction:
    return transaction.begin(
        "seerr",
        {"image": "r:1", "digest": "sha256:old"},
        {"image": "r:2", "digest": "sha256:new"},
        identity="t1",
        at="2026-01-01T00:00:00Z",
        asked_by="wud",
        ran=[],
    )
