"""adopt.survey and tell: what would change, and what forbids it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
from adopt_survey_house import furnish, on_paper, source
from test_adopt_copy import everything

from mediastack import plan
from mediastack.adopt import copy, in_use, survey, tell
from mediastack.adopt.house import Refusal, Source
from mediastack.restore import inflight as restores
from mediastack.updater import inflight


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return furnish(tmp_path, monkeypatch)


@pytest.fixture
def docker(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> house.PaperDocker:
    return on_paper(config, monkeypatch)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    return house.theirs(tmp_path)


def refused(config: dict[str, Any], docker: Any, *sources: Source) -> str:
    with pytest.raises(Refusal) as raised:
        survey.look(config, docker, sources)
    return str(raised.value)


def notes(config: dict[str, Any], docker: Any, one: Source) -> str:
    return "\n".join(tell.notes(config, survey.look(config, docker, [one])[0]))


def test_the_table_says_what_comes_from_where_and_what_changes(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    house.a_database(Path(config["services"]["sonarr"]["config"], "sonarr.db"))
    before = everything(top)
    config["services"]["sonarr"] |= {"uid": 7, "gid": 8}
    text = "\n".join(tell.table(config, survey.look(config, docker, [source(top, "sonarr")])))
    assert everything(top) == before
    assert "SERVICE  FROM" in text and f"sonarr: {top}/sonarr" in text
    assert f"{os.getuid()}:{os.getgid()} -> 7:8" in text and "sonarr.db" in text
    assert "Port: 8990 -> 8989" in text
    assert "its API key becomes ours (secrets/sonarr/api_key), and bazarr, unpackerr get it" in text
    assert "takes the place of what sonarr has here now" in text
    assert "stays behind, as it can be made anew: logs, logs.db, MediaCover" in text
    assert house.KEY not in text


def test_paths_that_ours_does_not_have_are_told(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    mounts = {"/tv": "/mnt/tv", "/etc/localtime": "/etc/localtime", "/data": "/mnt/data"}
    said = notes(config, docker, source(top, "seerr", mounts=mounts))
    assert "its /tv (/mnt/tv) is not in ours" in said
    assert "/data (/mnt/data) is not in ours" in said and "localtime" not in said


def test_theirs_that_runs_on_is_told_and_taken(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    assert "docker stop seerr" in notes(config, docker, source(top, "seerr", running=True))


def test_one_whose_files_belong_together_has_to_be_stopped(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(config, docker, source(top, "qbittorrent", running=True))
    assert "qbittorrent: qbittorrent runs" in said and "docker stop qbittorrent" in said
    monkeypatch.setattr(in_use, "of", lambda paths, proc="/proc": {max(paths)})
    said = refused(config, docker, Source("qbittorrent", str(top / "qbittorrent")))
    assert "is open in some program" in said


def test_the_same_port_matters_while_ours_does_not_have_it(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    one = source(top, "sonarr", running=True, ports=frozenset({8989}))
    survey.look(config, docker, [one])
    docker.states["gluetun"] = "created"
    assert "has port 8989 of this host" in refused(config, docker, one)
    survey.look(config, docker, [source(top, "sonarr", running=True, ports=frozenset({8990}))])
    survey.look(config, docker, [source(top, "sonarr", ports=frozenset({8989}))])


def test_on_the_hosts_network_both_can_never_have_the_port(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    config["services"]["seerr"]["zone"] = "host"
    one = source(top, "seerr", running=True, host_network=True)
    assert "docker stop seerr" in refused(config, docker, one)


def test_without_gluetun_nothing_could_be_tried(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "owner_is_up", lambda *_: False)
    said = refused(config, docker, source(top, "sonarr"), source(top, "bazarr"))
    assert "sonarr, bazarr: in the network of gluetun, which is not well" in said
    survey.look(config, docker, [source(top, "seerr")])


def test_an_update_under_way_comes_first(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inflight, "in_work", lambda: {"seerr"})
    assert "its update is under way" in refused(config, docker, source(top, "seerr"))


def test_a_directory_that_is_none_of_theirs_is_refused(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    def said(path: Any) -> str:
        return refused(config, docker, Source("sonarr", str(path)))

    assert "is no directory" in said(top / "absent")
    assert "is no directory" in said(top / "sonarr" / "config.xml")
    assert "no absolute path" in said("sonarr")
    assert "is ours, or has ours in it" in said(config["services"]["sonarr"]["config"])
    assert "is ours, or has ours in it" in said("/")
    link = top / "link"
    link.symlink_to(config["services"]["sonarr"]["config"])
    assert "is ours, or has ours in it" in said(link)
    assert f"did you mean {top}/sonarr?" in said(top)
    assert "sonarr.db, config.xml is not there" in said(top / "seerr")
    (top / "sonarr" / "sonarr.db").write_text("no database")
    assert "sonarr.db is not there, or is something else" in said(top / "sonarr")


def test_an_empty_directory_is_no_config(config: dict[str, Any], docker: Any, top: Path) -> None:
    config["services"]["seerr"]["databases"] = []
    (top / "empty").mkdir()
    assert "is empty" in refused(config, docker, Source("seerr", str(top / "empty")))


def test_one_directory_is_not_two_services(config: dict[str, Any], docker: Any, top: Path) -> None:
    both = (Source("sonarr", str(top / "sonarr")), Source("seerr", f"{top}/sonarr/"))
    assert "is sonarr's already" in refused(config, docker, *both)


def test_no_room_is_said_before_anything_is_copied(
    config: dict[str, Any], docker: Any, top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "LEAST_FREE_BYTES", 1 << 60)
    assert "MiB free" in refused(config, docker, source(top, "sonarr"))


def test_everything_that_is_wrong_is_said_at_once(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    (top / "bazarr" / "config" / "config.yaml").write_text("odd")
    said = refused(config, docker, Source("sonarr", "/none"), source(top, "bazarr"))
    assert "sonarr: /none is no directory" in said and "bazarr: config.yaml has no" in said


def test_a_key_from_their_environment_is_taken(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    one = source(top, "sonarr", environment={"SONARR__AUTH__APIKEY": "e" * 32})
    made = survey.tailored(config, one, str(top / "sonarr"))
    assert made["config.xml"].key == "e" * 32


def test_a_restore_that_was_begun_comes_first(
    config: dict[str, Any], docker: Any, top: Path
) -> None:
    restores.write({"schema": 1, "phase": "apply", "services": {}})
    assert "stack-manage.sh restore --resume" in refused(config, docker, source(top, "seerr"))
