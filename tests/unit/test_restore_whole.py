"""A restore with everything but Docker real: restic, the repository, databases, the exchange."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import repository_house
import restic_house
import restore_house
from restic_house import tree
from skips import needs_restic

from mediastack.backup import databases, manifest, repository
from mediastack.restore import inflight, places, resume, work

pytestmark = needs_restic


def rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])


def test_what_was_saved_is_there_again_to_the_last_attribute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = restore_house.furnish(tmp_path, monkeypatch)
    config = stage.config
    config |= {"host": {"name": "here"}, "backup": {"local": True}, "release": "1"}
    config["paths"] |= {"etc": f"{tmp_path}/etc", "backups": f"{tmp_path}/backups"}
    config["services"]["seerr"]["state_exclude"] = ["cache"]
    seerr = tmp_path / "config/seerr"
    (seerr / "deep").mkdir()
    (seerr / "deep/file").write_text("saved")
    os.setxattr(seerr / "deep/file", "user.mark", b"kept")
    restic_house.database(seerr / "app.db", 5)
    staged = tmp_path / "config/.mediastack-backup/stage"
    (staged / "databases/seerr").mkdir(parents=True)
    record = databases.copy(str(seerr / "app.db"), str(staged / "databases/seerr/app.db"))
    made = manifest.build(config, {"seerr": {"app.db": record}})
    made["services"] = {name: made["services"][name] for name in ("seerr", "plex")}
    (staged / "manifest.json").write_text(json.dumps(made))
    saved, saved_plex = tree(seerr), tree(tmp_path / "config/plex")
    (tmp_path / "etc/secrets/backup").mkdir(parents=True)
    password = tmp_path / "etc/secrets/backup/repository_password"
    password.write_text(repository_house.PASSWORD)
    monkeypatch.setattr("mediastack.backup.restic.CACHE", str(tmp_path / "cache"))
    house = restic_house.House(tmp_path, restic_house.a_target(tmp_path), {}, "")
    house = house._replace(target=house.target._replace(repository=f"{tmp_path}/backups/restic"))
    repository_house.place(house.target.repository)
    restic_house.ran(
        house, "backup", "--tag", "mediastack", "--host", "here", "--exclude", f"{seerr}/app.db",
        str(seerr), str(tmp_path / "config/plex"), str(staged),
    )  # fmt: skip
    # What happens afterwards: it is all lost again.
    (seerr / "deep/file").unlink()
    (seerr / "added").touch()
    (seerr / "cache").mkdir()
    (seerr / "cache/poster").write_text("years in the making")
    with sqlite3.connect(seerr / "app.db") as connection:
        connection.execute("DELETE FROM entries")
    connection.close()
    monkeypatch.setattr("mediastack.monitor.report.read", lambda config: {})
    monkeypatch.setattr("time.clock_gettime", lambda _: stage.now)
    monkeypatch.setattr("mediastack.healing.wake", lambda *_: False)
    monkeypatch.setattr(resume, "start_unit", lambda: None)
    engine: Any = stage

    assert work.restore(lambda: config, engine, work.Asked(dry_run=True)) == 0
    said = capsys.readouterr().out
    for line in ("database app.db as it was then (entries 5)", "comes back: deep/file",
                 "goes: added", "plex: nothing changes"):  # fmt: skip
        assert line in said
    assert rows(seerr / "app.db") == 0

    assert work.restore(lambda: config, engine, work.Asked()) == 0
    said = capsys.readouterr()
    assert "seerr: restored" in said.out and "plex: is as in the backup; left alone" in said.err
    assert (seerr / "cache/poster").read_text() == "years in the making"
    assert rows(seerr / "app.db") == 5
    found = {name: one for name, one in tree(seerr).items() if not name.startswith("cache")}
    # Its content was compared by rows: SQLite counts the copy as a change.
    assert found.pop("app.db")[:5] == saved.pop("app.db")[:5]
    assert found == saved and tree(tmp_path / "config/plex") == saved_plex
    assert os.getxattr(seerr / "deep/file", "user.mark") == b"kept"
    assert stage.calls.count("stop seerr") == 1 and "stop plex" not in stage.calls
    assert inflight.read() is None and not os.path.exists(places.root(config))
    assert repository.directory(house.target) == house.target.repository

    # A bit that turns anywhere is found before anything is touched.
    packs = subprocess.run(
        ["find", f"{tmp_path}/backups/restic/data", "-type", "f"], capture_output=True, text=True,
        check=True,
    ).stdout.split()  # fmt: skip
    data = bytearray(Path(packs[0]).read_bytes())
    data[len(data) // 2] ^= 4
    os.chmod(packs[0], 0o600)
    Path(packs[0]).write_bytes(data)
    assert work.restore(lambda: config, engine, work.Asked()) == 1
    assert "is damaged" in capsys.readouterr().err
    assert stage.calls.count("stop seerr") == 1
