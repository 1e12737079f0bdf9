"""backup.staging: the stage is this house as it was committed, and only what changed is read."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import repository_house
import staging_house as house
from staging_house import prepare, root, staged

from mediastack.backup import contents, databases, staging
from mediastack.backup.trouble import BackupError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    house.settled(monkeypatch)
    made = house.furnish(tmp_path, monkeypatch, "one", "two")
    for name in ("one", "two"):
        house.a_database(root(made, name) / f"{name}.db", 30)
    house.a_database(root(made, "one") / "deep" / "found.db", 30)
    house.a_database(root(made, "one") / "logs.db")
    (root(made, "one") / "settings.json").write_text("{}")
    return made


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were copied."""
    made: list[str] = []
    real = databases.copy

    def copy(source: str, *arguments: Any, **options: Any) -> Any:
        made.append(os.path.basename(source))
        return real(source, *arguments, **options)

    monkeypatch.setattr(databases, "copy", copy)
    return made


def test_every_database_is_staged_and_in_the_manifest(config: dict[str, Any]) -> None:
    found = prepare(config)
    assert (found.copied, found.reused, found.problems, found.downtime) == (3, 0, [], {})
    on_disk = json.loads((Path(contents.stage(config)) / "manifest.json").read_text())
    assert on_disk == found.manifest
    for service, relatives in (("one", ["deep/found.db", "one.db"]), ("two", ["two.db"])):
        records = on_disk["services"][service]["databases"]
        assert list(records) == relatives
        for relative, record in records.items():
            copy = staged(config, service, relative)
            assert house.titles(copy) == house.titles(root(config, service) / relative)
            assert databases.verify(str(copy), record) == []


def test_an_unchanged_house_is_not_read_again(
    config: dict[str, Any], copies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(config)
    identities = {name: os.stat(name) for name in map(str, Path(contents.stage(config)).rglob("*"))}
    copies.clear()
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: pytest.fail("it was opened"))
    again = prepare(config)
    assert (again.copied, again.reused) == (0, 3)
    assert again.manifest["services"] == first.manifest["services"]
    for name, status in identities.items():
        if os.path.isfile(name) and not name.endswith("manifest.json"):
            assert os.stat(name) == status
    assert copies == []


def test_only_what_changed_is_copied_also_when_it_is_in_the_log_alone(
    config: dict[str, Any], copies: list[str]
) -> None:
    with closing(sqlite3.connect(root(config, "one") / "one.db", isolation_level=None)) as app:
        house.add(app, 1)
        prepare(config)
        copies.clear()
        file = (root(config, "one") / "one.db").stat()
        house.add(app, 1)
        assert (root(config, "one") / "one.db").stat() == file
        found = prepare(config)
        assert copies == ["one.db"]
        assert (found.copied, found.reused) == (1, 2)
        assert len(house.titles(staged(config, "one", "one.db"))) == 32


@pytest.mark.parametrize("spoil", ["truncated", "gone", "other", "index"])
def test_a_copy_that_is_not_the_one_that_was_made_is_made_anew(
    config: dict[str, Any], spoil: str
) -> None:
    prepare(config)
    copy = staged(config, "two", "two.db")
    if spoil == "truncated":
        os.truncate(copy, 4096)
    elif spoil == "gone":
        copy.unlink()
    elif spoil == "other":
        content = copy.read_bytes()
        copy.unlink()
        copy.write_bytes(content)
    else:
        (Path(contents.top(config)) / "index.json").write_text("{")
    found = prepare(config)
    assert found.copied == (3 if spoil == "index" else 1)
    assert house.titles(copy) == house.titles(root(config, "two") / "two.db")


def test_what_is_gone_leaves_the_stage_and_the_manifest(config: dict[str, Any]) -> None:
    prepare(config)
    (root(config, "one") / "deep" / "found.db").unlink()
    (Path(contents.top(config)) / "partial" / "7").write_text("of one that was killed")
    del config["services"]["two"]
    found = prepare(config)
    assert list(found.manifest["services"]["one"]["databases"]) == ["one.db"]
    stage = Path(contents.stage(config))
    files = {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}
    assert files == {"manifest.json", "databases/one/one.db"}
    assert not staged(config, "two", "").exists()
    assert os.listdir(Path(contents.top(config)) / "partial") == []


def test_a_damaged_one_costs_nobody_else_and_not_its_last_good_copy(
    config: dict[str, Any],
) -> None:
    prepare(config)
    good = house.titles(staged(config, "one", "one.db"))
    house.a_database(root(config, "one") / "one.db", 2000)
    house.damage(root(config, "one") / "one.db")
    house.a_database(root(config, "two") / "two.db", 1)
    found = prepare(config)
    assert len(found.problems) == 1
    assert "one.db: is damaged" in found.problems[0]
    assert "the copy of 20" in found.problems[0]
    assert house.titles(staged(config, "one", "one.db")) == good
    assert found.manifest["services"]["one"]["databases"]["one.db"]["checked"] == "integrity"
    assert len(house.titles(staged(config, "two", "two.db"))) == 31
    assert len(prepare(config).problems) == 1


def test_a_damaged_one_without_a_better_one_is_taken_and_told_each_time(
    config: dict[str, Any],
) -> None:
    house.a_database(root(config, "one") / "one.db", 2000)
    house.damage(root(config, "one") / "one.db")
    for _ in range(2):
        found = prepare(config)
        assert len(found.problems) == 1
        assert "damaged" in found.problems[0]
        assert found.manifest["services"]["one"]["databases"]["one.db"]["damage"]
    (root(config, "one") / "one.db").unlink()
    house.a_database(root(config, "one") / "one.db", 5)
    found = prepare(config)
    assert found.problems == []
    assert "damage" not in found.manifest["services"]["one"]["databases"]["one.db"]


def test_one_that_is_no_database_at_all_is_told_and_never_read_live(
    config: dict[str, Any],
) -> None:
    (root(config, "two") / "two.db").write_bytes(b"\0" * 8192)
    found = prepare(config)
    assert "is no SQLite database" in found.problems[0]
    assert "none is in this backup" in found.problems[0]
    assert str(root(config, "two") / "two.db") in found.excludes


def test_without_room_nothing_is_copied(
    config: dict[str, Any], copies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "LEAST_FREE_BYTES", 1024**6)
    with pytest.raises(BackupError) as caught:
        prepare(config)
    assert caught.value.kind == "space"
    assert copies == []


def test_what_restic_reads_is_there_and_has_no_database_in_it(config: dict[str, Any]) -> None:
    (Path(config["paths"]["etc"]) / "secrets").mkdir()
    (Path(config["paths"]["state"]) / "intent.json").write_text("{}")
    os.rename(root(config, "one"), root(config, "one").parent / "o[n]e*")
    config["services"]["one"]["config"] = str(root(config, "one").parent / "o[n]e*")
    found = prepare(config)
    assert found.paths == [
        str(root(config, "one")),
        str(root(config, "two")),
        f"{config['paths']['etc']}/secrets",
        f"{config['paths']['etc']}/mediastack.toml",
        f"{config['paths']['state']}/intent.json",
        contents.stage(config),
    ]
    read = set(as_restic_reads(found))
    assert str(root(config, "one") / "settings.json") in read
    assert f"{contents.stage(config)}/databases/one/one.db" in read
    assert not [
        path
        for path in read
        if path.endswith((".db", "-wal", "-shm")) and "mediastack-backup" not in path
    ]


def as_restic_reads(found: staging.Staged) -> list[str]:
    """Ask restic itself where there is one, as it alone knows what its patterns mean."""
    if shutil.which("restic") is None:
        pytest.skip("needs restic")
    directory = Path(found.paths[-1]).parent.parent.parent / "repository"
    repository_house.place(directory)
    environment = {
        "PATH": os.environ["PATH"],
        "RESTIC_REPOSITORY": str(directory),
        "RESTIC_PASSWORD": repository_house.PASSWORD,
        "RESTIC_CACHE_DIR": f"{directory}.cache",
    }
    apart = [f"--exclude={pattern}" for pattern in found.excludes]
    for arguments in (["backup", *apart, *found.paths], ["ls", "latest"]):
        done = subprocess.run(
            ["restic", "-q", *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    return done.stdout.splitlines()


def test_without_a_house_that_is_said(tmp_path: Path, config: dict[str, Any]) -> None:
    shutil.rmtree(config["paths"]["config"])
    with pytest.raises(BackupError, match="run the deploy") as caught:
        prepare(config)
    assert caught.value.kind == "config"
