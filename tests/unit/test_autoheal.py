"""autoheal: the pass over its log, with made-up Docker; what is on disk afterwards is read."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from mediastack import autoheal, clock, ledger
from mediastack.docker_client import NotReachable

SHORT = "0123456789ab"
NOW = time.time()
CONFIG = {
    "services": {
        "autoheal": {"zone": "bridge", "owner": False},
        "wud": {"zone": "bridge", "owner": False},
        "gluetun": {"zone": "bridge", "owner": True},
        "sonarr": {"zone": "vpn", "owner": False},
    }
}


def stamp(at: float) -> str:
    return clock.timestamp(at).replace("+00:00", "Z")


class Engine:
    def __init__(self) -> None:
        self.log = ""
        self.away = False
        self.started = NOW - 500
        self.asked: list[float] = []

    def heal(self, at: float, name: str = "wud") -> None:
        words = "found to be unhealthy - Restarting container now with 10s timeout"
        self.log += f"{stamp(at)} Container /{name} ({SHORT}) {words}\n"
        self.started = at + 1

    def logs(self, name: str, since: float) -> str:
        if self.away:
            raise NotReachable("away")
        self.asked.append(since)
        return self.log

    def inspect(self, name: str) -> dict[str, Any] | None:
        state = {"Status": "running", "StartedAt": stamp(self.started)}
        return {"State": state, "Config": {"Labels": {"io.mediastack.service": "wud"}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mediastack.toml"
    file.write_text(f'schema = 1\n[paths]\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    return tmp_path


def messages(root: Path) -> list[str]:
    spool = root / "spool" / "new"
    return [json.loads(path.read_text())["title"] for path in sorted(spool.glob("*.json"))]


def test_a_restart_is_in_the_ledger_and_told_once(root: Path) -> None:
    engine: Any = Engine()
    autoheal.watch(CONFIG, engine, NOW)
    engine.heal(NOW + 3)
    for later in (10, 20, 30):
        autoheal.watch(CONFIG, engine, NOW + later)
    (entry,) = ledger.read()
    assert (entry["actor"], entry["subject"], entry["outcome"]) == ("autoheal", "wud", "restarted")
    assert entry["duration_seconds"] == pytest.approx(1.0, abs=0.01)
    assert messages(root) == ["wud was restarted"]
    # From where the last pass stopped, not from the beginning.
    assert engine.asked[-1] == pytest.approx(NOW + 3, abs=0.01)


def test_killed_before_its_state_was_written_it_records_nothing_twice(root: Path) -> None:
    engine: Any = Engine()
    autoheal.watch(CONFIG, engine, NOW)
    before = (root / "autoheal.json").read_bytes()
    engine.heal(NOW + 3)
    autoheal.watch(CONFIG, engine, NOW + 10)
    (root / "autoheal.json").write_bytes(before)
    autoheal.watch(CONFIG, engine, NOW + 20)
    assert len(ledger.read()) == 1
    assert messages(root) == ["wud was restarted"]


def test_what_happened_while_docker_did_not_answer_is_told_afterwards(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine: Any = Engine()
    autoheal.watch(CONFIG, engine, NOW)
    engine.heal(NOW + 3)
    engine.away = True
    autoheal.watch(CONFIG, engine, NOW + 10)
    assert "away" in capsys.readouterr().err
    engine.away = False
    autoheal.watch(CONFIG, engine, NOW + 500)
    assert messages(root) == ["wud was restarted"]


def test_the_group_is_the_vpn_zone_and_its_owner(root: Path) -> None:
    engine: Any = Engine()
    state = {"cursor": NOW, "pending": [], "services": {}}
    assert autoheal.look(CONFIG, engine, state)["group"] == {"gluetun", "sonarr"}


def test_without_autoheal_docker_is_not_asked(root: Path) -> None:
    engine: Any = Engine()
    autoheal.watch({"services": {"wud": {}}}, engine, NOW)
    assert engine.asked == []
    assert not (root / "autoheal.json").exists()
