"""updater.host: the steps on a simulated Docker, each done twice, each cut off by a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import updater_house as house
from stacks_house import DIGEST
from updater_host_house import NEW, OLD, Stage, begun, furnish, on, step

from mediastack import image_lock, intent, journal, plan
from mediastack.docker_client import DockerError
from mediastack.updater import containers, host, kept, refused
from mediastack.updater.house import Trouble


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return furnish(tmp_path, monkeypatch)


OLD_RUNS, NEW_RUNS = f"registry/seerr:1@{DIGEST} running", f"registry/seerr:2@{house.TWO} running"


def test_the_way_forward_each_step_done_twice(stage: Stage) -> None:
    tx = begun(stage)
    assert stage.status("seerr") == OLD_RUNS
    for name in ("copy", "settle", "switch", "commit"):
        step(stage, tx, name)
        step(stage, tx, name)
        if name == "settle":
            assert stage.status("seerr").endswith("exited") and "seerr" in journal.entries()
    assert stage.status("seerr") == NEW_RUNS
    assert image_lock.read()["seerr"]["digest"] == house.TWO
    assert image_lock.read()["seerr"]["previous"] == OLD
    assert kept.read()["seerr"]["tx"]["id"] == "id1"
    assert "seerr" not in journal.entries()
    assert stage.composed == [("mediastack-media", "up", "seerr")]


def test_the_way_back_each_step_done_twice(stage: Stage) -> None:
    tx = begun(stage)
    for name in ("settle", "switch"):
        step(stage, tx, name)
    assert stage.status("seerr") == NEW_RUNS
    for name in ("back", "restore", "revive"):
        step(stage, tx, name)
        step(stage, tx, name)
        assert (stage.status("seerr") == OLD_RUNS) is (name == "revive")
    entry = image_lock.read()["seerr"]
    assert (entry["image"], entry["digest"]) == ("registry/seerr:1", DIGEST)
    assert "trial" not in entry and "seerr" not in journal.entries()
    assert "never" in stage.calls and stage.pulled == [], "going back needs no network"


def test_before_the_switch_the_old_version_is_given_back(stage: Stage) -> None:
    tx = begun(stage)
    step(stage, tx, "settle")
    step(stage, tx, "return")
    step(stage, tx, "return")
    assert stage.status("seerr") == OLD_RUNS
    assert stage.copied[-1] == "drop" and "seerr" not in journal.entries()


def test_what_the_user_stops_stays_stopped_on_either_way(stage: Stage) -> None:
    tx = begun(stage)
    intent.stop(["seerr"], "user")
    with pytest.raises(Trouble, match="you have stopped it"):
        step(stage, tx, "settle")
    intent.clear(["seerr"])
    step(stage, tx, "settle")
    intent.stop(["seerr"], "user")
    step(stage, tx, "return")
    assert stage.status("seerr").endswith("exited")
    intent.clear(["seerr"])
    stage.apply(wait=False)
    step(stage, tx, "settle")
    step(stage, tx, "switch")
    intent.stop(["seerr"], "user")
    for name in ("back", "restore", "revive"):
        step(stage, tx, name)
    assert stage.status("seerr").endswith("exited")
    assert image_lock.read()["seerr"]["digest"] == DIGEST


def test_one_that_does_not_run_and_that_nobody_of_us_stopped_is_not_updated(stage: Stage) -> None:
    found = stage.docker.get("seerr")
    assert found is not None
    found["status"] = "exited"
    with pytest.raises(Trouble, match="does not run"):
        step(stage, begun(stage), "settle")


def test_one_that_is_started_again_while_it_is_copied_is_copied_again(stage: Stage) -> None:
    stage.sneaky = 1
    with pytest.raises(Trouble, match="did not end"):
        step(stage, begun(stage), "settle")
    step(stage, begun(stage), "settle")
    assert stage.status("seerr").endswith("exited")


def test_whether_the_new_version_may_have_run(stage: Stage) -> None:
    tx = begun(stage)
    step(stage, tx, "settle")
    assert on(stage).switched(tx) is False
    image_lock.trial("seerr", NEW["image"], NEW["digest"])
    assert on(stage).switched(tx) is False, "the old container is still there"
    step(stage, tx, "switch")
    assert on(stage).switched(tx) is True
    stage.docker.containers.remove(stage.docker.get("seerr"))
    assert on(stage).switched(tx) is True, "nobody knows what was here"


def test_an_image_that_does_not_start_is_bad(stage: Stage) -> None:
    tx = begun(stage)
    step(stage, tx, "settle")
    stage.broken["seerr"] = "exec format error"
    with pytest.raises(Trouble, match="exec format error") as raised:
        step(stage, tx, "switch")
    assert raised.value.kind == "bad"


def test_a_deploy_that_moved_on_meanwhile_ends_it(stage: Stage) -> None:
    tx = begun(stage)
    stage.config["services"]["seerr"]["image"] = "registry/seerr:3"
    with pytest.raises(Trouble, match="the catalog wants"):
        step(stage, tx, "settle")
    image_lock.record("seerr", "registry/seerr:3", house.THREE)
    with pytest.raises(Trouble, match="the image lock has changed"):
        on(stage).pull(tx)


def test_a_full_disk_is_no_fault_of_the_image(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/x")

    monkeypatch.setattr(image_lock, "put_back", full)
    with pytest.raises(Trouble, match="/x: No space left") as raised:
        step(stage, begun(stage), "revive")
    assert raised.value.kind == "passing"


def test_gluetun_alone_is_made_anew_and_asked_before(stage: Stage) -> None:
    tx = begun(stage, "gluetun")
    step(stage, tx, "copy")
    assert [one for one, _ in stage.trials] == [f"registry/gluetun:2@{house.TWO}"]
    for name in ("settle", "switch"):
        step(stage, tx, name)
    assert stage.composed == [("mediastack-downloads", "up", "gluetun")]


def test_a_gluetun_that_refuses_its_settings_is_not_even_stopped(stage: Stage) -> None:
    stage.trial_answer = (1, "ERROR [vpn] the country specified is not valid\n")
    with pytest.raises(Trouble) as raised:
        step(stage, begun(stage, "gluetun"), "copy")
    assert raised.value.kind == "bad" and "stop gluetun" not in stage.calls
    # It was about the new image: the one that runs may go on.
    assert plan.plan(stage.config, stage.observe(stage.config, None)) == []


def test_a_dependent_is_made_in_gluetuns_network(stage: Stage) -> None:
    tx = begun(stage, "sonarr")
    for name in ("settle", "switch", "back", "restore", "revive"):
        step(stage, tx, name)
    sonarr, gluetun = stage.docker.get("sonarr"), stage.docker.get("gluetun")
    assert sonarr is not None and gluetun is not None
    assert sonarr["netns"] == gluetun["netns"] and sonarr["image"].startswith("registry/sonarr:1")


def test_without_gluetun_a_dependents_switch_waits_for_another_day(stage: Stage) -> None:
    tx = begun(stage, "sonarr")
    step(stage, tx, "settle")
    gluetun = stage.docker.get("gluetun")
    assert gluetun is not None
    gluetun["health"] = "unhealthy"
    with pytest.raises(Trouble) as raised:
        step(stage, tx, "switch")
    assert raised.value.kind == "passing"


def test_a_left_over_of_a_killed_recreate_is_stopped_as_well(stage: Stage) -> None:
    tx = begun(stage)
    for name in ("settle", "switch"):
        step(stage, tx, name)
    found = stage.docker.get("seerr")
    assert found is not None
    stage.docker.containers.append({**found, "id": "id99", "name": "0123456789ab_seerr"})
    step(stage, tx, "back")
    engine: Any = stage
    assert not containers.is_up(engine, "seerr")
    assert {one["status"] for one in stage.docker.containers if one["service"] == "seerr"} == {
        "exited"
    }


def test_docker_away_is_no_fault_of_the_image(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise DockerError("away")

    monkeypatch.setattr(stage, "stop", away)
    for name in ("settle", "back"):
        with pytest.raises(Trouble) as raised:
            step(stage, begun(stage), name)
        assert raised.value.kind == "passing"


def test_a_bad_digest_is_remembered(stage: Stage) -> None:
    on(stage).refuse(begun(stage, why="exits at once"))
    assert refused.of("seerr")[house.TWO]["why"] == "exits at once"


def a_deploy_writes_half(stage: Stage, service: str = "seerr") -> dict[str, Any]:
    """mediastack.toml of a deploy whose compose files are still to come."""
    services = stage.config["services"]
    changed = {**services[service], "config_hash": "of-the-coming-deploy"}
    return {**stage.config, "services": {**services, service: changed}}


def test_between_a_deploys_files_nothing_is_stopped(stage: Stage) -> None:
    tx = begun(stage)
    engine: Any = stage
    half = host.Host(lambda: a_deploy_writes_half(stage), engine)
    with pytest.raises(Trouble, match="run the deploy to its end") as raised:
        half.settle(tx)
    assert raised.value.kind == "passing"
    assert stage.status("seerr") == OLD_RUNS


def test_a_deploy_that_comes_in_between_is_waited_for_and_its_configuration_taken(
    stage: Stage,
) -> None:
    tx = begun(stage)
    loaded = [stage.config]
    engine: Any = stage
    here = host.Host(lambda: loaded[0], engine)
    here.settle(tx)
    loaded[0] = a_deploy_writes_half(stage)
    with pytest.raises(Trouble) as raised:
        here.switch(tx)
    # No fault of the image.
    assert raised.value.kind == "passing"
    loaded[0] = stage.config
    here.switch(tx)
    assert "2" in stage.status("seerr") and stage.status("seerr") != OLD_RUNS
