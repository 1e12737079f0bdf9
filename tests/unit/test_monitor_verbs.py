"""`cascade` on a simulated Docker, and `resume` in a directory of the monitor's."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from simulated_docker import OWNER, VPN
from stacks_house import House, furnish

from mediastack import config as configuration
from mediastack import intent, journal, ledger, lock
from mediastack.docker_client import DockerError
from mediastack.monitor import cascade_verb, report, resume_verb, state


class Stoppable(House):
    """A house whose containers can be stopped."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.stopped: list[str] = []
        self.unstoppable: set[str] = set()
        self.journalled: set[str] = set()
        self.locked = False

    def stop(self, name: str, grace: int) -> None:
        """What docker_client.Docker.stop does; what else holds meanwhile is written down."""
        self.journalled |= journal.entries().keys()
        self.locked = lock.holder() is not None
        if name in self.unstoppable:
            raise DockerError("tried to kill container, but did not receive an exit event")
        container = self.docker.get(name)
        assert container is not None and grace > 0
        container |= {"status": "exited", "health": "none", "netns": None}
        self.stopped.append(name)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stoppable:
    """Everything runs."""
    made = furnish(tmp_path, monkeypatch, Stoppable)
    assert isinstance(made, Stoppable)
    monkeypatch.setattr(cascade_verb, "Docker", lambda: made)
    made.apply()
    return made


def restart_owner(house: House) -> None:
    """As `docker restart gluetun`: another namespace, and the others are left behind."""
    owner = house.docker.get(OWNER)
    assert owner is not None
    owner["status"] = "exited"
    house.docker.start(owner)


def outcomes(actor: str = "cli") -> list[tuple[str, str]]:
    return [(one["subject"], one["outcome"]) for one in ledger.read(50) if one["actor"] == actor]


def test_all_are_stopped_under_the_lock_and_as_ours_and_are_back_healthy(
    house: Stoppable, capsys: pytest.CaptureFixture[str]
) -> None:
    restart_owner(house)
    assert cascade_verb.main([]) == 0
    assert sorted(house.stopped) == sorted(VPN)
    assert house.locked and house.journalled == set(VPN)
    owner = house.docker.get(OWNER)
    assert owner is not None
    assert {(house.docker.get(name) or {})["netns"] for name in VPN} == {owner["netns"]}
    assert (OWNER, "cascade done") in outcomes()
    assert journal.entries() == {} and lock.holder() is None
    assert "mediastack cascade: sonarr: stopped" in capsys.readouterr().err


def test_what_the_user_stopped_is_neither_stopped_nor_started(house: Stoppable) -> None:
    intent.stop(["sonarr"], "root")
    container = house.docker.get("sonarr")
    assert container is not None
    container["status"] = "exited"
    assert cascade_verb.main([]) == 0
    assert "sonarr" not in house.stopped and house.statuses()["sonarr"] == "exited"


def test_with_gluetun_stopped_by_the_user_it_says_how_to_start_it(
    house: Stoppable, capsys: pytest.CaptureFixture[str]
) -> None:
    intent.stop([OWNER], "root")
    assert cascade_verb.main([]) == 1
    assert house.stopped == []
    assert f"stack-manage.sh downloads up {OWNER}" in capsys.readouterr().err


def test_a_gluetun_that_is_down_is_brought_up_first(house: Stoppable) -> None:
    owner = house.docker.get(OWNER)
    assert owner is not None
    owner |= {"status": "exited", "netns": None}
    assert cascade_verb.main([]) == 0
    assert set(house.statuses().values()) == {"running"}


def test_one_that_cannot_be_stopped_fails_it_and_the_others_are_back(
    house: Stoppable, capsys: pytest.CaptureFixture[str]
) -> None:
    house.unstoppable = {"sonarr"}
    assert cascade_verb.main([]) == 1
    assert "sonarr: FAILED to stop" in capsys.readouterr().err
    assert sorted(house.stopped) == sorted(set(VPN) - {"sonarr"})
    assert set(house.statuses().values()) == {"running"}


def test_one_that_does_not_become_healthy_fails_it(house: Stoppable) -> None:
    house.sick = {"qbittorrent"}
    assert cascade_verb.main([]) == 1
    assert (OWNER, "cascade failed") in outcomes()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    house: Stoppable, capsys: pytest.CaptureFixture[str]
) -> None:
    restart_owner(house)
    intent.stop(["sonarr"], "root")
    before = house.statuses()
    assert cascade_verb.main(["--dry-run"]) == 0
    assert (house.statuses(), house.stopped) == (before, [])
    text = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert (
        "stranded" in text["qbittorrent"]
        and "would be stopped and brought back" in text["qbittorrent"]
    )
    assert "stays stopped, as you asked" in text["sonarr"]
    assert set(text) == set(VPN)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ({"stopped_by_user": False, "wanted": False, "verdict": "out"}, "/data is not there"),
        ({"stopped_by_user": False, "wanted": True, "verdict": "out"}, "would be brought back"),
        ({"stopped_by_user": False, "wanted": True, "verdict": "inside"}, "stopped and brought"),
    ],
)
def test_what_would_be_done_follows_from_where_it_is(one: dict[str, Any], words: str) -> None:
    assert words in cascade_verb.intended(one)


def test_a_host_without_gluetun_has_nothing_to_bring_back(
    house: Stoppable, capsys: pytest.CaptureFixture[str]
) -> None:
    house.config["services"][OWNER]["owner"] = False
    assert cascade_verb.main([]) == 1
    assert "no Gluetun" in capsys.readouterr().err


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The monitor's directory; waking the monitor is left out."""
    table = {"directory": str(tmp_path), "cascades_per_hour": 5}
    monkeypatch.setattr(configuration, "load", lambda: {"monitor": table})
    monkeypatch.setattr(resume_verb, "WAKE", ("true",))
    return tmp_path


def test_a_wish_that_is_taken_up_lifts_the_pause(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pause = {"since": 0.0, "until": 1e12, "reason": "limit"}
    found = report.build({**state.initial_state(), "pause": pause}, {"cascades_per_hour": 5}, 1, 1)
    monkeypatch.setattr(report, "read", lambda _: found)
    wish = directory / "resume"

    def take() -> None:
        while not wish.exists():
            pass
        assert wish.stat().st_mode & 0o777 == 0o600
        wish.unlink()

    monitor = threading.Thread(target=take)
    monitor.start()
    assert resume_verb.main([]) == 0
    monitor.join()
    assert "the pause is lifted; up to 5 times an hour" in capsys.readouterr().out


def test_a_wish_that_nobody_takes_up_stands_and_says_where_to_look(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resume_verb, "PATIENCE_SECONDS", 0.0)
    assert resume_verb.main([]) == 1
    assert (directory / "resume").exists()
    assert "systemctl status mediastack-monitor.service" in capsys.readouterr().err
    # Said again it is the same wish.
    assert resume_verb.main([]) == 1


def test_a_link_in_the_monitors_directory_is_not_followed(directory: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    os.symlink(target, directory / "resume")
    resume_verb.ask(str(directory / "resume"))
    assert not target.exists()


def test_without_a_directory_it_says_to_deploy(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = {"directory": str(directory / "none"), "cascades_per_hour": 5}
    monkeypatch.setattr(configuration, "load", lambda: {"monitor": table})
    assert resume_verb.main([]) == 1
    assert "run the deploy" in capsys.readouterr().err
