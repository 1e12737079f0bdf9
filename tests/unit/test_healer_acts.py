"""healer.acts: only what is ill is treated, whatever was asked for; read from the containers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from healer_house import Patient, running
from simulated_docker import OWNER, VPN

from mediastack import intent, journal, ledger, lock
from mediastack.healer import acts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return running(tmp_path, monkeypatch)


def perform(house: Patient, verb: str, *services: str) -> dict[str, str]:
    engine: Any = house
    return acts.perform(house.config, engine, verb, services)


def container(house: Patient, name: str) -> dict[str, Any]:
    found = house.docker.get(name)
    assert found
    return found


def test_hold_stops_what_is_stranded_with_its_grace_and_says_whose_stop_it_is(
    house: Patient,
) -> None:
    house.gluetun_restarts()
    assert perform(house, "hold", "sonarr", "qbittorrent") == {}
    assert sorted(house.stopped) == [("qbittorrent", 7), ("sonarr", 7)]
    assert house.statuses()["flaresolverr"] == "running"
    # Until they run again.
    assert {name: entry["action"] for name, entry in journal.entries().items()} == {
        "sonarr": "hold",
        "qbittorrent": "hold",
    }
    assert {(one["actor"], one["outcome"]) for one in ledger.read()} == {("monitor", "stopped")}


def test_hold_of_what_is_at_home_or_does_not_run_does_nothing(house: Patient) -> None:
    container(house, "sonarr").update(status="exited", netns=None)
    assert perform(house, "hold", *VPN) == {}
    assert house.stopped == []
    assert journal.entries() == {}


def test_hold_thaws_a_paused_one_so_that_it_can_end(house: Patient) -> None:
    house.gluetun_restarts()
    container(house, "sonarr")["status"] = "paused"
    assert perform(house, "hold", "sonarr") == {}
    assert house.statuses()["sonarr"] == "exited"


def test_what_cannot_be_stopped_is_named_and_the_others_are_stopped(house: Patient) -> None:
    house.gluetun_restarts()
    house.stuck = {"sonarr"}
    assert perform(house, "hold", *VPN) == {"sonarr": "cannot stop"}
    assert sorted(name for name, _ in house.stopped) == ["flaresolverr", "qbittorrent"]
    assert [one["subject"] for one in ledger.read() if one["outcome"] == "hold failed"] == [
        "sonarr"
    ]


def test_revive_recreates_the_stranded_in_one_call_and_starts_what_fits(house: Patient) -> None:
    house.gluetun_restarts()
    house.composed.clear()
    perform(house, "hold", "sonarr")
    assert perform(house, "revive", *VPN) == {}
    assert house.composed == [("mediastack-downloads", "up", "qbittorrent", "flaresolverr")]
    owner = container(house, OWNER)
    assert {container(house, name)["netns"] for name in VPN} == {owner["netns"]}


def test_revive_touches_nobody_who_was_not_named(house: Patient) -> None:
    house.gluetun_restarts()
    perform(house, "revive", "sonarr")
    owner = container(house, OWNER)
    assert container(house, "sonarr")["netns"] == owner["netns"]
    assert container(house, "qbittorrent")["netns"] != owner["netns"]


@pytest.mark.parametrize("ill", ["starting", "exited", "stopped by the user", "no data"])
def test_revive_starts_nobody_too_early_or_against_the_users_wish(house: Patient, ill: str) -> None:
    """The simulated Docker asserts on every start as well."""
    for name in VPN:
        container(house, name).update(status="exited", netns=None)
    owner = container(house, OWNER)
    if ill == "starting":
        owner["health"] = "starting"
    elif ill == "exited":
        owner["status"] = "exited"
    elif ill == "no data":
        house.docker.present = False
    else:
        intent.stop(VPN, "docker stop")
    house.docker.started.clear()
    assert perform(house, "revive", "sonarr", "qbittorrent") == {}
    assert house.docker.started == []


def test_revive_mends_gluetun_itself_and_asks_about_its_settings_only_once(
    house: Patient,
) -> None:
    house.docker.containers.remove(container(house, OWNER))
    house.trial_answer = (1, "ERROR no server found\n")
    for _ in range(2):
        assert perform(house, "revive", OWNER).keys() == {OWNER}
    # It comes again and again by itself: a refusal stands until somebody asks.
    assert len(house.trials) == 1
    assert house.docker.get(OWNER) is None


def test_restart_is_for_the_unhealthy_in_the_right_namespace(house: Patient) -> None:
    for name in ("sonarr", "qbittorrent"):
        container(house, name)["health"] = "unhealthy"
    container(house, "qbittorrent")["netns"] = 999
    assert perform(house, "restart", *VPN) == {}
    assert house.restarted == ["sonarr"]
    assert journal.entries() == {}
    assert [one["outcome"] for one in ledger.read()] == ["restarted"]


@pytest.mark.parametrize("ill", ["healthy", "owner unhealthy", "stopped by the user", "no data"])
def test_restart_spares_the_others(house: Patient, ill: str) -> None:
    container(house, "sonarr")["health"] = "healthy" if ill == "healthy" else "unhealthy"
    if ill == "owner unhealthy":
        container(house, OWNER)["health"] = "unhealthy"
    if ill == "stopped by the user":
        intent.stop(["sonarr"], "docker stop")
    if ill == "no data":
        house.docker.present = False
    assert perform(house, "restart", "sonarr") == {}
    assert house.restarted == []


def test_gluetun_is_restarted_while_it_is_unhealthy_only(house: Patient) -> None:
    perform(house, "restart", OWNER)
    assert house.restarted == []
    container(house, OWNER)["health"] = "unhealthy"
    perform(house, "restart", OWNER)
    assert house.restarted == [OWNER]


@pytest.mark.parametrize("verb", ["hold", "revive", "restart"])
def test_nothing_is_done_while_somebody_else_holds_the_lock(
    house: Patient, verb: str, tmp_path: Path
) -> None:
    house.gluetun_restarts()
    container(house, "sonarr")["health"] = "unhealthy"
    before = house.docker.observation()
    holding = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom mediastack import lock\n"
            "with lock.hold('deploy', 'a test', wait_seconds=0):\n"
            "    print('held', flush=True)\n    sys.stdin.read()\n",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            "PYTHONPATH": f"{ROOT}/files",
            "MEDIASTACK_CONFIG": str(tmp_path / "mediastack.toml"),
        },
    )
    try:
        assert holding.stdout and holding.stdout.readline() == b"held\n"
        with pytest.raises(lock.Busy) as raised:
            perform(house, verb, *VPN)
        assert raised.value.holder["actor"] == "deploy"
    finally:
        holding.communicate()
    assert house.docker.observation() == before


def test_the_sdk_is_not_loaded_by_looking_and_reviving(tmp_path: Path) -> None:
    """In a process of its own, with the real look, plan and acts on a simulated Docker."""
    program = f"""
import sys
sys.path[:0] = [{str(ROOT / "files")!r}, {str(ROOT / "tests" / "unit")!r}]
from pathlib import Path
import pytest
from healer_house import running
from mediastack.docker_socket import DockerSocket
from mediastack.healer import acts, server
from mediastack.healer.look import look
with pytest.MonkeyPatch.context() as patch:
    house = running(Path({str(tmp_path)!r}), patch)
    house.gluetun_restarts()
    house.docker.containers.remove(house.docker.get("sonarr"))
    look(house.config, house, firewall=True)
    acts.perform(house.config, house, "hold", ["qbittorrent"])
    assert acts.perform(house.config, house, "revive", ["gluetun", "qbittorrent", "sonarr"]) == {{}}
    assert house.statuses()["sonarr"] == "running"
    try:
        look(house.config, DockerSocket("/nowhere"), firewall=True)
        DockerSocket("/nowhere").ping()
    except Exception as error:
        print(type(error).__name__)
print(sorted({{"docker", "requests", "urllib3"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[-2] == "[]", done.stderr[-2000:]
