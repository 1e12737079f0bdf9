"""monitor-box: what it makes of a record, what it plays, and that its faults fit the programs."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import settings_house

from checks import (
    monitor_box,
    monitor_faults,
    monitor_floor,
    monitor_proxy,
    monitor_schedules,
    monitor_volumes,
    runtime,
)
from checks import monitor_seen as seen
from checks.framework import CheckError, Context
from checks.inside import docker_proxy
from checks.monitor_seen import Record
from settings import enabled

FILES = Path(__file__).parents[2] / "files"


@pytest.fixture(autouse=True)
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Those of the settings' defaults: a box, with settings of its own, need not be there."""
    monkeypatch.setattr(runtime, "services", lambda: enabled(settings_house.load(tmp_path)))
    runtime.expected.cache_clear()
    yield
    runtime.expected.cache_clear()


def state(at: float, **running: int) -> dict[str, Any]:
    return {"at": at, "running": {name: ["id", 1, inode] for name, inode in running.items()}}


def event(at: float, name: str, what: str) -> dict[str, Any]:
    return {"at": at, "event": what, "name": name}


def test_a_stretch_is_the_time_outside_of_gluetuns_present_namespace() -> None:
    record = Record(
        [
            state(0, gluetun=1, sonarr=1),
            state(10, sonarr=1),
            state(11, gluetun=2, sonarr=1),
            state(14, gluetun=2),
            state(15, gluetun=2, sonarr=2),
        ]
    )
    assert seen.stretches(record, 20.0) == {"sonarr": 4.0}


def test_who_is_still_stranded_at_the_end_counts_until_then() -> None:
    record = Record([state(0, gluetun=1, sonarr=1), state(5, gluetun=2, sonarr=1)])
    assert seen.stretches(record, 30.0) == {"sonarr": 25.0}


def test_nobody_is_stranded_while_nobody_looks() -> None:
    record = Record([state(0, gluetun=1, sonarr=1), state(5, sonarr=1)])
    record.cut()
    record.states.append(state(60, gluetun=2, sonarr=2))
    assert seen.stretches(record, 70.0) == {"sonarr": 0.0}


def test_a_record_is_read_but_for_a_torn_line() -> None:
    record = Record()
    record.add('{"at":1,"running":{}}\n{"at":2,"event":"die","name":"gluetun"}\n{"at":3,"runn')
    assert len(record.states) == len(record.events) == 1
    assert record.times("gluetun", "die", since=1.5) == [2]


def test_a_decision_is_measured_from_the_event_it_names_which_has_to_be_one_of_dockers() -> None:
    record = Record(events=[event(10.0, "gluetun", "die"), event(12.0, "gluetun", "start")])

    def decided(at: float, event_at: float | None, why: str = "hold") -> list[dict[str, Any]]:
        return [{"at": at, "event_at": event_at, "why": why}]

    assert seen.latencies(record, decided(10.02, 10.0)) == ([pytest.approx(0.02)], [], [])
    _, _, wrong = seen.latencies(record, decided(11.0, 10.99))
    assert len(wrong) == 1
    # The end of the process woke it before Docker's word came.
    assert seen.latencies(record, decided(10.3, None))[0] == [pytest.approx(0.3)]
    # Its time had come: nothing to measure from.
    assert seen.latencies(record, decided(14.0, None, "revive")) == ([], [], [])


def test_a_decision_right_after_the_start_that_hid_the_end_was_withheld() -> None:
    record = seen.Record()
    for at, event in ((10.0, "die"), (10.3, "start")):
        record.events.append({"at": at, "event": event, "name": "gluetun"})

    def latencies(at: float, event_at: float) -> Any:
        return seen.latencies(record, [{"at": at, "event_at": event_at, "why": "hold"}])

    assert latencies(10.31, 10.0) == ([], [pytest.approx(0.31)], [])
    # One that is merely late, and one that the start itself woke.
    assert latencies(10.4, 10.0) == ([pytest.approx(0.4)], [], [])
    assert latencies(10.32, 10.3) == ([pytest.approx(0.02)], [], [])


def test_the_first_decision_after_its_cause_counts() -> None:
    decided = [{"at": at, "why": "hold"} for at in (5.0, 10.4, 12.0)]
    assert monitor_proxy.after(decided, "hold", [10.0, 11.0]) == [pytest.approx(0.4)]
    assert monitor_proxy.after(decided, "revive", [10.0]) == []
    assert monitor_proxy.after(decided, "hold", []) == []


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100)]
    assert seen.percentile(values, 0.5) == 50.0
    assert seen.percentile(values, 0.99) == 99.0
    assert seen.percentile([3.0], 0.99) == 3.0


@pytest.mark.parametrize("seed", range(5))
def test_every_hit_and_complication_comes_in_every_twenty(seed: int) -> None:
    found = monitor_schedules.sequence(random.Random(seed), 20)
    assert len(found) == 20
    assert {one.hit for one in found} == set(monitor_schedules.HITS)
    assert {one.complication for one in found} == set(monitor_schedules.COMPLICATIONS)
    assert sum(one.hit == "reboot" for one in found) == 1
    assert found == monitor_schedules.sequence(random.Random(seed), 20)


def test_every_schedule_has_a_command_and_a_bound() -> None:
    choices = random.Random(0)
    for hit in monitor_schedules.HITS:
        for complication in monitor_schedules.COMPLICATIONS:
            one = monitor_schedules.made(choices, hit, complication)
            assert one.stranded_seconds >= monitor_schedules.STRANDED_SECONDS
            assert (
                hit == "reboot" or "gluetun" in monitor_schedules.command(one) or (hit == "dockerd")
            )


def test_gluetun_is_away_for_so_long_that_a_healer_that_stops_nobody_is_noticed() -> None:
    # Its health check needs two seconds more before anybody is brought back.
    assert monitor_schedules.AWAY_SECONDS + 2.0 > monitor_schedules.STRANDED_SECONDS


class FakeBox:
    """A box whose programs are this checkout's, with what was written over them."""

    def __init__(self) -> None:
        self.written: dict[str, list[str]] = {}
        self.commands: list[str] = []

    def run(self, _host: Any, command: str, *, stdin: str = "", **_: Any) -> str:
        self.commands.append(command)
        if command.startswith("cat >"):
            path = command.removeprefix("cat >").split()[0]
            self.written.setdefault(path, []).append(stdin)
        elif command.startswith("cat "):
            path = command.removeprefix("cat ")
            if path in self.written:
                return self.written[path][-1]
            inside = path.removeprefix("/opt/mediastack/lib/")
            return (FILES / inside).read_text(encoding="utf-8")
        return ""


@pytest.mark.parametrize("name", monitor_box.BREAKS)
def test_every_fault_fits_its_program_and_is_undone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeBox()
    monkeypatch.setattr(monitor_faults.box, "run", fake.run)
    context = Context(name="monitor-box")
    fault = monitor_box.BREAKS[name]
    assert fault.summary and fault.case in monitor_box.CASES
    with fault.plant(context):
        for path, texts in fake.written.items():
            if path.endswith(".py"):
                ast.parse(texts[-1])
                original = FILES / path.removeprefix("/opt/mediastack/lib/")
                assert texts[-1] != original.read_text(encoding="utf-8")
        planted = len(fake.commands)
        assert planted
    assert len(fake.commands) > planted
    for path, texts in fake.written.items():
        if path.endswith(".py"):
            original = FILES / path.removeprefix("/opt/mediastack/lib/")
            assert texts[-1] == original.read_text(encoding="utf-8")


def test_a_fault_that_does_not_fit_any_more_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_faults.box, "run", FakeBox().run)
    with (
        pytest.raises(CheckError, match="has to follow the program"),
        monitor_faults.patched(Context(name=""), "u", "intent.py", "no such text", ""),
    ):
        pass


def test_the_anonymous_volumes_are_added_to_their_services_alone(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    names = ("radarr", *monitor_volumes.SERVICES)
    compose.write_text(
        "services:\n"
        + "".join(
            f"\n  {name}:  # words\n    image: x\n    volumes:\n      - type: bind\n"
            for name in names
        )
    )
    program = monitor_volumes.ADD.replace(monitor_volumes.COMPOSE_FILE, str(compose))
    exec(program, {})
    text = compose.read_text()
    assert text.count(monitor_volumes.TARGET) == len(monitor_volumes.SERVICES)
    blocks = text.split("\n  ")
    assert monitor_volumes.TARGET not in next(one for one in blocks if one.startswith("radarr:"))


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (b"GET /v1.45/events?since=1.5&filters=x HTTP/1.1\r\n", True),
        (b"GET /v1.45/events?since=1&until=2 HTTP/1.1\r\n", False),
        (b"GET /v1.45/containers/json HTTP/1.1\r\n", False),
    ],
)
def test_the_proxy_cuts_only_the_stream_that_has_no_end(
    request_line: bytes, expected: bool
) -> None:
    assert docker_proxy.endless(request_line) is expected


def test_the_last_one_back_is_when_all_are() -> None:
    record = Record()
    for number, name in enumerate(seen.dependents()):
        record.events.append(event(10.0 + number, name, "start"))
        record.events.append(event(20.0 + number, name, monitor_floor.HEALTHY))
    assert monitor_floor.last_back(record, 5.0) == 20.0 + len(seen.dependents()) - 1
    with pytest.raises(CheckError):
        monitor_floor.last_back(record, 1e9)
