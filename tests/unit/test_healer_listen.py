"""healer.listen: events of the group against a little engine that cuts its streams."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_house import EngineServer, Handler

from mediastack.docker_socket import DockerSocket
from mediastack.healer.listen import Listener

START = 1_000_000_000_000_000_001


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineServer]:
    with EngineServer(tmp_path / "docker.sock") as server:
        yield server


def event(action: str, at: int, service: str = "sonarr", identity: str = "a") -> bytes:
    actor = {"ID": identity, "Attributes": {"io.mediastack.service": service}}
    return json.dumps({"Action": action, "Actor": actor, "timeNano": at}).encode() + b"\n"


def heard(
    engine: EngineServer, streams: list[Callable[[Handler], None]], count: int
) -> list[dict[str, Any]]:
    """What a listener says while the engine answers with one stream after the other."""
    left = list(streams)

    def answer(handler: Handler) -> None:
        (left.pop(0) if left else quiet)(handler)

    engine.answers["GET /events"] = answer
    said: list[dict[str, Any]] = []
    docker = DockerSocket(str(engine.server_address))
    listener = Listener(docker, lambda: ["sonarr", "gluetun"], said.append, clock=lambda: START)
    thread = threading.Thread(target=listener.run)
    thread.start()
    deadline = time.monotonic() + 5
    while len(said) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    listener.end()
    thread.join(2)
    assert not thread.is_alive()
    return said


def quiet(handler: Handler) -> None:
    handler.begin_chunks()
    time.sleep(3)


def stream(*lines: bytes) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.begin_chunks()
        for line in lines:
            handler.chunk(line)
        handler.hang_up()

    return answer


def queries(engine: EngineServer) -> list[dict[str, str]]:
    return [query for key, query, _ in engine.seen if key == "GET /events"]


def test_events_of_the_group_are_passed_on_and_no_others(engine: EngineServer) -> None:
    lines = [
        event("die", START + 1, "plex"),
        event("exec_create: sh", START + 2),
        event("health_status: healthy", START + 3, "gluetun"),
        b'{"Action":"start","timeNano":5}\n',
        event("die", START + 4),
    ]
    said = heard(engine, [stream(*lines)], 3)
    assert said[:2] == [
        {"event": "health_status", "service": "gluetun", "at": (START + 3) / 1e9},
        {"event": "die", "service": "sonarr", "at": (START + 4) / 1e9},
    ]
    filters = json.loads(queries(engine)[0]["filters"])
    assert filters["type"] == ["container"]
    assert "health_status" in filters["event"] and "exec_create" not in filters["event"]


def test_a_cut_is_said_once_and_what_came_meanwhile_comes_without_what_came_before(
    engine: EngineServer,
) -> None:
    first = stream(event("kill", START + 10), event("die", START + 11))
    refused: Callable[[Handler], None] = lambda handler: handler.say(500, {"message": "down"})  # noqa: E731
    second = stream(event("die", START + 11), event("start", START + 12))
    said = heard(engine, [first, refused, refused, second], 6)
    assert [one["event"] for one in said] == ["kill", "die", "cut", "back", "start", "cut"]
    since = [query["since"] for query in queries(engine)]
    assert since[0] == "1000000000.000000001"
    assert set(since[1:4]) == {"1000000000.000000012"}


def test_two_events_of_one_instant_both_come(engine: EngineServer) -> None:
    lines = [event("start", START + 1, identity="a"), event("start", START + 1, identity="b")]
    said = heard(engine, [stream(*lines)], 2)
    assert [one["event"] for one in said[:2]] == ["start", "start"]


def test_a_clock_that_is_set_back_silences_nothing(engine: EngineServer) -> None:
    lines = [event("die", START + 10), event("start", START - 86_400_000_000_000)]
    said = heard(engine, [stream(*lines)], 2)
    assert [one["event"] for one in said[:2]] == ["die", "start"]


def test_without_a_docker_it_says_so_and_waits(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    listener = Listener(DockerSocket("/nowhere"), lambda: ["sonarr"], said.append)
    thread = threading.Thread(target=listener.run)
    thread.start()
    time.sleep(0.5)
    listener.end()
    thread.join(2)
    assert not thread.is_alive()
    assert said == [{"event": "cut"}]


def test_when_nobody_listens_any_more_it_ends(engine: EngineServer) -> None:
    def hung_up(_: dict[str, Any]) -> None:
        raise BrokenPipeError

    engine.answers["GET /events"] = stream(event("die", START + 1))
    docker = DockerSocket(str(engine.server_address))
    with pytest.raises(BrokenPipeError):
        Listener(docker, lambda: ["sonarr"], hung_up, clock=lambda: START).run()
