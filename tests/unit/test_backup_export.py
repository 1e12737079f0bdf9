"""export: a plain archive that tar understands, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from backup_house import furnish, local, placed, ran
from skips import needs_restic

from mediastack.backup import contents, export, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.trouble import BackupError

LONG = "a" * 90 + "/" + "ü" * 60
MTIME_NS = 1_600_000_000_250_000_000


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return placed(furnish(tmp_path, monkeypatch))


def record(content: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "mode": 0o640,
        "uid": 1234,
        "gid": 2345,
        "mtime_ns": MTIME_NS,
        **changes,
    }


def saved(config: dict[str, Any], **changes: Any) -> snapshots.Snapshot:
    """sonarr with a database, qbittorrent that was stopped; return the snapshot of them."""

    top = Path(config["paths"]["config"])
    stage = Path(contents.stage(config))
    (top / "sonarr" / os.path.dirname(LONG)).mkdir(parents=True)
    (top / "sonarr" / LONG).write_text("long")
    os.symlink("config.xml", top / "sonarr/link")
    (stage / "stopped/qbittorrent/sub").mkdir(parents=True)
    (stage / "stopped/qbittorrent/sub/torrents").write_text("torrents")
    (stage / "databases/sonarr/not-in-the-manifest.db").write_text("x")
    state = Path(config["paths"]["state"])
    (state / "images.lock").write_text("{}")
    made = {
        "schema": 1,
        "paths": {**config["paths"], "stage": str(stage)},
        "secrets": {},
        "services": {
            "sonarr": {
                "root": str(top / "sonarr"),
                "databases": {"sonarr.db": record(b"rows"), **changes},
            },
            "qbittorrent": {"root": str(top / "qbittorrent"), "databases": {}},
        },
    }
    (stage / "manifest.json").write_text(json.dumps(made))
    etc = config["paths"]["etc"]
    ran(config, "backup", "--tag", "mediastack", "--host", "here", str(top / "sonarr"),
        f"{etc}/secrets", f"{etc}/mediastack.toml", str(state / "images.lock"),
        str(stage))  # fmt: skip
    return snapshots.listed(local(config))[-1]


WANTED = {
    "config/sonarr/config.xml", f"config/sonarr/{LONG}", "config/sonarr/link",
    "config/sonarr/sonarr.db", "config/qbittorrent/sub/torrents", "state/images.lock",
    "secrets/backup/repository_password", "mediastack.toml", "manifest.json",
}  # fmt: skip


@needs_restic
@pytest.mark.parametrize("ending", [".tar.zst", ".tar.gz", ".tar"])
def test_everything_is_where_the_apps_have_it(
    config: dict[str, Any], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"plain{ending}"
    count = export.export(local(config), saved(config), str(path))
    out = tmp_path / "out"
    out.mkdir()
    # By another program than the one that wrote it.
    subprocess.run(["tar", "-xpf", str(path), "-C", str(out)], check=True)
    found = {str(one.relative_to(out)) for one in out.rglob("*") if not one.is_dir()}
    assert found == WANTED
    assert count == len(WANTED) - 1
    assert (out / "config/sonarr/sonarr.db").read_text() == "rows"
    assert (out / "config/sonarr" / LONG).read_text() == "long"
    assert os.readlink(out / "config/sonarr/link") == "config.xml"
    status = (out / "config/sonarr/sonarr.db").stat()
    assert (status.st_mode & 0o777, status.st_mtime) == (0o640, MTIME_NS / 10**9)
    if os.getuid() == 0:
        assert (status.st_uid, status.st_gid) == (1234, 2345)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.glob("plain*")) == [path.name]


@needs_restic
@pytest.mark.parametrize(
    ("databases", "words"),
    [
        ({"sonarr.db": record(b"other rows")}, "config/sonarr/sonarr.db: is not what was saved"),
        ({"logs.db": record(b"x")}, "the backup lacks sonarr/logs.db"),
    ],
)
def test_a_database_that_is_not_the_one_of_the_manifest_makes_no_archive(
    config: dict[str, Any], tmp_path: Path, databases: dict[str, Any], words: str
) -> None:
    snapshot = saved(config, **databases)
    with pytest.raises(BackupError, match=words):
        export.export(local(config), snapshot, str(tmp_path / "plain.tar"))
    assert list(tmp_path.glob("plain*")) == []


@needs_restic
def test_damage_makes_no_archive(config: dict[str, Any], tmp_path: Path) -> None:
    snapshot = saved(config)
    packs = [one for one in (tmp_path / "backups/restic/data").rglob("*") if one.is_file()]
    for pack in packs:
        pack.chmod(0o600)
        pack.write_bytes(bytes([pack.read_bytes()[0] ^ 1]) + pack.read_bytes()[1:])
    with pytest.raises(ResticError):
        export.export(local(config), snapshot, str(tmp_path / "plain.tar.gz"))
    assert list(tmp_path.glob("plain*")) == []


def a_snapshot(config: dict[str, Any]) -> snapshots.Snapshot:
    return snapshots.Snapshot("ab" * 32, "", "here", (contents.stage(config),))


@pytest.mark.parametrize(
    ("name", "words"), [("plain.zip", "is no archive"), ("there.tar", "is th")]
)
def test_a_name_that_will_not_do_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    config = furnish(tmp_path, monkeypatch)
    (tmp_path / "there.tar").write_text("mine")
    with pytest.raises(BackupError, match=words):
        export.export(local(config), a_snapshot(config), str(tmp_path / name))
    assert (tmp_path / "there.tar").read_text() == "mine"


def test_a_snapshot_of_another_program_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = furnish(tmp_path, monkeypatch)
    other = a_snapshot(config)._replace(paths=("/home",))
    with pytest.raises(BackupError, match="no backup of ours"):
        export.export(local(config), other, str(tmp_path / "plain.tar"))


def test_a_packer_that_is_not_there_or_fails_is_said(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        with (
            pytest.raises(BackupError, match="fix: run the deploy, it installs no-such-packer"),
            export._packing(("no-such-packer",), output),
        ):
            pass
        with (
            pytest.raises(BackupError, match="cannot be written: no room"),
            export._packing(("sh", "-c", "echo no room >&2; exit 1"), output) as packed,
        ):
            for _ in range(100):
                packed.write(b"x" * 100_000)


def test_a_path_beside_is_not_taken_for_one_below() -> None:
    made = {
        "paths": {"stage": "/c/.b/stage", "etc": "/e", "state": "/s"},
        "services": {"a": {"root": "/c/a"}},
    }
    assert export.placed("/c/ab/x", made) == ("", None)
    assert export.placed("/c/a", made) == ("config/a", None)
    assert export.placed("/c/.b/stage/databases/a", made) == ("", None)
    assert export.placed("/c/.b/stage/databases/a/x/y.db", made) == (
        "config/a/x/y.db",
        ("a", "x/y.db"),
    )
    assert export.placed("/e/secrets", made) == ("secrets", None)
    assert export.placed("/e/other", made) == ("", None)
