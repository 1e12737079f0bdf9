"""healer.server as systemd runs it: a process of its own, its socket, how it begins and ends."""

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
from typing import Any

import pytest
from healer_house import said

FILES = Path(__file__).parents[2] / "files"
PROGRAM = """
import sys, time
from mediastack.healer import acts, server
def slow(*_):
    open(sys.argv[2], "w").close()
    time.sleep(float(sys.argv[3]))
    open(sys.argv[2] + ".done", "w").close()
    return {}
acts.perform = slow
server.END_SECONDS = 1.0
server.Server.end.__defaults__ = (1.0,)
server.main(["--socket", sys.argv[1]])
"""


@contextlib.contextmanager
def program(tmp_path: Path, *arguments: str, **environment: str) -> Iterator[Any]:
    config = tmp_path / "house.toml"
    config.write_text(
        'schema = 1\n[stacks.downloads]\nservices = ["gluetun", "sonarr"]\n'
        '[services.gluetun]\nowner = true\nzone = "bridge"\n[services.sonarr]\nzone = "vpn"\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "h.sock"), *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(FILES),
            "MEDIASTACK_CONFIG": str(config),
            "DOCKER_HOST": f"unix://{tmp_path}/docker.sock",
            **environment,
        },
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def connect(connection: socket.socket, path: Path) -> None:
    """The file is there a moment before anybody listens."""
    deadline = time.monotonic() + 10
    while connection.connect_ex(str(path)):
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


@pytest.mark.parametrize(("seconds", "ends_well"), [("0.4", True), ("30", False)])
def test_told_to_end_it_lets_an_act_end_within_reason(
    tmp_path: Path, seconds: str, ends_well: bool
) -> None:
    begun = tmp_path / "begun"
    with (
        program(tmp_path, str(begun), seconds) as process,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connect(connection, tmp_path / "h.sock")
        connection.sendall(b'{"do":"act","verb":"revive","services":["sonarr"]}\n')
        wait_for(begun)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert Path(f"{begun}.done").exists() is ends_well


def test_it_says_when_it_is_ready_and_survives_sighup(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        with program(tmp_path, "x", "0", NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            assert systemd.recv(100) == b"READY=1"
            process.send_signal(signal.SIGHUP)
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(tmp_path / "h.sock"))
                # There is no Docker: unknown, and it goes on.
                assert "unknown" in said(connection, b'{"do":"look"}\n')
                assert "refused" in said(connection, b'{"do":"cook"}\n')
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0
            assert systemd.recv(100) == b"STOPPING=1"


def test_a_socket_that_systemd_made_is_taken_and_not_handed_on(tmp_path: Path) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "passed"))
    listening.listen(2)
    code = (
        "import os, sys\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "from mediastack.healer import sockets\n"
        "found = sockets.listening('/nowhere/at/all')\n"
        "print(found.getsockname(), os.get_inheritable(3), sorted(k for k in os.environ if "
        "k.startswith('LISTEN')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(FILES), "LISTEN_FDS": "1"},
        preexec_fn=lambda: os.dup2(listening.fileno(), 3),
        pass_fds=(3,),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == f"{tmp_path}/passed False []"
