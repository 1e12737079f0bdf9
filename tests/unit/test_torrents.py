"""Which torrents download, by qBittorrent's own word; stopping and starting them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from http_house import Answer, Seen, Server

from mediastack.qbittorrent_client import LoginNeeded, TorrentError
from mediastack.torrents import Torrents

RUNNING = "GET /api/v2/torrents/info?filter=running"
STOPPED = "GET /api/v2/torrents/info?filter=stopped"
PREFERENCES = "GET /api/v2/app/preferences"


def entry(name: str, state: str) -> dict[str, Any]:
    return {"hash": name, "added_on": 17, "name": f"The {name}", "state": state, "size": 1}


def listed(*entries: dict[str, Any]) -> Answer:
    return 200, {}, json.dumps(list(entries))


def client(server: Server, tmp_path: Path) -> Torrents:
    return Torrents(server.url, "admin", str(tmp_path / "password"))


def kinds(
    tmp_path: Path, running: list[Any], stopped: list[Any], condition: str = "None"
) -> dict[str, str]:
    answers = {
        RUNNING: listed(*running),
        STOPPED: listed(*stopped),
        PREFERENCES: (200, {}, json.dumps({"torrent_stop_condition": condition})),
    }
    with Server(answers) as server:
        return {one["hash"]: one["kind"] for one in client(server, tmp_path).torrents()}


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        *((state, "down") for state in ("downloading", "forcedDL", "queuedDL", "stalledDL")),
        *((state, "up") for state in ("uploading", "forcedUP", "queuedUP", "stalledUP")),
        *((state, "other") for state in ("checkingDL", "checkingUP", "checkingResumeData")),
        *((state, "other") for state in ("moving", "error", "missingFiles", "unknown", "new")),
        ("metaDL", "down"),
        # An older word: it was started a moment ago.
        ("stoppedDL", "down"),
        ("stoppedUP", "up"),
    ],
)
def test_a_running_torrent_is_of_the_kind_that_its_state_says(
    tmp_path: Path, state: str, kind: str
) -> None:
    assert kinds(tmp_path, [entry("a", state)], []) == {"a": kind}


@pytest.mark.parametrize("state", ["stoppedDL", "stoppedUP", "downloading", "checkingDL", "error"])
def test_a_stopped_torrent_is_stopped_whatever_its_last_state_was(
    tmp_path: Path, state: str
) -> None:
    assert kinds(tmp_path, [], [entry("a", state)]) == {"a": "stopped"}


def test_one_that_lost_its_files_is_left_alone(tmp_path: Path) -> None:
    assert kinds(tmp_path, [], [entry("a", "missingFiles")]) == {"a": "other"}


def test_a_magnet_is_left_alone_where_torrents_stop_by_themselves(tmp_path: Path) -> None:
    running = [entry("a", "metaDL"), entry("b", "forcedMetaDL"), entry("c", "downloading")]
    for condition in ("MetadataReceived", "FilesChecked"):
        found = kinds(tmp_path, running, [], condition)
        assert found == {"a": "other", "b": "other", "c": "down"}
    assert set(kinds(tmp_path, running, []).values()) == {"down"}


def test_one_that_changed_between_the_questions_is_neither(tmp_path: Path) -> None:
    running = [entry("a", "downloading"), entry("b", "downloading")]
    found = kinds(tmp_path, running, [entry("a", "stoppedDL")])
    assert found == {"a": "other", "b": "down"}


def test_a_server_that_does_not_know_the_filter_is_believed_nothing(tmp_path: Path) -> None:
    both = listed(entry("a", "downloading"), entry("b", "stoppedDL"))
    with (
        Server({RUNNING: both, STOPPED: both}) as server,
        pytest.raises(TorrentError, match="tell running"),
    ):
        client(server, tmp_path).torrents()


def test_a_forced_one_is_known_as_such(tmp_path: Path) -> None:
    answers = {
        RUNNING: listed(entry("a", "forcedDL"), entry("b", "downloading")),
        STOPPED: listed(),
    }
    with Server(answers) as server:
        found = client(server, tmp_path).torrents()
    assert [(one["hash"], one["forced"], one["added_on"], one["name"]) for one in found] == [
        ("a", True, 17, "The a"),
        ("b", False, 17, "The b"),
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_session_a_login_is_needed(tmp_path: Path, status: int) -> None:
    with Server({RUNNING: (status, {}, "")}) as server, pytest.raises(LoginNeeded):
        client(server, tmp_path).torrents()
    magnet = {RUNNING: listed(entry("a", "metaDL")), STOPPED: listed()}
    with Server({**magnet, PREFERENCES: (status, {}, "")}) as server, pytest.raises(LoginNeeded):
        client(server, tmp_path).torrents()


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, "<html>"),
        (200, {}, "{}"),
        (200, {}, '[{"hash": "a"}]'),
        (200, {}, '[{"hash": "a", "added_on": null, "state": "downloading"}]'),
        (200, {}, "null"),
        (200, {}, '["a"]'),
        (500, {}, "[]"),
        (302, {"Location": "/"}, ""),
    ],
)
def test_a_wrong_answer_is_no_list(tmp_path: Path, answer: Answer) -> None:
    with Server({RUNNING: listed(), STOPPED: answer}) as server, pytest.raises(TorrentError):
        client(server, tmp_path).torrents()


def test_a_list_of_some_thousand_is_read(tmp_path: Path) -> None:
    many = [{**entry(f"{number:040}", "downloading"), "more": "x" * 500} for number in range(3000)]
    assert len(kinds(tmp_path, many, [])) == 3000


@pytest.mark.parametrize(
    ("forced", "path", "more"),
    [(False, "torrents/start", {}), (True, "torrents/setForceStart", {"value": ["true"]})],
)
def test_starting_and_stopping_name_each_torrent(
    tmp_path: Path, forced: bool, path: str, more: dict[str, Any]
) -> None:
    def answers(seen: Seen) -> Answer:
        return (204 if seen.path.endswith("stop") else 200), {}, ""

    with Server(answers) as server:
        torrents = client(server, tmp_path)
        assert torrents.stop(["a", "b"]) == "ok"
        assert torrents.start(["a", "b"], forced=forced) == "ok"
    stop, start = server.seen
    assert (stop.method, stop.path) == ("POST", "/api/v2/torrents/stop")
    assert parse_qs(stop.body.decode()) == {"hashes": ["a|b"]}
    assert (start.method, start.path) == ("POST", f"/api/v2/{path}")
    assert parse_qs(start.body.decode()) == {"hashes": ["a|b"], **more}


@pytest.mark.parametrize(("status", "said"), [(403, "unsent"), (404, "unsent"), (500, "lost")])
def test_what_was_refused_was_not_done_and_an_error_may_have(
    tmp_path: Path, status: int, said: str
) -> None:
    with Server(lambda _: (status, {}, "")) as server:
        assert client(server, tmp_path).stop(["a"]) == said


def test_what_was_not_answered_may_have_been_done_and_what_was_not_sent_not(tmp_path: Path) -> None:
    with Server({}, way="short") as server:
        assert client(server, tmp_path).stop(["a"]) == "lost"
    assert Torrents("http://127.0.0.1:1", "admin", "/none").start(["a"], forced=False) == "unsent"
