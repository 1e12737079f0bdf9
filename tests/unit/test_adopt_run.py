"""adopt.run and verb: theirs becomes ours with its keys, or the old state comes back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
import yaml
from adopt_run_house import furnish, is_tidy, live, on_paper, proposals, secret, theirs
from test_adopt_copy import everything

from mediastack import intent, lock, secrets
from mediastack.adopt import verb
from mediastack.adopt.house import Refusal
from mediastack.restore import swap


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def docker(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    return on_paper(config, monkeypatch)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return theirs(tmp_path)


def outcomes() -> list[str]:
    path = Path(os.environ["MEDIASTACK_CONFIG"]).parent / "ours" / "state" / "ledger.jsonl"
    return [json.loads(line)["outcome"] for line in path.read_text().splitlines()]


def test_all_of_theirs_becomes_ours_and_stays_theirs(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    before = everything(top)
    found = proposals(config, docker, top, "qbittorrent", "sonarr", "bazarr", "seerr")
    assert verb.adopt(config, docker, found) == 0
    assert everything(top) == before
    assert house.rows(live(config, "sonarr") / "sonarr.db") == 5
    assert house.rows(live(config, "bazarr") / "db" / "bazarr.db") == 2
    assert house.rows(live(config, "seerr") / "db" / "db.sqlite3") == 7
    assert is_tidy(config)
    assert outcomes() == ["adopted"] * 4


def test_the_keys_of_the_house_follow_and_every_copy_of_them(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    verb.adopt(config, docker, proposals(config, docker, top, "sonarr", "bazarr"))
    assert secret(config, "sonarr/api_key") == house.KEY
    assert secret(config, "bazarr/sonarr_api_key") == house.KEY
    assert secret(config, "unpackerr/sonarr_api_key") == house.KEY
    assert secret(config, "bazarr/api_key") == house.KEY[::-1]
    found = yaml.safe_load((live(config, "bazarr") / "config" / "config.yaml").read_text())
    assert found["sonarr"]["apikey"] == house.KEY
    assert found["sonarr"]["ip"] == "127.0.0.1"
    assert secrets.check(config, {}) == []
    # Who has a mounted copy is made anew.
    assert docker.done.count("start unpackerr") == 1


def test_our_bazarr_gets_the_new_key_of_a_sonarr_that_is_adopted_alone(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    own = live(config, "bazarr") / "config" / "config.yaml"
    before = yaml.safe_load(own.read_text())
    verb.adopt(config, docker, proposals(config, docker, top, "sonarr"))
    before["sonarr"]["apikey"] = house.KEY
    assert yaml.safe_load(own.read_text()) == before
    at = docker.done.index("stop bazarr")
    assert "start bazarr" in docker.done[at:]


def test_qbittorrent_gets_our_password_as_the_seed_spells_it(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    own = live(config, "qbittorrent") / "qBittorrent" / "qBittorrent.conf"
    line = next(one for one in own.read_text().splitlines() if "PBKDF2" in one)
    verb.adopt(config, docker, proposals(config, docker, top, "qbittorrent"))
    text = own.read_text()
    assert line in text.splitlines() and "Session\\Interface=tun0" in text
    assert "Session\\DefaultSavePath=/downloads" in text


def test_a_service_that_does_not_do_well_gets_its_old_state_back_and_the_others_go_on(
    config: dict[str, Any], docker: Any, top: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docker.sick["sonarr"] = "it ends again and again (exit code 1)"
    key = secret(config, "sonarr/api_key")
    before = everything(live(config, "sonarr"))
    assert verb.adopt(config, docker, proposals(config, docker, top, "sonarr", "seerr")) == 1
    assert everything(live(config, "sonarr")) == before
    assert secret(config, "sonarr/api_key") == key
    assert house.rows(live(config, "seerr") / "db" / "db.sqlite3") == 7
    assert "ends again and again (exit code 1); its old state is back" in capsys.readouterr().err
    assert docker.states["sonarr"] == "running" and is_tidy(config)
    assert outcomes() == ["adoption taken back", "adopted"]


def test_what_the_user_has_stopped_stays_stopped(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    intent.stop(["seerr"], "tom")
    docker.states["seerr"] = "exited"
    assert verb.adopt(config, docker, proposals(config, docker, top, "seerr")) == 0
    assert house.rows(live(config, "seerr") / "db" / "db.sqlite3") == 7
    assert docker.states["seerr"] == "exited" and "start seerr" not in docker.done


def test_a_service_that_never_had_a_state_gets_one(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    found = proposals(config, docker, top, "seerr")
    (live(config, "seerr") / "db" / "db.sqlite3").unlink()
    (live(config, "seerr") / "db").rmdir()
    live(config, "seerr").rmdir()
    assert verb.adopt(config, docker, found) == 0
    assert house.rows(live(config, "seerr") / "db" / "db.sqlite3") == 7


def test_one_that_a_hand_has_started_on_the_old_tree_is_stopped_again(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proposals(config, docker, top, "seerr")
    config["services"]["seerr"]["config_path"] = str(live(config, "seerr"))
    bring = swap.bring

    def and_somebody_starts_it(*arguments: Any) -> None:
        bring(*arguments)
        # Our own process: it sees the live tree; the hand's sees another one.
        docker.states["seerr"], docker.pids["seerr"] = "running", os.getpid()
        config["services"]["seerr"]["config_path"] = str(top)

    monkeypatch.setattr(swap, "bring", and_somebody_starts_it)
    assert verb.adopt(config, docker, found) == 0
    assert docker.done == ["stop seerr", "stop seerr", "start seerr"]


def test_while_somebody_else_is_at_work_nothing_is_touched(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proposals(config, docker, top, "sonarr")
    before = everything(live(config, "sonarr"))

    def busy(*_: Any, **__: Any) -> Any:
        raise lock.Busy("stack.lock", {}, 0.0)

    monkeypatch.setattr(lock, "hold", busy)
    with pytest.raises(lock.Busy):
        verb.adopt(config, docker, found)
    assert everything(live(config, "sonarr")) == before
    assert docker.done == [] and is_tidy(config)


def test_a_copy_that_fails_leaves_all_services_alone(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    found = proposals(config, docker, top, "sonarr", "seerr")
    with (top / "seerr" / "db" / "db.sqlite3").open("r+b") as stream:
        stream.write(b"no SQLite any more")
    with pytest.raises(Refusal, match=r"db\.sqlite3"):
        verb.adopt(config, docker, found)
    assert house.rows(live(config, "sonarr") / "sonarr.db") == 1
    assert docker.done == [] and is_tidy(config)
