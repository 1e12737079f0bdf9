"""restore.work, sources: from what is asked to what has become of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from restore_house import TWO
from restore_work_house import House, furnish

from mediastack import journal, ledger
from mediastack.backup import snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.snapshots import Snapshot
from mediastack.restore import changes, inflight, owners, places, sources, work
from mediastack.restore.trouble import RestoreError


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


def test_one_service_is_restored_and_the_others_are_not_touched(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert house.restore(services=("seerr",)) == 0
    assert house.stage.tree("seerr") == "new" and house.trees() == {"old", "new"}
    assert house.stage.calls == ["stop seerr"]
    assert set(house.stage.statuses().values()) == {"running"}
    said = capsys.readouterr().out
    assert "Backup aaaaaaaa in local" in said and "seerr: restored" in said
    assert inflight.read() is None and not os.path.exists(places.root(house.stage.config))
    assert [one["outcome"] for one in ledger.read(subject="seerr")][-1] == "restored"
    assert house.sent == ["Restore finished"] and journal.entries() == {}


def test_owners_of_another_host_become_those_of_this_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    monkeypatch.setattr(owners, "remap", lambda *given: heard.append(given))
    house.manifest["services"]["seerr"] |= {"uid": 70, "gid": 80}
    assert house.restore(services=("seerr",)) == 0
    assert [given[1:] for given in heard] == [((70, 80), (os.getuid(), os.getgid()))]


def test_everything_is_restored(house: House) -> None:
    sleep = house.stage.sleep
    vpn = ["gluetun", "qbittorrent", "sonarr", "flaresolverr"]
    import time

    def monitor(seconds: float) -> None:
        sleep(seconds)
        house.stage.apply(wait=False, services=vpn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "sleep", monitor)
        assert house.restore() == 0
    assert house.trees() == {"new"}
    assert set(house.stage.statuses().values()) == {"running"}


def test_one_that_is_not_well_on_it_keeps_its_config(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.stage.sick.add("seerr")
    assert house.restore(services=("seerr", "plex")) == 1
    assert (house.stage.tree("seerr"), house.stage.tree("plex")) == ("old", "new")
    assert "seerr: restore taken back: health: unhealthy" in capsys.readouterr().out
    assert house.sent == ["Restore: not everything was restored"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {"seerr": changes.Changes(["a"], [], ["b"])}
    monkeypatch.setattr(changes, "find", lambda *_: found)
    assert house.restore(services=("seerr",), dry_run=True) == 0
    said = capsys.readouterr().out
    assert "seerr: comes back: a" in said and "Nothing was changed." in said
    assert house.trees() == {"old"} and house.stage.calls == []
    assert not os.path.exists(places.root(house.stage.config))


@pytest.mark.parametrize(
    ("prepare", "asked", "said"),
    [
        (lambda h: h.damage.append("/r/data/ab: is damaged"), {}, "--despite-damage"),
        (lambda h: h.snapshots.clear(), {}, "local holds no backup; fix: stack-manage.sh backup"),
        (lambda h: None, {"snapshot": "cc"}, "no backup is 'cc'; fix: stack-manage.sh backup list"),
        (lambda h: h.snapshots.pop(0), {}, "no backup of here, only of x; fix: name one"),
        (lambda h: None, {"target": "nas"}, "no repository nas; there are: local"),
        (lambda h: h.load()["backup"].clear(), {}, "no repository; fix: backup.local"),
        (lambda h: h.manifest["services"].pop("plex"), {"services": ("plex",)}, "has no plex"),
        (lambda h: h.manifest["services"]["plex"].update(image="registry/plex:9", digest=TWO), {},
         "plex: that backup was made by 9"),
        (lambda h: setattr(h, "trouble", RestoreError("damaged", "is not what was saved")), {},
         "is not what was saved; nothing was changed"),
        (lambda h: setattr(h, "trouble", ResticError("full", "no space left")), {},
         "no space left; fix: make room"),
        (lambda h: setattr(h, "trouble", OSError(28, "No space left on device", "/c")), {},
         "/c: No space left on device; nothing was changed"),
        (lambda h: None, {"agreed": lambda: False}, "nothing was changed"),
        (lambda h: h.manifest["services"].clear(), {}, "there is nothing to restore"),
    ],
)  # fmt: skip
def test_what_cannot_be_restored_is_said_and_nothing_is_touched(
    house: House,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[House], Any],
    asked: dict[str, Any],
    said: str,
) -> None:
    prepare(house)
    assert house.restore(**asked) == 1
    assert said in capsys.readouterr().err
    assert house.trees() == {"old"} and house.stage.calls == []
    assert set(house.stage.statuses().values()) == {"running"}
    assert inflight.read() is None
    left = places.root(house.stage.config)
    assert not os.path.exists(left) or os.listdir(left) == []


def test_damage_elsewhere_in_the_repository_may_be_gone_on_with(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.damage.append("/r/data/ab: is damaged")
    assert house.restore(services=("seerr",), despite_damage=True) == 0
    assert "/r/data/ab" in capsys.readouterr().err and house.stage.tree("seerr") == "new"


def test_the_next_repository_is_asked_when_one_cannot_be_read(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.load()["backup"] |= {"remotes": {"nas": {"repository": "/mnt"}}, "rebuild_from": "/r"}

    def listed(target: Any) -> list[Snapshot]:
        if target.name != "rebuild":
            raise ResticError("unreachable", f"{target.name}: no route to host")
        return house.snapshots

    monkeypatch.setattr(snapshots, "listed", listed)
    target, found = sources.pick(house.load(), "", "latest", work.said)
    assert (target.name, target.repository, found.id[0]) == ("rebuild", "/r", "a")
    assert capsys.readouterr().err.count("no route to host") == 2
    with pytest.raises(ResticError, match="nas: no route"):
        sources.pick(house.load(), "nas", "latest", work.said)


def test_what_is_as_in_the_backup_is_left_alone(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.manifest["services"]["seerr"]["databases"] = {}
    monkeypatch.setattr("mediastack.restore.fetch.same", lambda *_: True)
    assert house.restore(services=("seerr",)) == 0
    assert "everything is as in that backup" in capsys.readouterr().out
    assert house.stage.calls == [] and inflight.read() is None
    assert not os.path.exists(places.root(house.stage.config))
