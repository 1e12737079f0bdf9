"""A house for tests of the healer: the simulated Docker, its lock, journal, intents and ledger."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from simulated_docker import EVERYTHING, OWNER, VPN
from stacks_house import House, furnish

from mediastack import user_stops
from mediastack.docker_client import DockerError


class Patient(House):
    """The House of stacks, with the calls that only the healer makes."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.stopped: list[tuple[str, int]] = []
        self.restarted: list[str] = []
        self.stuck: set[str] = set()
        self.printed = "-P OUTPUT DROP\n-A OUTPUT -o lo -j ACCEPT\n"

    def by_id(self, identity: str) -> dict[str, Any]:
        return next(one for one in self.docker.containers if one["id"] == identity)

    def stop(self, identity: str, grace: int) -> None:
        container = self.by_id(identity)
        if container["name"] in self.stuck:
            raise DockerError("cannot stop")
        self.stopped.append((container["name"], grace))
        container.update(status="exited", netns=None, finished_at="2026-11-27T12:00:00Z")

    def restart(self, identity: str, grace: int) -> None:
        container = self.by_id(identity)
        self.restarted.append(container["name"])
        container["status"] = "exited"
        self.docker.start(container)

    def resume(self, identity: str) -> None:
        if identity == "autoheal":
            super().resume(identity)
        else:
            assert self.by_id(identity)["status"] == "paused"
            self.by_id(identity)["status"] = "running"

    def execute(self, name: str, command: Any, seconds: float) -> tuple[int, str]:
        return 0, self.printed

    def gluetun_restarts(self) -> None:
        owner = self.docker.get(OWNER)
        assert owner
        owner["status"] = "exited"
        self.docker.start(owner)
        self.docker.time_passes()


def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """Everything runs and is well."""
    house = furnish(tmp_path, monkeypatch, Patient)
    assert isinstance(house, Patient)
    house.docker.converge()
    house.docker.started.clear()
    house.local = set(EVERYTHING)
    for name in VPN:
        house.config["services"][name]["stop_grace_seconds"] = 7
    monkeypatch.setattr(user_stops, "dockerd_started", lambda: 0.0)
    return house


def said(connection: socket.socket, line: bytes) -> dict[str, Any]:
    connection.sendall(line)
    return heard(connection)


def heard(connection: socket.socket) -> dict[str, Any]:
    received = b""
    while not received.endswith(b"\n"):
        data = connection.recv(65536)
        assert data, "it hung up"
        received += data
    found: dict[str, Any] = json.loads(received)
    return found
