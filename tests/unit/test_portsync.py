"""The loop: rounds until all is done, saved before done, nothing that matters in memory alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from http_house import Answer, Seen, Server
from test_portsync_look import FakeDocker, container

from mediastack import (
    ledger,
    portsync,
    portsync_host,
    portsync_look,
    portsync_status,
    portsync_step,
)
from mediastack.gluetun_client import GluetunError
from mediastack.qbittorrent_client import LoginNeeded, TorrentError


class FakeHouse:
    """One that agrees, with a diary of what was called."""

    def __init__(self) -> None:
        self.diary: list[Any] = []
        self.port: int | None = 40000
        self.client: Any = {"port": 1, "random": False, "upnp": False, "interface": "tun0"}
        self.session = False
        self.answers = True
        self.time = 100.0
        self.report: dict[str, Any] = {}

    def now(self) -> float:
        return self.time

    def forwarded(self) -> int:
        if self.port is None:
            raise GluetunError("away")
        return self.port

    def preferences(self) -> Any:
        if not self.answers:
            raise TorrentError("away")
        if not self.session:
            raise LoginNeeded
        return dict(self.client)

    def login(self) -> str:
        self.diary.append("login")
        self.session = True
        return "ok"

    def change(self, values: dict[str, Any]) -> None:
        self.diary.append(values)
        if not self.answers:
            raise TorrentError("away")
        self.client["port"] = values["listen_port"]

    def facts(self, port: int | None) -> Any:
        seen = self.client["port"] == port
        return {"owner": "1", "torrent": "1", "password": "", "device": 5, "listening": seen}

    def tell(self, action: Any) -> None:
        self.diary.append(action["do"])

    def save(self, state: Any) -> None:
        self.diary.append("save")

    def publish(self, report: Any) -> None:
        self.report = report


def worker(house: FakeHouse) -> portsync.Portsync:
    state = portsync_step.initial_state()
    return portsync.Portsync(house, state, interface="tun0", alarm_seconds=900.0)  # type: ignore[arg-type]


def test_one_pass_logs_in_sets_and_tells_each_saved_before_it_is_made() -> None:
    house = FakeHouse()
    assert worker(house).make_pass() == portsync.PASS_SECONDS
    values = {"listen_port": 40000, "random_port": False}
    assert house.diary == ["save", "login", "save", values, "save", "record", "tell", "save"]
    assert house.report["in_sync"] and house.report["listen_port"] == 40000


def test_killed_while_it_tells_it_tells_the_next_port_whatever_that_is() -> None:
    house, saved = FakeHouse(), []
    house.session = True
    working = worker(house)
    working.make_pass()
    house.save = saved.append  # type: ignore[method-assign]

    def die(_: Any) -> None:
        raise KeyboardInterrupt

    house.tell = die  # type: ignore[method-assign]
    house.port = 50000
    with pytest.raises(KeyboardInterrupt):
        working.make_pass()
    assert saved[-1]["port"] is None


def test_the_next_pass_does_nothing_and_sees_what_changed_by_itself() -> None:
    house = FakeHouse()
    working = worker(house)
    working.make_pass()
    house.diary.clear()
    assert working.make_pass() == portsync.PASS_SECONDS and house.diary == []
    house.client["port"] = 6881
    working.make_pass()
    assert house.client["port"] == 40000


@pytest.mark.parametrize("fault", ["port", "answers"])
def test_who_is_away_is_asked_every_second_at_first_and_then_less(fault: str) -> None:
    house = FakeHouse()
    setattr(house, fault, None)
    working = worker(house)
    assert working.make_pass() == portsync.SOON_SECONDS
    house.time += portsync.ALERT_SECONDS + 1
    assert working.make_pass() == portsync.PASS_SECONDS
    working.stirred()
    assert working.make_pass() == portsync.SOON_SECONDS
    assert not house.report["in_sync"] and house.report["error"] == "away"


def test_without_a_port_qbittorrent_is_not_even_asked() -> None:
    house = FakeHouse()
    house.port = 0
    worker(house).make_pass()
    assert "login" not in house.diary


def test_a_client_that_never_agrees_does_not_keep_the_loop() -> None:
    house = FakeHouse()
    house.change = lambda values: house.diary.append(values)  # type: ignore[method-assign]
    worker(house).make_pass()
    assert len(house.diary) < 4 * portsync.ROUNDS


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("key", "password"):
        (tmp_path / name).write_text(name)
    paths = {"state": str(tmp_path / "state"), "runtime": str(tmp_path / "run")}
    for path in paths.values():
        Path(path).mkdir()
    vpn = {
        "owner": "gluetun",
        "torrent_client": "qbittorrent",
        "interface": "lo",
        "port_forwarding": True,
        "torrent_user": "admin",
        "control_key_file": str(tmp_path / "key"),
        "torrent_password_file": str(tmp_path / "password"),
        "status_file": str(tmp_path / "port"),
        "wake_file": str(tmp_path / "wake"),
        "no_port_alarm_seconds": 900,
    }
    toml = tmp_path / "mediastack.toml"
    toml.write_text(
        "schema = 1\n[paths]\n" + "".join(f'{key} = "{value}"\n' for key, value in paths.items())
    )
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(toml))
    return {"paths": paths, "vpn": vpn}


def test_through_real_http_the_port_is_set_written_down_and_shown(
    deployed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = {"listen_port": 6881, "current_network_interface": "lo"}

    def answers(seen: Seen) -> Answer:
        if seen.path == "/v1/portforward":
            return (
                (200, {}, '{"port":40000}') if seen.headers["X-API-Key"] == "key" else (401, {}, "")
            )
        if seen.path.endswith("auth/login"):
            good = b"password=password" in seen.body
            return 200, {"Set-Cookie": "SID=1"} if good else {}, "Ok." if good else "Fails."
        if seen.headers.get("Cookie") != "SID=1":
            return 403, {}, ""
        if seen.method == "POST":
            client["listen_port"] = 40000
            return 200, {}, ""
        return 200, {}, json.dumps(client)

    docker = FakeDocker()
    with Server(answers) as server:
        deployed["vpn"] |= {"control_url": server.url, "torrent_url": server.url}
        toml = Path(os.environ["MEDIASTACK_CONFIG"])
        passes: list[float] = []

        def sleep(_: float) -> None:
            passes.append(1)
            if len(passes) > 2:
                # The deploy writes it anew, and the loop begins anew.
                toml.write_text(toml.read_text() + "\n")

        monkeypatch.setattr(portsync.time, "sleep", sleep)
        docker.containers = {
            name: container(os.getpid(), "1") for name in ("gluetun", "qbittorrent")
        }
        portsync.until_changed(deployed, docker)  # type: ignore[arg-type]
    assert client["listen_port"] == 40000
    assert [one["outcome"] for one in ledger.read()][0] == "port changed"
    spool = Path(deployed["paths"]["state"]) / "spool" / "new"
    assert len(list(spool.iterdir())) == 1
    said = json.loads(Path(portsync_host.report_file(deployed["paths"])).read_text())
    assert said["in_sync"] is True and said["forwarded_port"] == said["listen_port"] == 40000
    state = Path(portsync_host.state_file(deployed["paths"])).read_text()
    assert "password=password" not in state and "SID" not in state


def test_off_it_ends_at_once_and_cleanly(
    deployed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert portsync.main([]) == 0
    assert "vpn.port_forwarding" in capsys.readouterr().out
    assert portsync_status.main([]) == 0
    assert json.loads(capsys.readouterr().out)["enabled"] is False


def test_the_status_believes_only_a_portsync_that_runs(
    deployed: dict[str, Any], tmp_path: Path
) -> None:
    file = Path(portsync_host.report_file(deployed["paths"]))
    assert portsync_status.read(deployed)["running"] is False
    said = {**portsync_status.NOTHING, "in_sync": True, "forwarded_port": 7, "listen_port": 7}
    file.write_text(json.dumps({**said, "error": "", "pid": 4711}))
    found = portsync_status.read(deployed, str(tmp_path))
    assert not found["in_sync"] and "does not run" in portsync_status.line(found)
    (tmp_path / "4711").mkdir()
    (tmp_path / "4711" / "cmdline").write_bytes(b"python\0-m\0mediastack\0portsync\0")
    found = portsync_status.read(deployed, str(tmp_path))
    assert found["in_sync"] and "7" in portsync_status.line(found)
    assert portsync_status.line({**found, "enabled": False}) == ""


def test_the_boot_has_a_name_and_a_time() -> None:
    assert portsync_host.boot() == portsync_host.boot() and portsync_host.boot_seconds() > 0
    assert portsync_look.identity("/nowhere") == ""
