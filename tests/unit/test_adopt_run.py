"""adopt.run and verb: the new state or the old one, wherever it was interrupted, and the keys."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
import yaml
from test_adopt_copy import everything

from mediastack import atomic, intent, journal, lock, secrets
from mediastack.adopt import copy, keys, prove, run, survey, verb
from mediastack.adopt import journal as adoptions
from mediastack.adopt.house import DIRECTORY, Refusal, Source
from mediastack.restore import swap


class Killed(BaseException):
    """SIGKILL, as far as a test can do it."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(copy, "LEAST_FREE_BYTES", 0)
    monkeypatch.setattr(swap, "to_disk", lambda where: None)
    made = house.furnish(tmp_path, monkeypatch)
    for name in ("sonarr", "bazarr", "seerr"):
        relative = house.DATABASES[name][0]
        house.a_database(Path(made["services"][name]["config"], relative), 1)
    return made


@pytest.fixture
def docker(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    made = house.PaperDocker(config)

    def begin(_config: Any, docker: Any, _actor: str, service: str) -> str:
        if service in intent.stopped():
            return ""
        docker.done.append(f"start {service}")
        docker.states[service] = "running"
        return ""

    def unwell(_config: Any, docker: Any, service: str) -> str:
        # It does not do well with the new state alone.
        live = config["services"][service]["config"]
        sick = docker.sick.get(service) and Path(live, "new").exists()
        return docker.sick[service] if sick else ""

    monkeypatch.setattr(prove, "begin", begin)
    monkeypatch.setattr(prove, "unwell", unwell)
    monkeypatch.setattr(survey, "_together", lambda *_: [])
    return made


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = house.theirs(tmp_path)
    for name in ("sonarr", "bazarr", "seerr", "qbittorrent"):
        (made / name / "new").write_text("theirs")
    return made


def proposals(config: dict[str, Any], docker: Any, top: Path, *names: str) -> list[Any]:
    return survey.look(config, docker, [Source(name, str(top / name)) for name in names])


def live(config: dict[str, Any], service: str) -> Path:
    return Path(config["services"][service]["config"])


def secret(config: dict[str, Any], name: str) -> str:
    return Path(config["paths"]["etc"], "secrets", name).read_text()


def is_tidy(config: dict[str, Any]) -> bool:
    return not adoptions.entries() and not Path(config["paths"]["config"], DIRECTORY).exists()


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


# Everything that leaves a trace, in the modules where it is called.
TRACES: tuple[tuple[Any, str], ...] = (
    (copy, "make"),
    (adoptions, "write"),
    (adoptions, "forget"),
    (journal, "begin"),
    (swap, "bring"),
    (prove, "begin"),
    (prove, "unwell"),
    (atomic, "write"),
    (copy, "drop"),
)


def kill(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Die before or after the number-th trace; return what says how many there were."""
    counted = [0]

    def dying(function: Any) -> Any:
        def wrapped(*arguments: Any, **words: Any) -> Any:
            counted[0] += 1
            if counted[0] == number:
                raise Killed
            result = function(*arguments, **words)
            counted[0] += 1
            if counted[0] == number:
                raise Killed
            return result

        return wrapped

    for module, name in TRACES:
        monkeypatch.setattr(module, name, dying(getattr(module, name)))
    return lambda: counted[0]


def play(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> tuple[bool, bool]:
    """Adopt and die at one point, then end what was begun: (was it killed, is the new one live)."""
    found = proposals(config, docker, top, "sonarr")
    before, key = everything(live(config, "sonarr")), secret(config, "sonarr/api_key")
    killed = False
    with monkeypatch.context() as patch:
        kill(patch, number)
        try:
            verb.adopt(config, docker, found)
        except Killed:
            killed = True
        except BaseException as error:
            # Where the clearing up after the kill dies as well.
            killed = isinstance(error.__context__, Killed)
            assert killed, error
    # The next run, whatever it is asked for.
    verb.resume(config, docker)
    run.sweep(config)
    assert is_tidy(config)
    is_new = (live(config, "sonarr") / "new").exists()
    if is_new:
        assert house.rows(live(config, "sonarr") / "sonarr.db") == 5
        assert secret(config, "sonarr/api_key") == house.KEY == keys.present(config, "sonarr")
        assert secret(config, "unpackerr/sonarr_api_key") == house.KEY
    else:
        assert everything(live(config, "sonarr")) == before
        assert secret(config, "sonarr/api_key") == key
    assert secrets.check(config, {}) == []
    # Not one that its stop was ours is left standing.
    assert docker.states["sonarr"] == "running" or "sonarr" in journal.entries()
    return killed, is_new


@pytest.mark.parametrize("number", range(1, 90))
def test_killed_anywhere_it_is_the_old_or_the_new_state(
    config: dict[str, Any],
    docker: Any,
    top: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    theirs = everything(top)
    play(config, docker, top, monkeypatch, number)
    assert everything(top) == theirs


@pytest.mark.parametrize("number", range(1, 60, 2))
def test_killed_on_the_way_back_it_is_the_old_state(
    config: dict[str, Any],
    docker: Any,
    top: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    docker.sick["sonarr"] = "health: unhealthy"
    _, is_new = play(config, docker, top, monkeypatch, number)
    assert not is_new


def test_the_points_of_the_kills_are_all_there_are(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = proposals(config, docker, top, "sonarr")
    with monkeypatch.context() as patch:
        counted = kill(patch, -1)
        verb.adopt(config, docker, found)
    assert 30 < counted() < 90
