"""scheduled: the timer's pass does what is due, in order, and one trouble stops nothing else."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from backup_house import Clock, furnish, listening, report

from mediastack import clock
from mediastack.backup import care, run, run_lock, scheduled, settings
from mediastack.backup import report as reports
from mediastack.backup.restic import ResticError
from mediastack.docker_client import NotReachable

# 2026-05-05 12:00 in Berlin.
NOON = 1_777_975_200.0
DAY = 24 * 3600.0
DOCKER: Any = None


class World:
    """What was called, and what the calls shall answer."""

    def __init__(self) -> None:
        self.acts: list[str] = []
        self.bad: dict[str, BaseException | int] = {}

    def act(self, name: str) -> int:
        self.acts.append(name)
        answer = self.bad.get(name, 0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(NOON)
    monkeypatch.setattr("time.time", made)
    return made


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: Clock) -> dict[str, Any]:
    made = furnish(tmp_path, monkeypatch, at="03:30")
    made["backup"]["remotes"] = {"nas": {"repository": "sftp:nas:/b"}}
    listening(monkeypatch)
    return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    modules = {
        "restore.resume": {"finish": lambda *_: made.act("resume")},
        "backup.drill": {
            "sweep": lambda *_: made.act("sweep"),
            "run": lambda _c, _d, target: made.act(f"drill {target.name}"),
        },
        "backup.drill_alarm": {"tell": lambda *_: made.act("alarm")},
    }
    for name, functions in modules.items():
        module = types.ModuleType(f"mediastack.{name}")
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, f"mediastack.{name}", module)
    monkeypatch.setitem(sys.modules, "mediastack.restore", types.ModuleType("mediastack.restore"))

    def backup(_config: Any, _docker: Any, targets: list[settings.Target], **_: Any) -> int:
        for one in targets:
            reports.note_target(one.name, saved_at=clock.timestamp(), tries=0)
        return made.act(f"backup {' '.join(one.name for one in targets)}")

    def look_after(_config: Any, target: settings.Target, **_: Any) -> None:
        made.act(f"care {target.name}")
        reports.note_target(target.name, cared_at=clock.timestamp())

    monkeypatch.setattr(run, "backup", backup)
    monkeypatch.setattr(care, "look_after", look_after)
    return made


def passed(config: dict[str, Any], world: World) -> tuple[int, list[str]]:
    """One pass: its exit code, and what it did besides what each pass does."""
    world.acts.clear()
    code = scheduled.run_pass(config, DOCKER)
    return code, [one for one in world.acts if one not in ("resume", "sweep", "alarm")]


def test_a_fresh_host_waits_for_its_first_night_and_then_proves_its_first_backup(
    config: dict[str, Any], world: World, now: Clock
) -> None:
    assert passed(config, world) == (0, [])
    assert set(report(config)["targets"]) == {"local", "nas"}
    now.now += DAY
    assert passed(config, world) == (0, ["backup local nas", "drill local"])


def test_each_pass_brings_to_its_end_what_was_killed(config: dict[str, Any], world: World) -> None:
    passed(config, world)
    assert world.acts == ["resume", "sweep", "alarm"]


def test_a_month_of_passes(config: dict[str, Any], world: World, now: Clock) -> None:
    done: dict[str, int] = {}
    for _ in range(30 * 96):
        for act in passed(config, world)[1]:
            done[act] = done.get(act, 0) + 1
            if act.startswith("drill"):
                reports.note(drill={"at": clock.timestamp(), "error": ""})
        now.now += 900
    assert done == {"backup local nas": 30, "care local": 4, "care nas": 4, "drill local": 5}


def test_where_backups_are_off_a_restore_is_brought_to_its_end_all_the_same(
    config: dict[str, Any], world: World, now: Clock
) -> None:
    passed(config, world)
    config["backup"]["enabled"] = False
    now.now += 9 * DAY
    assert passed(config, world) == (0, [])
    assert world.acts == ["resume", "sweep"]


def test_while_somebody_is_at_work_nothing_is_done(config: dict[str, Any], world: World) -> None:
    with run_lock.hold():
        assert passed(config, world) == (0, [])
    assert world.acts == []


@pytest.mark.parametrize(
    "bad",
    [
        {"resume": NotReachable("away")},
        {"sweep": OSError(5, "Input/output error")},
        {"backup local nas": 1},
        {"care local": ResticError("damaged", "local: is damaged")},
        {"resume": 1},
        {"drill local": 1},
    ],
)
def test_one_trouble_stops_nothing_else_and_is_the_exit_code(
    config: dict[str, Any], world: World, now: Clock, bad: dict[str, Any]
) -> None:
    passed(config, world)
    now.now += 9 * DAY
    world.bad = bad
    code, acts = passed(config, world)
    assert code == 1
    assert acts == ["backup local nas", "care local", "care nas", "drill local"]


def test_a_drill_prefers_a_target_that_is_well(
    config: dict[str, Any], world: World, now: Clock
) -> None:
    passed(config, world)
    now.now += DAY
    reports.note_target("local", saved_at=clock.timestamp(), error="is away")
    reports.note_target("nas", saved_at=clock.timestamp())
    assert passed(config, world) == (0, ["drill nas"])


def test_a_drill_that_is_killed_each_time_is_not_begun_every_quarter_of_an_hour(
    config: dict[str, Any], world: World, now: Clock
) -> None:
    passed(config, world)
    now.now += DAY
    world.bad = {"drill local": KeyboardInterrupt()}
    drills = 0
    for _ in range(96):
        try:
            acts = passed(config, world)[1]
        except KeyboardInterrupt:
            acts = world.acts
        drills += "drill local" in acts
        now.now += 900
    assert 4 <= drills <= 7
