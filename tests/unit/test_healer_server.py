"""healer.server: over a real socket, who is let in, and what is answered."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_house import EngineServer, Handler
from healer_house import Patient, heard, running, said

from mediastack import lock
from mediastack.docker_client import NotReachable
from mediastack.healer import acts, server, sockets


class Door:
    """A healer in a thread, and connections to it."""

    def __init__(self, path: str, healer: server.Server) -> None:
        self.path = path
        self.healer = healer
        self._listening = sockets.listening(path)
        self._done = False
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        poller = select.poll()
        poller.register(self._listening, select.POLLIN)
        while not self._done:
            if poller.poll(10):
                self.healer.accept(self._listening)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        connection.connect(self.path)
        return connection

    def ask(self, line: bytes) -> dict[str, Any]:
        with self.connect() as connection:
            return said(connection, line)

    def close(self) -> None:
        self._done = True
        self._thread.join()
        self._listening.close()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return running(tmp_path, monkeypatch)


@pytest.fixture
def door(house: Patient, tmp_path: Path) -> Iterator[Door]:
    engine: Any = house
    healer = server.Server(
        engine, lambda: house.config, trusted=lambda uid: uid == os.getuid(), line_seconds=0.3
    )
    made = Door(str(tmp_path / "healer.sock"), healer)
    yield made
    made.close()


def test_a_look_and_an_act_over_one_connection(door: Door, house: Patient) -> None:
    house.gluetun_restarts()
    with door.connect() as connection:
        look = said(connection, b'{"do":"look"}\n')["look"]
        assert look["services"]["sonarr"]["netns"] != look["services"]["gluetun"]["netns"]
        act = b'{"do":"act","verb":"hold","services":["sonarr"]}\n'
        assert said(connection, act) == {"ok": True, "failed": {}}
    assert house.stopped == [("sonarr", 7)]


def test_the_socket_is_for_its_owner_alone(door: Door) -> None:
    assert os.stat(door.path).st_mode & 0o777 == 0o600


def test_who_is_not_trusted_is_told_so_before_he_asks(door: Door) -> None:
    door.healer._trusted = lambda uid: False
    with door.connect() as connection:
        assert heard(connection) == {"ok": False, "refused": "not for you"}
        assert connection.recv(10) == b""


def test_a_refused_line_is_answered_and_the_next_one_is_heard(door: Door) -> None:
    with door.connect() as connection:
        assert "refused" in said(connection, b"rubbish\n")
        assert "refused" in said(connection, b'{"do":"act","verb":"hold","services":["plex"]}\n')
        assert said(connection, b'{"do":"look"}\n')["ok"] is True


def test_two_lines_in_one_packet_have_two_answers(door: Door) -> None:
    with door.connect() as connection, connection.makefile() as stream:
        connection.sendall(b'{"do":"look"}\n{"do":"x"}\n')
        answers = [json.loads(stream.readline()) for _ in range(2)]
    assert [answer["ok"] for answer in answers] == [True, False]


@pytest.mark.parametrize("line", [b'{"do":"lo', b"x" * 70000])
def test_a_line_that_does_not_end_ends_the_connection(door: Door, line: bytes) -> None:
    with door.connect() as connection:
        assert "refused" in said(connection, line)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(10) == b""


def test_a_line_that_drips_has_one_deadline(door: Door) -> None:
    began = time.monotonic()
    with door.connect() as connection, contextlib.suppress(BrokenPipeError):
        for _ in range(50):
            connection.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began < 1.5


def test_a_quiet_connection_may_wait_for_long(door: Door) -> None:
    with door.connect() as connection:
        time.sleep(0.5)
        assert said(connection, b'{"do":"look"}\n')["ok"] is True


def test_there_are_eight_connections_and_one_that_ends_makes_room(door: Door) -> None:
    with contextlib.ExitStack() as held:
        connections = [held.enter_context(door.connect()) for _ in range(8)]
        for connection in connections:
            assert said(connection, b'{"do":"look"}\n')["ok"] is True
        with door.connect() as ninth:
            assert heard(ninth)["refused"] == "too many connections"
        connections[0].close()
        time.sleep(0.2)
        assert door.ask(b'{"do":"look"}\n')["ok"] is True


def test_who_holds_the_lock_is_named_and_nothing_is_done(door: Door, house: Patient) -> None:
    house.gluetun_restarts()
    with lock.hold("deploy", "a deploy", wait_seconds=0):
        act = b'{"do":"act","verb":"hold","services":["sonarr"]}\n'
        assert door.ask(act) == {"ok": False, "busy": "deploy"}
        assert door.ask(b'{"do":"look"}\n')["look"]["busy"] == "deploy"
    assert house.stopped == []


def test_acts_are_one_at_a_time_and_a_look_is_possible_meanwhile(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(*_: Any) -> dict[str, str]:
        go_on.wait(5)
        return {"sonarr": "a cause"}

    monkeypatch.setattr(acts, "perform", slow)
    act = b'{"do":"act","verb":"revive","services":["sonarr"]}\n'
    with door.connect() as first:
        first.sendall(act)
        time.sleep(0.1)
        assert door.ask(act) == {"ok": False, "busy": "monitor"}
        assert door.ask(b'{"do":"look"}\n')["ok"] is True
        go_on.set()
        assert heard(first) == {"ok": True, "failed": {"sonarr": "a cause"}}


@pytest.mark.parametrize("error", [NotReachable("away"), OSError("full"), RuntimeError("a bug")])
def test_what_goes_wrong_is_unknown_to_who_asked(
    door: Door, house: Patient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(server, "look", fail)
    assert str(error) in door.ask(b'{"do":"look"}\n')["unknown"]
    monkeypatch.undo()


def test_without_a_gluetun_everything_is_refused(door: Door, house: Patient) -> None:
    house.config = {"stacks": {}, "services": {}}
    assert "no Gluetun" in door.ask(b'{"do":"look"}\n')["refused"]


def test_a_listener_that_hangs_up_leaves_no_thread_behind(house: Patient, tmp_path: Path) -> None:
    from mediastack.docker_socket import DockerSocket

    def quiet(handler: Handler) -> None:
        handler.begin_chunks()
        event = {"Action": "start", "timeNano": 5, "Actor": {"ID": "a", "Attributes": {}}}
        event["Actor"]["Attributes"]["io.mediastack.service"] = "sonarr"
        handler.chunk(json.dumps(event).encode() + b"\n")
        time.sleep(3)

    with EngineServer(tmp_path / "docker.sock") as engine:
        engine.answers["GET /events"] = quiet
        docker = DockerSocket(str(engine.server_address))
        made = Door(
            str(tmp_path / "other.sock"),
            server.Server(docker, lambda: house.config, trusted=lambda _: True),
        )
        before = threading.active_count()
        connections = [made.connect() for _ in range(8)]
        for connection in connections:
            answer = said(connection, b'{"do":"listen"}\n')
            assert answer == {"event": "start", "service": "sonarr", "at": 5e-9}
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + 2
        # The threads of the engine itself sleep on.
        while threading.active_count() > before + 8 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert threading.active_count() <= before + 8
        with made.connect() as connection:
            assert said(connection, b'{"do":"listen"}\n')["event"] == "start"
        made.close()


def test_a_changed_configuration_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mediastack.toml"
    file.write_text("schema = 1\n")
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    cached = server.Cached()
    first = cached.load()
    assert cached.load() is first
    file.write_text("schema = 1\n[vpn]\ninterface = 'tun0'\n")
    assert cached.load()["vpn"] == {"interface": "tun0"}
