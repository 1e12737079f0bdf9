"""A door that is killed, one that is watched while it writes, and callers that take their time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

from checks import webhook_house as house
from checks.framework import CheckError, Context
from mediastack.door import server
from sandbox.state import ROOT

START_SECONDS = 20.0
SLOW_CALLERS, SLOW_LIFE_SECONDS = 14, 2.0
# The door itself, in a process of its own; it dies as soon as the journal has the delivery.
DOOR = """
import os, signal, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
from mediastack.door import journal, server
deliver = journal.Journal.deliver
def dying(*given):
    deliver(*given)
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "dies":
    journal.Journal.deliver = dying
sys.exit(server.main([]))
"""


def order(home: house.House) -> set[str]:
    """What is so at the moment when a delivery is acknowledged."""
    synced: set[int] = set()
    seen: set[str] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def start(*_: object) -> None:
        files = home.files()
        if files:
            seen.add("the file is there")
            if files[0].stat().st_ino in synced:
                seen.add("the file is synced")
        if (home.inbox / "new").stat().st_ino in synced:
            seen.add("its directory is synced")

    body = json.dumps(house.container("sonarr", "4.0.20")).encode()
    with mock.patch.object(os, "fsync", fsync):
        home.app(house.request(body, token=home.token), start)
    return seen


def door(context: Context) -> tuple[int, list[str]]:
    """Deliver to a door that is killed between its journal and its answer, then to its successor;
    return what the first one answered (0: nothing), and whom the hints are about then."""
    with house.made(caller=house.LOOPBACK) as home, socket.socket() as listening:
        listening.bind((house.LOOPBACK, 0))
        listening.listen()
        address = listening.getsockname()
        credentials = home.root / "credentials"
        credentials.mkdir()
        (credentials / "webhook_token").write_text(home.token)
        body = json.dumps(house.container("sonarr", "4.0.20")).encode()
        raw = house.raw_request(body, home.token)
        answers = []
        for how in ("dies", "lives"):
            process = _start(home, credentials, listening, how)
            try:
                answers.append(house.status(house.exchange(address, raw, START_SECONDS)))
                if how == "dies":
                    process.wait(START_SECONDS)
                    context.control("the killed door's delivery", len(home.files()) == 1)
            finally:
                process.kill()
                process.wait()
        context.control("the next door's answer", answers[1] == 202)
        if len(home.files()) != 1:
            context.violation(f"{len(home.files())} deliveries after one that was repeated")
        home.read_inbox()
        return answers[0], sorted(home.hints())


def _start(
    home: house.House, credentials: Path, listening: socket.socket, how: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", DOOR, str(listening.fileno()), how],
        pass_fds=[listening.fileno()],
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}/files",
            "MEDIASTACK_CONFIG": str(home.root / "mediastack.toml"),
            "CREDENTIALS_DIRECTORY": str(credentials),
        },
        stderr=subprocess.DEVNULL,
    )


def slow(context: Context) -> None:
    """Callers that trickle one byte at a time are hung up on, and keep nobody else out."""
    with (
        mock.patch.object(server, "LIFE_SECONDS", SLOW_LIFE_SECONDS),
        house.made(caller=house.LOOPBACK) as home,
        house.served(home) as where,
        context.planted(),
        contextlib.ExitStack() as stack,
    ):
        ended = threading.Event()
        stack.callback(ended.set)
        hung_up: list[bool] = []
        threads = [
            threading.Thread(target=_trickle, args=(where, ended, hung_up), daemon=True)
            for _ in range(SLOW_CALLERS)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        started = time.monotonic()
        body = json.dumps(house.container("sonarr", "4.0.20")).encode()
        answer = house.exchange(where, house.raw_request(body, home.token))
        took = time.monotonic() - started
        context.figure("seconds_beside_slow_callers", took)
        if house.status(answer) != 202 or took > 2.0:
            context.violation(f"beside slow callers: {house.status(answer)} after {took:.1f} s")
        deadline = time.monotonic() + 3 * SLOW_LIFE_SECONDS
        while len(hung_up) < SLOW_CALLERS and time.monotonic() < deadline:
            time.sleep(0.05)
        if len(hung_up) < SLOW_CALLERS:
            context.violation(f"{SLOW_CALLERS - len(hung_up)} slow callers are never hung up on")
    if not context.break_name and not hung_up:
        raise CheckError("no slow caller was there")


def _trickle(where: tuple[str, int], ended: threading.Event, hung_up: list[bool]) -> None:
    try:
        with socket.create_connection(where, 5) as connection:
            connection.sendall(b"POST /hooks/wud HTTP/1.1\r\nX: ")
            while not ended.wait(0.1):
                connection.sendall(b"a")
    except OSError:
        hung_up.append(True)
