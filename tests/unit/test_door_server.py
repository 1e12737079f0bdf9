"""door.server: over real connections, who is served, for how long, and how it starts and ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks import webhook_house as house
from mediastack import config
from mediastack.door import server

FILES = Path(__file__).parents[2] / "files"
BODY = b'{"name": "sonarr"}'


@pytest.fixture
def home(tmp_path: Path) -> house.House:
    return house.House(tmp_path, caller=house.LOOPBACK)


def test_a_delivery_arrives_and_no_answer_names_the_server(home: house.House) -> None:
    with house.served(home) as where:
        answer = house.exchange(where, house.raw_request(BODY, home.token))
    assert house.status(answer) == 202
    assert b"server:" not in answer.lower() and b"waitress" not in answer.lower()
    assert len(home.files()) == 1


def test_a_body_that_is_too_large_is_refused_before_it_is_there(home: house.House) -> None:
    head = house.raw_request(b"", home.token).replace(b"Length: 0", b"Length: 9999999")
    with house.served(home) as where:
        assert house.status(house.exchange(where, head + b" " * 300_000)) in (0, 413)
        assert house.status(house.exchange(where, house.raw_request(BODY, home.token))) == 202


def test_one_peer_has_so_many_connections_and_no_more(home: house.House) -> None:
    with house.served(home) as where, contextlib.ExitStack() as stack:
        held = [
            stack.enter_context(socket.create_connection(where, 5))
            for _ in range(server.CONNECTIONS_OF_A_PEER)
        ]
        time.sleep(0.3)
        assert house.exchange(where, house.raw_request(BODY, home.token)) == b""
        held[0].close()
        time.sleep(0.3)
        assert house.status(house.exchange(where, house.raw_request(BODY, home.token))) == 202


@contextlib.contextmanager
def door(home: house.House, tokens: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The door's program, started as systemd would."""
    with socket.socket() as listening:
        listening.bind((house.LOOPBACK, 0))
        listening.listen()
        start = "import os, sys; os.dup2(int(sys.argv[1]), 3)\n"
        start += "os.environ |= {'LISTEN_FDS': '1', 'LISTEN_PID': str(os.getpid())}\n"
        start += "from mediastack.door import server; sys.exit(server.main([]))"
        process = subprocess.Popen(
            [sys.executable, "-c", start, str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env={
                **os.environ,
                "PYTHONPATH": str(FILES),
                "MEDIASTACK_CONFIG": str(home.root / "mediastack.toml"),
                "CREDENTIALS_DIRECTORY": tokens,
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process, listening.getsockname()[1]
        finally:
            process.kill()
            process.communicate()


def test_the_program_serves_the_socket_it_was_given_and_ends_when_told(
    home: house.House, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "webhook_token").write_text(home.token)
    with door(home, str(tokens)) as (process, port):
        where = (house.LOOPBACK, port)
        assert house.status(house.exchange(where, house.raw_request(BODY, home.token), 20)) == 202
        assert house.status(house.exchange(where, house.raw_request(BODY, "x"), 20)) == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_an_empty_token_is_no_reason_to_let_everybody_in(home: house.House, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tokens / "webhook_token").write_text("")
    with door(home, str(tokens)) as (process, _):
        _, said = process.communicate(timeout=20)
        assert process.returncode == 1 and "webhook_token is empty" in said


def test_without_a_socket_it_says_who_gives_it_one(
    home: house.House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(home.root / "mediastack.toml"))
    monkeypatch.delenv("LISTEN_FDS", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert server.main([]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "systemctl start mediastack-updater.socket" in capsys.readouterr().err


def test_settings_that_cannot_be_read_for_a_moment_are_those_of_before(
    home: house.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home.root / "mediastack.toml"
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(path))
    kept = server.Kept()
    assert kept.welcome(house.WUD) and not kept.welcome(house.STRANGER)
    text = path.read_text()
    path.write_text("not TOML")
    assert kept.welcome(house.WUD)
    path.write_text(text.replace("172.30.0", "10.0.0"))
    assert not kept.welcome(house.WUD) and kept.welcome("10.0.0.33")
    path.unlink()
    with pytest.raises(config.ConfigError):
        server.Kept().load()
