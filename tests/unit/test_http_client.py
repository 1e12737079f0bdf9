"""A request that ends: in time, in size, and never with half an answer."""

from __future__ import annotations

import pytest
from http_house import Server

from mediastack import http_client
from mediastack.http_client import NoAnswer


def test_an_answer_comes_with_status_headers_and_body() -> None:
    with Server({"POST /a?b=c": (207, {"Set-Cookie": "x=1\ny=2"}, "hello")}) as server:
        answer = http_client.request("POST", server.url + "/a?b=c", body=b"sent")
    assert (answer.status, answer.body) == (207, b"hello")
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["x=1", "y=2"]
    assert answer.header("content-length") == "5" and answer.header("x-none") == ""
    assert server.seen[0].body == b"sent"


@pytest.mark.parametrize("way", ["hangs", "drips"])
def test_whoever_does_not_come_to_an_end_is_hung_up_on(way: str) -> None:
    with Server({}, way=way) as server, pytest.raises(NoAnswer) as caught:
        http_client.request("GET", server.url, timeout_seconds=0.3)
    assert caught.value.sent and server.seconds < 2


def test_half_an_answer_is_none() -> None:
    with (
        Server({"GET /": (200, {}, "hello")}, way="short") as server,
        pytest.raises(NoAnswer) as caught,
    ):
        http_client.request("GET", server.url)
    assert caught.value.sent


def test_too_much_is_not_read() -> None:
    with (
        Server({"GET /": (200, {}, "x" * 5000)}) as server,
        pytest.raises(NoAnswer, match="more than 1000 bytes"),
    ):
        http_client.request("GET", server.url, maximum_bytes=1000)


def test_what_was_never_sent_is_told_apart() -> None:
    with pytest.raises(NoAnswer) as caught:
        http_client.request("GET", "http://127.0.0.1:1/")
    assert not caught.value.sent
    with Server({}) as server, pytest.raises(NoAnswer) as caught:
        http_client.request("GET", server.url, headers={"X": "a\r\nb"})
    assert not caught.value.sent and "a\r\nb" not in str(caught.value)
