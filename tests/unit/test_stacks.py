"""stacks, acts and images on a simulated Docker: what a run makes, locks, waits for, gives up."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from simulated_docker import EVERYTHING, OWNER, VPN, a_config
from stacks_house import DIGEST, House, furnish

from mediastack import image_lock, intent, ledger, lock, notify, plan, stacks


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


def test_a_fresh_host_gets_images_first_then_gluetun_then_its_dependents_in_one_call(
    house: House,
) -> None:
    outcome = house.apply()
    assert (outcome.failed, outcome.waiting, outcome.sick) == ({}, [], [])
    assert set(house.statuses().values()) == {"running"}
    assert sorted(house.pulled) == sorted(EVERYTHING)
    pulls = [call for call in house.composed if call[1] == "pull"]
    assert house.composed[: len(pulls)] == pulls
    downloads = [call for call in house.composed if call[:2] == ("mediastack-downloads", "up")]
    assert downloads == [
        ("mediastack-downloads", "up", OWNER),
        ("mediastack-downloads", "up", *VPN),
    ]


def test_what_was_pulled_is_locked_and_compose_is_told(house: House) -> None:
    house.apply()
    locked = image_lock.read()
    assert {entry["digest"] for entry in locked.values()} == {DIGEST}
    assert set(locked) == set(EVERYTHING)
    overrides = Path(house.config["paths"]["program"], "stacks/media/images.yaml").read_text()
    assert f"registry/plex:1@{DIGEST}" in overrides
    assert {c["image"] for c in house.docker.containers} >= {f"registry/plex:1@{DIGEST}"}


def test_what_is_pulled_by_digest_gets_its_tag_on_this_host(house: House) -> None:
    newer = {"service": "plex", "image": "registry/plex:2", "digest": f"sha256:{'2' * 64}"}
    image_lock.record(**newer)
    house.apply()
    assert "plex" in house.pulled
    assert "registry/plex:2" in house.names
    assert len(house.names) == len(EVERYTHING)


def test_a_lost_image_lock_moves_no_image_but_is_written_again(house: House) -> None:
    house.apply()
    before, running = image_lock.read(), [c["image"] for c in house.docker.containers]
    for name, entry in before.items():
        entry.pop("recorded_at")
        assert name in EVERYTHING
    Path(image_lock.default_path()).write_text("{ damaged")
    house.composed.clear()
    outcome = house.apply()
    assert (outcome.done, house.composed) == ([], [])
    assert [c["image"] for c in house.docker.containers] == running
    after = image_lock.read()
    assert all(after[name]["digest"] == entry["digest"] for name, entry in before.items())
    assert [one["outcome"] for one in ledger.read()][-1] == "image locked"


def test_what_compose_is_told_of_a_service_goes_with_the_service(house: House) -> None:
    house.apply()
    overrides = Path(house.config["paths"]["program"], "stacks/media/images.yaml")
    assert '"seerr"' in overrides.read_text()
    del house.config["services"]["seerr"]
    house.config["stacks"]["media"]["services"].remove("seerr")
    house.apply()
    assert "seerr" not in house.statuses()
    assert '"seerr"' not in overrides.read_text() and '"plex"' in overrides.read_text()


def test_a_second_run_does_nothing_at_all(house: House) -> None:
    house.apply()
    house.composed.clear()
    entries = len(ledger.read())
    outcome = house.apply()
    assert outcome.done == []
    assert house.composed == []
    assert len(ledger.read()) == entries


def test_every_act_is_in_the_ledger_with_actor_and_reason(house: House) -> None:
    house.apply()
    entries = {entry["subject"]: entry for entry in ledger.read()}
    assert set(entries) == set(EVERYTHING)
    assert entries["plex"]["actor"] == "test"
    assert entries["plex"]["outcome"] == "created"
    assert entries["plex"]["cause"] == "absent"


def test_a_service_that_cannot_be_made_is_named_and_does_not_keep_the_others(house: House) -> None:
    house.broken["seerr"] = "no space left on device"
    house.local = set(EVERYTHING)
    outcome = house.apply()
    assert outcome.failed == {"seerr": "no space left on device"}
    assert "seerr" not in house.statuses()
    assert house.statuses()["tautulli"] == "running"


def test_an_image_that_cannot_be_pulled_is_named_and_does_not_keep_the_others(
    house: House,
) -> None:
    house.local = set(EVERYTHING) - {"seerr"}
    house.broken["seerr"] = "manifest unknown"
    outcome = house.apply()
    assert list(outcome.failed) == ["seerr"]
    assert "registry/seerr:1 cannot be pulled: manifest unknown" in outcome.failed["seerr"]
    assert house.statuses()["tautulli"] == "running"


def test_a_gluetun_that_never_gets_healthy_ends_the_wait_and_is_named(house: House) -> None:
    house.sick = {OWNER}
    outcome = house.apply()
    assert {act["service"] for act in outcome.waiting} == set(VPN)
    assert [problem["path"] for problem in outcome.sick] == [OWNER]
    assert "cannot reach 127.0.0.1:8989" in outcome.sick[0]["log"]
    assert not set(VPN) & set(house.statuses())
    assert house.now <= 130


def test_without_waiting_what_is_not_ready_is_left_to_the_keeper(house: House) -> None:
    outcome = house.apply(wait=False)
    assert {act["service"] for act in outcome.waiting} == set(VPN)
    assert house.now == 0


def test_a_container_that_docker_refuses_to_start_is_given_up_after_a_few_attempts(
    house: House,
) -> None:
    house.apply()
    plex = house.docker.get("plex")
    assert plex is not None
    plex["status"] = "exited"
    house.unstartable = {"plex"}
    outcome = house.apply()
    assert outcome.failed == {"plex": "bind source path does not exist"}
    failures = [e for e in ledger.read() if e["outcome"] == "start failed"]
    assert len(failures) == stacks.ATTEMPTS


def test_what_a_killed_recreate_left_is_waited_for_and_then_renamed(house: House) -> None:
    house.apply()
    sonarr = house.docker.get("sonarr")
    assert sonarr
    sonarr.update(name="0123456789ab_sonarr", status="created", created_at=house.now)
    began = house.now
    # Without waiting it is left alone: a Compose may be at work.
    assert house.apply(wait=False).done == []
    house.config["limits"]["health_wait_seconds"] = 100
    outcome = house.apply()
    assert [(act["action"], act["service"]) for act in outcome.done] == [
        ("rename", "sonarr"),
        ("start", "sonarr"),
    ]
    assert 60 <= house.now - began < 70
    assert house.statuses()["sonarr"] == "running"
    assert [entry["outcome"] for entry in ledger.read(2, "sonarr")] == ["renamed", "started"]
    (told,) = Path(notify.default_spool(), "new").iterdir()
    assert json.loads(told.read_text())["title"] == "sonarr was put right"


def test_files_of_an_unfinished_deploy_are_not_acted_on(house: House) -> None:
    house.apply()
    house.config["services"]["plex"]["config_hash"] = "hash-of-tomorrow"
    outcome = house.apply()
    assert "disagree about plex; run the deploy to its end" in outcome.failed["plex"]
    assert house.statuses()["plex"] == "running"


def test_without_the_shared_network_the_error_says_how_to_mend_it(house: House) -> None:
    house.network = False
    with pytest.raises(stacks.StackError, match=r"homelab_media_network does not exist; run the"):
        house.apply()


def test_a_held_lock_is_waited_for_only_so_long(house: House) -> None:
    import threading

    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with lock.hold("updater", "updating plex", wait_seconds=0):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(5)
    try:
        with pytest.raises(lock.Busy, match="updating plex"):
            house.apply(lock_wait_seconds=0.0)
    finally:
        done.set()
        thread.join()


def test_the_plan_travels_as_one_line_and_reads_back() -> None:
    config = a_config()
    line = plan.dump(config)
    assert "\n" not in line
    assert json.load(io.StringIO(line)) == config


def test_unwell_names_the_sick_and_lost_data_but_not_what_the_user_stopped(house: House) -> None:
    house.apply()
    for service, change in [("seerr", {"health": "unhealthy"}), ("plex", {"status": "paused"})]:
        container = house.docker.get(service)
        assert container is not None
        container.update(change)
    intent.stop(["tautulli"], "root")
    house.docker.present = False
    problems = plan.unwell(house.config, house.observe(None, None))
    assert [problem["path"] for problem in problems] == [
        house.config["paths"]["sentinel"],
        "plex",
        "seerr",
    ]
    assert plan.unwell(house.config, plan.nothing_observed()) == []
