"""user_stops: who stopped it, told from Docker's events, our journal and dockerd's age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediastack import clock, intent, journal, ledger, mount_guard, user_stops

NOW = 1_800_000_000.0
FINISHED = "2027-01-15T07:59:50.500000000Z"  # NOW - 9.5


class FakeDocker:
    def __init__(self, *actions: str) -> None:
        self.actions = actions
        self.asked: list[tuple[float, float]] = []

    def events(self, since: float, until: float, filters: Any) -> list[dict[str, str]]:
        self.asked.append((since, until))
        return [{"Action": action} for action in self.actions]


def observation(**changes: Any) -> dict[str, Any]:
    container = {
        "name": "seerr",
        "service": "seerr",
        "id": "id1",
        "status": "exited",
        "started_at": "2027-01-15T07:00:00Z",
        "finished_at": FINISHED,
    }
    return {"containers": [{**container, **changes}], "intents": {}}


def find(docker: FakeDocker, seen: dict[str, Any], **options: Any) -> user_stops.Wishes:
    engine: Any = docker
    return user_stops.find(
        engine,
        seen,
        options.get("ours", set()),
        options.get("now", NOW),
        options.get("dockerd", 0.0),
    )


def test_a_stop_after_the_last_start_was_the_user() -> None:
    docker = FakeDocker("start", "kill", "die", "stop")
    assert find(docker, observation()).stopped == ["seerr"]
    since, until = docker.asked[0]
    assert since == pytest.approx(NOW - 9.5 - user_stops.LOOK_BACK_SECONDS)
    assert until == NOW


@pytest.mark.parametrize(
    "actions",
    [
        ["die"],
        ["kill", "die"],
        [],
        # docker restart, and a crash a moment later
        ["kill", "die", "stop", "start", "restart", "die"],
    ],
)
def test_a_crash_a_kill_a_boot_and_a_crash_after_a_restart_were_not(actions: list[str]) -> None:
    assert find(FakeDocker(*actions), observation()) == ([], [], [])


def test_a_restart_by_autoheal_that_could_not_start_it_again_is_not_the_users() -> None:
    # Real events and State of `docker restart` with a mount that cannot be made.
    docker = FakeDocker("start", "kill", "kill", "die", "stop")
    error = "failed to create shim task: error mounting: not a directory"
    assert find(docker, observation(error=error)) == ([], [], [])
    assert find(docker, observation(error="")).stopped == ["seerr"]


def test_what_one_of_us_stopped_is_not_the_users() -> None:
    assert find(FakeDocker("stop"), observation(), ours={"seerr"}).stopped == []


def test_the_stops_of_a_dockerd_that_has_just_started_are_not_the_users() -> None:
    docker = FakeDocker("stop")
    assert find(docker, observation(), dockerd=NOW - 12).stopped == []
    assert docker.asked == []


def test_right_after_the_end_it_is_not_decided_yet() -> None:
    assert find(FakeDocker("die"), observation(), now=NOW - 9.0).undecided == ["seerr"]


def test_what_ended_while_it_was_looked_is_not_decided_yet_however_long_the_look_took() -> None:
    docker = FakeDocker("kill", "die", "stop")
    assert find(docker, observation(), now=NOW - 12.0).undecided == ["seerr"]
    assert docker.asked == []
    # A clock that was set back says nothing.
    assert find(docker, observation(), now=NOW - 3600.0).stopped == []


def test_a_stop_is_dated_by_the_end_so_that_one_started_meanwhile_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mediastack.toml"
    file.write_text(f'schema = 1\n[paths]\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    docker: Any = FakeDocker("kill", "die", "stop")
    user_stops.note(docker, observation(), NOW, "monitor")
    [intended] = intent.stopped().values()
    assert clock.seconds(intended["at"]) == pytest.approx(NOW - 9.5, abs=0.001)
    # Compose had made it anew half a second later.
    anew = observation(id="id2", status="running", started_at="2027-01-15T07:59:51Z")
    anew["intents"] = intent.stopped()
    user_stops.note(docker, anew, NOW + 1, "monitor")
    assert intent.stopped() == {}


def test_a_service_that_counts_as_stopped_and_was_started_since_is_wanted_again() -> None:
    seen = observation(status="running", started_at="2027-01-15T07:59:00Z")
    seen["intents"] = {"seerr": {"at": "2027-01-15T07:58:00.000+00:00"}}
    assert find(FakeDocker(), seen).started == ["seerr"]


def test_a_service_that_still_runs_while_it_is_being_stopped_stays_unwanted() -> None:
    seen = observation(status="running", started_at="2027-01-15T07:57:00Z")
    seen["intents"] = {"seerr": {"at": "2027-01-15T07:58:00.000+00:00"}}
    assert find(FakeDocker(), seen).started == []


def test_a_left_over_of_a_recreate_is_nobodys_wish() -> None:
    seen = observation(name="0123456789ab_seerr")
    assert find(FakeDocker("stop"), seen) == ([], [], [])


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T08:00:00.123456789Z", NOW + 0.123456789),
        ("2027-01-15T09:00:00.5+01:00", NOW + 0.5),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
    ],
)
def test_dockers_time_is_read_to_the_nanosecond(text: str, seconds: float | None) -> None:
    assert user_stops.docker_seconds(text) == (
        None if seconds is None else pytest.approx(seconds, abs=1e-6)
    )


def test_the_age_of_dockerd_is_read_from_its_process(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1\nbtime 1000\n")
    for pid, name, ticks in [("7", "dockerd", 500), ("8", "sh (dockerd)", 9900), ("9", "x", 9000)]:
        (tmp_path / pid).mkdir()
        before = " ".join(["0"] * 19)
        (tmp_path / pid / "stat").write_text(f"{pid} ({name}) {before} {ticks} 0 0\n")
    assert user_stops.dockerd_started(str(tmp_path)) == pytest.approx(1005.0)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mediastack.toml"
    file.write_text(f'schema = 1\n[paths]\nstate = "{tmp_path}"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    monkeypatch.setattr(user_stops, "dockerd_started", lambda: 0.0)
    return tmp_path


def test_the_wish_becomes_an_intent_on_disk_and_in_what_was_observed(state: Path) -> None:
    seen = observation()
    docker: Any = FakeDocker("stop")
    user_stops.note(docker, seen, NOW, "keeper")
    assert '"by": "docker stop"' in (state / "intent.json").read_text()
    assert set(seen["intents"]) == {"seerr"}
    assert [entry["outcome"] for entry in ledger.read()] == ["stopped by the user"]


def test_what_is_foreseen_is_in_the_observation_and_not_on_disk(state: Path) -> None:
    seen = observation()
    seen["intents"] = {"plex": {"at": "2027-01-15T07:58:00.000+00:00"}}
    seen["containers"].append({**seen["containers"][0], "name": "plex", "service": "plex"})
    seen["containers"][1] |= {"status": "running", "started_at": "2027-01-15T07:59:00Z"}
    docker: Any = FakeDocker("stop")
    user_stops.foresee(docker, seen, now=lambda: NOW)
    assert set(seen["intents"]) == {"seerr"}
    assert not (state / "intent.json").exists()
    assert ledger.read() == []


def test_journal_and_guard_explain_a_stop(state: Path) -> None:
    docker: Any = FakeDocker("stop")
    with pytest.raises(KeyboardInterrupt), journal.acting("cli", "restart", ["seerr"]):
        raise KeyboardInterrupt
    user_stops.note(docker, observation(), NOW, "keeper")
    assert intent.stopped() == {}
    journal.forget(["seerr"])
    mount_guard.save({**mount_guard.initial_state(), "stopped": {"seerr": {}}})
    user_stops.note(docker, observation(), NOW, "keeper")
    assert intent.stopped() == {}
    mount_guard.save(mount_guard.initial_state())
    user_stops.note(docker, observation(), NOW, "keeper")
    assert set(intent.stopped()) == {"seerr"}


def test_what_explained_a_stop_before_explains_it_after_somebody_else_worked_on_it(
    state: Path,
) -> None:
    docker: Any = FakeDocker("stop")
    journal.begin("monitor", "hold", ["seerr"])
    with journal.acting("cli", "start", ["seerr", "plex"]):
        assert {one["actor"] for one in journal.entries().values()} == {"cli"}
    assert set(journal.entries()) == {"seerr"}
    user_stops.note(docker, observation(), NOW, "keeper")
    assert intent.stopped() == {}
    journal.forget_finished({"seerr": None})
    assert journal.entries() == {}


def test_a_stop_whose_asker_is_dead_goes_on_and_stays_explained(state: Path) -> None:
    """Docker needs seconds for it, and whoever passes meanwhile still sees it running."""
    docker: Any = FakeDocker("stop")
    journal.begin("backup", "backup", ["seerr"])
    begun = clock.seconds(journal.entries()["seerr"]["at"])
    journal.forget_finished({"seerr": begun - 900.0}, begun_before=begun + 2, now=begun + 2)
    user_stops.note(docker, observation(), NOW, "keeper")
    assert intent.stopped() == {}
    journal.forget_finished({"seerr": begun + 3}, now=begun + 4)
    assert journal.entries() == {}, "it was started again"
    for now in (begun + journal.STOPPING_SECONDS + 1, begun - 3600.0):
        journal.begin("backup", "backup", ["seerr"])
        journal.forget_finished({"seerr": begun - 900.0}, now=now)
        assert journal.entries() == {}, "it never was stopped, or the clock was set back"


def test_the_journal_forgets_what_was_finished(state: Path) -> None:
    with journal.acting("cli", "restart", ["seerr"]):
        assert journal.entries()["seerr"]["action"] == "restart"
    assert journal.entries() == {}


def test_one_who_cannot_look_again_waits_until_it_can_be_said(state: Path) -> None:
    docker: Any = FakeDocker("stop")
    time = Time(NOW - 9.0)  # half a second after the end
    seen = observation()
    user_stops.foresee(docker, seen, sleep=time.sleep, now=time.now)
    assert (set(seen["intents"]), time.slept, intent.stopped()) == ({"seerr"}, [1.0], {})
    time = Time(NOW - 9.0)
    user_stops.settle(docker, observation(), "deploy", sleep=time.sleep, now=time.now)
    assert (set(intent.stopped()), time.slept) == ({"seerr"}, [1.0])


def test_nobody_waits_when_it_can_be_said_at_once(state: Path) -> None:
    docker: Any = FakeDocker("stop")
    time = Time(NOW)
    user_stops.settle(docker, observation(), "deploy", sleep=time.sleep, now=time.now)
    assert (set(intent.stopped()), time.slept) == ({"seerr"}, [])


class Time:
    """A clock that only sleeping moves."""

    def __init__(self, now: float) -> None:
        self.began = now
        self.slept: list[float] = []

    def now(self) -> float:
        return self.began + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
