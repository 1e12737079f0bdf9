"""qBittorrent's web API of 5.1 and 5.2, and what is none of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from http_house import Answer, Seen, Server

from mediastack.qbittorrent_client import LoginNeeded, QBittorrent, TorrentError

PASSWORD = "pässword 4711&="
PREFERENCES = {
    "listen_port": 6881,
    "random_port": False,
    "upnp": True,
    "current_network_interface": "tun0",
    "more": 1,
}
LOGIN = "POST /api/v2/auth/login"
GET = "GET /api/v2/app/preferences"
SET = "POST /api/v2/app/setPreferences"


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    return path


def client(server: Server, password: Path) -> QBittorrent:
    return QBittorrent(server.url, "admin", str(password))


@pytest.mark.parametrize("version", ["5.1", "5.2"])
def test_a_session_is_opened_and_used_whatever_its_cookie_is_called(
    password: Path, version: str
) -> None:
    cookie = "SID=abc" if version == "5.1" else "QBT_SID_8080=abc"
    good = (200, "Ok.") if version == "5.1" else (204, "")

    def answers(seen: Seen) -> Answer:
        if seen.path.endswith("auth/login"):
            given = parse_qs(seen.body.decode())
            assert given == {"username": ["admin"], "password": [PASSWORD]}
            return good[0], {"Set-Cookie": f"{cookie}; HttpOnly; path=/"}, good[1]
        if seen.headers.get("Cookie") != cookie:
            return 403, {}, "Forbidden"
        if seen.method == "POST":
            return (200 if version == "5.1" else 204), {}, ""
        return 200, {}, json.dumps(PREFERENCES)

    with Server(answers) as server:
        torrents = client(server, password)
        with pytest.raises(LoginNeeded):
            torrents.preferences()
        assert torrents.login() == "ok"
        assert torrents.preferences() == {
            "port": 6881, "random": False, "upnp": True, "interface": "tun0",
        }  # fmt: skip
        torrents.change({"listen_port": 40000, "random_port": False})
        sent = parse_qs(server.seen[-1].body.decode())
        assert json.loads(sent["json"][0]) == {"listen_port": 40000, "random_port": False}
        # Another session of it, after its restart: the cookie is worth nothing.
        cookie = cookie.replace("abc", "def")
        with pytest.raises(LoginNeeded):
            torrents.preferences()
        assert torrents.login() == "ok"
        torrents.preferences()


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ((200, {}, "Fails."), "refused"),
        ((401, {}, ""), "refused"),
        ((403, {}, "banned"), "banned"),
        ((200, {}, "<html>"), "strange"),
        ((200, {}, "Ok."), "strange"),
        ((204, {}, ""), "strange"),
        ((500, {}, "Ok."), "strange"),
        ((302, {"Location": "/"}, ""), "strange"),
    ],
)
def test_what_a_login_brought_is_told_apart(password: Path, answer: Answer, result: str) -> None:
    with Server({LOGIN: answer}) as server:
        assert client(server, password).login() == result
        assert len(server.seen) == 1


def test_a_login_that_may_have_counted_is_lost_and_one_that_cannot_have_is_unsent(
    password: Path, tmp_path: Path
) -> None:
    with Server({LOGIN: (200, {}, "Ok.")}, way="short") as server:
        assert client(server, password).login() == "lost"
    assert QBittorrent("http://127.0.0.1:1", "admin", str(password)).login() == "unsent"
    with Server({}) as server:
        assert client(server, tmp_path / "absent").login() == "unsent"
        assert server.seen == []


@pytest.mark.parametrize(
    "answer",
    [
        (200, {}, "<html>"),
        (200, {}, json.dumps(PREFERENCES)[:-9]),
        (200, {}, "[]"),
        (200, {}, "{}"),
        (200, {}, '{"listen_port": null}'),
        (500, {}, json.dumps(PREFERENCES)),
        (302, {"Location": "/"}, ""),
    ],
)
def test_a_wrong_answer_is_no_preferences(password: Path, answer: Answer) -> None:
    with Server({GET: answer}) as server, pytest.raises(TorrentError) as caught:
        client(server, password).preferences()
    assert PASSWORD not in str(caught.value)


def test_a_change_that_was_not_made_is_said(password: Path) -> None:
    with Server({SET: (400, {}, "")}) as server, pytest.raises(TorrentError, match="400"):
        client(server, password).change({})
    for status in (401, 403):
        with Server({SET: (status, {}, "")}) as server, pytest.raises(LoginNeeded):
            client(server, password).change({})


def test_the_password_is_read_anew_for_each_login(password: Path) -> None:
    with Server({LOGIN: (200, {}, "Fails.")}) as server:
        torrents = client(server, password)
        torrents.login()
        password.write_text("other")
        torrents.login()
        given = [parse_qs(one.body.decode())["password"] for one in server.seen]
        assert given == [[PASSWORD], ["other"]]
