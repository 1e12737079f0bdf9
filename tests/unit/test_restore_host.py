"""restore.host: the steps on a simulated Docker and real directories, each done twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import restore_house as house
from restore_house import DIGEST, TWO, Stage, begun, move, on, step

from mediastack import image_lock, intent, journal
from mediastack.restore import inflight, places, run, swap
from mediastack.updater import kept, refused
from mediastack.updater.house import Trouble


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return house.furnish(tmp_path, monkeypatch)


ONE_RUNS, TWO_RUNS = f"registry/seerr:1@{DIGEST} running", f"registry/seerr:2@{TWO} running"


def test_the_way_forward_each_step_done_twice(stage: Stage) -> None:
    tx = begun(stage)
    for name in ("stop", "swap", "start", "commit", "drop"):
        for _ in range(2):
            step(stage, tx, name)
        assert stage.tree("seerr") == ("old" if name == "stop" else "new")
        if name in ("stop", "swap"):
            assert stage.status("seerr").endswith("exited") and "seerr" in journal.entries()
    assert stage.status("seerr") == ONE_RUNS
    assert stage.composed == [], "a start is enough: Docker looks the name up again"
    assert not os.path.lexists(tx["staged"]) and "seerr" not in journal.entries()


def test_the_way_back_each_step_done_twice(stage: Stage) -> None:
    tx = begun(stage)
    for name in ("stop", "swap", "start", "back", "unswap", "revive"):
        for _ in range(2):
            step(stage, tx, name)
    assert (stage.tree("seerr"), stage.status("seerr")) == ("old", ONE_RUNS)
    step(stage, {**tx, "end": "undone"}, "drop")
    assert not os.path.lexists(tx["staged"]) and stage.tree("seerr") == "old"


def test_the_image_goes_with_the_config_and_back(stage: Stage) -> None:
    tx = begun(stage, move=move(), refuse=True)
    for name in ("stop", "swap", "swap", "start"):
        step(stage, tx, name)
    assert (stage.tree("seerr"), stage.status("seerr")) == ("new", TWO_RUNS)
    assert image_lock.read()["seerr"]["digest"] == DIGEST, "on trial until it was well"
    for name in ("back", "unswap", "unswap", "revive"):
        step(stage, tx, name)
    assert (stage.tree("seerr"), stage.status("seerr")) == ("old", ONE_RUNS)
    assert "trial" not in image_lock.read()["seerr"] and "never" in stage.calls


def test_the_image_that_came_with_the_config_is_the_locked_one_when_it_was_well(
    stage: Stage,
) -> None:
    kept.put({"id": "u1", "service": "seerr", "old": {}, "new": {}})
    tx = begun(stage, move=move(), refuse=True)
    for name in ("stop", "swap", "start", "commit", "commit"):
        step(stage, tx, name)
    entry = image_lock.read()["seerr"]
    assert (entry["image"], entry["digest"]) == ("registry/seerr:2", TWO)
    assert entry.keys() == {"image", "digest", "recorded_at"}
    assert DIGEST in refused.of("seerr"), "or the next update would bring it again"
    assert kept.read() == {}, "what an update was to be taken back with is of another time"


def test_nobody_starts_it_between_its_image_and_its_config(stage: Stage) -> None:
    tx = begun(stage, move=move())
    step(stage, tx, "stop")
    real = swap.bring

    def everybody_passes(*arguments: Any) -> None:
        assert stage.apply(wait=False, lock_wait_seconds=0).done == []
        real(*arguments)
        assert stage.apply(wait=False, lock_wait_seconds=0).done == []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(swap, "bring", everybody_passes)
        step(stage, tx, "swap")
    assert stage.status("seerr").endswith("exited")


def test_one_that_dies_in_the_middle_leaves_what_others_start(stage: Stage) -> None:
    tx = begun(stage)
    step(stage, tx, "stop")
    assert [act["service"] for act in stage.apply(wait=False).done] == ["seerr"]
    assert stage.tree("seerr") == "old"
    step(stage, tx, "swap")
    assert stage.tree("seerr") == "new" and stage.status("seerr").endswith("exited")
    assert [act["service"] for act in stage.apply(wait=False).done] == ["seerr"]
    step(stage, tx, "start")
    assert stage.calls.count("stop seerr") == 2


def test_one_that_runs_on_the_old_tree_all_the_same_is_started_again(stage: Stage) -> None:
    """Somebody has started it an instant before the exchange."""
    tx = begun(stage)
    step(stage, tx, "stop")
    stage.start("seerr")
    swap.bring(tx["live"], tx["staged"], tx["new"])
    assert stage.sees_another(None, "seerr", tx["live"])
    step(stage, tx, "start")
    assert not stage.sees_another(None, "seerr", tx["live"])
    assert stage.status("seerr") == ONE_RUNS


def test_one_that_somebody_starts_again_and_again_is_not_exchanged_under(stage: Stage) -> None:
    tx = begun(stage)
    stage.sneaky = 9
    with pytest.raises(Trouble, match="did not end"):
        step(stage, tx, "swap")
    assert stage.tree("seerr") == "old"


def test_what_the_user_has_stopped_is_not_started(stage: Stage) -> None:
    tx = begun(stage)
    intent.stop(["seerr"], "user")
    with pytest.raises(Trouble, match="you have stopped it meanwhile"):
        step(stage, tx, "stop")
    quiet = {**tx, "runs": False}
    for name in ("stop", "swap", "commit", "drop"):
        step(stage, quiet, name)
    assert (stage.tree("seerr"), stage.status("seerr")[-6:]) == ("new", "exited")
    [(path, service)] = places.kept(stage.config).items()
    assert service == "seerr" and (Path(path) / "which").read_text() == "old"


def test_a_dependent_is_not_stopped_while_gluetun_is_not_well(stage: Stage) -> None:
    owner = stage.docker.get("gluetun")
    assert owner is not None
    owner["health"] = "unhealthy"
    with pytest.raises(Trouble, match="gluetun is not well"):
        step(stage, begun(stage, "sonarr"), "stop")
    assert stage.status("sonarr").endswith("running")


def test_an_update_that_is_on_trial_is_not_disturbed(stage: Stage) -> None:
    image_lock.trial("seerr", "registry/seerr:2", TWO)
    with pytest.raises(Trouble, match="an update of it is under way"):
        step(stage, begun(stage), "stop")


def test_an_image_that_cannot_be_made_is_bad(stage: Stage) -> None:
    tx = begun(stage, move=move())
    step(stage, tx, "stop")
    step(stage, tx, "swap")
    stage.broken["seerr"] = "no such device"
    with pytest.raises(Trouble, match="no such device") as error:
        step(stage, tx, "start")
    assert error.value.kind == "bad"


def test_a_disk_that_does_not_do_it_may_do_it_another_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", "/c")

    tx = begun(stage)
    monkeypatch.setattr(swap, "bring", full)
    with pytest.raises(Trouble, match="/c: No space left") as error:
        step(stage, tx, "swap")
    assert error.value.kind == "passing"


def test_trees_that_somebody_has_moved_are_both_left_whole(stage: Stage) -> None:
    tx = {**begun(stage), "old": 1, "new": 2}
    with pytest.raises(Trouble, match="neither"):
        step(stage, tx, "swap")
    for name in ("back", "unswap", "revive"):
        step(stage, tx, name)
    step(stage, {**tx, "end": "undone"}, "drop")
    assert stage.tree("seerr") == "old" and len(places.kept(stage.config)) == 1


def test_several_from_end_to_end_with_gluetun_among_them(stage: Stage) -> None:
    everybody = {name: begun(stage, name) for name in ("gluetun", "sonarr", "seerr", "plex")}
    everybody["gluetun"]["ran"] = ["qbittorrent", "sonarr", "flaresolverr"]

    def monitor(journal: Any) -> None:
        inflight.write({"schema": 1, "id": house.ID, "phase": "apply", "services": journal})

    sleep = stage.sleep

    def passing(seconds: float) -> None:
        sleep(seconds)
        stage.apply(wait=False, services=["gluetun", "qbittorrent", "sonarr", "flaresolverr"])

    stage.sick.add("plex")
    world = house.world(stage, monitor)._replace(sleep=passing)
    ended = run.drive(everybody, on(stage), world)
    assert {name: tx["step"] for name, tx in ended.items()} == {
        "gluetun": "done", "sonarr": "done", "seerr": "done", "plex": "undone",
    }  # fmt: skip
    assert [stage.tree(name) for name in everybody] == ["new", "new", "new", "old"]
    assert set(stage.statuses().values()) == {"running"}
    assert not stage.sees_another(None, "sonarr", everybody["sonarr"]["live"])
    assert journal.entries() == {} and os.listdir(places.of_run(stage.config, house.ID)) == []
