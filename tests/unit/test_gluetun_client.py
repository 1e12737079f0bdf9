"""Gluetun's control server as it answers, rightly and wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest
from http_house import Server

from mediastack.gluetun_client import Gluetun, GluetunError

KEY = "secret-key-4711"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    return path


@pytest.mark.parametrize(
    ("body", "port"),
    [
        ('{"port":40000,"ports":[40000]}', 40000),
        ('{"port":40000,"ports":[40000,40001]}', 40000),
        ('{"port":40000}', 40000),
        ('{"port":0,"ports":null}', 0),
        ('{"port":0,"ports":[]}', 0),
        ('{"ports":[]}', 0),
        ("{}", 0),
    ],
)
def test_the_port_is_read_in_every_form(key: Path, body: str, port: int) -> None:
    with Server({"GET /v1/portforward": (200, {}, body)}) as server:
        assert Gluetun(server.url, str(key)).port() == port
        assert server.seen[0].headers["X-API-Key"] == KEY


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (401, "Unauthorized", "refuses our key"),
        (500, "", "answers 500"),
        (404, "", "answers 404"),
        (200, "<html>", "no JSON object"),
        (200, '{"port":', "no JSON object"),
        (200, "[]", "no JSON object"),
        (200, '{"port":70000}', "no port that can be one"),
        (200, '{"port":"40000"}', "no port that can be one"),
        (200, '{"port":true}', "no port that can be one"),
        (200, '{"ports":{"a":1}}', "no port that can be one"),
    ],
)
def test_a_wrong_answer_is_no_port_and_shows_no_key(
    key: Path, status: int, body: str, word: str
) -> None:
    with (
        Server({"GET /v1/portforward": (status, {}, body)}) as server,
        pytest.raises(GluetunError, match=word) as caught,
    ):
        Gluetun(server.url, str(key)).port()
    assert KEY not in str(caught.value)


def test_an_older_gluetuns_route_and_its_redirect_are_followed(key: Path) -> None:
    answers = {
        "GET /v1/portforward": (404, {}, ""),
        "GET /v1/openvpn/portforwarded": (301, {"Location": "/v1/other"}, ""),
        "GET /v1/other": (200, {}, '{"port":7}'),
    }
    with Server(answers) as server:
        assert Gluetun(server.url, str(key)).port() == 7
        assert [one.headers["X-API-Key"] for one in server.seen] == [KEY] * 3


def test_the_key_goes_to_no_other_server_and_round_in_circles_ends(key: Path) -> None:
    away = {"Location": "http://192.0.2.1:9/v1/portforward"}
    with (
        Server({"GET /v1/portforward": (301, away, "")}) as server,
        pytest.raises(GluetunError, match="another server"),
    ):
        Gluetun(server.url, str(key)).port()
    circle = {"Location": "/v1/portforward"}
    with (
        Server({"GET /v1/portforward": (301, circle, "")}) as server,
        pytest.raises(GluetunError, match="answers 301"),
    ):
        Gluetun(server.url, str(key)).port()
    assert len(server.seen) == 4


def test_the_key_is_read_anew_for_each_request(key: Path) -> None:
    with Server({"GET /v1/portforward": (200, {}, "{}")}) as server:
        client = Gluetun(server.url, str(key))
        client.port()
        key.write_text("another")
        client.port()
        assert [one.headers["X-API-Key"] for one in server.seen] == [KEY, "another"]


@pytest.mark.parametrize("content", [None, b"a\nb", b"\xff\xfe"])
def test_without_a_usable_key_it_says_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with Server({}) as server, pytest.raises(GluetunError) as caught:
        Gluetun(server.url, str(path)).port()
    assert "a\nb" not in str(caught.value) and server.seen == []


def test_nobody_there_and_nobody_who_answers_end_in_time(key: Path) -> None:
    with pytest.raises(GluetunError, match="does not answer"):
        Gluetun("http://127.0.0.1:1", str(key)).port()
    for way in ("hangs", "drips"):
        with Server({}, way=way) as server, pytest.raises(GluetunError, match="does not answer"):
            Gluetun(server.url, str(key), timeout_seconds=0.3).port()
        assert server.seconds < 2


def test_exit_address_and_tunnel_are_asked_and_set(key: Path) -> None:
    answers = {
        "GET /v1/publicip/ip": (200, {}, '{"public_ip":"203.0.113.7","country":"x"}'),
        "GET /v1/vpn/status": (200, {}, '{"status":"running"}'),
        "PUT /v1/vpn/status": (200, {}, '{"outcome":"stopped"}'),
    }
    with Server(answers) as server:
        client = Gluetun(server.url, str(key))
        assert client.public_ip() == "203.0.113.7"
        assert client.status() == "running"
        assert client.set_status("stopped") == "stopped"
        assert server.seen[-1].body == b'{"status": "stopped"}'
    with Server({"GET /v1/publicip/ip": (200, {}, '{"public_ip":""}')}) as server:
        assert Gluetun(server.url, str(key)).public_ip() == ""
