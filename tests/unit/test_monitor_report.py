"""`monitor status`: what is said of a state, of the watcher that keeps it, and of its absence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import doctor_house
import pytest

from mediastack import config as configuration
from mediastack import doctor_monitor, status, status_table
from mediastack.docker_client import NotReachable
from mediastack.monitor import dependents, report, state

TABLE = {"cascades_per_hour": 5}
NOW = 10_000.0


def said(seconds: float | None = 10.0, **changes: Any) -> dict[str, Any]:
    kept = {**state.initial_state(), **changes}
    return report.build(kept, TABLE, NOW, seconds)


def paused(left: float = 2580.0) -> dict[str, Any]:
    return {"since": NOW - 60, "until": NOW + left, "reason": "limit"}


def test_a_quiet_house_watches_and_has_no_alarm() -> None:
    text = report.lines(said())
    assert text[0] == "watches, last pass 10 seconds ago"
    assert "brought back within the last hour: 0 of 5" in text and text[-1] == "no alarm"
    assert report.line(said()) == ""


@pytest.mark.parametrize("seconds", [None, 91.0])
def test_no_pass_or_none_of_late_is_not_watching(seconds: float | None) -> None:
    found = said(seconds)
    assert not found["running"]
    assert report.lines(found)[0].startswith("does NOT watch; fix: systemctl status")


def test_a_pause_says_why_how_long_yet_and_how_to_lift_it() -> None:
    found = said(pause=paused())
    assert found["pause"] == {
        "reason": "the limit of one hour is reached",
        "seconds": 60,
        "left_seconds": 2580,
    }
    line = report.line(found)
    assert line == (
        "monitor: is paused for another 43 minutes: the limit of one hour is reached; "
        "stack-manage.sh resume lifts it"
    )
    assert f"it {line.removeprefix('monitor: ')}" in report.lines(found)


def test_only_cascades_of_the_last_hour_and_since_the_last_resume_are_counted() -> None:
    cascades = [{"at": NOW - ago, "ended": None, "cause": "restarted"} for ago in (3700, 900, 100)]
    assert said(cascades=cascades)["cascades"] == 2
    assert said(cascades=cascades, resumed_at=NOW - 500)["cascades"] == 1


def test_an_open_episode_and_what_is_done_are_said() -> None:
    episode = {"cause": "recreated", "since": NOW - 5, "attempts": 1, "counted": True}
    act = {"verb": "revive", "services": ["sonarr"], "since": NOW}
    text = "\n".join(report.lines(said(episode=episode, acting=act)))
    assert "brings Gluetun's services back, for 5 seconds now (Gluetun was made anew)" in text
    assert "at work: revive sonarr" in text


def test_an_alarm_is_shown_once_it_was_told() -> None:
    alarm = {"kind": "service_down", "service": "sonarr", "since": NOW - 300, "told_at": None}
    quiet = said(alarms={"service_down sonarr": alarm})
    assert quiet["alarms"][0]["told"] is False and "no alarm" in report.lines(quiet)
    told = said(alarms={"service_down sonarr": {**alarm, "told_at": NOW}})
    assert report.lines(told)[-1] == "alarm, for 5 minutes: sonarr does not stay up"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A house whose monitor has made a pass just now; systemd says that it runs."""
    made: dict[str, Any] = doctor_house.config()
    made["monitor"]["directory"] = str(tmp_path)
    kept = {**state.initial_state(), "steady": None}
    (tmp_path / "monitor.json").write_text(json.dumps(kept))
    monkeypatch.setattr(configuration, "load", lambda: made)
    monkeypatch.setattr(report, "Docker", lambda: None)
    monkeypatch.setattr(report, "asked_systemd", lambda: {"running": True, "said": "all is well"})
    services = [
        {"service": "sonarr", "state": "running", "verdict": "stranded", "wanted": True},
        {"service": "radarr", "state": "exited", "verdict": "out", "wanted": False},
    ]
    monkeypatch.setattr(dependents, "look", lambda *_: services)
    return made


def test_each_dependent_is_shown_with_where_it_is(
    house: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([]) == 0
    text = capsys.readouterr().out.splitlines()
    assert "(all is well)" in text[0]
    assert "  sonarr  stranded  running" in text
    assert "  radarr  out       exited  (not wanted now)" in text


def test_json_has_the_documented_keys(
    house: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for key in found:
        assert f'"{key}"' in str(report.__doc__)
    assert {"schema", "running", "cascades", "pause", "services", "alarms"} <= found.keys()


def test_without_docker_the_state_is_shown_all_the_same(
    house: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise NotReachable("Docker does not answer")

    monkeypatch.setattr(dependents, "look", away)
    assert report.main([]) == 0
    assert "services: unknown (Docker does not answer)" in capsys.readouterr().out


def test_exit_1_while_nobody_watches_or_healing_is_paused(
    house: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(report, "asked_systemd", lambda: {"running": False, "said": ""})
    assert report.main([]) == 1
    monkeypatch.setattr(report, "asked_systemd", lambda: {"running": True, "said": ""})
    pause = {"since": 0.0, "until": 1e12, "reason": "loop"}
    kept = {**state.initial_state(), "pause": pause}
    (tmp_path / "monitor.json").write_text(json.dumps(kept))
    assert report.main([]) == 1


def test_a_host_without_gluetun_says_that_there_is_nobody_to_watch(
    house: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house["monitor"] = {}
    assert report.main([]) == 0
    assert "no Gluetun" in capsys.readouterr().out
    assert report.line(report.read(house)) == "" and doctor_monitor.gather(house) == {}


def test_a_state_that_is_missing_or_damaged_is_no_traceback(
    house: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "monitor.json").write_text("{")
    assert report.read(house)["running"]
    (tmp_path / "monitor.json").unlink()
    assert report.read(house)["last_pass_seconds"] is None


def test_the_time_of_the_last_pass_is_that_of_the_file(
    house: dict[str, Any], tmp_path: Path
) -> None:
    seen = (tmp_path / "monitor.json").stat().st_mtime
    os.utime(tmp_path / "monitor.json", (seen - 1000, seen - 1000))
    assert report.read(house)["running"] is False


def test_status_shows_the_line_and_the_doctor_fails_while_paused(
    house: dict[str, Any], tmp_path: Path
) -> None:
    pause = {"since": 0.0, "until": 1e12, "reason": "loop"}
    kept = {**state.initial_state(), "pause": pause}
    (tmp_path / "monitor.json").write_text(json.dumps(kept))
    line = report.line(report.read(house))
    found = status.report(house, doctor_house.observation(), monitor=line)
    assert line and line in status_table.lines(found, colour=False)
    assert doctor_monitor.gather(house)["paused"].startswith("is paused")


def test_the_doctor_reads_modes_and_kinds_where_they_are(
    house: dict[str, Any], tmp_path: Path
) -> None:
    tmp_path.chmod(0o750)
    house["monitor"]["account"], house["monitor"]["socket"] = "root", str(tmp_path / "none")
    found = doctor_monitor.gather(house)
    assert found["account"]["uid"] == 0 and found["socket"] is None
    assert found["directory"] == {"kind": "directory", "uid": os.getuid(), "mode": 0o750}
    house["monitor"]["account"] = "no-such-user"
    assert doctor_monitor.gather(house)["account"] is None


def test_who_runs_elsewhere_is_stranded_and_who_was_stopped_is_not_wanted() -> None:
    config, observation = doctor_house.config(), doctor_house.observation()
    for container in observation["containers"]:
        container["started_at"] = "2026-11-27T10:00:00Z"
    doctor_house.container({"observation": observation}, "recyclarr")["netns"] = 1
    observation["intents"] = {"qbittorrent": {"by": "root"}}
    found = {one["service"]: one for one in dependents.judged(config, observation)}
    assert set(found) == {"qbittorrent", "recyclarr"}
    assert (found["recyclarr"]["verdict"], found["recyclarr"]["wanted"]) == ("stranded", True)
    assert (found["qbittorrent"]["verdict"], found["qbittorrent"]["wanted"]) == ("inside", False)
    observation["intents"] = {"gluetun": {"by": "root"}}
    assert not any(one["wanted"] for one in dependents.judged(config, observation))


def test_without_its_media_disk_a_dependent_is_not_wanted_now() -> None:
    config, observation = doctor_house.config(), doctor_house.observation()
    config["services"]["qbittorrent"]["data"] = True
    observation["data"]["present"] = False
    found = {one["service"]: one for one in dependents.judged(config, observation)}
    assert not found["qbittorrent"]["wanted"] and not found["qbittorrent"]["stopped_by_user"]
