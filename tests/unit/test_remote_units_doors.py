"""remote/units.py: a socket's door is the wanted one, or is opened anew with who listens behind."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from units_house import GOOD, HELPER, SPEC, Systemctl, systemd

from remote import units


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Systemctl]:
    return systemd(tmp_path, monkeypatch)


DOOR_UNIT = {**GOOD, "Id": "mediastack-healer.socket"}


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The specification of a socket that listens as it should, below a path of the test's own."""
    path = tmp_path / "healer.sock"
    people = SimpleNamespace(getpwnam=lambda _: SimpleNamespace(pw_uid=os.getuid()))
    monkeypatch.setattr(units, "pwd", people)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o600)
        name = DOOR_UNIT["Id"]
        sockets = {name: {"path": str(path), "user": "mediastack-monitor"}}
        yield {**SPEC, "units": [{"name": name, "kind": "socket"}], "sockets": sockets}


def test_a_door_as_wanted_is_no_difference(
    system: Callable[..., Systemctl], door: dict[str, Any]
) -> None:
    system(DOOR_UNIT, HELPER)
    assert units.check(door) == []


@pytest.mark.parametrize("fault", ["removed", "open", "file", "another's", "nobody's"])
def test_a_wrong_door_is_made_anew_with_who_listens_behind_it(
    system: Callable[..., Systemctl],
    door: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    path = Path(door["sockets"][DOOR_UNIT["Id"]]["path"])
    if fault in ("removed", "file"):
        path.unlink()
    if fault == "file":
        path.touch(0o600)
    if fault == "open":
        path.chmod(0o666)
    if fault == "another's":
        other = SimpleNamespace(getpwnam=lambda _: SimpleNamespace(pw_uid=os.getuid() + 1))
        monkeypatch.setattr(units, "pwd", other)
    if fault == "nobody's":
        monkeypatch.setattr(units, "pwd", SimpleNamespace(getpwnam={}.__getitem__))
    called = system(DOOR_UNIT, HELPER).calls
    (problem,) = units.check(door)
    assert problem["path"] == DOOR_UNIT["Id"] and str(path) in problem["problem"]
    units.apply(door)
    both = [DOOR_UNIT["Id"], "mediastack-healer.service"]
    assert called == [["daemon-reload"], ["restart", *both]]


def test_a_socket_that_does_not_listen_is_started_and_its_door_not_judged(
    system: Callable[..., Systemctl], door: dict[str, Any]
) -> None:
    Path(door["sockets"][DOOR_UNIT["Id"]]["path"]).unlink()
    called = system({**DOOR_UNIT, "ActiveState": "failed"}, HELPER).calls
    assert [one["problem"] for one in units.check(door)] == ["is failed"]
    units.apply(door)
    assert called[-1] == ["enable", "--quiet", "--now", DOOR_UNIT["Id"]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield made


def test_a_tcp_door_that_listens_elsewhere_is_opened_anew(
    system: Callable[..., Systemctl], listener: socket.socket
) -> None:
    name = "mediastack-updater.socket"
    made = system({**GOOD, "Id": name})
    port = listener.getsockname()[1]
    here, there = f"127.0.0.1:{port}", f"127.0.0.2:{port}"
    spec = {"units": [{"name": name, "kind": "socket"}], "helpers": [], "release": "1"}
    assert units.check({**spec, "sockets": {name: {"listens": here}}}) == []
    moved = {**spec, "sockets": {name: {"listens": there}}}
    assert units.check(moved) == [{"path": name, "problem": f"its door {there} is absent"}]
    units.apply(moved)
    assert made.calls[-1] == ["restart", name, "mediastack-updater.service"]
