"""words: every kind can be said, with whatever fields, and nothing else can."""

from __future__ import annotations

import pytest

from mediastack.monitor import words


@pytest.mark.parametrize("kind", sorted(words.KINDS))
def test_every_kind_is_said_with_and_without_fields(kind: str) -> None:
    full = {"service": "sonarr", "services": ["a", "b"], "count": 3, "seconds": 90, "percent": 5}
    for fields in ({}, full):
        said = words.render(kind, fields)
        assert "{" not in said["title"] + said["message"]
        assert said["outcome"] and said["message"]
        assert bool(said["title"]) == bool(said["priority"])
        assert 0 <= said["priority"] <= 5


def test_an_alarm_has_a_beginning_reminders_and_an_end() -> None:
    for alarm in words.ALARMS:
        assert {alarm, f"{alarm}_still", f"{alarm}_over"} <= words.KINDS


@pytest.mark.parametrize(("kind", "fields"), [("nonsense", {}), ("paused", {"cause": "free"})])
def test_what_is_not_listed_is_not_said(kind: str, fields: dict[str, str]) -> None:
    with pytest.raises(KeyError):
        words.render(kind, fields)


def test_the_pause_says_why_and_how_it_is_lifted() -> None:
    said = words.render("paused", {"count": 5, "seconds": 3600, "cause": "limit"})
    assert said["priority"] == 5
    assert "5 times" in said["message"]
    assert "60 minutes" in said["message"]
    assert "stack-manage.sh resume" in said["message"]
    assert "the limit of one hour" in said["message"]


@pytest.mark.parametrize(
    ("seconds", "words_for_it"),
    [(1.4, "1 seconds"), (300, "5 minutes"), (3600, "60 minutes"), (21600, "6 hours")],
)
def test_durations_are_said_as_a_person_would(seconds: float, words_for_it: str) -> None:
    assert words.duration(seconds) == words_for_it
