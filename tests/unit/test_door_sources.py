"""door_sources: what the apps' webhooks become, and that no body can do harm."""

from __future__ import annotations

import json
import random
import string
from typing import Any

import pytest

from mediastack.door_sources import SOURCES, Message, translate
from mediastack.door_text import clean

SERIES = {"id": 1, "title": "Das Boot", "path": "/data/media/tv/Das Boot", "tvdbId": 1234}
EPISODE = {"id": 9, "seasonNumber": 1, "episodeNumber": 3, "title": "Dritter Tag"}


def said(source: str, body: object) -> Message:
    found = translate(source, body)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("sonarr", {"eventType": "Test", "series": {"title": "Test Title"}}),
        ("radarr", {"eventType": "Test", "movie": {"title": "Test Title", "year": 1970}}),
        ("seerr", {"notification_type": "TEST_NOTIFICATION", "subject": "Test"}),
        (
            "unpackerr",
            {
                "unpackerr_eventtype": "extracted",
                "app": "Starr",
                "ids": {"title": "Some Cool Title Name Here"},
            },
        ),
        ("cross-seed", {"title": "cross-seed", "body": "Test", "extra": {"event": "TEST"}}),
    ],
)
def test_the_test_button_of_every_app_arrives_as_a_test(source: str, body: object) -> None:
    assert said(source, body).title.endswith(": test")
    assert said(source, body).subject == source


def test_a_grab_of_sonarr_names_series_episode_quality_and_indexer() -> None:
    release = {"quality": "WEBDL-1080p", "indexer": "Somewhere", "releaseTitle": "Das.Boot.x264"}
    body = {"eventType": "Grab", "series": SERIES, "episodes": [EPISODE], "release": release}
    assert said("sonarr", body) == Message(
        "sonarr",
        "Sonarr: downloading",
        "Das Boot S01E03 (WEBDL-1080p, Somewhere)",
        2,
        ("arrow_down",),
        "grab",
    )


def test_an_import_of_radarr_is_news_and_an_upgrade_is_less_so() -> None:
    body = {"eventType": "Download", "movie": {"title": "Heat", "year": 1995}, "isUpgrade": False}
    assert said("radarr", body)[1:4] == ("Radarr: there is something new", "Heat (1995)", 3)
    assert said("radarr", {**body, "isUpgrade": True}).priority == 2


def test_a_whole_season_names_some_episodes_and_counts_the_rest() -> None:
    episodes = [{"seasonNumber": 2, "episodeNumber": number} for number in range(1, 11)]
    found = said("sonarr", {"eventType": "Download", "series": SERIES, "episodes": episodes})
    assert found.message == "Das Boot S02E01 S02E02 S02E03 S02E04 S02E05 and 5 more"


@pytest.mark.parametrize(("level", "priority"), [("warning", 3), ("error", 4), ("Error", 4)])
def test_a_health_error_is_more_urgent_than_a_warning(level: str, priority: int) -> None:
    body = {
        "eventType": "Health",
        "level": level,
        "message": "Indexers unavailable due to failures: Somewhere",
        "type": "IndexerStatusCheck",
        "wikiUrl": "https://wiki.servarr.com/x",
    }
    found = said("sonarr", body)
    assert (found.priority, found.key) == (priority, "health IndexerStatusCheck")
    assert found.message == "Indexers unavailable due to failures: Somewhere"


def test_what_needs_a_hand_says_why() -> None:
    body = {
        "eventType": "ManualInteractionRequired",
        "movie": {"title": "Heat", "year": 1995},
        "downloadStatusMessages": [{"title": "x", "messages": ["Not an upgrade", "Sample"]}],
    }
    assert said("radarr", body)[2:4] == ("Heat (1995): Not an upgrade; Sample", 4)


def test_a_file_that_was_deleted_for_an_upgrade_is_nobodys_news() -> None:
    body = {"eventType": "EpisodeFileDelete", "series": SERIES, "deleteReason": "upgrade"}
    assert translate("sonarr", body) is None
    assert translate("sonarr", {**body, "deleteReason": "manual"}) is not None


def test_seerr_tells_who_asked_and_never_their_address() -> None:
    body = {
        "notification_type": "MEDIA_PENDING",
        "event": "New Movie Request",
        "subject": "Heat (1995)",
        "message": "A group of professional bank robbers …",
        "request": {"requestedBy_username": "anna@example.org", "requestedBy_email": "a@b.org"},
    }
    assert said("seerr", body).message == "Heat (1995) (by [address])"
    body["request"] = {"requestedBy_username": "Anna", "requestedBy_email": "a@b.org"}
    assert said("seerr", body).message == "Heat (1995) (by Anna)"


def test_a_problem_in_seerr_says_what_is_wrong() -> None:
    body = {
        "notification_type": "ISSUE_CREATED",
        "subject": "Heat (1995)",
        "message": "no sound after an hour",
        "issue": {"issue_type": "AUDIO", "reportedBy_username": "Anna"},
    }
    assert said("seerr", body)[2:4] == ("Heat (1995): no sound after an hour (by Anna)", 4)


def test_unpackerr_tells_of_the_end_and_not_of_the_steps() -> None:
    body: dict[str, Any] = {"app": "Sonarr", "ids": {"title": "Das.Boot.S01E03"}}
    for step in ("queued", "extracting", "imported", "deleted"):
        assert translate("unpackerr", {**body, "unpackerr_eventtype": step}) is None
    assert said("unpackerr", {**body, "unpackerr_eventtype": "extracted"}).priority == 2
    failed = {
        **body,
        "unpackerr_eventtype": "extractfailed",
        "data": {"error": "rar: bad password for /home/anna/x.rar"},
    }
    assert said("unpackerr", failed)[2:4] == (
        "Das.Boot.S01E03: rar: bad password for [path]",
        4,
    )


@pytest.mark.parametrize(("result", "priority"), [("INJECTED", 2), ("SAVED", 2), ("FAILURE", 3)])
def test_cross_seed_tells_where_and_how_it_went(result: str, priority: int) -> None:
    extra = {"event": "RESULTS", "name": "Heat.1995", "trackers": ["A", "B"], "result": result}
    found = said("cross-seed", {"title": "cross-seed", "body": "…", "extra": extra})
    assert found[2:4] == ("Heat.1995, on 2 trackers", priority)


@pytest.mark.parametrize("key", ["text", "content"])
def test_autoheal_speaks_as_the_keeper_does(key: str) -> None:
    text = "Container /homepage (0123456789ab) found to be unhealthy. "
    healed = said("autoheal", {key: text + "Successfully restarted the container!"})
    assert healed[:4] == (
        "homepage",
        "homepage was restarted",
        "It was unhealthy; Autoheal restarted it.",
        3,
    )
    assert said("autoheal", {key: text + "Failed to restart the container!"}).priority == 4
    assert translate("autoheal", {key: "Autoheal says hello"}) is None


def test_an_event_that_is_not_known_is_told_without_its_content() -> None:
    found = said("sonarr", {"eventType": "SomethingNew", "secret": "hunter2"})
    assert "SomethingNew" in found.message
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("body", [None, [], "text", 7, 1.5, True, {}, {"eventType": []}])
@pytest.mark.parametrize("source", [*SOURCES, "nobody", ""])
def test_what_is_no_message_is_nobodys_news(source: str, body: object) -> None:
    assert translate(source, body) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://tracker.example/dl?apikey=0123 now", "see [link] now"),
        ("http://admin:hunter2@localhost:8080/api", "[link]"),
        ("apikey=abc123 and token: xyz", "apikey=REDACTED and token: REDACTED"),
        ("key 0123456789abcdef0123456789abcdef", "key REDACTED"),
        ("tk_abcdefghijklm", "REDACTED"),
        (
            "from /home/anna/Downloads/x to /data/media/tv/Heat",
            "from [path] to /data/media/tv/Heat",
        ),
        (r"C:\Users\anna\x.mkv", "[path]"),
        ("/database/x/y", "[path]"),
        ("and/or 24/7", "and/or 24/7"),
        ("two\nlines\x00\x1b[31m\u202e", "two lines [31m"),
        ("\ud800", "?"),
        (1995, "1995"),
        (True, ""),
        (None, ""),
        ({"a": 1}, ""),
    ],
)
def test_a_strangers_text_shows_nothing_that_is_secret_or_unprintable(
    text: object, shown: str
) -> None:
    assert clean(text) == shown


def test_a_number_of_any_length_is_shown_in_part() -> None:
    assert clean(10**5000 + 7) == "7"


def test_no_text_is_longer_than_a_screen_and_none_takes_long() -> None:
    for one in ("x" * 10**6, "/a" * 10**6, "a@" * 10**6, "a." * 10**6, "://:" * 10**6):
        assert len(clean(one)) <= 200
    body = {"eventType": "Health", "message": "w " * 10**6, "type": "t" * 10**6}
    found = said("sonarr", body)
    assert len(found.message) <= 600
    assert len(found.key) <= 100


def test_any_body_gives_bounded_text_or_nothing() -> None:
    choice = random.Random(6)
    names = [
        *("eventType", "series", "movie", "episodes", "release", "title", "seasonNumber", "text"),
        *("notification_type", "subject", "issue", "request", "comment", "content", "level"),
        *("unpackerr_eventtype", "ids", "data", "error", "extra", "result", "trackers", "event"),
        *("downloadStatusMessages", "messages", "isUpgrade", "deleteReason", "year", "message"),
    ]
    words = [
        *("Grab", "Download", "Health", "ManualInteractionRequired", "MEDIA_PENDING", "TEST"),
        *("ISSUE_CREATED", "extractfailed", "FAILURE", "RESULTS", "Test", "ApplicationUpdate"),
    ]

    def value(depth: int) -> Any:
        kind = choice.randrange(9 if depth else 6)
        if kind == 0:
            return choice.choice(words)
        if kind == 1:
            return "".join(
                choice.choices(string.printable + "\ud800\u202eé", k=choice.randrange(60))
            )
        if kind == 2:
            return choice.choice([None, True, False, -1, 10**30, 1e308, float("nan")])
        if kind < 6:
            return choice.choice(words)
        if kind == 6:
            return [value(depth - 1) for _ in range(choice.randrange(9))]
        return {choice.choice(names): value(depth - 1) for _ in range(choice.randrange(9))}

    told = 0
    for _ in range(5000):
        body = {choice.choice(names): value(3) for _ in range(8)}
        found = translate(choice.choice(SOURCES), body)
        if found is None:
            continue
        told += 1
        assert 1 <= found.priority <= 5
        assert len(found.title) < 100
        assert len(found.message) < 1500
        assert len(found.key) < 120
        assert (found.title + found.message + found.key + found.subject).isprintable()
        json.dumps(found).encode()
    assert told > 300
