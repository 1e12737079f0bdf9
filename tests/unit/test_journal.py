"""journal: what was begun explains a stop until it is over, and no longer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import staging_house as house

from mediastack import journal


@pytest.fixture(autouse=True)
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house.furnish(tmp_path, monkeypatch)


def test_a_service_that_runs_again_is_explained_no_more() -> None:
    journal.begin("backup", "backup", ["one", "two"])
    journal.forget_finished(["one"])
    assert set(journal.entries()) == {"two"}


def test_what_docker_may_still_end_stays_explained_while_it_is_seen_running() -> None:
    journal.begin("backup", "backup", ["one"], lasting_seconds=60)
    now = time.time()
    journal.forget_finished(["one"])
    journal.forget_finished(["one"], begun_before=now + 50)
    assert set(journal.entries()) == {"one"}
    journal.forget_finished(["one"], begun_before=now + 70)
    assert journal.entries() == {}


def test_who_finished_crosses_it_out_at_once() -> None:
    journal.begin("backup", "backup", ["one"], lasting_seconds=60)
    journal.forget(["one"])
    assert journal.entries() == {}


def test_a_clock_that_was_set_back_keeps_nothing_for_ever() -> None:
    journal.begin("backup", "backup", ["one"], lasting_seconds=60)
    journal.forget_finished(["one"], begun_before=time.time() - 7 * 24 * 3600)
    assert journal.entries() == {}
