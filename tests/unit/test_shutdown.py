"""mediastack.shutdown: everything stops, gluetun last, and it is nobody's wish."""

import threading

import pytest

from mediastack import acts, journal, shutdown
from mediastack.docker_client import DockerError

CONFIG = {
    "services": {
        "gluetun": {"owner": True, "zone": "bridge", "stop_grace_seconds": 15},
        "sonarr": {"owner": False, "zone": "vpn", "stop_grace_seconds": 30},
        "plex": {"owner": False, "zone": "host", "stop_grace_seconds": 60},
    },
    "stacks": {},
}


class FakeDocker:
    def __init__(self, broken=()):
        self.stopped = []
        self.broken = broken
        self.lock = threading.Lock()

    def stop(self, name, grace_seconds):
        with self.lock:
            if name in self.broken:
                raise DockerError(f"{name} is wedged")
            self.stopped.append((name, grace_seconds))


@pytest.fixture(autouse=True)
def written(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(journal, "default_path", lambda: str(tmp_path / "acting.json"))
    monkeypatch.setattr(acts, "record", lambda *words, **more: lines.append((words, more)))
    return lines


def observation(**states):
    return {
        "containers": [
            {"service": name, "name": name, "status": status} for name, status in states.items()
        ]
    }


def test_all_that_runs_is_stopped_with_its_own_grace_and_gluetun_last():
    docker = FakeDocker()

    shutdown.stop_all(
        CONFIG, observation(gluetun="running", sonarr="running", plex="running"), docker
    )

    assert sorted(docker.stopped[:2]) == [("plex", 60), ("sonarr", 30)]
    assert docker.stopped[2] == ("gluetun", 15)


def test_what_does_not_run_is_left_alone_and_not_journaled():
    docker = FakeDocker()

    shutdown.stop_all(CONFIG, observation(gluetun="running", sonarr="exited"), docker)

    assert [name for name, _ in docker.stopped] == ["gluetun"]
    assert list(journal.entries()) == ["gluetun"]


def test_the_stops_stay_in_the_journal_so_that_they_are_nobodys_wish():
    shutdown.stop_all(CONFIG, observation(plex="running"), FakeDocker())

    assert journal.entries()["plex"]["actor"] == "shutdown"


def test_one_container_that_does_not_stop_hinders_no_other():
    docker = FakeDocker(broken=("sonarr",))

    failed = shutdown.stop_all(CONFIG, observation(gluetun="running", sonarr="running"), docker)

    assert list(failed) == ["sonarr"]
    assert [name for name, _ in docker.stopped] == ["gluetun"]


def test_an_idle_machine_writes_no_ledger_line(written):
    shutdown.stop_all(CONFIG, observation(plex="exited"), FakeDocker())

    assert written == []


def test_autoheal_rests_while_everything_is_stopped(tmp_path, monkeypatch):
    during = []

    class WithAutoheal(FakeDocker):
        status = "running"

        def inspect(self, name):
            labels = {"io.mediastack.service": name}
            return {"State": {"Status": self.status}, "Config": {"Labels": labels}}

        def containers(self, label):
            return [{"Config": {"Labels": {"io.mediastack.service": "plex"}}}]

        def pause(self, name):
            self.status = "paused"

        def resume(self, name):
            self.status = "running"

        def stop(self, name, grace_seconds):
            during.append((name, self.status))

    monkeypatch.setattr(
        shutdown.configuration, "load", lambda *_: {**CONFIG, "paths": {"runtime": str(tmp_path)}}
    )
    monkeypatch.setattr(shutdown.observe, "observe", lambda *_: observation(plex="running"))
    monkeypatch.setattr(shutdown, "Docker", WithAutoheal)

    assert shutdown.main([]) == 0
    assert during == [("plex", "paused")]
