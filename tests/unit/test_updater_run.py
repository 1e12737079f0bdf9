"""A transaction driven to its end, also when it is killed anywhere."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from mediastack.updater import gate, run, transaction
from mediastack.updater.house import Trouble
from mediastack.updater.transaction import Transaction


class Killed(BaseException):
    """The worker dies here."""


class Paper:
    """A house on paper: it notes what is asked of it, and can be told to fail or to kill."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.locked = False
        self.troubles: dict[str, list[Trouble]] = {}
        self.well = True
        self.kill_at = -1
        self.now = 0.0
        self.journal: Transaction | None = None
        self.stages: list[str] = []
        self.refused: list[str] = []
        self.running = "old"
        self.config = "old"
        self.copied: str | None = None
        self.lines = 0
        self.rows = 0
        self.copied_rows = -1
        self.stopped_by_user = False

    def line(self) -> None:
        """A point at which a kill is possible."""
        self.lines += 1
        if self.lines == self.kill_at:
            raise Killed

    def act(self, name: str, needs_lock: bool) -> None:
        self.line()
        assert self.locked or not needs_lock, f"{name} without the lock"
        assert self.journal is not None
        assert self.journal["step"] in (name, "return"), "acted before it was written down"
        self.calls.append(name)
        for trouble in self.troubles.get(name, [])[:1]:
            self.troubles[name].pop(0)
            raise trouble

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
        for trouble in self.troubles.get("switched", [])[:1]:
            self.troubles["switched"].pop(0)
            raise trouble
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
        for trouble in self.troubles.get("lock", [])[:1]:
            self.troubles["lock"].pop(0)
            raise trouble
        assert not self.locked
        self.locked = True
        try:
            yield
        finally:
            self.locked = False

    def sleep(self, seconds: float) -> None:
        assert not self.locked, "nobody sleeps with the lock"
        self.now += seconds

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


def test_a_good_version_ends_as_the_new_one() -> None:
    house = Paper()
    assert house.drive()["step"] == "done"
    assert house.calls == ["pull", "copy", "settle", "switch", "commit"]
    assert (house.running, house.config) == ("new", "migrated")
    assert house.stages == ["started", "done"]
    assert house.refused == []


def test_a_bad_version_ends_as_the_old_one_with_its_config() -> None:
    house = Paper()
    house.well = False
    tx = house.drive()
    assert tx["step"] == "undone"
    assert (house.running, house.config) == ("old", "old")
    assert house.calls[-3:] == ["back", "restore", "revive"]
    assert house.refused == ["sha256:new"]
    assert house.stages == ["started", "rolled back"]
    assert "unhealthy" in tx["why"]


def test_what_the_user_stops_in_the_gate_is_taken_back_and_not_called_bad() -> None:
    house = Paper()
    house.stopped_by_user = True
    assert house.drive()["step"] == "undone"
    assert (house.running, house.config, house.refused) == ("old", "old", [])


@pytest.mark.parametrize("step", ["pull", "copy", "settle"])
@pytest.mark.parametrize(("kind", "refused"), [("passing", []), ("bad", ["sha256:new"])])
def test_trouble_before_the_switch_changes_nothing(
    step: str, kind: str, refused: list[str]
) -> None:
    house = Paper()
    house.troubles = {step: [Trouble(kind, "no")]}
    tx = house.drive()
    assert (tx["step"], tx["why"]) == ("failed", "no")
    assert (house.running, house.config) == ("old", "old")
    assert house.refused == refused
    assert "switch" not in house.calls


def test_trouble_in_the_switch_goes_back() -> None:
    house = Paper()
    house.troubles = {"switch": [Trouble("passing", "port in use")]}
    tx = house.drive()
    assert tx["step"] == "undone"
    assert (house.running, house.config) == ("old", "old")
    assert house.refused == []


@pytest.mark.parametrize("step", ["back", "restore", "revive", "commit", "lock"])
def test_what_has_to_be_done_is_tried_until_it_is_and_told(step: str) -> None:
    house = Paper()
    house.well = step == "commit"
    house.troubles = {step: [Trouble("passing", "disk full")] * 5}
    tx = house.drive()
    # Without the lock nothing was begun yet.
    assert tx["step"] == {"commit": "done", "lock": "failed"}.get(step, "undone")
    assert house.stages.count("stuck") == 1
    assert house.running == ("new" if step == "commit" else "old")


@pytest.mark.parametrize("well", [True, False])
@pytest.mark.parametrize("line", range(1, 60))
def test_a_kill_at_any_line_ends_in_the_new_or_the_old_state(well: bool, line: int) -> None:
    house = Paper()
    house.well = well
    house.kill_at = line
    tx = house.drive()
    assert tx["step"] == ("done" if well else "undone")
    assert (house.running, house.config) == (("new", "migrated") if well else ("old", "old"))


@pytest.mark.parametrize("line", range(1, 40))
def test_a_worker_that_cannot_see_how_far_the_last_one_came_waits(line: int) -> None:
    house = Paper()
    house.kill_at = line
    house.troubles = {"switched": [Trouble("passing", "Docker is away")] * 5}
    assert house.drive()["step"] == "done"
    assert "restore" not in house.calls


@pytest.mark.parametrize("step", ["pull", "copy", "settle", "switch"])
def test_a_step_that_always_kills_its_worker_is_given_up(step: str) -> None:
    house = Paper()
    original = getattr(house, step)
    deaths: list[int] = []

    def deadly(tx: Transaction) -> Any:
        deaths.append(1)
        original(tx)
        raise Killed

    setattr(house, step, deadly)
    tx = house.drive()
    assert tx["step"] == ("undone" if step == "switch" else "failed")
    assert len(deaths) == transaction.MOST_TRIES
    assert (house.running, house.config) == ("old", "old")


def test_a_switch_that_dies_before_it_switches_is_given_up_with_the_old_version() -> None:
    house = Paper()
    deaths: list[int] = []

    def deadly(tx: Transaction) -> None:
        deaths.append(1)
        raise Killed

    house.switch = deadly  # type: ignore[method-assign]
    assert house.drive()["step"] == "failed"
    assert len(deaths) <= transaction.MOST_TRIES
    assert (house.running, house.config) == ("old", "old")


def test_the_service_is_held_exactly_while_image_and_config_are_no_pair() -> None:
    held = [
        step
        for step in (*transaction.FORWARD, *transaction.BACKWARD, "return")
        if transaction.holds({"step": step})
    ]
    assert held == ["back", "restore", "revive"]


def test_a_rollback_by_hand_goes_the_way_back_and_refuses_what_it_leaves() -> None:
    house = Paper()
    done = house.drive()
    house.journal = transaction.begin_rollback(done, "you asked for it")
    assert house.drive()["step"] == "undone"
    assert (house.running, house.config) == ("old", "old")
    assert house.refused == ["sha256:new"]
