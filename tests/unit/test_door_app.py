"""door.app: who is answered with what, and what is on disk when it is."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from webhook_house import AUTOHEAL, GATEWAY, SONARR, TOKEN, WUD, Door

from mediastack.door import app, journal, limits

BODY = json.dumps({"name": "sonarr", "result": {"tag": "4.0.20"}}).encode()


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_a_delivery_is_acknowledged_and_on_disk(door: Door) -> None:
    status, _, content = door.ask(BODY)
    assert (status, json.loads(content)) == (202, {"accepted": 1, "ignored": 0})
    (entry,) = door.deliveries()
    assert entry.pop("at")
    assert entry == {
        "schema": 1,
        "source": "wud",
        "service": "sonarr",
        "tag": "4.0.20",
        "digest": "",
    }
    (path,) = door.folder.glob("new/*")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_same_delivery_again_is_the_same_file_and_another_tag_another(door: Door) -> None:
    for tag in ("1", "1", "2"):
        assert door.ask(BODY.replace(b"4.0.20", tag.encode()))[0] == 202
    assert sorted(one["tag"] for one in door.deliveries()) == ["1", "2"]


def test_a_list_is_as_good_as_one_and_what_nobody_knows_is_ignored(door: Door) -> None:
    names = ["sonarr", "radarr", "plex", "../x", 7, None]
    body = json.dumps([{"name": name} for name in names]).encode()
    status, _, content = door.ask(body)
    assert (status, json.loads(content)) == (202, {"accepted": 2, "ignored": 4})
    assert [one["service"] for one in door.deliveries()] in (
        ["radarr", "sonarr"],
        ["sonarr", "radarr"],
    )


@pytest.mark.parametrize(
    "more",
    [
        {"HTTP_AUTHORIZATION": ""},
        {"HTTP_AUTHORIZATION": "Bearer wrong"},
        {"HTTP_AUTHORIZATION": f"Basic {TOKEN}"},
        {"REMOTE_ADDR": SONARR},
        {"REMOTE_ADDR": GATEWAY},
    ],
)
def test_whoever_is_not_wud_with_its_token_is_told_the_same(
    door: Door, more: dict[str, Any]
) -> None:
    assert door.ask(BODY, **more) == door.ask(BODY, HTTP_AUTHORIZATION="Bearer x")
    assert door.ask(BODY, **more)[0] == 401
    assert door.deliveries() == []


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "", "::1", "172.30.1.1"])
def test_whoever_is_not_on_the_bridge_is_turned_away(door: Door, peer: str) -> None:
    assert door.ask(BODY, REMOTE_ADDR=peer)[0] == 403


@pytest.mark.parametrize(
    ("status", "more"),
    [
        (404, {"PATH_INFO": "/"}),
        (404, {"PATH_INFO": "/hooks/wud/"}),
        (404, {"PATH_INFO": "/hooks/notify/nobody"}),
        (405, {"REQUEST_METHOD": "GET"}),
        (405, {"PATH_INFO": "/healthz"}),
        (411, {"CONTENT_LENGTH": ""}),
        (400, {"CONTENT_LENGTH": "-1"}),
        (400, {"CONTENT_LENGTH": "²"}),
        (400, {"CONTENT_LENGTH": "9"}),
        (413, {"CONTENT_LENGTH": str(app.LARGEST_BODY + 1)}),
        (413, {"CONTENT_LENGTH": "9" * 5000}),
    ],
)
def test_what_is_no_delivery_has_a_status_of_its_own(
    door: Door, status: int, more: dict[str, Any]
) -> None:
    assert door.ask(b"{}", **more)[0] == status


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[1]", b'"x"', b"NaN", b"[" * 100_000, b'{"name": ' + b"9" * 9000 + b"}"],
)
def test_a_body_that_is_none_is_refused_and_not_quoted(door: Door, body: bytes) -> None:
    status, _, content = door.ask(body)
    assert status == 400
    assert len(content) < 100
    assert door.deliveries() == []


def test_health_and_figures_are_there_without_a_token(door: Door) -> None:
    more = {"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": "", "REMOTE_ADDR": "127.0.0.1"}
    assert door.ask(PATH_INFO="/healthz", **more)[2] == b'{"healthy": true}\n'
    door.ask(BODY)
    text = door.ask(PATH_INFO="/metrics", **more)[2].decode()
    assert 'mediastack_door_requests_total{hook="wud",status="202"} 1.0' in text
    assert "mediastack_door_waiting 1.0" in text


def test_who_knocks_too_often_waits_and_keeps_nobody_else_out(door: Door) -> None:
    answers = [door.ask(BODY)[0] for _ in range(int(limits.BURST) + 5)]
    assert answers.count(202) == limits.BURST and answers[-1] == 429
    assert door.ask(REMOTE_ADDR=SONARR)[0] == 401
    door.now += 1.0 / limits.PER_SECOND
    assert [door.ask(BODY)[0] for _ in range(2)] == [202, 429]


def test_many_refusals_are_one_delivery_for_the_user_and_few_are_none(door: Door) -> None:
    for _ in range(limits.REFUSALS - 1):
        door.ask(HTTP_AUTHORIZATION="")
    assert door.deliveries() == []
    for _ in range(3 * limits.REFUSALS):
        door.ask(HTTP_AUTHORIZATION="")
    (told,) = door.deliveries()
    assert (told["source"], told["count"], told["peer"]) == ("abuse", limits.REFUSALS, WUD)


def test_the_host_itself_may_look_whether_it_is_refused(door: Door) -> None:
    for peer in (GATEWAY, "127.0.0.1"):
        for _ in range(3 * limits.REFUSALS):
            assert door.ask(REMOTE_ADDR=peer, HTTP_AUTHORIZATION="")[0] == 401
    assert door.deliveries() == []


def test_a_flood_ends_at_a_number_of_files_and_leaves_room_for_others(tmp_path: Path) -> None:
    door = Door(tmp_path, room=3)
    answers = [door.ask(BODY.replace(b"20", b"%d" % one))[0] for one in range(5)]
    assert answers == [202, 202, 202, 503, 503]
    said = door.ask(b"{}", PATH_INFO="/hooks/notify/sonarr", REMOTE_ADDR=SONARR)
    assert said[0] == 202
    assert len(door.deliveries()) == 4


def test_a_disk_that_takes_nothing_is_no_acknowledgement(door: Door) -> None:
    with mock.patch.object(journal.atomic, "write", side_effect=OSError(28, "No space left")):
        assert door.ask(BODY)[0] == 503
    assert door.ask(BODY)[0] == 202


def test_a_mistake_of_ours_is_a_500_and_the_next_one_is_answered(door: Door) -> None:
    with mock.patch.object(app.bodies, "read", side_effect=KeyError("x")):
        assert door.ask(BODY)[0] == 500
    assert door.ask(BODY)[0] == 202


PASSWORD = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()


@pytest.mark.parametrize(
    ("status", "source", "more"),
    [
        (202, "sonarr", {}),
        (401, "sonarr", {"HTTP_AUTHORIZATION": "", "QUERY_STRING": f"token={TOKEN}"}),
        (202, "cross-seed", {"HTTP_AUTHORIZATION": "", "QUERY_STRING": f"token={TOKEN}"}),
        (401, "cross-seed", {"QUERY_STRING": "&" * 100}),
        (202, "unpackerr", {"HTTP_AUTHORIZATION": f"Basic {PASSWORD}"}),
        (202, "unpackerr", {}),
        (202, "sonarr", {"HTTP_AUTHORIZATION": f"basic {PASSWORD}"}),
        (401, "unpackerr", {"HTTP_AUTHORIZATION": "Basic %%"}),
        (401, "unpackerr", {"HTTP_AUTHORIZATION": "Basic eDp5"}),
        (401, "autoheal", {}),
        (202, "autoheal", {"HTTP_AUTHORIZATION": "", "REMOTE_ADDR": AUTOHEAL}),
    ],
)
def test_an_application_shows_its_token_the_way_it_can(
    door: Door, status: int, source: str, more: dict[str, Any]
) -> None:
    where = {"PATH_INFO": f"/hooks/notify/{source}", "REMOTE_ADDR": SONARR, **more}
    assert door.ask(b'{"a": [1, "\\ud800"]}', **where)[0] == status
    kept = [one["body"] for one in door.deliveries() if one["source"] != "abuse"]
    assert kept == ([{"a": [1, "\ud800"]}] if status == 202 else [])


def test_the_same_delivery_at_once_is_one_file(door: Door) -> None:
    together = threading.Barrier(32)

    def deliver(_: int) -> int:
        together.wait()
        return door.ask(BODY)[0]

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(deliver, range(32))) == {202}
    assert len(door.deliveries()) == 1
