"""What Prometheus reads: on the loopback address, only with a port, and true."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from monitor_house import House

from mediastack.monitor import metrics

prometheus = pytest.importorskip("prometheus_client")


class FakeWatcher:
    """What metrics read of a watcher."""

    def __init__(self) -> None:
        self.docker = House()
        self.look: Any = self.docker.look()
        self.state: Any = {**self.docker.state, "decisions": []}
        self.now = 0.0


@pytest.fixture
def watcher() -> FakeWatcher:
    return FakeWatcher()


def shown(watcher: Any) -> tuple[Any, Any]:
    registry = prometheus.CollectorRegistry()
    return registry, metrics.Metrics(registry, watcher)


def test_verdicts_are_one_per_service(watcher: FakeWatcher) -> None:
    registry, figures = shown(watcher)
    watcher.docker.start_owner()
    watcher.docker.revive("sonarr")
    watcher.docker.stop("radarr")
    watcher.look = watcher.docker.look()
    figures.update()

    def verdict(service: str) -> list[str]:
        return [
            one
            for one in metrics.VERDICTS
            if registry.get_sample_value(
                "mediastack_monitor_service", {"service": service, "verdict": one}
            )
        ]

    assert verdict("sonarr") == ["inside"]
    assert verdict("radarr") == ["out"]
    assert verdict("qbittorrent") == ["stranded"]
    assert registry.get_sample_value("mediastack_monitor_held", {"service": "radarr"}) == 0
    watcher.state = {**watcher.state, "pause": {"since": 0, "until": 9, "reason": "limit"}}
    figures.update()
    assert registry.get_sample_value("mediastack_monitor_held", {"service": "radarr"}) == 1
    assert registry.get_sample_value("mediastack_monitor_paused") == 1


def test_cascades_and_decisions_are_counted_once(watcher: FakeWatcher) -> None:
    watcher.state["cascades"] = [{"at": 5.0, "ended": None, "cause": "ended"}]
    registry, figures = shown(watcher)
    for at in (10.0, 20.0):
        watcher.state["cascades"].append({"at": at, "ended": None, "cause": "ended"})
        watcher.state["decisions"].append({"at": at, "why": "hold", "event_at": at - 0.01})
        figures.update()
        figures.update()
    assert registry.get_sample_value("mediastack_monitor_cascades_total") == 2
    assert registry.get_sample_value("mediastack_monitor_decision_seconds_count") == 2
    assert registry.get_sample_value("mediastack_monitor_decision_seconds_sum") == pytest.approx(
        0.02
    )


def test_the_seconds_without_a_look_count_on(
    watcher: FakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, figures = shown(watcher)
    figures.update()
    watcher.look = None
    monkeypatch.setattr(metrics.time, "monotonic", lambda: figures._looked_at + 42.0)
    figures.update()
    assert registry.get_sample_value("mediastack_monitor_blind_seconds") == 42.0


def test_ages_of_backups_count_on_and_a_target_that_is_gone_is_not_shown(
    watcher: FakeWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, figures = shown(watcher)
    name, proven = "mediastack_backup_age_seconds", "mediastack_restore_proven_age_seconds"
    figures.update()
    assert math.isnan(registry.get_sample_value(proven))
    saved = {"local": 1000.0, "nas": None}
    watcher.look = {**watcher.look, "backups": {"saved": saved, "proven": 900.0}}
    figures.update()
    watcher.look = None  # Nobody answers any more.
    figures.update()
    monkeypatch.setattr(metrics.time, "time", lambda: 1100.0)
    assert registry.get_sample_value(name, {"target": "local"}) == 100.0
    assert math.isnan(registry.get_sample_value(name, {"target": "nas"}))
    assert registry.get_sample_value(proven) == 200.0
    watcher.look = {
        **watcher.docker.look(),
        "backups": {"saved": {"nas": 1050.0}, "proven": None},
    }
    figures.update()
    assert registry.get_sample_value(name, {"target": "local"}) is None
    assert registry.get_sample_value(name, {"target": "nas"}) == 50.0
    assert math.isnan(registry.get_sample_value(proven))


def test_it_listens_on_the_loopback_address_alone(watcher: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics.start(port, watcher)()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert "mediastack_monitor_cascades_total 0.0" in answer.read().decode()
    listening = Path("/proc/net/tcp").read_text()
    assert f"0100007F:{port:04X}" in listening
    assert f"00000000:{port:04X}" not in listening


def test_without_a_port_nothing_is_imported() -> None:
    source = (
        "import sys; from mediastack.monitor import metrics; metrics.start(0, None)();"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    files = str(Path(__file__).parents[2] / "files")
    subprocess.run([sys.executable, "-c", source], env={"PYTHONPATH": files}, check=True)
