"""status: the report from observations, the table from the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import doctor_house as house
import pytest

from mediastack import config, ledger, lock, observe, status, status_table


def report(observation: dict[str, Any], **named: Any) -> dict[str, Any]:
    return status.report(house.config(), observation, host_netns=house.HOST_NETNS, **named)


def row(found: dict[str, Any], service: str) -> dict[str, Any]:
    entry: dict[str, Any] = next(one for one in found["services"] if one["service"] == service)
    return entry


def test_a_healthy_house_says_so_in_its_last_line() -> None:
    found = report(house.observation())
    assert found["verdict"] == "5 services healthy"
    assert (found["healthy"], found["stopped"], found["total"]) == (5, 0, 5)
    assert found["attention"] == []
    assert status_table.lines(found, colour=False)[-1] == "5 services healthy"


def test_a_row_tells_what_runs_where() -> None:
    assert row(report(house.observation()), "qbittorrent") == {
        "service": "qbittorrent",
        "stack": "downloads",
        "zone": "vpn",
        "state": "running",
        "health": "healthy",
        "namespace": "ok",
        "image": f"ghcr.io/x/qbittorrent:1@{house.DIGEST}",
        "url": "http://192.168.1.10:8080",
        "intent": "run",
        "reasons": [],
    }


@pytest.mark.parametrize(
    ("service", "values", "reason"),
    [
        ("seerr", {"health": "unhealthy"}, "unhealthy"),
        ("seerr", {"health": "starting"}, "starting"),
        ("seerr", {"status": "exited", "health": "none", "netns": None}, "to start: exited"),
        ("seerr", {"status": "paused", "health": "none", "netns": None}, "paused"),
        ("seerr", {"config_hash": "old"}, "to recreate: configuration changed"),
        ("seerr", {"netns": house.HOST_NETNS}, "in the wrong network namespace"),
        ("plex", {"netns": 4026532999}, "in the wrong network namespace"),
        ("qbittorrent", {"netns": 4026532999}, "to recreate: in a network namespace"),
        ("plex", {"stale_mounts": ["/run/x"]}, "to recreate: mounted file was replaced"),
    ],
)
def test_what_is_not_as_it_should_be_needs_attention(
    service: str, values: dict[str, Any], reason: str
) -> None:
    observation = house.observation()
    house.container(observation, service).update(values)
    found = report(observation)
    assert found["attention"] == [service]
    assert row(found, service)["reasons"][0].startswith(reason)
    assert found["verdict"].startswith(f"1 of 5 need attention: {service} ({reason}")
    assert found["healthy"] == 4


def test_an_absent_container_waits_to_be_created() -> None:
    observation = house.observation()
    observation["containers"].remove(house.container(observation, "seerr"))
    entry = row(report(observation), "seerr")
    assert (entry["state"], entry["health"], entry["namespace"]) == ("absent", "none", "unknown")
    assert entry["image"] == "ghcr.io/x/seerr:1"
    assert entry["reasons"] == ["to create: absent"]


def test_what_the_user_stopped_needs_no_attention_and_is_named() -> None:
    observation = house.observation()
    observation["containers"].remove(house.container(observation, "seerr"))
    observation["intents"] = {"seerr": {"by": "root"}}
    found = report(observation)
    assert row(found, "seerr")["intent"] == "stopped"
    assert found["verdict"] == "4 services healthy; stopped by you: seerr"
    assert found["attention"] == []


def test_dependents_of_a_stopped_gluetun_count_as_stopped() -> None:
    observation = house.observation()
    for service in ("gluetun", "qbittorrent", "recyclarr"):
        observation["containers"].remove(house.container(observation, service))
    observation["intents"] = {"gluetun": {"by": "root"}}
    found = report(observation)
    assert found["verdict"] == "2 services healthy; stopped by you: gluetun, qbittorrent, recyclarr"


def test_missing_data_comes_first_with_the_kernels_words() -> None:
    observation = house.observation()
    observation["data"].update(present=False, error="Transport endpoint is not connected")
    found = report(observation)
    assert found["attention"][0] == "data"
    assert "/data is missing (Transport endpoint is not connected)" in found["verdict"]


def test_containers_that_nobody_wants_any_more_are_named() -> None:
    observation = house.observation()
    stranger = {**house.container(observation, "seerr"), "name": "lidarr", "service": "lidarr"}
    observation["containers"].append(stranger)
    found = report(observation)
    assert found["unwanted"] == ["lidarr"]
    assert "not wanted any more: lidarr" in status_table.lines(found, colour=False)


def test_the_table_groups_by_stack_and_shows_who_is_at_work_and_what_was() -> None:
    holder = {"actor": "deploy", "pid": 7, "reason": "apply", "since": "when"}
    entries = [{"time": "then", "actor": "cli", "subject": "plex", "outcome": "restarted"}]
    text = status_table.lines(
        report(house.observation(), holder=holder, entries=entries), colour=False
    )
    headings = [line for line in text if line.startswith("-- ")]
    assert headings == ["-- downloads", "-- media"]
    assert text.index("-- media") > next(i for i, t in enumerate(text) if t.startswith("gluetun"))
    assert "at work: deploy (pid 7) since when: apply" in text
    assert any("plex" in line and line.endswith("restarted") for line in text[-3:])


def test_colour_only_when_asked_for() -> None:
    found = report(house.observation())
    assert not any("\033" in line for line in status_table.lines(found, colour=False))
    assert any("\033" in line for line in status_table.lines(found, colour=True))


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("registry:5000/ghcr.io/linuxserver/sonarr:4.0.20", "sonarr:4.0.20"),
        (f"ghcr.io/x/seerr:1@{house.DIGEST}", "seerr:1"),
        ("seerr", "seerr"),
    ],
)
def test_an_image_is_shortened_to_what_a_person_reads(reference: str, short: str) -> None:
    assert status_table.short_image(reference) == short


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    observation = house.observation()
    monkeypatch.setattr(config, "load", house.config)
    monkeypatch.setattr(observe, "observe", lambda *_: observation)
    monkeypatch.setattr(status, "host_netns", lambda: house.HOST_NETNS)
    monkeypatch.setattr(lock, "holder", lambda: None)
    monkeypatch.setattr(ledger, "read", lambda *_: [])
    return observation


def test_json_has_the_documented_keys_and_exit_0_even_in_trouble(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.container(machine, "seerr")["health"] = "unhealthy"
    assert status.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sorted(found) == [
        "attention",
        "backups",
        "data",
        "downloads",
        "healthy",
        "ledger",
        "lock",
        "monitor",
        "port",
        "release",
        "schema",
        "services",
        "stopped",
        "time",
        "total",
        "unwanted",
        "updates",
        "verdict",
    ]
    assert found["data"] == {"present": True, "error": ""}


def test_the_table_has_no_colour_when_it_is_not_a_terminal(
    machine: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status.main([]) == 0
    assert "\033" not in capsys.readouterr().out


def test_a_ledger_that_cannot_be_read_is_exit_1_with_its_name(
    machine: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/var/lib/mediastack/ledger.jsonl")

    monkeypatch.setattr(ledger, "read", refuse)
    assert status.main([]) == 1
    assert "/var/lib/mediastack/ledger.jsonl: Permission denied" in capsys.readouterr().err
