"""restore.resume: what was begun is brought to its end, whoever died, and what is kept goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import restore_house
from restore_work_house import House, furnish

from mediastack import intent
from mediastack.restore import containers, inflight, places, resume


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


def test_one_that_died_while_it_took_things_out_is_swept_away(house: House) -> None:
    house.trouble = Killed()
    # Not even what a failure does is done by one who is killed.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "give_up", lambda *_: None)
        with pytest.raises(Killed):
            house.restore(services=("seerr",))
    assert inflight.read() is not None and os.listdir(places.root(house.stage.config))
    assert house.finish() == 0
    assert inflight.read() is None and not os.path.exists(places.root(house.stage.config))
    assert house.trees() == {"old"}


@pytest.mark.parametrize("step", ["stop", "swap", "start", "watch", "drop"])
def test_one_that_died_later_is_brought_to_its_end(
    house: House, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write, dead = inflight.write, [True]

    def dying(found: dict[str, Any]) -> None:
        write(found)
        everybody = found["services"].values()
        begun = [tx["step"] for tx in everybody if tx["tries"] or step != "stop"]
        if dead[0] and step in begun:
            dead[0] = False
            raise Killed

    monkeypatch.setattr(inflight, "write", dying)
    with pytest.raises(Killed):
        house.restore(services=("seerr", "plex"))
    assert "unit" in house.sent, "somebody goes on with it at once"
    house.stage.apply(wait=False)
    assert house.finish() == 0
    assert (house.stage.tree("seerr"), house.stage.tree("plex")) == ("new", "new")
    assert set(house.stage.statuses().values()) == {"running"} and inflight.read() is None


def test_a_new_one_brings_the_last_one_to_its_end_first(house: House) -> None:
    restore_house.made_tree(Path(places.make(house.stage.config, "i")) / "seerr", "new")
    tx = restore_house.begun(house.stage, "plex")
    inflight.write({"schema": 1, "id": restore_house.ID, "phase": "apply", "made_at": "then",
                    "services": {"plex": tx}})  # fmt: skip
    assert house.restore(services=("seerr",)) == 0
    assert (house.stage.tree("plex"), house.stage.tree("seerr")) == ("new", "new")


def test_one_that_is_stuck_is_not_swept_away_and_keeps_a_new_one_from_beginning(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.stage.sick.add("seerr")

    def away(*_: Any) -> None:
        raise containers.Trouble("passing", "Docker is away")

    with pytest.MonkeyPatch.context() as patch:
        real = containers.stop

        def stop(config: Any, docker: Any, service: str) -> None:
            real(config, docker, service) if house.stage.tree(service) == "old" else away()

        patch.setattr(containers, "stop", stop)
        assert house.restore(services=("seerr",)) == 1
        assert "seerr: stuck: back: Docker is away" in capsys.readouterr().out
        assert house.restore(services=("plex",)) == 1
        assert "a restore that was begun is stuck" in capsys.readouterr().err
    assert house.stage.tree("plex") == "old"
    assert house.finish() == 0
    assert house.stage.tree("seerr") == "old"
    assert "seerr is stuck in its restore" in house.sent


def test_a_service_that_a_deploy_has_taken_off_meanwhile_is_no_hindrance(house: House) -> None:
    tx = restore_house.begun(house.stage, "plex")
    inflight.write({"schema": 1, "id": restore_house.ID, "phase": "apply", "made_at": "then",
                    "services": {"plex": {**tx, "step": "watch"}}})  # fmt: skip
    del house.load()["services"]["plex"]
    house.load()["stacks"]["media"]["services"].remove("plex")
    assert house.finish() == 0
    assert inflight.read() is None and not os.path.exists(places.root(house.stage.config))


def test_a_tree_that_is_kept_goes_when_its_service_is_well(house: House) -> None:
    intent.stop(["seerr"], "user")
    stopped = house.stage.docker.get("seerr")
    assert stopped is not None
    stopped["status"] = "exited"
    assert house.restore(services=("seerr",)) == 0
    assert house.finish() == 0
    assert list(places.kept(house.stage.config).values()) == ["seerr"]
    intent.clear(["seerr"])
    house.stage.apply(wait=False)
    stopped["health"] = "healthy"
    assert house.finish() == 0
    assert places.kept(house.stage.config) == {}
