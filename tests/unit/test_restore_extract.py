"""restore.extract: trees out of a real repository, whole or not at all."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import restic_house
from restic_house import OLD_TIME, House, ran, tree
from skips import needs_restic

from mediastack.backup.manifest import ManifestError
from mediastack.backup.restic import ResticError
from mediastack.restore import extract
from mediastack.restore.trouble import RestoreError

pytestmark = needs_restic


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> House:
    """One repository for all of them: restic makes every command wait for its key."""
    root = tmp_path_factory.mktemp("house")
    house = restic_house.furnish(root)
    path = root / "config/sonarr/config.xml"
    try:
        os.setxattr(path, "user.mark", b"kept")
    except OSError:
        pytest.skip("no extended attributes here")
    return restic_house.saved(house)


@pytest.fixture
def house(once: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[House]:
    monkeypatch.setattr("mediastack.backup.restic.CACHE", str(once.root / "cache"))
    yield once._replace(manifest=copy.deepcopy(once.manifest))
    shutil.rmtree(once.root / "out", ignore_errors=True)


def out(house: House) -> Path:
    (house.root / "out").mkdir(exist_ok=True)
    return house.root / "out"


def take(house: House, service: str = "sonarr") -> Path:
    into = out(house) / service
    extract.service(house.target, house.snapshot, house.manifest, service, str(into))
    return into


def refused(house: House, service: str = "sonarr") -> str:
    """How a restore is refused that leaves nothing behind."""
    with pytest.raises((RestoreError, ResticError, ManifestError)) as error:
        take(house, service)
    assert os.listdir(out(house)) == []
    return str(error.value)


def test_a_tree_comes_back_with_all_that_hangs_on_it(house: House) -> None:
    found, before = take(house), tree(house.root / "config/sonarr")
    assert os.getxattr(found / "config.xml", "user.mark") == b"kept"
    restored = tree(found)
    mode, uid, gid, time, _, content = restored.pop("sonarr.db")
    assert restored == before
    assert (mode, uid, gid, time) == ("0o100600", os.getuid(), os.getgid(), OLD_TIME)
    staged = house.root / "config/.mediastack-backup/stage/databases/sonarr/sonarr.db"
    assert content == staged.read_bytes()
    assert os.listdir(out(house)) == ["sonarr"]


def test_several_come_in_one_go_or_none_of_them(house: House) -> None:
    into = {name: str(out(house) / name) for name in ("sonarr", "qbittorrent")}
    extract.services(house.target, house.snapshot, house.manifest, into)
    assert sorted(os.listdir(out(house))) == ["qbittorrent", "sonarr"]
    shutil.rmtree(into["sonarr"])
    with pytest.raises(FileExistsError):
        extract.services(house.target, house.snapshot, house.manifest, into)
    assert os.listdir(out(house)) == ["qbittorrent"]
    state = Path(into["qbittorrent"]) / "qBittorrent/state"
    assert state.read_text() == "torrents", "what was stopped comes from its copy, and stays"


def test_what_cannot_be_put_in_place_takes_the_others_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    into = {"sonarr": str(out(house) / "sonarr"), "qbittorrent": str(out(house) / "no/q")}
    with pytest.raises(FileNotFoundError):
        extract.services(house.target, house.snapshot, house.manifest, into)
    assert os.listdir(out(house)) == []


def test_the_manifest_of_a_snapshot(house: House) -> None:
    assert extract.manifest(house.target, house.snapshot[:8]) == house.manifest


def test_an_unknown_snapshot_one_of_newer_programs_and_one_of_somebody_else(
    house: House,
) -> None:
    with pytest.raises(RestoreError, match="no snapshot deadbeef; fix: .* backup list"):
        extract.manifest(house.target, "deadbeef")
    ran(house, "backup", str(house.root / "etc"))
    with pytest.raises(RestoreError, match="no backup of ours"):
        extract.manifest(house.target, newest(house))
    newer = house._replace(manifest={**house.manifest, "schema": 99})
    with pytest.raises(ManifestError, match="deploy that release or a newer one"):
        extract.manifest(house.target, restic_house.saved(newer).snapshot)


def newest(house: House) -> str:
    return str(json.loads(ran(house, "snapshots", "--json"))[-1]["id"])


def test_a_wrong_password_is_said(house: House) -> None:
    other = house.root / "other"
    other.write_text("other")
    stranger = house._replace(target=house.target._replace(password_file=str(other)))
    with pytest.raises(ResticError, match="wrong password") as error:
        extract.manifest(stranger.target, house.snapshot)
    assert error.value.kind == "password"
    assert "password" in refused(stranger)


def test_a_service_that_the_backup_does_not_have(house: House) -> None:
    assert "has no plex; it has sonarr, qbittorrent" in refused(house, "plex")
    house.manifest["services"]["sonarr"] |= {"root": "/elsewhere", "databases": {}}
    assert "has nothing of sonarr" in refused(house)
    into = {name: str(out(house) / name) for name in ("sonarr", "qbittorrent")}
    arguments = house.target, house.snapshot, house.manifest
    assert extract.services(*arguments, into, skip_absent=True) == ["qbittorrent"]
    assert os.listdir(out(house)) == ["qbittorrent"]
    del into["qbittorrent"]
    assert extract.services(*arguments, into, skip_absent=True) == []


def test_a_database_that_is_not_what_was_saved_is_refused(house: House) -> None:
    records = house.manifest["services"]["sonarr"]["databases"]
    records["sonarr.db"]["tables"]["entries"] = 8
    assert "entries has 7 rows instead of 8" in refused(house)


def test_a_disk_without_the_room_is_said_before(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "LEAST_FREE_BYTES", 2**60)
    assert "fix: make room" in refused(house)


def test_a_pack_that_is_damaged_is_found_before_anything_is_there(house: House) -> None:
    copied = house.root / "damaged"
    shutil.copytree(house.target.repository, copied)
    for pack in [one for one in (copied / "data").rglob("*") if one.is_file()]:
        data = bytearray(pack.read_bytes())
        # In each of its blobs: which of them is whose nobody here knows.
        for place in range(0, len(data), 16):
            data[place] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(data)
    refused(house._replace(target=house.target._replace(repository=str(copied))))


def test_what_restic_did_not_restore_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a look at the files that is not restic's own."""
    real = extract._restore

    def damaged(*arguments: Any) -> None:
        real(*arguments)
        [path] = Path(arguments[3]).rglob("config.xml")
        path.chmod(0o600)

    monkeypatch.setattr(extract, "_restore", damaged)
    assert "config.xml: mode 0o600 instead of 0o640" in refused(house)


def test_secrets_and_state(house: House) -> None:
    extract.secrets(house.target, house.snapshot, house.manifest, str(out(house) / "secrets"))
    assert (out(house) / "secrets/sonarr/api_key").read_text() == "k"
    extract.state(house.target, house.snapshot, house.manifest, str(out(house) / "state"))
    state = out(house) / "state"
    assert sorted(str(one.relative_to(state)) for one in state.rglob("*") if one.is_file()) == [
        "images.lock",
        "updater/refused.json",
    ]
    house.manifest["secrets"]["sonarr/other"] = {}
    with pytest.raises(RestoreError, match="lacks the secret sonarr/other"):
        extract.secrets(house.target, house.snapshot, house.manifest, str(out(house) / "more"))
