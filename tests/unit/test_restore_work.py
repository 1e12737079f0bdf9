"""restore.work, resume, sources, verb: from what is asked to what has become of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import restore_house
from restore_house import DIGEST, TWO, Stage

from mediastack import intent, journal, ledger, notify
from mediastack.backup import repository_files, run_lock, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.snapshots import Snapshot
from mediastack.restore import (
    changes,
    containers,
    extract,
    inflight,
    owners,
    places,
    resume,
    sources,
    verb,
    work,
)
from mediastack.restore.trouble import RestoreError
from mediastack.updater import run_lock as updaters_lock


class Killed(BaseException):
    """The process dies here."""


class House:
    """A stage, and a repository on paper."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        services = stage.config["services"]
        stage.config |= {"host": {"name": "here"}, "backup": {"local": True}}
        stage.config["paths"] |= {"etc": "/nowhere", "backups": "/nowhere"}
        then = {"digest": DIGEST, "locked_at": "", "excludes": [], "databases": {"x.db": {}}}
        then |= {"uid": os.getuid(), "gid": os.getgid(), "stopped": False}
        self.manifest: dict[str, Any] = {
            "made_at": "2027-01-01T03:30:00.000+00:00",
            "host": "here",
            "services": {
                name: {**then, "image": services[name]["image"], "root": services[name]["config"]}
                for name in services
            },
        }
        self.snapshots = [
            Snapshot("a" * 64, "2027", "here", ()),
            Snapshot("b" * 64, "2028", "x", ()),
        ]
        self.damage: list[str] = []
        self.trouble: Exception | BaseException | None = None
        self.sent: list[str] = []

    def load(self) -> dict[str, Any]:
        return self.stage.config

    def extracted(
        self, target: Any, snapshot: str, manifest: Any, wanted: dict[str, str], **_: Any
    ) -> list[str]:
        assert snapshot == "a" * 64
        journal = inflight.read()
        assert journal is not None and journal["phase"] == "fetch", "written down before"
        for path in wanted.values():
            restore_house.made_tree(Path(path), "new")
            if self.trouble:
                raise self.trouble
        return list(wanted)

    def restore(self, **asked: Any) -> int:
        engine: Any = self.stage
        return work.restore(self.load, engine, work.Asked(**asked))

    def finish(self) -> int:
        engine: Any = self.stage
        return resume.finish(self.load, engine)

    def trees(self) -> set[str]:
        return {self.stage.tree(name) for name in self.stage.config["services"]}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(restore_house.furnish(tmp_path, monkeypatch))
    monkeypatch.setattr(snapshots, "listed", lambda target: made.snapshots)
    monkeypatch.setattr(repository_files, "problems", lambda target: made.damage)
    monkeypatch.setattr(extract, "manifest", lambda target, snapshot: made.manifest)
    monkeypatch.setattr(extract, "services", made.extracted)
    monkeypatch.setattr("mediastack.monitor.report.read", lambda config: {})
    monkeypatch.setattr("time.clock_gettime", lambda _: made.stage.now)
    monkeypatch.setattr(resume, "start_unit", lambda: made.sent.append("unit"))
    monkeypatch.setattr(notify, "send", lambda *a, **_: made.sent.append(a[1]))
    monkeypatch.setattr("mediastack.healing.wake", lambda *_: False)
    return made


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


def test_what_is_as_in_the_backup_is_left_alone(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.manifest["services"]["seerr"]["databases"] = {}
    monkeypatch.setattr("mediastack.restore.fetch.same", lambda *_: True)
    assert house.restore(services=("seerr",)) == 0
    assert "everything is as in that backup" in capsys.readouterr().out
    assert house.stage.calls == [] and inflight.read() is None
    assert not os.path.exists(places.root(house.stage.config))


def test_a_journal_of_newer_programs_or_half_of_one_holds_nobody(house: House) -> None:
    for found in ({"schema": 2}, {"schema": 1, "services": {}, "phase": "?"}, {"schema": 1}):
        Path(inflight.path()).write_text(json.dumps(found))
        assert inflight.read() is None and inflight.held() == {} and inflight.in_work() == set()


def test_who_is_held_and_who_is_in_work(house: House) -> None:
    found = {
        "a": {**restore_house.begun(house.stage, "seerr"), "step": "swap", "patient": True},
        "b": {**restore_house.begun(house.stage, "plex"), "step": "swap", "atomic": False},
        "c": restore_house.begun(house.stage, "sonarr", patient=True),
        "d": {**restore_house.begun(house.stage, "tautulli"), "step": "done"},
    }
    inflight.write({"schema": 1, "id": "i", "phase": "apply", "services": found})
    assert set(inflight.held()) == {"b"} and inflight.in_work() == {"a"}
    inflight.write({"schema": 1, "id": "i", "phase": "fetch", "services": found})
    assert inflight.held() == {} and inflight.in_work() == set()


@pytest.fixture
def typed(house: House, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the verb asks for."""
    heard: list[Any] = []
    monkeypatch.setattr(verb.configuration, "load", lambda: house.stage.config)
    monkeypatch.setattr(verb, "DockerImages", lambda: None)
    monkeypatch.setattr(verb, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(work, "restore", lambda load, docker, asked: heard.append(asked) or 0)
    monkeypatch.setattr(resume, "finish", lambda *_: heard.append("finish") or 0)
    return heard


def test_the_verb(
    typed: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "--snapshot ab --target nas --service seerr --service plex --images --yes"
    assert verb.main(words.split()) == 0
    assert typed[0][:6] == ("ab", "nas", ("seerr", "plex"), False, True, False)
    assert typed[0].agreed() is True
    assert verb.main(["--resume"]) == 0
    assert typed[1] == "finish" and "there is none to go on with" in capsys.readouterr().err
    with pytest.raises(SystemExit) as error:
        verb.main(["--service", "nobody"])
    assert error.value.code == 2 and "no service 'nobody'" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
    assert verb.main([]) == 0 and typed[2].agreed() is False


def test_the_verb_waits_for_nobody_who_is_at_work(
    typed: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with run_lock.hold() as ours:
        assert ours and verb.main(["--yes"]) == 1
    with updaters_lock.hold() as ours:
        assert ours and verb.main(["--yes"]) == 1
        assert verb.main(["--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "a backup, a drill or a restore is at work" in said and "the updater is at work" in said
    assert len(typed) == 1
