"""docker_socket's events: a span of the past, and a stream that goes on until one side ends it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_house import EngineServer, Handler, client

from mediastack.docker_client import NotReachable
from mediastack.docker_socket import DockerSocket


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineServer]:
    with EngineServer(tmp_path / "docker.sock") as server:
        yield server


@pytest.fixture
def docker(engine: EngineServer) -> DockerSocket:
    return client(engine)


def test_events_are_asked_for_with_fractions_of_a_second(
    engine: EngineServer, docker: DockerSocket
) -> None:
    lines = b'{"Action":"start"}\n\x1e{"Action":"stop"}\r\n\n'
    engine.answers["GET /events"] = (200, lines)
    found = docker.events(1.25, 2.5, {"type": "container", "container": ["a"]})
    assert [event["Action"] for event in found] == ["start", "stop"]
    query = engine.seen[-1][1]
    assert (query["since"], query["until"]) == ("1.250000000", "2.500000000")
    assert json.loads(query["filters"]) == {"type": ["container"], "container": ["a"]}


def test_a_stream_gives_each_event_as_it_comes_and_its_end_is_not_reachable(
    engine: EngineServer, docker: DockerSocket
) -> None:
    go_on = threading.Event()

    def events(handler: Handler) -> None:
        handler.begin_chunks()
        # Two in one chunk, one over two chunks, and a cut.
        handler.chunk(b'{"Action":"kill"}\n{"Action":"die"}\n{"Act')
        go_on.wait(5)
        handler.chunk(b'ion":"stop"}\n')
        handler.wfile.write(b"40\r\n{")
        handler.hang_up()

    engine.answers["GET /events"] = events
    stream = iter(docker.stream("12.000000001"))
    assert [next(stream)["Action"], next(stream)["Action"]] == ["kill", "die"]
    go_on.set()
    assert next(stream)["Action"] == "stop"
    with pytest.raises(NotReachable):
        next(stream)
    assert engine.seen[-1][1]["since"] == "12.000000001"


def test_a_stream_outlasts_the_time_out_and_ends_when_it_is_closed(
    engine: EngineServer, docker: DockerSocket
) -> None:
    def quiet(handler: Handler) -> None:
        handler.begin_chunks()
        time.sleep(0.8)
        handler.chunk(b'{"Action":"start"}\n')
        time.sleep(3)

    engine.answers["GET /events"] = quiet
    stream = docker.stream("0")
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(stream))
    thread.start()
    time.sleep(1.2)
    began = time.monotonic()
    stream.close()
    thread.join(2)
    assert not thread.is_alive()
    assert time.monotonic() - began < 1
    assert found == [{"Action": "start"}]


def test_a_stream_that_is_refused_is_not_reachable(
    engine: EngineServer, docker: DockerSocket
) -> None:
    engine.answers["GET /events"] = (400, {"message": "no such filter"})
    with pytest.raises(NotReachable, match="no such filter"):
        docker.stream("0")
