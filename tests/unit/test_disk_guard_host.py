"""The guard's files, messages and history on a host, and the program around them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from disk_guard_house import torrent
from http_house import Answer, Seen, Server
from test_portsync_look import FakeDocker

from mediastack import (
    config,
    disk_guard,
    disk_guard_host,
    disk_guard_look,
    disk_guard_step,
    ledger,
    notify,
)
from mediastack.disk_guard_host import Host
from mediastack.disk_guard_look import Room

DISK = {"warn": "10%", "pause": "4%", "resume": "6%", "pause_downloads": True}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    names = ("state", "runtime", "data", "config", "backups")
    for name in names:
        (tmp_path / name).mkdir()
    paths = {name: str(tmp_path / name) for name in names}
    paths["sentinel"] = f"{paths['data']}/.sentinel"
    Path(paths["sentinel"]).touch()
    (tmp_path / "password").write_text("secret")
    monkeypatch.setattr(config, "paths", lambda *_: paths)
    return {
        "paths": paths,
        "disk": dict(DISK),
        "vpn": {
            "owner": "gluetun",
            "torrent_client": "qbittorrent",
            "interface": "tun0",
            "torrent_url": "http://127.0.0.1:1",
            "torrent_user": "admin",
            "torrent_password_file": str(tmp_path / "password"),
            **dict.fromkeys(("wake_file", "status_file", "control_key_file"), "/none"),
        },
    }


def host(house: dict[str, Any]) -> Host:
    return Host(house, FakeDocker())  # type: ignore[arg-type]


def test_the_newest_state_is_loaded_without_another_boots_moments(house: dict[str, Any]) -> None:
    first = host(house)
    state = first.load()
    moments = {"boot": state["boot"], "since": state["since"]}
    assert state == {**disk_guard_step.initial_state(), **moments}
    state |= {"stopped": {"a": {"added_on": 1, "absent": 7.0}}, "boot": "another", "since": 1e6}
    first.save(state)
    loaded = host(house).load()
    assert loaded["stopped"]["a"]["absent"] is None and loaded["since"] < 1e6


def test_on_a_full_state_disk_the_list_is_kept_in_memory_until_there_is_room(
    house: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, real = host(house), disk_guard_host.atomic.write_json
    state = one.load()
    one.save(state)

    def full(path: str, value: Any) -> None:
        if path.startswith(house["paths"]["state"]):
            raise OSError(28, "No space left on device")
        real(path, value)

    monkeypatch.setattr(disk_guard_host.atomic, "write_json", full)
    one.save({**state, "cause": ["/data"]})
    assert "kept in memory" in capsys.readouterr().err
    assert host(house).load()["cause"] == ["/data"]
    monkeypatch.setattr(disk_guard_host.atomic, "write_json", real)
    again = host(house)
    again.save({**again.load(), "cause": ["/data", "/srv"]})
    assert host(house).load()["cause"] == ["/data", "/srv"]
    assert os.listdir(house["paths"]["runtime"]) == []


def test_messages_and_history_go_where_they_are_read(
    house: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(notify, "send", lambda *given, **named: sent.append((given, named)))
    one = host(house)
    one.tell({"do": "tell", "title": "T", "message": "M", "priority": 4})
    known = {"subject": "qbittorrent", "outcome": "downloads paused", "cause": "c"}
    one.tell({"do": "record", **known, "details": {"torrents": 2}})
    assert sent == [(("disk", "T", "M"), {"priority": 4, "key": "T"})]
    entry = ledger.read(1)[0]
    assert entry["actor"] == "disk-guard" and entry["details"] == {"torrents": 2}
    assert {name: entry[name] for name in known} == known


def test_the_report_is_written_when_something_happened_and_now_and_then(
    house: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, times = host(house), iter([100.0, 101.0, 102.0, 131.0, 140.0])
    one.now = lambda: next(times)  # type: ignore[method-assign]
    file = Path(disk_guard_host.report_file(house["paths"]))
    seen = []
    for free, phase in ((5, "open"), (4, "open"), (4, "paused"), (4, "paused"), (3, "paused")):
        one.publish({"phase": phase, "disks": [{"paths": ["/data"], "free": free}]})
        seen.append(json.loads(file.read_text())["boot_seconds"])
    assert seen == [100.0, 100.0, 102.0, 102.0, 140.0]


def test_without_a_client_nothing_is_paused_and_nothing_runs(house: dict[str, Any]) -> None:
    assert disk_guard_host.pausing(house)
    assert not disk_guard_host.pausing({**house, "disk": {"pause_downloads": False}})
    house["vpn"] = {}
    assert not disk_guard_host.pausing(house)
    assert host(house).client() == ("", "")


def test_the_whole_program_pauses_a_server_and_brings_it_back(
    house: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 3
    monkeypatch.setattr(disk_guard_look, "room_of", lambda _: Room(1, free << 30, 100 << 30))
    items = {"a": torrent("a"), "own": torrent("own", "stopped")}
    states = {"down": "downloading", "stopped": "stoppedDL"}

    def answers(seen: Seen) -> Answer:
        if seen.path.endswith("auth/login"):
            return 200, {"Set-Cookie": "SID=x"}, "Ok."
        if "Cookie" not in seen.headers:
            return 403, {}, ""
        if "filter=" in seen.path:
            wanted = "stopped" if seen.path.endswith("stopped") else "down"
            found = [
                {"hash": name, "added_on": 1, "name": name, "state": states[one["kind"]]}
                for name, one in items.items()
                if one["kind"] == wanted
            ]
            return 200, {}, json.dumps(found)
        name = seen.body.decode().removeprefix("hashes=")
        items[name]["kind"] = "stopped" if seen.path.endswith("stop") else "down"
        return 204, {}, ""

    with Server(answers) as server:
        house["vpn"]["torrent_url"] = server.url
        one = host(house)
        disk_guard.Guard(one, one.load(), pausing=True).make_pass()
        assert {one["kind"] for one in items.values()} == {"stopped"}
        # Another process, and more room.
        free, one = 7, host(house)
        disk_guard.Guard(one, one.load(), pausing=True).make_pass()
    assert [one["kind"] for one in items.values()] == ["down", "stopped"]
    outcomes = [entry["outcome"] for entry in ledger.read(subject="qbittorrent")]
    assert outcomes == ["downloads paused", "downloads resumed"]
