"""tell: a storm is told once, and again only when there is something new to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from backup_house import Clock, Message, furnish, listening

from mediastack import clock, ledger
from mediastack.backup import tell

NOW = 1_800_000_000.0
DAY = 24 * 3600.0


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    furnish(tmp_path, monkeypatch)
    return listening(monkeypatch)


def fail(kind: str = "full", tries: int = 1, **more: Any) -> None:
    tell.failed("nas", kind, "no room", host="here", by_hand=False, tries=tries, **more)


def test_the_first_failure_is_told_with_its_words(told: list[Message]) -> None:
    fail()
    assert told[0].title == "here: backup failed (nas)"
    assert told[0].text.startswith("no room")


def test_a_storm_is_one_message_and_every_try_is_in_the_ledger(told: list[Message]) -> None:
    for tries in range(1, 30):
        fail(tries=tries)
    assert len(told) == 1
    assert len(ledger.read(subject="nas")) == 29


def test_another_trouble_is_told_and_the_first_one_not_again(told: list[Message]) -> None:
    for kind in ("full", "password", "full", "password"):
        fail(kind)
    assert len(told) == 2


@pytest.mark.parametrize("kind", tell.PASSING)
def test_what_may_mend_itself_is_told_when_it_does_not(kind: str, told: list[Message]) -> None:
    for tries in (1, 2):
        fail(kind, tries)
    assert told == []
    for tries in range(3, 40):
        fail(kind, tries)
    assert len(told) == 1


def test_after_days_there_is_a_reminder(
    told: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = Clock(NOW)
    monkeypatch.setattr("time.time", now)
    for _ in range(7 * 24):
        fail()
        now.now += 3600
    assert len(told) == 3


def test_that_it_works_again_is_told_to_whom_it_was_told_that_it_did_not(
    told: list[Message],
) -> None:
    tell.well("nas", host="here", by_hand=False)
    fail("unreachable", 1)
    tell.well("nas", host="here", by_hand=False)
    assert told == []
    fail()
    tell.well("local", host="here", by_hand=False)
    tell.well("nas", host="here", by_hand=False)
    tell.well("nas", host="here", by_hand=False)
    assert [one.title for one in told][1:] == ["here: backup works again (nas)"]
    fail()
    assert len(told) == 3


def test_who_sits_before_it_gets_no_message_and_ends_a_storm(told: list[Message]) -> None:
    tell.failed("nas", "full", "no room", host="here", by_hand=True)
    assert told == [] and len(ledger.read(subject="nas")) == 1
    fail()
    tell.well("nas", host="here", by_hand=True)
    assert len(told) == 1
    fail()
    assert len(told) == 2


def test_a_damaged_note_counts_as_told_long_ago() -> None:
    assert tell.is_news({"kinds": ["full"], "at": "?"}, "full", 1, NOW)
    assert not tell.is_news({"kinds": ["full"], "at": clock.timestamp(NOW)}, "full", 1, NOW)
