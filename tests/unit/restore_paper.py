"""A house on paper for restores: trees are words, services run or do not, a kill is an exception.

It asserts at every act what must hold at every instant, whoever looks.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import paper_house
from paper_house import Killed

from mediastack.restore import run, transaction
from mediastack.restore.transaction import Transaction
from mediastack.updater import gate
from mediastack.updater.house import Trouble

OWNER = "gluetun"
DEPENDENTS = ("sonarr", "radarr")


class Paper(paper_house.Paper):
    """`live`, `staged`: {service: "old" | "new" | ""}; `image`: what the lock wants; `runs`: None
    or (config, image) of what runs."""

    def __init__(self, journal: dict[str, Transaction]) -> None:
        super().__init__()
        self.journal = copy.deepcopy(journal)
        self.live = {name: "old" if tx["old"] is not None else "" for name, tx in journal.items()}
        self.staged = dict.fromkeys(journal, "new")
        self.aside: dict[str, str] = {}
        self.kept: set[str] = set()
        self.image = dict.fromkeys(journal, "old")
        self.up: dict[str, tuple[str, str] | None] = {
            name: ("old", "old") if tx["runs"] else None for name, tx in journal.items()
        }
        self.ours: set[str] = set()
        self.stopped_by_user = {name for name, tx in journal.items() if not tx["runs"]}
        self.proven: set[str] = set()
        self.sick: set[str] = set()
        self.troubles: list[tuple[str, str, str]] = []
        self.told: list[tuple[str, str]] = []
        self.busy = 0

    def line(self) -> None:
        """A point at which a kill is possible; and everybody may look."""
        self.check()
        super().line()

    def check(self) -> None:
        for name, tx in self.journal.items():
            absent = self.live[name] == ""
            assert not absent or tx["old"] is None or transaction.holds(tx), f"{name} has no config"
            if self.up[name] is not None and tx["move"]:
                config, image = self.up[name] or ("", "")
                assert config == image, f"{name} runs {image} on the {config} config"
            there = {self.live[name], self.staged[name], self.aside.get(name)}
            may_be_gone = tx["old"] is None or name in self.proven | self.kept
            assert "old" in there or may_be_gone, f"the old config of {name} is lost"

    def act(self, tx: Transaction, *steps: str, lock: bool = True) -> str:
        self.line()
        name = str(tx["service"])
        assert self.locked or not lock, f"{tx['step']} without the lock"
        assert self.journal[name]["step"] == tx["step"], "acted before it was written down"
        assert tx["step"] in steps
        for number, (service, step, kind) in enumerate(self.troubles):
            if (service, step) == (name, tx["step"]):
                del self.troubles[number]
                raise Trouble(kind, f"{kind} at {step}")
        return name

    def end(self, name: str) -> None:
        if self.up[name] is not None:
            self.ours.add(name)
            self.line()
            self.up[name] = None
            self.line()

    def stop(self, tx: Transaction) -> None:
        self.end(self.act(tx, "stop"))

    def exchange(self, tx: Transaction, wanted: str) -> None:
        name = str(tx["service"])
        self.end(name)
        if self.live[name] == wanted:
            return
        if tx["atomic"] or tx["old"] is None:
            # One rename, or one exchange.
            self.live[name], self.staged[name] = self.staged[name], self.live[name]
        else:
            if self.live[name]:
                self.aside[name], self.live[name] = self.live[name], ""
                self.line()
            self.live[name], self.staged[name] = self.staged[name], self.aside.pop(name)
        assert self.live[name] == wanted
        self.line()

    def swap(self, tx: Transaction) -> None:
        name = self.act(tx, "swap")
        if tx["move"]:
            self.image[name] = "new"
            self.line()
        self.exchange(tx, "new")

    def start(self, tx: Transaction) -> None:
        assert tx["runs"], "what the user has stopped is not started"
        self.run_it(self.act(tx, "start"), tx)

    def run_it(self, name: str, tx: Transaction) -> None:
        if tx["runs"] and name not in self.stopped_by_user and self.live[name]:
            self.up[name] = (self.live[name], self.image[name])
            self.line()
        self.ours.discard(name)

    def look(self, tx: Transaction) -> gate.Seen:
        self.line()
        name = str(tx["service"])
        assert tx["runs"] and not self.locked, "nobody looks with the lock"
        up = self.up[name]
        well = up is not None and not (up[0] == "new" and name in self.sick)
        if up is not None and up[0] == "new" and well:
            self.proven.add(name)
        return gate.Seen(
            known=True, present=True, right_image=True,
            status="running" if up else "exited",
            health="healthy" if well else "unhealthy",
            life=str(up), probe=str(self.now), stopped_by_user=name in self.stopped_by_user,
        )  # fmt: skip

    def limits(self, tx: Transaction) -> gate.Limits:
        return gate.Limits(2, 10)

    def commit(self, tx: Transaction) -> None:
        self.act(tx, "commit")

    def drop(self, tx: Transaction) -> None:
        name = self.act(tx, "drop", lock=False)
        if transaction.is_kept(tx) and self.staged[name]:
            self.kept.add(name)
        elif self.staged[name] == "old":
            assert name in self.proven, "dropped before it was well"
        self.staged[name] = ""
        self.line()

    def give_back(self, tx: Transaction) -> None:
        self.run_it(self.act(tx, "return"), tx)

    def back(self, tx: Transaction) -> None:
        self.end(self.act(tx, "back"))

    def unswap(self, tx: Transaction) -> None:
        name = self.act(tx, "unswap")
        self.exchange(tx, "old" if tx["old"] is not None else "")
        self.image[name] = "old"
        self.line()

    def revive(self, tx: Transaction) -> None:
        self.run_it(self.act(tx, "revive"), tx)

    def tell(self, tx: Transaction, stage: str) -> None:
        self.told.append((str(tx["service"]), stage))

    def write(self, everybody: dict[str, Transaction]) -> None:
        self.line()
        self.journal = copy.deepcopy(everybody)
        self.line()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        self.line()
        if self.busy:
            self.busy -= 1
            raise Trouble("passing", "somebody else has the lock")
        with super().lock():
            yield

    def others_pass(self) -> None:
        """What keeper and monitor do after a kill: they start what is wanted and not held."""
        for name, tx in self.journal.items():
            wanted = name not in self.stopped_by_user and tx["runs"]
            if self.up[name] is None and wanted and not transaction.holds(tx) and self.live[name]:
                self.up[name] = (self.live[name], self.image[name])
                self.ours.discard(name)
        self.check()

    def world(self) -> run.World:
        return run.World(
            write=self.write, lock=self.lock, steady=lambda: self.now, sleep=self.sleep,
            owner=OWNER, dependents=DEPENDENTS,
        )  # fmt: skip

    def drive(self, kills: list[int] | None = None) -> dict[str, Transaction]:
        """Drive what the journal holds, killed after so many lines each time, to its end."""
        for kill in [*(kills or []), -1]:
            self.lines, self.kill_at = 0, kill
            try:
                return run.drive(self.journal, self, self.world())
            except Killed:
                self.locked = False
                self.others_pass()
        raise AssertionError("the last one is not killed")


def begun(service: str, **changes: Any) -> Transaction:
    """A transaction before its first step."""
    values: dict[str, Any] = {
        "live": f"/c/{service}", "staged": f"/s/{service}", "old": 1, "new": 2, "runs": True,
        "atomic": True, **changes,
    }  # fmt: skip
    return transaction.begin(service, **values)


MOVE = {
    "old": {"image": "r:2", "digest": "sha256:2"},
    "new": {"image": "r:1", "digest": "sha256:1"},
}
